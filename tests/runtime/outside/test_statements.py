"""Statements of Stripe, Razorpay and Paystack, as their documentation has them, and of a file."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.kernel.time import DAY
from runtime.config import ConfigError
from runtime.outside.http_out import HttpOut, NoAnswer
from runtime.outside.statements import (
    FileStatements,
    Line,
    PaystackStatements,
    RazorpayStatements,
    Statements,
    StripeStatements,
)
from tests.runtime.outside.small_servers import Asked, provider

START = 1_700_006_400_000  # 2023-11-15, 00:00 UTC
AT_S = START // 1_000 + 60
AT = AT_S * 1_000
MAKERS: dict[str, type[Any]] = {
    "stripe": StripeStatements,
    "razorpay": RazorpayStatements,
    "paystack": PaystackStatements,
}


def query_of(asked: Asked) -> dict[str, list[str]]:
    return parse_qs(urlsplit(asked.line.split(" ")[1]).query)


async def lines(name: str, answer: Any) -> tuple[list[Line], list[Asked]]:
    """The statement of one day, and how it was asked for."""
    http = HttpOut()
    async with provider(answer) as server:
        statements: Statements = MAKERS[name](http, server.url.rpartition("/v1")[0], "k:s")
        try:
            found = await statements.lines(START, START + DAY)
        finally:
            http.close()
    return list(found), server.asked


def balance(id_: str, category: str, amount: int, source: Any, currency: str = "usd") -> Any:
    facts = {"id": id_, "reporting_category": category, "amount": amount, "currency": currency}
    return facts | {"created": AT_S, "source": source, "type": "whatever", "fee": 3}


async def test_stripe_lists_what_moved_in_its_balance() -> None:
    """Page by page; payouts and its own fees are not the house's movements."""
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}
    pages = {
        None: [balance("txn_1", "charge", 700, charge), balance("txn_2", "payout", -9, "po_1")],
        "txn_2": [
            balance("txn_3", "refund", -200, {"id": "re_1", "payment_intent": "pi_1"}),
            balance("txn_4", "dispute", -500, {"id": "dp_1", "payment_intent": "pi_2"}),
            balance("txn_5", "charge", 500, {"id": "ch_2", "payment_intent": "pi_3"}, "isk"),
            balance("txn_6", "fee", -1, None),
        ],
    }

    def answer(asked: Asked) -> tuple[int, bytes]:
        (after,) = query_of(asked).get("starting_after", [None])
        said = {"object": "list", "data": pages[after], "has_more": after is None}
        return 200, json.dumps(said).encode()

    found, asked = await lines("stripe", answer)
    assert found == [
        Line("capture", "pi_1", 700, "USD", AT),
        Line("refund", "pi_1", 200, "USD", AT),
        Line("chargeback", "pi_2", 500, "USD", AT),
        Line("capture", "pi_3", 5, "ISK", AT),
    ]
    assert len(asked) == 2
    query = query_of(asked[0])
    assert query["created[gte]"] == [str(START // 1_000)]
    assert query["created[lt]"] == [str((START + DAY) // 1_000)]
    assert query["expand[]"] == ["data.source"]


async def test_razorpay_lists_payments_and_refunds() -> None:
    """Those that came about; a full page is followed by the next."""
    facts = {"currency": "INR", "created_at": AT_S}
    payments = [{"id": f"pay_{n}", "amount": n + 1, "status": "captured"} for n in range(101)]
    payments[0]["status"], payments[1]["status"] = "failed", "refunded"
    refunds = [{"id": "rfnd_1", "amount": 2, "status": "processed", "payment_id": "pay_1"}]

    def answer(asked: Asked) -> tuple[int, bytes]:
        every = refunds if "/v1/refunds?" in asked.line else payments
        (skip,) = map(int, query_of(asked)["skip"])
        items = [one | facts for one in every[skip : skip + 100]]
        return 200, json.dumps({"entity": "collection", "items": items}).encode()

    found, asked = await lines("razorpay", answer)
    assert len(found) == 101
    assert found[0] == Line("capture", "pay_1", 2, "INR", AT)
    assert found[-1] == Line("refund", "pay_1", 2, "INR", AT)
    assert [query_of(one)["skip"] for one in asked] == [["0"], ["100"], ["0"]]


async def test_paystack_lists_transactions_and_refunds() -> None:
    """In hundredths, also of currencies that have none."""
    moment = {"createdAt": "2023-11-15T00:01:00.000Z"}
    every = {
        "transaction": [
            {"id": 1, "amount": 700, "currency": "NGN", "status": "success"},
            {"id": 2, "amount": 700, "currency": "NGN", "status": "abandoned"},
            {"id": 3, "amount": 10_000, "currency": "XOF", "status": "reversed"},
        ],
        "refund": [
            {"id": 9, "amount": 300, "currency": "NGN", "status": "processed", "transaction": 1},
            {"id": 8, "amount": 300, "currency": "NGN", "status": "failed", "transaction": 1},
        ],
    }

    def answer(asked: Asked) -> tuple[int, bytes]:
        kind = urlsplit(asked.line.split(" ")[1]).path.strip("/")
        return 200, json.dumps({"data": [one | moment for one in every[kind]]}).encode()

    found, asked = await lines("paystack", answer)
    assert found == [
        Line("capture", "1", 700, "NGN", AT),
        Line("capture", "3", 100, "XOF", AT),
        Line("refund", "1", 300, "NGN", AT),
    ]
    assert query_of(asked[0])["from"] == ["2023-11-15T00:00:00.000Z"]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("answer", [(401, b"{}"), (503, b"{}"), (200, b"[]")])
async def test_half_a_statement_is_none(name: str, answer: tuple[int, bytes]) -> None:
    """A difference that is only a fault of the line must not become an incident."""
    with pytest.raises(NoAnswer):
        await lines(name, lambda _: answer)


async def test_a_file_is_a_statement(tmp_path: Path) -> None:
    """Of the days that are asked for; one that cannot be read is a fault of the command."""
    path = tmp_path / "lines.json"
    line = {"what": "chargeback", "payment": "p1", "amount": 5, "currency": "NGN"}
    path.write_text(json.dumps([line | {"at": at} for at in (START - 1, AT, START + DAY)]))
    found = await FileStatements(path).lines(START, START + DAY)
    assert found == [Line("chargeback", "p1", 5, "NGN", AT)]
    path.write_text('[{"what": "gift"}]')
    for bad in (path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match=r"lines.json|nowhere"):
            FileStatements(bad)
