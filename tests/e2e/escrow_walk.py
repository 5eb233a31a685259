"""Deals that people pay for over the wire, and how they end."""

from typing import Any

from engine.kernel.time import MINUTE
from tests.e2e.walk import BOSS, Walk, usd

SELLER, CARRIER, WORKER = "sue", "carl", "wes"

PLAN: dict[str, list[dict[str, Any]]] = {
    "order": [
        {"payee": SELLER, "kind": "seller", "gross": 8_00},
        {"payee": "", "kind": "carrier", "gross": 2_00},
    ],
    "gig": [{"payee": WORKER, "kind": "worker", "gross": 10_00}],
}
TOTAL = 10_00
DEALS = (
    "order.all",
    "order.half",
    "order.late",
    "order.odd",
    "gig.one",
    "order.torn",
    "gig.lost",
    "gig.next",
)
"""What the walk opens."""


async def plan(walk: Walk, escrow: str, **changes: Any) -> dict[str, Any]:
    """The fields of a command that opens an escrow which ann pays within a minute."""
    shares = PLAN[escrow.partition(".")[0]]
    terms = {"payer": "ann", "currency": "USD", "total": TOTAL, "shares": shares}
    return {"escrow": escrow, "pay_until": await walk.advance(0) + MINUTE} | terms | changes


async def open_(walk: Walk, escrow: str, **changes: Any) -> None:
    """Have it opened by a program of the house."""
    await walk.must("robot", "escrow.open", **await plan(walk, escrow, **changes))


async def held(walk: Walk, escrow: str) -> None:
    """Have it opened and paid by card; then somebody takes the job of carrying it."""
    await open_(walk, escrow)
    await walk.capture("ann", TOTAL, f"escrow:{escrow}")
    job = {"escrow": escrow, "kind": "carrier", "payee": CARRIER}
    await walk.must("robot", "escrow.name_payee", **job)


async def escrows(walk: Walk) -> None:
    """Released, refunded, expired, divided; a payment that does not fit, and one too many."""
    await held(walk, "order.all")
    await walk.must("meg", "escrow.release", escrow="order.all", reason="delivered")
    await walk.capture("ann", TOTAL, "escrow:order.all")
    await held(walk, "order.half")
    await walk.must(BOSS, "escrow.refund", escrow="order.half", payee=SELLER, reason="sold out")
    await open_(walk, "order.late")
    await open_(walk, "order.odd", pay_until=await walk.advance(0) + 9 * MINUTE)
    await walk.capture("ann", TOTAL + 1, "escrow:order.odd")
    settle = {"incident": await incident(walk), "currency": "USD", "reason": "sent back"}
    await walk.must("meg", "ledger.settle_incident", **settle)
    await walk.must("meg", "escrow.refund", escrow="order.odd", reason="called off")
    await walk.advance(MINUTE)
    await walk.capture("ann", TOTAL, "escrow:order.late")
    await open_(walk, "gig.one")
    await walk.must("ann", "escrow.fund", escrow="gig.one")
    await walk.must("robot", "escrow.release", escrow="gig.one", reason="approved")
    await held(walk, "order.torn")
    await walk.must(SELLER, "escrow.open_dispute", escrow="order.torn", reason="not paid")
    rate = {"service_type": "goods", "base_bps": 800, "min_bps": 500, "max_bps": 1_500}
    await walk.must("meg", "ledger.set_commission", currency="USD", **rate)
    award = {"payee": SELLER, "kind": "seller", "amount": 5_00}
    end = {"to_payees": [award], "to_payer": TOTAL - 5_00, "reason": "half was good"}
    await walk.must("meg", "escrow.resolve_dispute", escrow="order.torn", **end)
    await charge_backs(walk)


