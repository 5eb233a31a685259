"""Razorpay: https://razorpay.com/docs/webhooks/validate-test

`X-Razorpay-Signature`: hex HMAC-SHA256 of the body with the webhook's secret. There is no time in
it, so an old delivery is as good as a new one, and only the payment's id stops it.

What dedupes is the payment, `pay_…`. `x-razorpay-event-id` tells one event from another, but the
same capture may be told by two events, so it is not asked. A payment that has failed may still be
captured: Razorpay asks the bank for days ("late authorisation"), and keeps the id. So its failure
counts under an id of its own.
"""

from collections.abc import Mapping
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
    dispute_of,
    event_of,
    failed_id,
)
from gateway.hooks.signatures import Secrets, plain_fault
from gateway.http_replies import read_as

NAME = "razorpay"
SIGNATURE_HEADER = "X-Razorpay-Signature"
CAPTURED = "payment.captured"
FAILED = "payment.failed"
STAGES: Mapping[str, DisputeStage] = {
    "payment.dispute.created": "opened",
    "payment.dispute.lost": "lost",
    "payment.dispute.won": "won",
    # A dispute is closed when the payer had the money back, or the sale was proved.
    "payment.dispute.closed": "won",
}


class _Head(Struct):
    event: str


class _Payment(Struct):
    id: str
    amount: int
    currency: str
    notes: Any = None
    """An empty list if there are none."""


class _Entity(Struct):
    entity: _Payment


class _Payload(Struct):
    payment: _Entity


class _Dispute(Struct):
    id: str
    payment_id: str
    amount: int
    currency: str
    amount_deducted: int = 0
    reason_code: str = ""


class _DisputeEntity(Struct):
    entity: _Dispute


class _DisputePayload(Struct):
    dispute: _DisputeEntity
    payment: _Entity | None = None


class _DisputeEvent(Struct):
    event: str
    payload: _DisputePayload


class _Event(Struct):
    event: str
    payload: _Payload


def fault(headers: Mapping[str, str], body: bytes, secrets: Secrets, _: Millis) -> str:
    """What is wrong with the signature, or ""."""
    return plain_fault(SIGNATURE_HEADER, headers.get(SIGNATURE_HEADER, ""), body, secrets)


def read(body: bytes) -> Heard:
    """A payment that was captured or failed; amounts are minor units (paise)."""
    head = read_as(_Head, body)
    if isinstance(head, Rejected):
        return head
    if head.event in STAGES:
        return _dispute(body)
    if head.event not in (CAPTURED, FAILED):
        return Ignored(clip(head.event))
    event = read_as(_Event, body)
    if isinstance(event, Rejected):
        return event
    payment, is_captured = event.payload.payment.entity, event.event == CAPTURED
    return event_of(
        Payment(
            provider=NAME,
            id=payment.id if is_captured else failed_id(payment.id),
            event=event.event,
            is_captured=is_captured,
            amount=payment.amount,
            currency=payment.currency,
            metadata=payment.notes,
        )
    )


def _dispute(body: bytes) -> Heard:
    """What is deducted counts, once it is; the payment comes with it, notes and all."""
    event = read_as(_DisputeEvent, body)
    if isinstance(event, Rejected):
        return event
    found, payment = event.payload.dispute.entity, event.payload.payment
    return dispute_of(
        Dispute(
            provider=NAME,
            id=found.id,
            payment=found.payment_id,
            stage=STAGES[event.event],
            amount=found.amount_deducted or found.amount,
            currency=found.currency,
            reason=found.reason_code,
            metadata=payment.entity.notes if payment else None,
        )
    )
