"""Money comes in: deposits that staff saw arrive, and what payment providers say."""

from collections.abc import Sequence
from typing import Any

from engine.contract import Context, Decision, Event, Reaction, Send
from engine.kernel.money import share_nearest
from engine.kernel.outcome import Rejected
from engine.kernel.posting import Transfer
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.accounts import MANUAL, PROVIDER_FEES, clearing, external, wallet
from engine.ledger.codes import DUPLICATE_PROVIDER_EVENT, DUPLICATE_REFERENCE
from engine.ledger.messages import PaymentCaptured, ReturnPayment
from engine.ledger.state import Journal


def deposit(_: Journal, command: c.Deposit, ctx: Context) -> Decision:
    """P1, for money that staff or the house saw arrive."""
    claim = f"deposit:{command.user}:{command.reference}"
    if ctx.claimed_by(claim):
        return Rejected(
            DUPLICATE_REFERENCE,
            f"reference {command.reference!r} has already been deposited to {command.user}; "
            "another deposit needs another reference",
            {"field": "reference"},
        )
    amount, currency, reference = command.amount, command.currency, command.reference
    return [
        e.Deposited(
            user=command.user,
            amount=amount,
            currency=currency,
            reference=reference,
            postings=(
                _capture(MANUAL, amount, currency, reference),
                _to_wallet(MANUAL, command.user, amount, currency, reference),
            ),
            claims=(claim,),
        )
    ]


def provider_event(_: Journal, command: c.ProviderEvent, ctx: Context) -> Decision:
    """P1 and the first half of P4. Each provider's event counts once (accounts 1)."""
    claim = f"payment:{command.provider}:{command.payment}"
    if ctx.claimed_by(claim):
        return Rejected(
            DUPLICATE_PROVIDER_EVENT,
            f"payment {command.payment!r} of {command.provider} has been taken before",
        )
    facts: dict[str, Any] = {
        "provider": command.provider,
        "payment": command.payment,
        "user": command.user,
        "amount": command.amount,
        "currency": command.currency,
        "purpose": command.purpose,
        "claims": (claim,),
    }
    if command.kind == "failed":
        return [e.PaymentFailed(**facts)]
    return [_captured(command, facts, ctx)]


def _captured(command: c.ProviderEvent, facts: dict[str, Any], ctx: Context) -> Event:
    provider, amount, currency = command.provider, command.amount, command.currency
    payment = command.payment
    fee = share_nearest(amount, ctx.market(currency).provider_fee(provider))
    captured = (
        _capture(provider, amount, currency, payment),
        *_fee(provider, fee, currency, payment),
    )
    if command.purpose == c.WALLET:
        onward = _to_wallet(provider, command.user, amount, currency, payment)
        return e.PaymentReceived(**facts, fee=fee, postings=(*captured, onward))
    if ctx.peek(command.purpose) is None:
        return e.PaymentReturned(**facts, fee=fee, postings=captured)
    return e.PaymentReceived(**facts, fee=fee, postings=captured)


def _fee(provider: str, fee: int, currency: str, payment: str) -> tuple[Transfer, ...]:
    """P13: the platform bears it."""
    if not fee:
        return ()
    transit = clearing(provider)
    return (
        Transfer(PROVIDER_FEES, transit, fee, currency, "provider_fee", payment),
        Transfer(transit, external(provider), fee, currency, "provider_fee", payment),
    )


def _capture(provider: str, amount: int, currency: str, reference: str) -> Transfer:
    return Transfer(external(provider), clearing(provider), amount, currency, "deposit", reference)


def _to_wallet(provider: str, user: str, amount: int, currency: str, reference: str) -> Transfer:
    return Transfer(clearing(provider), wallet(user), amount, currency, "deposit", reference)


def tell_the_room(_: Journal, event: Event, __: Context) -> Sequence[Reaction]:
    """A payment for a room is told to that room, which moves the money on (P4, P5) or back."""
    if not isinstance(event, e.PaymentReceived) or event.purpose == c.WALLET:
        return ()
    told = PaymentCaptured(
        payment=event.payment,
        payer=event.user,
        amount=event.amount,
        currency=event.currency,
        provider=event.provider,
    )
    return (Send(event.purpose, told),)


def send_back(event: Event, ctx: Context) -> Sequence[Reaction]:
    """A payment for nothing, or one that did not fit, goes back through its provider (P9)."""
    if not isinstance(event, e.PaymentReturned | e.IncidentSettled):
        return ()
    if isinstance(event, e.IncidentSettled) and event.cause is not None:
        return ()
    room = event.purpose if isinstance(event, e.PaymentReturned) else event.room
    payer = event.user if isinstance(event, e.PaymentReturned) else event.payer
    told = ReturnPayment(
        room=room,
        payment=event.payment,
        payer=payer,
        amount=event.amount,
        provider=event.provider,
    )
    return (Send(ctx.room, told),)
