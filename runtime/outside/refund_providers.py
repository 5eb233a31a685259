"""How each payment provider is told to send money back.

Stripe    https://docs.stripe.com/api/refunds, https://docs.stripe.com/api/idempotent_requests
Razorpay  https://razorpay.com/docs/api/refunds/normal-refunds-idempotent
Paystack  https://paystack.com/docs/api/refund
Sandbox   `outcry sandbox-refunds`

Any answer that is not 2xx is a no.
"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from engine.kernel.outside import PayBack
from engine.ledger.commands import RefundOutcome
from gateway.hooks import paystack, stripe
from runtime.outside.http_out import Answer, HttpOut, NoAnswer, bearer
from runtime.outside.provider_calls import basic, call, read, units
from runtime.outside.refunds import RefundProvider, Said

Outcomes = Mapping[str, RefundOutcome]


class _Refund(Struct):
    """What of a refund is read: all of them name these alike."""

    id: str | int
    status: str
    merchant_note: str | None = None


class _Envelope(Struct):
    """Paystack's."""

    data: _Refund


class _List(Struct):
    """Paystack's list."""

    data: list[_Refund]


class PaperRefunds(RefundProvider):
    """The sandbox without an address: everything is paid at once, for nothing was ever real."""

    async def tell(self, wanted: PayBack, key: str) -> Said:
        return Said("paid", reference=key)

    async def ask(self, wanted: PayBack) -> Said:
        return Said("paid", reference=wanted.reference)


class SandboxRefunds(RefundProvider):
    """A sandbox that can be told over HTTP, to try what a real provider would do."""

    OUTCOMES: ClassVar[Outcomes] = {"paid": "paid", "pending": "accepted", "failed": "refused"}

    def __init__(self, http: HttpOut, address: str) -> None:
        self._http = http
        self._url = f"{address.rstrip('/')}/v1/refunds"

    async def tell(self, wanted: PayBack, key: str) -> Said:
        body = {"payment": wanted.payment, "amount": wanted.amount, "currency": wanted.currency}
        headers = {"Idempotency-Key": key, **bearer("")}
        answer = await call(self._http, "POST", self._url, msgspec.json.encode(body), headers)
        return _said(answer, _Refund, self.OUTCOMES)

    async def ask(self, wanted: PayBack) -> Said:
        url = f"{self._url}/{quote(wanted.reference, safe='')}"
        return _said(await call(self._http, "GET", url), _Refund, self.OUTCOMES)


class StripeRefunds(RefundProvider):
    """A form, and `Idempotency-Key`: Stripe answers a repeat as it answered the first, for a day
    at least; a whole payment is never refunded twice at all."""

    OUTCOMES: ClassVar[Outcomes] = {
        "succeeded": "paid",
        "pending": "accepted",
        "requires_action": "accepted",
        "failed": "refused",
        "canceled": "refused",
    }

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        self._http = http
        self._url = f"{address.rstrip('/')}/v1/refunds"
        self._headers = {"Authorization": f"Bearer {key}"}

    async def tell(self, wanted: PayBack, key: str) -> Said:
        amount = units(wanted.amount, wanted.currency, stripe.SCALES)
        if amount is None:
            return _no_such_amount(wanted)
        form = {
            "payment_intent": wanted.payment,
            "amount": amount,
            "metadata[outcry_refund]": key,
        }
        headers = {
            **self._headers,
            "Idempotency-Key": key,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(form).encode()
        answer = await call(self._http, "POST", self._url, body, headers)
        return _said(answer, _Refund, self.OUTCOMES)

    async def ask(self, wanted: PayBack) -> Said:
        url = f"{self._url}/{quote(wanted.reference, safe='')}"
        answer = await call(self._http, "GET", url, headers=self._headers)
        return _said(answer, _Refund, self.OUTCOMES)


class RazorpayRefunds(RefundProvider):
    """JSON, Basic authentication, and `X-Refund-Idempotency`: the body of a repeat is the same."""

    OUTCOMES: ClassVar[Outcomes] = {"processed": "paid", "pending": "accepted", "failed": "refused"}

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        """`key` is `key_id:key_secret`."""
        self._http = http
        self._address = address.rstrip("/")
        self._headers = basic(key)

    async def tell(self, wanted: PayBack, key: str) -> Said:
        url = f"{self._address}/v1/payments/{quote(wanted.payment, safe='')}/refund"
        body = {"amount": wanted.amount, "notes": {"outcry_refund": key}}
        headers = {**self._headers, "X-Refund-Idempotency": key}
        answer = await call(self._http, "POST", url, msgspec.json.encode(body), headers)
        return _said(answer, _Refund, self.OUTCOMES)

    async def ask(self, wanted: PayBack) -> Said:
        url = f"{self._address}/v1/refunds/{quote(wanted.reference, safe='')}"
        answer = await call(self._http, "GET", url, headers=self._headers)
        return _said(answer, _Refund, self.OUTCOMES)


class PaystackRefunds(RefundProvider):
    """Paystack takes no idempotency key. So the key stands in `merchant_note`, and the refunds of
    the transaction are looked through before it is told. It is never told twice at once, and again
    a minute later at the earliest."""

    OUTCOMES: ClassVar[Outcomes] = {
        "processed": "paid",
        "pending": "accepted",
        "processing": "accepted",
        # It waits for the payer's bank details, which its owner gives on Paystack's dashboard.
        "needs-attention": "accepted",
        "failed": "refused",
    }

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        self._http = http
        self._url = f"{address.rstrip('/')}/refund"
        self._headers = bearer(key)

    async def tell(self, wanted: PayBack, key: str) -> Said:
        amount = units(wanted.amount, wanted.currency, paystack.SCALES)
        if amount is None:
            return _no_such_amount(wanted)
        found = await self._find(wanted, key)
        if found is not None:
            return _outcome(found, self.OUTCOMES)
        body = {
            "transaction": wanted.payment,
            "amount": amount,
            "currency": wanted.currency,
            "merchant_note": key,
        }
        encoded = msgspec.json.encode(body)
        answer = await call(self._http, "POST", self._url, encoded, self._headers)
        return _said(answer, _Envelope, self.OUTCOMES)

    async def ask(self, wanted: PayBack) -> Said:
        url = f"{self._url}/{quote(wanted.reference, safe='')}"
        answer = await call(self._http, "GET", url, headers=self._headers)
        return _said(answer, _Envelope, self.OUTCOMES)

    async def _find(self, wanted: PayBack, key: str) -> _Refund | None:
        query = urlencode({"transaction": wanted.payment, "perPage": 100})
        answer = await call(self._http, "GET", f"{self._url}?{query}", headers=self._headers)
        if not answer.is_good:
            raise NoAnswer(f"status {answer.status}")
        return next((r for r in read(answer, _List).data if r.merchant_note == key), None)


def _said(answer: Answer, type_: type[_Refund | _Envelope], outcomes: Outcomes) -> Said:
    if not answer.is_good:
        return Said("refused", reason=f"the provider answers {answer.status}")
    found = read(answer, type_)
    return _outcome(found.data if isinstance(found, _Envelope) else found, outcomes)


def _outcome(refund: _Refund, outcomes: Outcomes) -> Said:
    # A word that nobody knows yet is looked into by asking again, and never told again.
    outcome = outcomes.get(refund.status, "accepted")
    reason = "the provider says that it failed" if outcome == "refused" else ""
    return Said(outcome, str(refund.id)[:128], reason)


def _no_such_amount(wanted: PayBack) -> Said:
    return Said("refused", reason=f"{wanted.provider} cannot count this amount")
