"""What a provider's event means to the house: a payment to book, nothing, or a fault to show.

The house's user and purpose ride in the provider's metadata, where whoever starts a payment puts
them (docs/operating.md).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct

from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis
from engine.ledger.commands import WALLET, CreatePayment, ProviderDispute, ProviderEvent
from engine.ledger.events import DisputeStage
from gateway.decoding import blame, clip
from gateway.hooks.signatures import Secrets
from gateway.tokens import is_reserved

USER_KEY = "outcry_user"
PURPOSE_KEY = "outcry_purpose"

REASON_MAX = 100

_KEYS = {"user": USER_KEY, "purpose": PURPOSE_KEY}


class Ignored(Struct, frozen=True, tag="ignored", tag_field="type"):
    """An event that moves no money here. Answered 200, so that the provider does not repeat it."""

    event: str


class Unusable(Struct, frozen=True):
    """A provider has captured money, and the house cannot tell for whom or how much. Never
    answered 200: the provider must go on showing it to the operator."""

    payment: str
    why: str
    """Names the field; says nothing of the payer."""


Booked = ProviderEvent | CreatePayment | ProviderDispute
"""What the ledger is told."""

Heard = Booked | Ignored | Unusable | Rejected


class Provider(Struct, frozen=True):
    """How the house hears one provider."""

    header: str
    """Where the signature stands."""
    fault: Callable[[Mapping[str, str], bytes, Secrets, Millis], str]
    """What is wrong with a delivery's signature, or "": of its headers, its body as it came, the
    provider's secrets and the world's time, ms."""
    read: Callable[[bytes], Heard]
    """What a body says whose signature is good. Rejected: it is not of the provider's form."""


class Payment(Struct, frozen=True):
    """A payment as its provider has it, not yet checked."""

    provider: str
    id: str
    """What counts once. See `failed_id` for that of a failure."""
    event: str
    is_captured: bool
    amount: int
    """In the provider's own units."""
    currency: str
    metadata: Any
    """An object, or whatever the provider sends if there is none."""
    scale: Fraction = Fraction(1)
    """Minor units (ISO 4217) in one unit of the provider."""


def failed_id(payment: str) -> str:
    """The id under which a failure counts. It is never the payment's own: a payment that failed
    may be captured later, and that capture is the one thing that must count."""
    return f"{payment}.failed"


def event_of(payment: Payment) -> Heard:
    """The ledger's command for a payment. A failure that is not the house's is ignored, for no
    money hangs on it: a provider's account may serve others too."""
    metadata = payment.metadata if isinstance(payment.metadata, dict) else {}
    why = _why_unusable(payment, metadata)
    if not why:
        try:
            return _command(payment, metadata)
        except msgspec.ValidationError as problem:
            field, rule = blame(str(problem))
            why = f"`{_KEYS.get(field, field)}`: {rule}"
    if not payment.is_captured:
        return Ignored(payment.event)
    return Unusable(clip(payment.id), why)


def created_of(payment: Payment) -> CreatePayment | Ignored:
    """A payment that was begun, if it is the house's: its provider is asked about it when nothing
    more is heard (accounts rule 14)."""
    heard = event_of(payment)
    if not isinstance(heard, ProviderEvent):
        return Ignored(payment.event)
    return CreatePayment(
        id=f"{heard.id}.created",
        provider=heard.provider,
        payment=heard.payment,
        user=heard.user,
        amount=heard.amount,
        currency=heard.currency,
        purpose=heard.purpose,
    )


class Dispute(Struct, frozen=True):
    """A dispute as its provider has it, not yet checked."""

    provider: str
    id: str
    payment: str
    stage: DisputeStage
    amount: int
    """In the provider's own units."""
    currency: str
    reason: str
    metadata: Any = None
    """Of the payment, where the provider tells it with the dispute."""
    scale: Fraction = Fraction(1)


def dispute_of(dispute: Dispute) -> ProviderDispute | Unusable:
    """The ledger's command for a dispute. Whose payment it was may be left open; the ledger then
    has the provider asked."""
    metadata = dispute.metadata if isinstance(dispute.metadata, dict) else {}
    facts = {
        "id": f"{dispute.id}.{dispute.stage}",
        "provider": dispute.provider,
        "payment": dispute.payment,
        "dispute": dispute.id,
        "stage": dispute.stage,
        "amount": int(dispute.amount * dispute.scale),
        "currency": dispute.currency,
        "reason": dispute.reason[:REASON_MAX],
    }
    payer = {
        "user": metadata.get(USER_KEY, ""),
        "purpose": metadata.get(PURPOSE_KEY, "") if metadata.get(USER_KEY) else "",
    }
    for known in (facts | payer, facts):
        with suppress(msgspec.ValidationError):
            return msgspec.convert(known, ProviderDispute)
    return Unusable(clip(dispute.payment), "its dispute has an amount, currency or id of no use")


def _why_unusable(payment: Payment, metadata: dict[str, Any]) -> str:
    user = metadata.get(USER_KEY)
    if user is None:
        return f"its metadata has no `{USER_KEY}`"
    if isinstance(user, str) and is_reserved(user):
        return f"`{USER_KEY}`: a name of the house itself"
    if (payment.amount * payment.scale).denominator != 1:
        return f"`amount`: no whole number of minor units of {clip(payment.currency)}"
    return ""


def _command(payment: Payment, metadata: dict[str, Any]) -> ProviderEvent:
    """Its id is the payment's, so that what is said twice is answered alike; no one else sends
    under the webhook's name."""
    facts = {
        "id": payment.id,
        "provider": payment.provider,
        "payment": payment.id,
        "kind": "captured" if payment.is_captured else "failed",
        "user": metadata[USER_KEY],
        "amount": int(payment.amount * payment.scale),
        "currency": payment.currency,
        "purpose": metadata.get(PURPOSE_KEY, WALLET),
    }
    return msgspec.convert(facts, ProviderEvent)
