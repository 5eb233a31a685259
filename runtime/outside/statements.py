"""What a payment provider says that moved: its statement of some days (accounts rule 17).

Stripe    https://docs.stripe.com/api/balance_transactions/list
Razorpay  https://razorpay.com/docs/api/payments/fetch-all-payments, …/api/refunds/fetch-all
Paystack  https://paystack.com/docs/api/transaction/#list, …/api/refund/#list
File      a JSON list of `{"what", "payment", "amount", "currency", "at"}`, in minor units and ms

A file is for every other way in which a statement can be had; it may hold chargebacks, of which
only Stripe's list tells.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from engine.kernel.time import Millis
from engine.ledger.events import Movement
from gateway.hooks import paystack, stripe
from runtime.config import ConfigError
from runtime.outside.http_out import HttpOut, NoAnswer, bearer
from runtime.outside.provider_calls import WHOLE, Said, basic, call, read

PAGE = 100
PAGES_MAX = 10_000


class Line(Struct, frozen=True):
    """One movement, in minor units."""

    what: Movement
    payment: str
    """As the house books it."""
    amount: int
    currency: str
    at: Millis


class Statements(Protocol):
    """Whoever has a provider's statement."""

    async def lines(self, start: Millis, end: Millis) -> Sequence[Line]:
        """What moved from `start` until before `end`. Raises NoAnswer."""


class FileStatements(Statements):
    """A file that somebody has made of a provider's export. Raises ConfigError."""

    def __init__(self, path: Path) -> None:
        try:
            self._lines = msgspec.json.decode(path.read_bytes(), type=list[Line])
        except (OSError, msgspec.MsgspecError) as problem:
            raise ConfigError(f"statement {path}: {problem}") from None

    async def lines(self, start: Millis, end: Millis) -> Sequence[Line]:
        return [line for line in self._lines if start <= line.at < end]


class _Source(Struct):
    """A charge, refund or dispute."""

    payment_intent: str | None = None


class _Balance(Struct):
    id: str
    reporting_category: str
    amount: int
    currency: str
    created: int
    source: _Source | str | None = None


class _Balances(Struct):
    data: list[_Balance]
    has_more: bool = False


class StripeStatements(Statements):
    """Balance transactions, each with what it came from. Amounts are those of the balance: a charge
    in another currency is another line than the house's."""

    WHATS: ClassVar[dict[str, Movement]] = {
        "charge": "capture",
        "refund": "refund",
        "dispute": "chargeback",
    }

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        self._http = http
        self._url = f"{address.rstrip('/')}/v1/balance_transactions"
        self._headers = {"Authorization": f"Bearer {key}"}

    async def lines(self, start: Millis, end: Millis) -> Sequence[Line]:
        query = {
            "created[gte]": start // 1_000,
            "created[lt]": end // 1_000,
            "limit": PAGE,
            "expand[]": "data.source",
        }
        found: list[Line] = []
        for _ in range(PAGES_MAX):
            page = await _get(self._http, self._url, query, self._headers, _Balances)
            found += [line for one in page.data if (line := self._line(one))]
            if not page.has_more or not page.data:
                return found
            query["starting_after"] = page.data[-1].id
        raise NoAnswer("its statement has no end")

    def _line(self, one: _Balance) -> Line | None:
        what = self.WHATS.get(one.reporting_category)
        payment = one.source.payment_intent if isinstance(one.source, _Source) else None
        if what is None or payment is None:
            return None
        currency = one.currency.upper()
        amount = int(abs(one.amount) * stripe.SCALES.get(currency, WHOLE))
        return Line(what, payment, amount, currency, one.created * 1_000)


class _Razorpay(Struct):
    """A payment, or a refund of one."""

    id: str
    amount: int
    currency: str
    status: str
    created_at: int
    payment_id: str = ""


class _Collection(Struct):
    items: list[_Razorpay]


class RazorpayStatements(Statements):
    """Payments that were captured, and refunds that did not fail, by the time that they were
    begun."""

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        self._http = http
        self._address = address.rstrip("/")
        self._headers = basic(key)

    async def lines(self, start: Millis, end: Millis) -> Sequence[Line]:
        return [
            *[
                Line("capture", one.id, one.amount, one.currency, one.created_at * 1_000)
                async for one in self._each("payments", start, end)
                if one.status in ("captured", "refunded")
            ],
            *[
                Line("refund", one.payment_id, one.amount, one.currency, one.created_at * 1_000)
                async for one in self._each("refunds", start, end)
                if one.status != "failed"
            ],
        ]

    async def _each(self, kind: str, start: Millis, end: Millis) -> AsyncIterator[_Razorpay]:
        url = f"{self._address}/v1/{kind}"
        for page in range(PAGES_MAX):
            query = {
                "from": start // 1_000,
                "to": end // 1_000 - 1,
                "count": PAGE,
                "skip": page * PAGE,
            }
            found = (await _get(self._http, url, query, self._headers, _Collection)).items
            for one in found:
                yield one
            if len(found) < PAGE:
                return
        raise NoAnswer("its statement has no end")


class _Paystack(Struct, rename={"created_at": "createdAt"}):
    """A transaction, or a refund of one."""

    id: int
    amount: int
    currency: str
    status: str
    created_at: datetime
    transaction: int | None = None


class _Paystacks(Struct):
    data: list[_Paystack]


class PaystackStatements(Statements):
    """Transactions that succeeded, and refunds that did not fail, by the time that they were
    begun."""

    def __init__(self, http: HttpOut, address: str, key: str) -> None:
        self._http = http
        self._address = address.rstrip("/")
        self._headers = bearer(key)

    async def lines(self, start: Millis, end: Millis) -> Sequence[Line]:
        return [
            *[
                self._line("capture", one.id, one)
                async for one in self._each("transaction", start, end)
                if one.status in ("success", "reversed")
            ],
            *[
                self._line("refund", one.transaction or 0, one)
                async for one in self._each("refund", start, end)
                if one.status != "failed"
            ],
        ]

    def _line(self, what: Movement, payment: int, one: _Paystack) -> Line:
        amount = int(one.amount * paystack.SCALES.get(one.currency, WHOLE))
        at = int(one.created_at.timestamp() * 1_000)
        return Line(what, str(payment), amount, one.currency, at)

    async def _each(self, kind: str, start: Millis, end: Millis) -> AsyncIterator[_Paystack]:
        url = f"{self._address}/{kind}"
        for page in range(1, PAGES_MAX):
            query = {"from": _iso(start), "to": _iso(end), "perPage": PAGE, "page": page}
            found = (await _get(self._http, url, query, self._headers, _Paystacks)).data
            for one in found:
                yield one
            if len(found) < PAGE:
                return
        raise NoAnswer("its statement has no end")


def _iso(at: Millis) -> str:
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def _get(
    http: HttpOut, url: str, query: dict[str, Any], headers: dict[str, str], type_: type[Said]
) -> Said:
    answer = await call(http, "GET", f"{url}?{urlencode(query)}", headers=headers)
    if not answer.is_good:
        raise NoAnswer(f"status {answer.status}")
    return read(answer, type_)
