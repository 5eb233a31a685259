"""How each payment provider is asked what became of a payment.

Stripe    https://docs.stripe.com/api/payment_intents/retrieve
Razorpay  https://razorpay.com/docs/api/orders/fetch-payments
Paystack  https://paystack.com/docs/api/transaction/#verify
Sandbox   `outcry sandbox-refunds --payments`

A captured payment is read as the webhook that should have told of it: with the user and purpose of
its metadata, or else those that it was begun with.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct

from engine.kernel.outside import AskPayment
from engine.ledger.commands import ProviderEvent
from gateway.hooks import paystack, stripe
from gateway.hooks import sandbox as sandbox_hook
from gateway.hooks.reading import PURPOSE_KEY, USER_KEY, Payment, event_of
from runtime.outside.http_out import HttpOut, NoAnswer, bearer
from runtime.outside.payments import PENDING, Found, PaymentProvider
from runtime.outside.provider_calls import WHOLE, basic, call, read


class SandboxPayments(PaymentProvider):
    """A sandbox that can be asked over HTTP. It knows no payment, so it is told what to say it is
    about."""

    def __init__(self, http: HttpOut, address: str) -> None:
        self._http = http
        self._url = f"{address.rstrip('/')}/v1/payments"

    async def find(self, wanted: AskPayment) -> Found:
        query = urlencode(
            {
                "user": wanted.user,
                "amount": wanted.amount,
                "currency": wanted.currency,
                "purpose": wanted.purpose,
            }
        )
        url = f"{self._url}/{quote(wanted.payment, safe='')}?{query}"
        answer = await call(self._http, "GET", url)
        if not answer.is_good:
            return PENDING
        heard = sandbox_hook.read(answer.body)
        if not isinstance(heard, ProviderEvent):
            return PENDING
        return Found("captured", heard) if heard.kind == "captured" else Found("failed")


class _Intent(Struct):
    """Stripe's."""

    id: str
    status: str
    currency: str
    amount_received: int = 0
    metadata: Any = None


class StripePayments(PaymentProvider):
    """By the id of the PaymentIntent. `canceled` is its one end without money."""

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        self._http = http
        self._url = f"{address.rstrip('/')}/v1/payment_intents"
        self._headers = {"Authorization": f"Bearer {key}"}

    async def find(self, wanted: AskPayment) -> Found:
        url = f"{self._url}/{quote(wanted.payment, safe='')}"
        answer = await call(self._http, "GET", url, headers=self._headers)
        if not answer.is_good:
            raise NoAnswer(f"status {answer.status}")
        intent = read(answer, _Intent)
        if intent.status != "succeeded":
            return Found("failed") if intent.status == "canceled" else PENDING
        taken = (intent.id, intent.amount_received, intent.currency.upper())
        return _captured(wanted, taken, intent.metadata, stripe.SCALES)


class _RazorpayPayment(Struct):
    id: str
    status: str
    amount: int
    currency: str
    notes: Any = None


class _Payments(Struct):
    """Razorpay's payments of an order."""

    items: list[_RazorpayPayment]


class RazorpayPayments(PaymentProvider):
    """By the id of the order, `order_…`, which may have been tried several times; or of the payment
    itself. As long as none is captured, one may be."""

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        """`key` is `key_id:key_secret`."""
        self._http = http
        self._address = address.rstrip("/")
        self._headers = basic(key)

    async def find(self, wanted: AskPayment) -> Found:
        id_ = quote(wanted.payment, safe="")
        is_order = wanted.payment.startswith("order_")
        path = f"/v1/orders/{id_}/payments" if is_order else f"/v1/payments/{id_}"
        answer = await call(self._http, "GET", self._address + path, headers=self._headers)
        if not answer.is_good:
            raise NoAnswer(f"status {answer.status}")
        tried = read(answer, _Payments).items if is_order else [read(answer, _RazorpayPayment)]
        taken = next((one for one in tried if one.status == "captured"), None)
        if taken is None:
            return Found("failed") if _is_back(tried) else PENDING
        facts = (taken.id, taken.amount, taken.currency)
        return _captured(wanted, facts, taken.notes, {})


def _is_back(tried: Sequence[_RazorpayPayment]) -> bool:
    """It was captured, and the payer has it back: the house never had it."""
    return any(one.status == "refunded" for one in tried)


class _Transaction(Struct):
    """Paystack's."""

    id: int
    status: str
    amount: int
    currency: str
    metadata: Any = None


class _Verified(Struct):
    data: _Transaction


class PaystackPayments(PaymentProvider):
    """By the reference that the transaction was begun with. One that failed may be paid on the next
    try; of one that was abandoned nobody knows."""

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        self._http = http
        self._url = f"{address.rstrip('/')}/transaction/verify"
        self._headers = bearer(key)

    async def find(self, wanted: AskPayment) -> Found:
        url = f"{self._url}/{quote(wanted.payment, safe='')}"
        answer = await call(self._http, "GET", url, headers=self._headers)
        if not answer.is_good:
            raise NoAnswer(f"status {answer.status}")
        found = read(answer, _Verified).data
        if found.status != "success":
            return Found("failed") if found.status == "reversed" else PENDING
        facts = (str(found.id), found.amount, found.currency)
        return _captured(wanted, facts, found.metadata, paystack.SCALES)


def _captured(
    wanted: AskPayment, taken: tuple[str, int, str], metadata: Any, scales: Mapping[str, Fraction]
) -> Found:
    """The webhook that did not come. Raises NoAnswer if it could not be booked either."""
    id_, amount, currency = taken
    begun_with = {USER_KEY: wanted.user, PURPOSE_KEY: wanted.purpose}
    heard = event_of(
        Payment(
            provider=wanted.provider,
            id=id_,
            event="asked",
            is_captured=True,
            amount=amount,
            currency=currency,
            metadata=begun_with | (metadata if isinstance(metadata, dict) else {}),
            scale=scales.get(currency, WHOLE),
        )
    )
    if not isinstance(heard, ProviderEvent):
        raise NoAnswer("it was captured, and cannot be booked")
    return Found("captured", heard)
