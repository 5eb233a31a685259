"""Stripe, Razorpay and Paystack are told of refunds as their documentation has it."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from engine.kernel.outside import PayBack
from runtime.config import Config, ConfigError
from runtime.outside.http_out import HttpOut, NoAnswer
from runtime.outside.providers import refund_providers
from runtime.outside.refund_providers import PaystackRefunds, RazorpayRefunds, StripeRefunds
from runtime.outside.refunds import RefundProvider, Said
from tests.runtime.outside.small_servers import Asked, provider

KEY = "log1-NGN-r1-1"
OUTCOMES = {
    "stripe": {
        "succeeded": "paid",
        "pending": "accepted",
        "requires_action": "accepted",
        "failed": "refused",
        "canceled": "refused",
    },
    "razorpay": {"processed": "paid", "pending": "accepted", "failed": "refused"},
    "paystack": {
        "processed": "paid",
        "pending": "accepted",
        "processing": "accepted",
        "needs-attention": "accepted",
        "failed": "refused",
    },
}
MAKERS: dict[str, type[Any]] = {
    "stripe": StripeRefunds,
    "razorpay": RazorpayRefunds,
    "paystack": PaystackRefunds,
}


def wanted(name: str, amount: int = 70_00, currency: str = "NGN", **more: Any) -> PayBack:
    """A refund of a payment of theirs."""
    return PayBack("r1", currency, name, "pay_1", amount, 1, 1, **more)


def made(name: str, http: HttpOut, url: str) -> RefundProvider:
    """How the house tells this one, at an address of the test."""
    address = url.rpartition("/v1")[0]
    one: RefundProvider = MAKERS[name](http, address, "id:secret")
    return one


def body_of(name: str, status: str) -> bytes:
    """How it describes a refund."""
    refund = {"id": 17 if name == "paystack" else "re_1", "status": status, "amount": 1}
    said = {"status": True, "data": refund} if name == "paystack" else refund
    return json.dumps(said).encode()


def answering(name: str, status: str) -> Any:
    """A provider that knows no refund yet."""

    def answer(asked: Asked) -> tuple[int, bytes]:
        if asked.line.startswith("GET /refund?"):
            return 200, b'{"data":[]}'
        return 200, body_of(name, status)

    return answer


@pytest.mark.parametrize(
    ("name", "status"), [(n, status) for n in OUTCOMES for status in (*OUTCOMES[n], "a new word")]
)
async def test_every_state_of_a_refund_is_understood(name: str, status: str) -> None:
    """Told and asked alike; a word that nobody knows yet is asked after again."""
    http = HttpOut()
    async with provider(answering(name, status)) as server:
        one = made(name, http, server.url)
        reference = "17" if name == "paystack" else "re_1"
        said = (await one.tell(wanted(name), KEY), await one.ask(wanted(name, reference="x")))
    http.close()
    outcome = OUTCOMES[name].get(status, "accepted")
    assert [(s.outcome, s.reference) for s in said] == [(outcome, reference)] * 2


async def test_stripe_is_told_with_a_form_and_its_key() -> None:
    """https://docs.stripe.com/api/refunds/create, idempotent by its header."""
    http = HttpOut()
    async with provider(answering("stripe", "succeeded")) as server:
        await made("stripe", http, server.url).tell(wanted("stripe"), KEY)
        await made("stripe", http, server.url).ask(wanted("stripe", reference="re_1"))
    http.close()
    told, asked = server.asked
    assert told.line.startswith("POST /v1/refunds ")
    assert told.headers["idempotency-key"] == KEY
    assert told.headers["authorization"] == "Bearer id:secret"
    form = parse_qs(told.body.decode())
    assert (form["payment_intent"], form["amount"]) == (["pay_1"], ["7000"])
    assert asked.line.startswith("GET /v1/refunds/re_1 ")


async def test_razorpay_is_told_with_json_and_its_key() -> None:
    """https://razorpay.com/docs/api/refunds/normal-refunds-idempotent."""
    http = HttpOut()
    async with provider(answering("razorpay", "processed")) as server:
        await made("razorpay", http, server.url).tell(wanted("razorpay"), KEY)
        await made("razorpay", http, server.url).ask(wanted("razorpay", reference="rfnd_1"))
    http.close()
    told, asked = server.asked
    assert told.line.startswith("POST /v1/payments/pay_1/refund ")
    assert told.headers["x-refund-idempotency"] == KEY
    assert len(KEY) >= 10
    assert told.headers["authorization"] == f"Basic {b64encode(b'id:secret').decode()}"
    assert json.loads(told.body) == {"amount": 70_00, "notes": {"outcry_refund": KEY}}
    assert asked.line.startswith("GET /v1/refunds/rfnd_1 ")


