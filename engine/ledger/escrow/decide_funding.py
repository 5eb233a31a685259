"""Money comes into an escrow, or does not come in time (accounts 3, P7)."""

from typing import Any

from engine.contract import Context, Decision, Wake
from engine.kernel.outcome import FORBIDDEN, INVALID_TRANSITION, Rejected
from engine.kernel.time import Millis
from engine.ledger.decide_commission import commissions_of
from engine.ledger.escrow import commands as c
from engine.ledger.escrow import events as e
from engine.ledger.escrow.postings import Transfers, from_provider, from_wallet
from engine.ledger.escrow.refusals import not_found
from engine.ledger.escrow.stakes import stakes_in
from engine.ledger.escrow.state import UNPAID, Escrow
from engine.ledger.escrow.terms import Terms, held_shares
from engine.ledger.messages import PaymentCaptured
from engine.ledger.refusals import insufficient


def fund(state: Escrow, _: c.Fund, ctx: Context) -> Decision:
    """The payer pays the total from their wallet."""
    if state.status == "absent":
        return not_found(ctx.room)
    if ctx.actor.user != state.terms.payer:
        return Rejected(FORBIDDEN, "only its payer funds an escrow")
    if state.status != "funding":
        return Rejected(
            INVALID_TRANSITION,
            f"it cannot be paid: the escrow is {state.status}",
            {"status": state.status},
        )
    paid = held_from_wallet(state.terms, ctx)
    return paid if isinstance(paid, Rejected) else [paid]


def held_from_wallet(terms: Terms, ctx: Context) -> e.EscrowHeld | Rejected:
    """The total is there, or the payer is told what is missing."""
    available = ctx.ledger.available(terms.payer, terms.currency)
    if available < terms.total:
        return insufficient(terms.total, available)
    return held(terms, ctx, from_wallet(terms))


def held(
    terms: Terms,
    ctx: Context,
    postings: Transfers = (),
    *,
    provider: str = "",
    payment: str = "",
) -> e.EscrowHeld:
    """From here on the rates stand (rule 9)."""
    set_ = commissions_of(ctx, terms.currency)
    return e.EscrowHeld(
        amount=terms.total,
        shares=held_shares(terms, ctx.market(terms.currency), set_),
        provider=provider,
        payment=payment,
        postings=postings,
    )


def payment_captured(state: Escrow, message: PaymentCaptured, ctx: Context) -> Decision:
    """P7: exactly the total, in time, makes it held. Another amount waits in CLEARING for staff
    (AMOUNT_MISMATCH); one that comes when it is not awaited goes back (LATE_CAPTURE)."""
    terms, provider = state.terms, message.provider
    facts: dict[str, Any] = {
        "payment": message.payment,
        "payer": message.payer,
        "amount": message.amount,
        "currency": message.currency,
        "provider": provider,
    }
    if state.status != "funding":
        is_late = state.status in (*UNPAID, "refunded")
        cause: e.ReturnCause = "LATE_CAPTURE" if is_late else "ALREADY_PAID"
        return [e.PaymentReturned(**facts, cause=cause)]
    if (message.amount, message.currency) != (terms.total, terms.currency):
        return [e.PaymentMismatched(**facts, expected=terms.total)]
    postings = from_provider(terms, provider)
    return [held(terms, ctx, postings, provider=provider, payment=message.payment)]


def due(state: Escrow, _: Millis) -> Millis | None:
    """The end of the time to pay."""
    return state.terms.pay_until if state.status == "funding" else None


def wake(state: Escrow, _: Wake, ctx: Context) -> Decision:
    """The payment expires (accounts 3 and 7)."""
    if state.status != "funding" or ctx.now < state.terms.pay_until:
        return ()
    return [e.EscrowLapsed(cause="EXPIRED", frees=stakes_in(state.terms))]
