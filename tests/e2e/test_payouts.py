"""A house that pays out by itself: through a provider that is slow, and one that says no."""

from typing import Any

from engine.kernel.time import MINUTE
from testkit.client import connected
from testkit.sandbox_refunds import refunding
from tests.e2e.places import Place
from tests.e2e.walk import BOSS, Walk, usd, walking

AMOUNT = 40_00


async def account(walk: Walk, name: str) -> int:
    """As an admin sees it."""
    found: dict[str, Any] = await walk.door.room("ledger:USD", walk.token(BOSS))
    assert found["sum"] == 0
    balance: int = found["accounts"].get(name, 0)
    return balance


async def test_withdrawals_and_payouts_go_through_a_provider(on_sqlite: Place) -> None:
    """A withdrawal is paid when the provider is asked after it; what it refuses comes back: to the
    wallet at once, to the payable after 1, 5 and 30 minutes."""
    with refunding() as (sandbox, address):
        flags = ("--test-clock", "--payouts", "sandbox", "--sandbox-api", address)
        async with (
            on_sqlite.serve(*flags) as server,
            walking(server) as walk,
            connected(server.websocket, walk.token(BOSS)) as ear,
        ):
            await ear.subscribe("ledger:USD")
            await walk.fund("ann")
            sandbox.payouts.scenario = "pending"
            await walk.must("ann", "ledger.withdraw", bank_reference="bank-1234", **usd(AMOUNT))
            await ear.hear(event="ledger.payout_awaited")
            await walk.advance(15 * MINUTE)
            await ear.hear(event="ledger.withdrawal_paid")
            assert await account(walk, "EXTERNAL:sandbox") == AMOUNT
            (given,) = sandbox.payouts.refunds.values()
            assert given.wanted.bank_reference == "bank-1234"
            sandbox.payouts.scenario = "refused"
            await walk.must("ann", "ledger.withdraw", **usd(AMOUNT))
            await ear.hear(event="ledger.withdrawal_failed")
            assert await account(walk, "WALLET:ann") == 1_000_00 - AMOUNT
            share = {"payee": "sid", "kind": "seller", "gross": AMOUNT, "fee_bps": 0}
            deal = {"escrow": "order.o1", "payer": "ann", "total": AMOUNT, "shares": [share]}
            await walk.must("robot", "escrow.open", currency="USD", **deal)
            await walk.must("ann", "escrow.fund", escrow="order.o1")
            await walk.must("robot", "escrow.release", escrow="order.o1", reason="delivered")
            await walk.must("sid", "ledger.request_payout", kind="seller", currency="USD")
            for wait_ms in (MINUTE, 5 * MINUTE, 30 * MINUTE):
                await ear.hear(event="ledger.payout_postponed")
                await walk.advance(wait_ms)
            failed = await ear.hear(event="ledger.withdrawal_failed")
            assert failed.data["reason"] == "the provider answers 400"
            assert await account(walk, "SELLER_PAYABLE:sid") == AMOUNT
