"""A payment goes back through the provider that it came through (accounts P9, rule 15).

The money waits in CLEARING from the event that gave it up until the provider has sent it. What the
provider is told is logged first, so that a crash tells it the same again and never something else.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from engine.contract import Context, Decision, Event, Notify, Reaction
from engine.kernel.ids import split_room
from engine.kernel.outcome import INVALID_TRANSITION, Rejected
from engine.kernel.outside import Errand, PayBack
from engine.kernel.posting import Transfer
from engine.kernel.time import DAY, MINUTE, Millis
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.accounts import clearing, external, wallet
from engine.ledger.codes import REFUND_NOT_FOUND
from engine.ledger.decide_withdrawal import RETRY_AFTER_MS
from engine.ledger.messages import ReturnPayment
from engine.ledger.refusals import reason_required
from engine.ledger.state import Journal, Refund

KIND = "refund"
LOOK_AFTER_MS = 15 * MINUTE
"""A provider that is at it is asked so often, and each time half as often, at least once a day
(accounts rule 14)."""


def return_payment(state: Journal, message: ReturnPayment, ctx: Context) -> Decision:
    """Told by the room whose payment it was; the provider is told at once."""
    return [
        e.RefundStarted(
            refund=f"r{state.refunds_made + 1}",
            room=message.room,
            provider=message.provider,
            payment=message.payment,
            payer=message.payer,
            amount=message.amount,
            currency=split_room(ctx.room)[1],
            attempt=1,
        )
    ]


def report_refund(state: Journal, command: c.ReportRefund, ctx: Context) -> Decision:
    """What the provider has said. Only the latest question counts: an older one is asked again
    after a crash, and the same instruction has no second effect with the provider."""
    refund = state.refunds.get(command.refund)
    if refund is None:
        return _not_found(command.refund)
    if refund.status != "telling" or command.attempt != refund.attempt:
        return _out_of_place(command.refund, refund)
    id_, reference = command.refund, command.reference or refund.reference
    if command.outcome == "paid":
        return [_paid(id_, refund, command.currency, reference=reference)]
    asked_only = bool(refund.reference) and command.outcome == "unanswered"
    if command.outcome == "accepted" or asked_only:
        look_at = ctx.now + min(DAY, LOOK_AFTER_MS << min(refund.looks, 10))
        return [e.RefundAccepted(refund=id_, reference=reference, look_at=look_at)]
    if command.outcome == "unanswered" and refund.tries <= len(RETRY_AFTER_MS):
        return [
            e.RefundPostponed(
                refund=id_,
                reason=command.reason,
                attempt=refund.attempt,
                retry_at=ctx.now + RETRY_AFTER_MS[refund.tries - 1],
            )
        ]
    is_refused = command.outcome == "refused"
    return [e.RefundFailed(refund=id_, reason=command.reason, is_refused=is_refused)]


def retry_refund(state: Journal, command: c.RetryRefund, _: Context) -> Decision:
    """Whatever it waits for: the provider does the same instruction once."""
    refund = state.refunds.get(command.refund)
    if refund is None:
        return _not_found(command.refund)
    return [_again(command.refund, refund, command.currency)]


def settle_refund(state: Journal, command: c.SettleRefund, ctx: Context) -> Decision:
    """Only what has failed: anything else the provider may be sending at this moment."""
    refund = state.refunds.get(command.refund)
    if refund is None:
        return _not_found(command.refund)
    if refund.status != "failed":
        return _out_of_place(command.refund, refund)
    if not command.reason:
        return reason_required()
    by, reason, to_wallet = ctx.actor.user, command.reason, command.to_wallet
    currency = command.currency
    return [_paid(command.refund, refund, currency, by=by, reason=reason, to_wallet=to_wallet)]


def due(state: Journal) -> Iterable[Millis]:
    """When providers hear of refunds again."""
    return (refund.due_at for refund in state.refunds.values() if refund.due_at is not None)


def wake(state: Journal, ctx: Context) -> list[Event]:
    """What is due is told, or asked, again."""
    return [
        _again(id_, refund, split_room(ctx.room)[1])
        for id_, refund in sorted(state.refunds.items())
        if refund.due_at is not None and refund.due_at <= ctx.now
    ]


def tell_the_payer(event: Event) -> Sequence[Reaction]:
    """Once when it sets out, and once when it is there."""
    if isinstance(event, e.RefundStarted) and event.attempt == 1:
        return _notice(event, "started")
    return _notice(event, "paid") if isinstance(event, e.RefundPaid) else ()


def _notice(event: e.RefundStarted | e.RefundPaid, status: e.RefundStatus) -> tuple[Notify]:
    notice = e.RefundChanged(
        refund=event.refund,
        status=status,
        payment=event.payment,
        amount=event.amount,
        currency=event.currency,
        room=event.room,
    )
    return (Notify(event.payer, notice),)


def errands(_: Journal, event: Event, __: Context) -> Iterable[Errand]:
    """The provider is told."""
    if isinstance(event, e.RefundStarted):
        yield PayBack(
            refund=event.refund,
            currency=event.currency,
            provider=event.provider,
            payment=event.payment,
            amount=event.amount,
            attempt=event.attempt,
            instruction=event.instruction,
            reference=event.reference,
        )


def _again(id_: str, refund: Refund, currency: str) -> e.RefundStarted:
    anew = refund.status == "failed" and refund.is_refused
    return e.RefundStarted(
        refund=id_,
        room=refund.room,
        provider=refund.provider,
        payment=refund.payment,
        payer=refund.payer,
        amount=refund.amount,
        currency=currency,
        attempt=refund.attempt + 1,
        instruction=refund.instruction + anew,
        reference="" if anew else refund.reference,
    )


def _paid(id_: str, refund: Refund, currency: str, **said: Any) -> e.RefundPaid:
    provider, payer = refund.provider, refund.payer
    home = wallet(payer) if said.get("to_wallet") else external(provider)
    out = Transfer(clearing(provider), home, refund.amount, currency, KIND, refund.payment)
    return e.RefundPaid(
        refund=id_,
        room=refund.room,
        provider=provider,
        payment=refund.payment,
        payer=payer,
        amount=refund.amount,
        currency=currency,
        postings=(out,),
        **said,
    )


def _not_found(id_: str) -> Rejected:
    return Rejected(REFUND_NOT_FOUND, f"no open refund {id_!r} in this currency", {"refund": id_})


def _out_of_place(id_: str, refund: Refund) -> Rejected:
    return Rejected(
        INVALID_TRANSITION,
        f"the refund {id_!r} is {refund.status}, at attempt {refund.attempt}",
        {"status": refund.status},
    )
