"""Paystack: https://paystack.com/docs/payments/webhooks

`x-paystack-signature`: hex HMAC-SHA512 of the body with the account's secret key (`sk_…`). There
is no time in it, so an old delivery is as good as a new one, and only the payment's id stops it.

What dedupes is the transaction, `data.id`: Paystack's events have no ids of their own. It is a
whole number; `reference` is the merchant's, and may be of any form. A transaction that failed may
be paid on the next try, so its failure counts under an id of its own.
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
    dispute_of,
    event_of,
    failed_id,
)
from gateway.hooks.signatures import Secrets, plain_fault
from gateway.http_replies import read_as

NAME = "paystack"
SIGNATURE_HEADER = "x-paystack-signature"
SUCCEEDED = "charge.success"
FAILED = "charge.failed"
DISPUTED = "charge.dispute.create"
RESOLVED = "charge.dispute.resolve"
STAGES: Mapping[str, DisputeStage] = {"merchant-accepted": "lost", "declined": "won"}
"""By how a dispute was resolved."""

SCALES = {"XOF": Fraction(1, 100), "RWF": Fraction(1, 100)}
"""Paystack counts hundredths everywhere; ISO 4217 knows none of these currencies."""


class _Head(Struct):
    event: str


class _Charge(Struct):
    id: int
    amount: int
    currency: str
    metadata: Any = None
    """Zero, null or an empty text if there is none."""


class _Dispute(Struct):
    id: int
    transaction: _Charge
    refund_amount: int | None = None
    resolution: str | None = None
    category: str | None = None


class _DisputeEvent(Struct):
    event: str
    data: _Dispute


class _Event(Struct):
    event: str
    data: _Charge


def fault(headers: Mapping[str, str], body: bytes, secrets: Secrets, _: Millis) -> str:
    """What is wrong with the signature, or ""."""
    given = headers.get(SIGNATURE_HEADER, "")
    return plain_fault(SIGNATURE_HEADER, given, body, secrets, "sha512")


def read(body: bytes) -> Heard:
    """A charge that succeeded or failed; amounts are hundredths (kobo, pesewas, cents)."""
    head = read_as(_Head, body)
    if isinstance(head, Rejected):
        return head
    if head.event in (DISPUTED, RESOLVED):
        return _dispute(body)
    if head.event not in (SUCCEEDED, FAILED):
        return Ignored(clip(head.event))
    event = read_as(_Event, body)
    if isinstance(event, Rejected):
        return event
    charge, is_captured = event.data, event.event == SUCCEEDED
    return event_of(
        Payment(
            provider=NAME,
            id=str(charge.id) if is_captured else failed_id(str(charge.id)),
            event=event.event,
            is_captured=is_captured,
            amount=charge.amount,
            currency=charge.currency,
            metadata=charge.metadata,
            scale=SCALES.get(charge.currency, Fraction(1)),
        )
    )


def _dispute(body: bytes) -> Heard:
    """It holds its transaction, metadata and all; of a part, `refund_amount` is what is claimed."""
    event = read_as(_DisputeEvent, body)
    if isinstance(event, Rejected):
        return event
    found = event.data
    stage = "opened" if event.event == DISPUTED else STAGES.get(found.resolution or "")
    if stage is None:
        return Ignored(clip(f"{event.event} {found.resolution}"))
    charge = found.transaction
    return dispute_of(
        Dispute(
            provider=NAME,
            id=str(found.id),
            payment=str(charge.id),
            stage=stage,
            amount=found.refund_amount or charge.amount,
            currency=charge.currency,
            reason=found.category or "",
            metadata=charge.metadata,
            scale=SCALES.get(charge.currency, Fraction(1)),
        )
    )
