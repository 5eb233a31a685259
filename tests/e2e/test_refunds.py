"""A refund reaches its provider over HTTP, once, whatever becomes of house and provider."""

from typing import Any

import pytest

from engine.kernel.time import MINUTE
from testkit.client import connected
from testkit.sandbox_refunds import refunding
from tests.e2e.places import Place
from tests.e2e.refund_walk import pay_for_nothing, said
from tests.e2e.walk import BOSS, Walk, walking

AMOUNT = 1_23


async def books(walk: Walk) -> dict[str, Any]:
    """Accounts as an admin sees them."""
    found: dict[str, Any] = await walk.door.room("ledger:USD", walk.token(BOSS))
    assert found["sum"] == 0
    return found


async def test_a_payer_hears_when_the_money_is_back(place: Place) -> None:
    """Over their own websocket: it has set out, and it is there; CLEARING is empty again."""
    with refunding("pending") as (sandbox, address):
        flags = ("--test-clock", "--sandbox-api", address)
        async with (
            place.serve(*flags) as server,
            walking(server) as walk,
            connected(server.websocket, walk.token("ann")) as ann,
            connected(server.websocket, walk.token(BOSS)) as ear,
        ):
            await ann.subscribe("user:ann")
            await ear.subscribe("ledger:USD")
            refund = await pay_for_nothing(walk, ear, AMOUNT)
            started = await ann.hear(event="ledger.refund_changed")
            assert (started.data["status"], started.data["amount"]) == ("started", AMOUNT)
            await said(ear, "accepted", refund)
            assert (await books(walk))["accounts"]["CLEARING:sandbox"] == AMOUNT
            await walk.advance(15 * MINUTE)
            await said(ear, "paid", refund)
            paid = await ann.hear(event="ledger.refund_changed", seq=started.seq + 1)
            assert paid.data["status"] == "paid"
            accounts = (await books(walk))["accounts"]
            assert accounts["CLEARING:sandbox"] == accounts["EXTERNAL:sandbox"] == 0
        (given,) = sandbox.refunds.values()
        assert (given.wanted.amount, given.told) == (AMOUNT, 1)
    verified = await place.verify()
    assert verified.code == 0, verified.err


async def test_a_house_that_is_killed_tells_it_again_and_it_counts_once(place: Place) -> None:
    """The provider has sent it, and the answer is lost; then the house is killed. The next one
    tells it again with the same key, and books it once."""
    with refunding("lost") as (sandbox, address):
        flags = ("--test-clock", "--sandbox-api", address)
        async with place.serve(*flags) as server, walking(server) as walk:
            async with connected(server.websocket, walk.token(BOSS)) as ear:
                await ear.subscribe("ledger:USD")
                refund = await pay_for_nothing(walk, ear, AMOUNT)
                await said(ear, "postponed", refund)
            server.process.kill()
            await server.process.ended()
        place.bury()
        async with place.serve(*flags) as server, walking(server) as walk:
            async with connected(server.websocket, walk.token(BOSS)) as ear:
                await ear.subscribe("ledger:USD")
                await walk.advance(MINUTE)
                await said(ear, "paid", refund)
            accounts = (await books(walk))["accounts"]
            assert accounts["CLEARING:sandbox"] == accounts["EXTERNAL:sandbox"] == 0
        assert [given.wanted.amount for given in sandbox.refunds.values()] == [AMOUNT]


@pytest.mark.parametrize("to_wallet", [False, True])
async def test_staff_see_what_fails_and_settle_it(on_sqlite: Place, to_wallet: bool) -> None:
    """A manager finds it with its reason; sent by hand, or put into the payer's wallet."""
    with refunding("refused") as (_, address):
        async with on_sqlite.serve("--sandbox-api", address) as server, walking(server) as walk:
            async with connected(server.websocket, walk.token("meg")) as ear:
                await ear.subscribe("ledger:USD")
                refund = await pay_for_nothing(walk, ear, AMOUNT)
                await said(ear, "failed", refund)
                (shown,) = (await walk.door.room("ledger:USD", walk.token("meg")))[
                    "refunds"
                ].values()
                assert shown["status"] == "failed"
                assert shown["reason"] == "the provider answers 400"
                why = {"currency": "USD", "refund": refund, "reason": "the card is no more"}
                await walk.must("meg", "ledger.settle_refund", to_wallet=to_wallet, **why)
            accounts = (await books(walk))["accounts"]
            assert accounts["CLEARING:sandbox"] == 0
            assert accounts.get("WALLET:ann", 0) == (AMOUNT if to_wallet else 0)
