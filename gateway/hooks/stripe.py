"""Stripe: https://docs.stripe.com/webhooks, https://docs.stripe.com/currencies

`Stripe-Signature: t=<unix seconds>,v1=<hex>,v1=<hex>`: HMAC-SHA256 of `t.body` with the endpoint's
secret (`whsec_…`), one `v1` for each secret while one is being rolled; 300 s of tolerance.

What dedupes is the PaymentIntent, `pi_…`: it succeeds at most once, under however many event ids
and endpoints that is told. It may fail many times before, each time another attempt that moves no
money; so a failure counts under its event's id, and never stands in the way of the success.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct

from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis
from engine.ledger.events import DisputeStage
from gateway.decoding import clip
from gateway.hooks.reading import (
    Dispute,
    Heard,
    Ignored,
    Payment,
    Unusable,
    created_of,
    dispute_of,
    event_of,
)
from gateway.hooks.signatures import Secrets, timed_fault
from gateway.http_replies import read_as

NAME = "stripe"
SIGNATURE_HEADER = "Stripe-Signature"
SUCCEEDED = "payment_intent.succeeded"
FAILED = "payment_intent.payment_failed"
CREATED = "payment_intent.created"
DISPUTES = ("charge.dispute.created", "charge.dispute.closed")
"""Stripe takes the money when the dispute is opened, and gives it back if it is won. It counts as
taken when it is lost, so that staff have one thing to look at."""
STAGES: Mapping[str, DisputeStage] = {
    "needs_response": "opened",
    "under_review": "opened",
    "lost": "lost",
    "won": "won",
}
"""An inquiry (`warning_…`) and a dispute that was prevented take no money."""

SCALES = {"ISK": Fraction(1, 100), "UGX": Fraction(1, 100), "MGA": Fraction(100)}
"""Where Stripe's unit is not the minor unit of ISO 4217. Its zero-decimal currencies (JPY, KRW …)
and three-decimal ones (KWD …) have no minor unit, or a thousandth, in ISO 4217 too."""


class _Head(Struct):
    type: str


class _Intent(Struct):
    id: str
    amount: int
    currency: str
    amount_received: int = 0
    metadata: Any = None


class _Data(Struct):
    object: _Intent


class _Dispute(Struct):
    id: str
    amount: int
    currency: str
    status: str
    reason: str = ""
    payment_intent: str | None = None


class _DisputeData(Struct):
    object: _Dispute


class _DisputeEvent(Struct):
    type: str
    data: _DisputeData


class _Event(Struct):
    id: str
    type: str
    data: _Data


def fault(headers: Mapping[str, str], body: bytes, secrets: Secrets, now: Millis) -> str:
    """What is wrong with the signature, or ""."""
    return timed_fault(SIGNATURE_HEADER, headers.get(SIGNATURE_HEADER, ""), body, secrets, now)


def read(body: bytes) -> Heard:
    """A PaymentIntent that was begun, succeeded or failed; the amount is what was received of it,
    or else what is asked for."""
    head = read_as(_Head, body)
    if isinstance(head, Rejected):
        return head
    if head.type in DISPUTES:
        return _dispute(body)
    if head.type not in (CREATED, SUCCEEDED, FAILED):
        return Ignored(clip(head.type))
    event = read_as(_Event, body)
    if isinstance(event, Rejected):
        return event
    intent, is_captured = event.data.object, event.type == SUCCEEDED
    currency = intent.currency.upper()
    payment = Payment(
        provider=NAME,
        id=event.id if event.type == FAILED else intent.id,
        event=event.type,
        is_captured=is_captured,
        amount=intent.amount_received if is_captured else intent.amount,
        currency=currency,
        metadata=intent.metadata,
        scale=SCALES.get(currency, Fraction(1)),
    )
    return created_of(payment) if event.type == CREATED else event_of(payment)


def _dispute(body: bytes) -> Heard:
    """A dispute names its PaymentIntent, and not what that was for."""
    event = read_as(_DisputeEvent, body)
    if isinstance(event, Rejected):
        return event
    found = event.data.object
    stage = STAGES.get(found.status)
    if stage is None:
        return Ignored(clip(f"{event.type} {found.status}"))
    if found.payment_intent is None:
        return Unusable(clip(found.id), "its dispute names no PaymentIntent")
    currency = found.currency.upper()
    return dispute_of(
        Dispute(
            provider=NAME,
            id=found.id,
            payment=found.payment_intent,
            stage=stage,
            amount=found.amount,
            currency=currency,
            reason=found.reason,
            scale=SCALES.get(currency, Fraction(1)),
        )
    )