async def charge_backs(walk: Walk) -> None:
    """The worker of a gig has spent the money by then; the next gig pays the debt."""
    lost = {"provider": "sandbox", "user": "ann", "reason": "the bank says so"}
    for gig, is_lost in (("gig.lost", True), ("gig.next", False)):
        await open_(walk, gig)
        paid = await walk.capture("ann", TOTAL, f"escrow:{gig}")
        await walk.must("robot", "escrow.release", escrow=gig, reason="approved")
        if is_lost:
            await walk.must(WORKER, "ledger.withdraw", **usd(2 * TOTAL))
            of = {"payment": paid.result["payment"], "purpose": f"escrow:{gig}"}
            for dispute, stage in (("d1", "opened"), ("d1", "won"), ("d2", "lost")):
                told = {"dispute": dispute, "stage": stage}
                await walk.must(
                    "robot", "ledger.provider_dispute", **lost, **of, **told, **usd(TOTAL)
                )


async def incident(walk: Walk) -> str:
    """The one payment that waits for staff."""
    (found,) = (await walk.door.room("ledger:USD", walk.token("meg")))["incidents"]
    return str(found)


async def payouts(walk: Walk) -> None:
    """What the seller is owed is paid at the second try; the carrier's goes back."""
    wanted = {"currency": "USD", "kind": "seller"}
    asked = (await walk.must(SELLER, "ledger.request_payout", **wanted)).result["withdrawal"]
    of = {"currency": "USD", "withdrawal": asked}
    await walk.must(BOSS, "ledger.start_withdrawal", **of)
    at_it = {"provider": "bank", "attempt": 1, "look": 0, "outcome": "accepted"}
    await walk.must("robot", "ledger.report_payout", **at_it, **of)
    await walk.advance(15 * MINUTE)
    await walk.must(BOSS, "ledger.fail_withdrawal", reason="the bank is closed", **of)
    await walk.advance(MINUTE)
    await walk.must(BOSS, "ledger.complete_withdrawal", **of)
    batch = {"currency": "USD", "cut_off": await walk.advance(0), "payees": [CARRIER]}
    assert (await walk.must("meg", "ledger.payout_batch", **batch)).result["payouts"] == 1
    (*_, open_) = (await walk.door.room("ledger:USD", walk.token(BOSS)))["withdrawals"]
    of = {"currency": "USD", "withdrawal": open_}
    await walk.must(BOSS, "ledger.start_withdrawal", **of)
    await walk.must(BOSS, "ledger.fail_withdrawal", reason="closed", final=True, **of)


async def codes_of_escrows(walk: Walk, refusals: Any) -> None:
    """Each refusal that is an escrow's own, and of an incident."""
    no = refusals.no
    await no("ESCROW_NOT_FOUND", "ann", "escrow.fund", escrow="order.o1")
    wrong = await plan(walk, "order.o1", total=TOTAL + 1)
    await no("SPLIT_MISMATCH", "robot", "escrow.open", **wrong)
    shares = [{"payee": SELLER, "kind": "seller", "gross": TOTAL}]
    unpaid = await plan(walk, "order.o1", shares=shares) | {"escrow": "auction.a9"}
    await no("AMOUNT_MISMATCH", "robot", "escrow.open", **unpaid)
    await open_(walk, "order.o1")
    out = {"escrow": "order.o1", "reason": "delivered"}
    await no("ESCROW_NOT_HELD", BOSS, "escrow.release", **out)
    await walk.capture("ann", TOTAL, "escrow:order.o1")
    await no("SHARE_NOT_FOUND", BOSS, "escrow.release", payee="eve", **out)
    why = {"escrow": "order.o1", "reason": "it is broken"}
    await walk.must("ann", "escrow.open_dispute", **why)
    await no("ESCROW_DISPUTED", BOSS, "escrow.release", **out)
    end = {"to_payees": [], "to_payer": TOTAL}
    await walk.must("meg", "escrow.resolve_dispute", **why, **end)
    await no("DISPUTE_CLOSED", "ann", "escrow.open_dispute", **why)
    lost = {"provider": "sandbox", "payment": "p9", "user": "ann", "reason": "the bank says so"}
    await no("PAYMENT_NOT_FOUND", "meg", "ledger.charge_back", **lost, **usd(TOTAL))
    nothing = {"currency": "USD", "incident": "i9", "reason": "sent back"}
    await no("INCIDENT_NOT_FOUND", "meg", "ledger.settle_incident", **nothing)
