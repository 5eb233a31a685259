"""Payments that were begun and are not heard of: their provider is asked (accounts rule 14).

A webhook may be lost, switched off or late. Whoever begins a payment says so here; after 15 minutes
without a capture the provider is asked, then every 15 minutes for a day. What it says is booked as
a webhook's word would be, and counts once, whichever comes first.
"""

from collections.abc import Iterable
from itertools import islice

from engine.contract import Context, Decision, Event
from engine.kernel.ids import split_room
from engine.kernel.limits import PAYMENTS_ASKED_AT_ONCE, PENDING_PAYMENTS_MAX
from engine.kernel.outcome import OVERLOADED, Rejected
from engine.kernel.outside import AskPayment, Errand
from engine.kernel.time import DAY, Millis
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.codes import DUPLICATE_PROVIDER_EVENT, DUPLICATE_REFERENCE, PAYMENT_NOT_FOUND
from engine.ledger.state import ASK_EVERY_MS, Journal, Pending, pending_key


def create_payment(state: Journal, command: c.CreatePayment, ctx: Context) -> Decision:
    """Once for each payment; no money moves. The same again has no effect."""
    provider, payment = command.provider, command.payment
    if ctx.claimed_by(f"payment:{provider}:{payment}"):
        return Rejected(
            DUPLICATE_PROVIDER_EVENT,
            f"payment {payment!r} of {provider} has been taken before",
        )
    known = state.pending.get(pending_key(provider, payment))
    if known is not None:
        asked = (command.user, command.amount, command.purpose)
        if asked == (known.user, known.amount, known.purpose):
            return ()
        return Rejected(
            DUPLICATE_REFERENCE,
            f"payment {payment!r} of {provider} was begun with other facts",
            {"field": "payment"},
        )
    if len(state.pending) >= PENDING_PAYMENTS_MAX:
        return Rejected(
            OVERLOADED,
            f"{PENDING_PAYMENTS_MAX} payments are under way; its webhook is heard all the same",
            {"limit": PENDING_PAYMENTS_MAX},
        )
    return [
        e.PaymentCreated(
            provider=provider,
            payment=payment,
            user=command.user,
            amount=command.amount,
            currency=command.currency,
            purpose=command.purpose,
        )
    ]


def report_payment(state: Journal, command: c.ReportPayment, _: Context) -> Decision:
    """The provider has been asked, what it said is booked, and it need not be asked again."""
    if pending_key(command.provider, command.payment) not in state.pending:
        return Rejected(
            PAYMENT_NOT_FOUND,
            f"no payment {command.payment!r} of {command.provider} is awaited",
            {"payment": command.payment},
        )
    return [_closed(command.provider, command.payment, command.outcome)]


def due(state: Journal) -> Iterable[Millis]:
    """All wait equally long, so the first is the first to be asked about."""
    return (found.ask_at for found in islice(state.pending.values(), 1))


def wake(state: Journal, ctx: Context) -> list[Event]:
    """Those whose time has come: asked about, or given up after a day."""
    currency = split_room(ctx.room)[1]
    first = islice(state.pending.values(), PAYMENTS_ASKED_AT_ONCE)
    return [_asked(found, currency, ctx.now) for found in first if found.ask_at <= ctx.now]


def _asked(found: Pending, currency: str, now: Millis) -> Event:
    if now > found.created_at + ASK_EVERY_MS + DAY:
        return _closed(found.provider, found.payment, "expired")
    return e.PaymentAsked(
        provider=found.provider,
        payment=found.payment,
        user=found.user,
        amount=found.amount,
        currency=currency,
        purpose=found.purpose,
        attempt=found.asked + 1,
    )


def _closed(provider: str, payment: str, outcome: e.PendingOutcome) -> e.PaymentClosed:
    return e.PaymentClosed(provider=provider, payment=payment, outcome=outcome)


def errands(_: Journal, event: Event, __: Context) -> Iterable[Errand]:
    """The provider is asked."""
    if isinstance(event, e.PaymentAsked):
        yield AskPayment(
            provider=event.provider,
            payment=event.payment,
            user=event.user,
            amount=event.amount,
            currency=event.currency,
            purpose=event.purpose,
        )
