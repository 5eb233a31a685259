"""Stripe, Razorpay and Paystack are asked about payments as their documentation has it."""

import json
from typing import Any

import pytest

from engine.kernel.outside import AskPayment
from engine.ledger.commands import ProviderEvent
from gateway.hooks.providers import PROVIDERS
from runtime.config import Config
from runtime.outside.http_out import HttpOut, NoAnswer
from runtime.outside.payments import Found
from runtime.outside.providers import payment_providers
from testkit.webhooks import MAKERS as HOOKS
from testkit.webhooks import Paid, encode
from tests.runtime.outside.small_servers import Asked, provider

ASKED_BY = {"stripe": "pi_77", "razorpay": "order_77", "paystack": "ref 77"}
LINES = {
    "stripe": "GET /v1/payment_intents/pi_77 ",
    "razorpay": "GET /v1/orders/order_77/payments ",
    "paystack": "GET /transaction/verify/ref%2077 ",
}
CAPTURED = {"stripe": "succeeded", "razorpay": "captured", "paystack": "success"}
PENDING = {
    "stripe": ("requires_payment_method", "requires_action", "processing", "a new word"),
    "razorpay": ("created", "authorized", "failed", "a new word"),
    "paystack": ("abandoned", "failed", "ongoing", "pending", "queued", "a new word"),
}
FAILED = {"stripe": "canceled", "razorpay": "refunded", "paystack": "reversed"}


def wanted(name: str, payment: str = "") -> AskPayment:
    """A payment that was begun for u9, for the auction a1."""
    asked_by = payment or ASKED_BY[name]
    return AskPayment(name, asked_by, "u9", 700, "NGN", "auction:a1")


def thing(name: str, status: str, **changes: Any) -> Any:
    """A payment as the provider describes it."""
    event = HOOKS[name](Paid())
    found = {
        "stripe": lambda: event["data"]["object"],
        "razorpay": lambda: event["payload"]["payment"]["entity"],
        "paystack": lambda: event["data"],
    }[name]()
    return found | {"status": status} | changes


def body(name: str, payment: Any, *, is_order: bool = True) -> bytes:
    """The answer that has it."""
    if name == "paystack":
        payment = {"status": True, "message": "Verification successful", "data": payment}
    if name == "razorpay" and is_order:
        payment = {"entity": "collection", "count": 1, "items": [payment]}
    return json.dumps(payment).encode()


async def asked(name: str, answer: tuple[int, bytes], payment: str = "") -> tuple[Found, Asked]:
    """What one says of a payment, and how it was asked."""
    http = HttpOut()
    async with provider(lambda _: answer) as server:
        address = server.url.rpartition("/v1")[0]
        config = Config(
            stripe_api=address,
            stripe_secret_key="k:s",
            razorpay_api=address,
            razorpay_key="k:s",
            paystack_api=address,
            paystack_secret_key="k:s",
        )
        try:
            found = await payment_providers(config, http)[name].find(wanted(name, payment))
        finally:
            http.close()
    return found, server.asked[0]


@pytest.mark.parametrize("name", ASKED_BY)
async def test_a_capture_is_read_as_its_webhook(name: str) -> None:
    """The same command, but for its id: so it counts once, whichever comes first."""
    found, request = await asked(name, (200, body(name, thing(name, CAPTURED[name]))))
    told = PROVIDERS[name].read(encode(HOOKS[name](Paid())))
    assert isinstance(told, ProviderEvent)
    assert found == Found("captured", told)
    assert request.line.startswith(LINES[name])
    scheme = "Basic" if name == "razorpay" else "Bearer"
    assert request.headers["authorization"].startswith(f"{scheme} ")


@pytest.mark.parametrize("name", ASKED_BY)
async def test_what_its_metadata_lacks_is_known_from_its_beginning(name: str) -> None:
    """A webhook without it could not be booked."""
    field = "notes" if name == "razorpay" else "metadata"
    plain = thing(name, CAPTURED[name], **{field: []})
    found, _ = await asked(name, (200, body(name, plain)))
    assert found.capture is not None
    assert (found.capture.user, found.capture.purpose) == ("u9", "auction:a1")


@pytest.mark.parametrize(("name", "status"), [(n, s) for n in PENDING for s in PENDING[n]])
async def test_what_may_still_be_paid_is_pending(name: str, status: str) -> None:
    """Also what failed once, where the payer may try again; and a word that nobody knows yet."""
    assert (await asked(name, (200, body(name, thing(name, status)))))[0] == Found("pending")


@pytest.mark.parametrize("name", ASKED_BY)
async def test_what_never_will_be_paid_has_failed(name: str) -> None:
    """Cancelled, or with its payer again before the house heard of it: nothing is booked."""
    answer = body(name, thing(name, FAILED[name]))
    assert (await asked(name, (200, answer)))[0] == Found("failed")


async def test_razorpay_may_be_asked_by_the_payment_too() -> None:
    """Where the client has told which it is."""
    answer = body("razorpay", thing("razorpay", "captured"), is_order=False)
    found, request = await asked("razorpay", (200, answer), "pay_77")
    assert found.outcome == "captured"
    assert request.line.startswith("GET /v1/payments/pay_77 ")


@pytest.mark.parametrize("name", ASKED_BY)
@pytest.mark.parametrize("answer", [(404, b"{}"), (401, b"{}"), (500, b""), (200, b"[]")])
async def test_anything_else_is_no_answer(name: str, answer: tuple[int, bytes]) -> None:
    """Nobody knows more by it: it is asked again."""
    with pytest.raises(NoAnswer):
        await asked(name, answer)


async def test_a_capture_that_cannot_be_booked_is_no_answer() -> None:
    """A fraction of a minor unit, say: staff read of it in the log, and it is asked again."""
    odd = thing("stripe", "succeeded", currency="isk", amount_received=550)
    with pytest.raises(NoAnswer, match="cannot be booked"):
        await asked("stripe", (200, body("stripe", odd)))
