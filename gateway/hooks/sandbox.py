"""The sandbox: a provider for development, whose part `outcry sandbox-pay` plays.

What dedupes is the event's own id, `payment`, which the sender chooses. Whoever plays a payment
that fails and is captured later gives the failure an id of its own (`failed_id`).
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from engine.kernel.ids import Id
from engine.kernel.money import Amount, Currency
from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis
from engine.ledger.commands import WALLET, CreatePayment, ProviderEvent, Purpose
from engine.ledger.events import DisputeStage
from gateway.hooks.reading import PURPOSE_KEY, USER_KEY, Dispute, Heard, dispute_of
from gateway.hooks.signatures import Secrets, timed_fault
from gateway.http_replies import read_as

NAME = "sandbox"
SIGNATURE_HEADER = "Outcry-Signature"


STAGES: Mapping[str, DisputeStage] = {"disputed": "opened", "lost": "lost", "won": "won"}


class SandboxPayment(Struct, frozen=True):
    """What the sandbox provider sends. Further fields are its own affair."""

    payment: Id
    """The provider's id of this event."""
    kind: Literal["captured", "failed", "created", "disputed", "lost", "won"]
    """`created` moves nothing: the payer has not paid yet, and is awaited (accounts rule 14)."""
    user: Id
    amount: Amount
    currency: Currency
    purpose: Purpose = WALLET


def fault(headers: Mapping[str, str], body: bytes, secrets: Secrets, now: Millis) -> str:
    """`Outcry-Signature: t=…,v1=…`, as Stripe does it."""
    return timed_fault(SIGNATURE_HEADER, headers.get(SIGNATURE_HEADER, ""), body, secrets, now)


def read(body: bytes) -> Heard:
    """A payment, checked as strictly as a command: its sender is a developer."""
    payment = read_as(SandboxPayment, body)
    if isinstance(payment, Rejected):
        return payment
    if payment.kind == "created":
        return CreatePayment(
            id=f"{payment.payment}.created",
            provider=NAME,
            payment=payment.payment,
            user=payment.user,
            amount=payment.amount,
            currency=payment.currency,
            purpose=payment.purpose,
        )
    stage = STAGES.get(payment.kind)
    if stage is not None:
        return dispute_of(
            Dispute(
                provider=NAME,
                id=f"{payment.payment}.dispute",
                payment=payment.payment,
                stage=stage,
                amount=payment.amount,
                currency=payment.currency,
                reason="played",
                metadata={USER_KEY: payment.user, PURPOSE_KEY: payment.purpose},
            )
        )
    return ProviderEvent(
        id=payment.payment,
        provider=NAME,
        payment=payment.payment,
        kind="captured" if payment.kind == "captured" else "failed",
        user=payment.user,
        amount=payment.amount,
        currency=payment.currency,
        purpose=payment.purpose,
    )