async def test_paystack_is_looked_through_before_it_is_told() -> None:
    """It has no idempotency key: what carries ours in its note has been told before."""
    http, known = HttpOut(), [{"id": 3, "status": "processed", "merchant_note": "another"}]

    def answer(asked: Asked) -> tuple[int, bytes]:
        if asked.line.startswith("GET /refund?"):
            return 200, json.dumps({"data": known}).encode()
        known.append({"id": 17, "status": "pending", "merchant_note": KEY})
        return 200, body_of("paystack", "pending")

    async with provider(answer) as server:
        one = made("paystack", http, server.url)
        assert await one.tell(wanted("paystack"), KEY) == Said("accepted", "17")
        known[-1]["status"] = "processed"
        assert await one.tell(wanted("paystack"), KEY) == Said("paid", "17")
    http.close()
    lines = [asked.line.partition(" HTTP")[0] for asked in server.asked]
    look = "GET /refund?transaction=pay_1&perPage=100"
    assert lines == [look, "POST /refund", look]
    body = {"transaction": "pay_1", "amount": 70_00, "currency": "NGN", "merchant_note": KEY}
    assert json.loads(server.asked[1].body) == body


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("status", [409, 429, 500, 503])
async def test_a_status_that_leaves_it_open_is_no_answer(name: str, status: int) -> None:
    """It may have been heard: then only the same key may be told again."""
    http = HttpOut()
    async with provider(lambda _: (status, b"{}")) as server:
        one = made(name, http, server.url)
        for call in (one.tell(wanted(name), KEY), one.ask(wanted(name, reference="x"))):
            with pytest.raises(NoAnswer, match=str(status)):
                await call
    http.close()


@pytest.mark.parametrize("name", ["stripe", "razorpay"])
@pytest.mark.parametrize("status", [301, 400, 401, 404])
async def test_any_other_status_is_a_no(name: str, status: int) -> None:
    """Staff see which."""
    http = HttpOut()
    async with provider(lambda _: (status, b"{}")) as server:
        said = await made(name, http, server.url).tell(wanted(name), KEY)
    http.close()
    assert said == Said("refused", reason=f"the provider answers {status}")


@pytest.mark.parametrize("name", MAKERS)
async def test_what_cannot_be_read_is_no_answer(name: str) -> None:
    """A proxy's page, say."""
    http = HttpOut()
    async with provider(lambda _: (200, b"<html>")) as server:
        with pytest.raises(NoAnswer, match="something else"):
            await made(name, http, server.url).tell(wanted(name), KEY)
    http.close()


@pytest.mark.parametrize(
    ("name", "currency", "amount", "units"),
    [("stripe", "ISK", 5, 500), ("stripe", "JPY", 5, 5), ("paystack", "XOF", 5, 500)],
)
async def test_amounts_are_counted_as_the_provider_counts(
    name: str, currency: str, amount: int, units: int
) -> None:
    """The other way round than webhooks: from minor units to theirs."""
    http = HttpOut()
    async with provider(answering(name, "pending")) as server:
        await made(name, http, server.url).tell(wanted(name, amount, currency), KEY)
    http.close()
    told = server.asked[-1].body.decode()
    found = parse_qs(told)["amount"][0] if name == "stripe" else json.loads(told)["amount"]
    assert int(found) == units


async def test_an_amount_that_it_cannot_count_is_left_to_staff() -> None:
    """Nobody is told another amount."""
    http = HttpOut()
    odd = wanted("stripe", 150, "MGA")
    said = await made("stripe", http, "http://127.0.0.1:1/v1").tell(odd, KEY)
    http.close()
    assert said == Said("refused", reason="stripe cannot count this amount")


def test_those_are_told_of_which_a_key_is_configured(tmp_path: Path) -> None:
    """The sandbox always; of several keys of Paystack the first."""
    http = HttpOut()
    try:
        plain = Config(data=str(tmp_path))
        assert set(refund_providers(plain, http)) == {"sandbox"}
        keys = {"stripe_secret_key": "sk", "razorpay_key": "id:secret"}
        full = Config(data=str(tmp_path), paystack_secret_key="new, old", **keys)
        assert set(refund_providers(full, http)) == {"sandbox", *MAKERS}
        for bad in ({"razorpay_key": "id"}, {"sandbox_api": "ftp://x"}):
            with pytest.raises(ConfigError, match="--"):
                refund_providers(Config(data=str(tmp_path), **bad), http)
    finally:
        http.close()
