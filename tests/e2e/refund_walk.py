"""Payments that go back through a provider which is slow, away, or says no."""

from typing import Any

from engine.kernel.time import DAY, MINUTE
from engine.ledger.state import ASK_EVERY_MS
from runtime.outside.sandbox_refunds import Sandbox
from testkit.client import Client, Heard, connected
from tests.e2e.walk import BOSS, Walk, usd


async def refunds(walk: Walk, sandbox: Sandbox) -> None:
    """One is sent when it is asked after; one finds nobody, then a no, and is settled by hand."""
    async with connected(walk.server.websocket, walk.token(BOSS)) as ear:
        await ear.subscribe("ledger:USD")
        sandbox.scenario = "pending"
        first = await pay_for_nothing(walk, ear)
        await said(ear, "accepted", first)
        await walk.advance(15 * MINUTE)
        await said(ear, "paid", first)
        sandbox.scenario = "away"
        second = await pay_for_nothing(walk, ear)
        await said(ear, "postponed", second)
        sandbox.scenario = "refused"
        await walk.advance(MINUTE)
        await said(ear, "failed", second)
        why = {"currency": "USD", "refund": second, "reason": "sent by hand"}
        await walk.must("meg", "ledger.settle_refund", **why)
        await said(ear, "paid", second)
        sandbox.scenario = "paid"


async def unheard_payments(walk: Walk, sandbox: Sandbox) -> None:
    """No webhook tells of four payments: one is paid, one is not, of one nothing is ever known, and
    one a program of the house has asked about by itself."""
    async with connected(walk.server.websocket, walk.token(BOSS)) as ear:
        await ear.subscribe("ledger:USD")
        for says, wait_ms, event in (
            ("captured", ASK_EVERY_MS, "ledger.payment_received"),
            ("failed", ASK_EVERY_MS, "ledger.payment_closed"),
            ("pending", 2 * ASK_EVERY_MS + DAY, "ledger.payment_closed"),
        ):
            sandbox.payments = says
            await walk.must("robot", "ledger.create_payment", user="ann", **usd(7), **unheard(says))
            await walk.advance(wait_ms)
            heard = await ear.hear(event=event, room="ledger:USD")
            assert heard.data["payment"] == f"unheard-{says}"
        await walk.must("robot", "ledger.create_payment", user="ann", **usd(7), **unheard("known"))
        known = {"currency": "USD", "outcome": "captured"} | unheard("known")
        await walk.must("robot", "ledger.report_payment", **known)


def unheard(name: str) -> dict[str, str]:
    """A payment of which no webhook tells."""
    return {"provider": "sandbox", "payment": f"unheard-{name}"}


async def pay_for_nothing(walk: Walk, ear: Client, amount: int = 1_23) -> str:
    """A payment for a room that does not exist is on its way back; the refund's id."""
    paid = await walk.capture("ann", amount, "auction:nowhere")
    started = await ear.hear(event="ledger.refund_started", room="ledger:USD", seq=paid.seq + 1)
    refund: str = started.data["refund"]
    return refund


async def said(ear: Client, what: str, refund: str) -> Heard:
    """Wait until this has become of it."""
    while True:
        heard = await ear.hear(event=f"ledger.refund_{what}", room="ledger:USD")
        if heard.data["refund"] == refund:
            return heard


async def codes_of_refunds(walk: Walk, refusals: Any) -> None:
    """There is no such refund, or no more; and a commission beyond its bounds."""
    bad = {"service_type": "goods", "base_bps": 9, "min_bps": 10, "max_bps": 20}
    await refusals.no("RATE_OUT_OF_RANGE", "meg", "ledger.set_commission", currency="USD", **bad)
    nothing = {"currency": "USD", "refund": "r999", "reason": "sent by hand"}
    await refusals.no("REFUND_NOT_FOUND", "meg", "ledger.settle_refund", **nothing)
