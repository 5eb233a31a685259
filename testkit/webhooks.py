"""What payment providers send, made from their documents and not from our readers."""

import hmac
from typing import Any

import msgspec
from msgspec import Struct

Json = dict[str, Any]


class Paid(Struct, frozen=True):
    """A payment as a test thinks of it."""

    id: str = "77"
    user: str = "u1"
    amount: int = 700
    currency: str = "NGN"
    purpose: str = "wallet"
    is_captured: bool = True
    event: str = "1"
    """What tells this event from another about the same payment."""

    @property
    def metadata(self) -> Json:
        """What the house's client put into it when it began the payment."""
        return {"outcry_user": self.user, "outcry_purpose": self.purpose, "cart": "9"}


def stripe_event(paid: Paid) -> Json:
    """https://docs.stripe.com/api/events: a PaymentIntent in `data.object`."""
    kind = "payment_intent.succeeded" if paid.is_captured else "payment_intent.payment_failed"
    intent = {
        "id": f"pi_{paid.id}",
        "object": "payment_intent",
        "amount": paid.amount,
        "amount_received": paid.amount if paid.is_captured else 0,
        "currency": paid.currency.lower(),
        "latest_charge": f"ch_{paid.id}",
        "metadata": paid.metadata,
        "status": "succeeded" if paid.is_captured else "requires_payment_method",
    }
    return {
        "id": f"evt_{paid.event}",
        "object": "event",
        "api_version": "2024-06-20",
        "created": 1_700_000_000,
        "data": {"object": intent},
        "livemode": False,
        "type": kind,
    }


def razorpay_event(paid: Paid) -> Json:
    """https://razorpay.com/docs/webhooks/payments: a payment in `payload.payment.entity`."""
    payment = {
        "id": f"pay_{paid.id}",
        "entity": "payment",
        "amount": paid.amount,
        "currency": paid.currency,
        "status": "captured" if paid.is_captured else "failed",
        "order_id": f"order_{paid.id}",
        "email": "gaurav.kumar@example.com",
        "notes": paid.metadata,
        "fee": 2,
    }
    return {
        "entity": "event",
        "account_id": "acc_BFQ7uQEaa7j2z7",
        "event": "payment.captured" if paid.is_captured else "payment.failed",
        "contains": ["payment"],
        "payload": {"payment": {"entity": payment}},
        "created_at": 1_700_000_000 + int(paid.event),
    }


def paystack_event(paid: Paid) -> Json:
    """https://paystack.com/docs/payments/webhooks: a transaction in `data`."""
    charge = {
        "id": int(paid.id),
        "domain": "test",
        "status": "success" if paid.is_captured else "failed",
        "reference": "qTPrJoy9Bx",
        "amount": paid.amount,
        "requested_amount": paid.amount,
        "currency": paid.currency,
        "metadata": paid.metadata,
        "customer": {"email": "bojack@horsinaround.com"},
        "log": {"attempts": int(paid.event)},
    }
    return {"event": "charge.success" if paid.is_captured else "charge.failed", "data": charge}


def stripe_dispute(paid: Paid, stage: str) -> Json:
    """https://docs.stripe.com/api/disputes/object: it names the payment, and not its metadata."""
    dispute = {
        "id": f"dp_{paid.event}",
        "object": "dispute",
        "amount": paid.amount,
        "charge": f"ch_{paid.id}",
        "currency": paid.currency.lower(),
        "metadata": {},
        "payment_intent": f"pi_{paid.id}",
        "reason": "fraudulent",
        "status": {"opened": "needs_response"}.get(stage, stage),
    }
    kind = "created" if stage == "opened" else "closed"
    return {
        "id": "evt_9",
        "object": "event",
        "data": {"object": dispute},
        "type": f"charge.dispute.{kind}",
    }


def razorpay_dispute(paid: Paid, stage: str) -> Json:
    """https://razorpay.com/docs/webhooks/disputes: the dispute, and its payment beside it."""
    event = razorpay_event(paid)
    dispute = {
        "id": f"disp_{paid.event}",
        "entity": "dispute",
        "payment_id": f"pay_{paid.id}",
        "amount": paid.amount,
        "currency": paid.currency,
        "amount_deducted": paid.amount if stage == "lost" else 0,
        "reason_code": "fraudulent",
        "phase": "chargeback",
        "status": {"opened": "open"}.get(stage, stage),
    }
    kind = "created" if stage == "opened" else stage
    payload = event["payload"] | {"dispute": {"entity": dispute}}
    parts = {"event": f"payment.dispute.{kind}", "contains": ["payment", "dispute"]}
    return event | parts | {"payload": payload}


def paystack_dispute(paid: Paid, stage: str) -> Json:
    """https://paystack.com/docs/payments/disputes: it holds its transaction."""
    dispute = {
        "id": int(paid.event),
        "refund_amount": paid.amount,
        "currency": paid.currency,
        "status": "awaiting-merchant-feedback" if stage == "opened" else "resolved",
        "resolution": {"lost": "merchant-accepted", "won": "declined"}.get(stage),
        "category": "fraudulent",
        "transaction": paystack_event(paid)["data"],
    }
    kind = "create" if stage == "opened" else "resolve"
    return {"event": f"charge.dispute.{kind}", "data": dispute}


DISPUTES = {
    "stripe": stripe_dispute,
    "razorpay": razorpay_dispute,
    "paystack": paystack_dispute,
}
MAKERS = {"stripe": stripe_event, "razorpay": razorpay_event, "paystack": paystack_event}


def headers_of(provider: str, body: bytes, secret: bytes, at_s: int) -> dict[str, str]:
    """The signature with which a provider sends this body, `at_s` seconds after 1970 began."""
    match provider:
        case "stripe":
            digest = hmac.new(secret, b"%d." % at_s + body, "sha256").hexdigest()
            return {"Stripe-Signature": f"t={at_s},v1={digest},v0={'0' * 64}"}
        case "razorpay":
            digest = hmac.new(secret, body, "sha256").hexdigest()
            return {"X-Razorpay-Signature": digest, "x-razorpay-event-id": f"e{at_s}"}
        case "paystack":
            return {"x-paystack-signature": hmac.new(secret, body, "sha512").hexdigest()}
    raise AssertionError(f"{provider} is no provider")


def encode(event: Json) -> bytes:
    """A body, spaced as no encoder of ours would do it: it must be checked as it came."""
    return msgspec.json.format(msgspec.json.encode(event), indent=3)
