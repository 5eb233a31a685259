"""The door for payment webhooks: signed, fresh, counted once, and nothing lost in silence."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from gateway.hooks.endpoint import Hooks
from gateway.hooks.sandbox import SIGNATURE_HEADER
from gateway.hooks.signatures import sign_timed
from gateway.limits import HOOK_TOLERANCE_MS
from gateway.rates import Rates
from testkit.webhooks import MAKERS, Paid, encode, headers_of
from tests.gateway.open_house import HOOK_SECRET, OpenHouse, open_house

SECRET = HOOK_SECRET.encode()
PATH = "/v1/hooks/sandbox"
PAYMENT = {"payment": "p1", "kind": "captured", "user": "u1", "amount": 700, "currency": "NGN"}


@asynccontextmanager
async def provider() -> AsyncIterator[tuple[OpenHouse, httpx.AsyncClient]]:
    """A house, and the provider that tells it of payments."""
    async with open_house() as house, house.http() as http:
        yield house, http


async def tell(http: httpx.AsyncClient, payment: Any, at_s: int | None = None) -> httpx.Response:
    """Send a payment's event with a good signature."""
    body = msgspec.json.encode(payment)
    header = sign_timed(body, SECRET, int(time.time()) if at_s is None else at_s)
    return await http.post(PATH, content=body, headers={SIGNATURE_HEADER: header})


async def balance(house: OpenHouse, user: str) -> int:
    """What the user's wallet holds, in kobo."""
    async with house.http(house.token(user)) as http:
        state = (await http.get(f"/v1/rooms/user:{user}")).json()["state"]
        found: int = state["balances"].get("NGN", {"balance": 0})["balance"]
        return found


async def test_a_captured_payment_is_in_the_wallet() -> None:
    """Booked under the webhook's own name, with the event's id."""
    async with provider() as (house, http):
        response = await tell(http, PAYMENT)
        assert (response.status_code, response.json()["type"]) == (200, "ok")
        assert await balance(house, "u1") == 700
        record = house.sink.log[0]
        assert (record.actor, record.command_id) == ("hook-sandbox", "p1")


async def test_a_payment_counts_once() -> None:
    """The provider may repeat what it was not answered, and is told 200 again."""
    async with provider() as (house, http):
        first = await tell(http, PAYMENT)
        again = await tell(http, PAYMENT, int(time.time()) + 1)
        assert again.status_code == 200
        assert again.json() == first.json() | {"duplicate": True}
        assert await balance(house, "u1") == 700


async def test_the_wallet_may_be_named() -> None:
    """It is what a payment is for unless another purpose is said."""
    async with provider() as (house, http):
        assert (await tell(http, PAYMENT | {"purpose": "wallet"})).status_code == 200
        assert await balance(house, "u1") == 700


async def test_a_failed_payment_moves_no_money() -> None:
    """It is noted all the same."""
    async with provider() as (house, http):
        assert (await tell(http, PAYMENT | {"kind": "failed"})).status_code == 200
        assert await balance(house, "u1") == 0
        assert len(house.sink.log) == 1


async def test_the_same_payment_with_other_facts_is_a_conflict() -> None:
    """Somebody must look at it: 409."""
    async with provider() as (house, http):
        await tell(http, PAYMENT)
        response = await tell(http, PAYMENT | {"amount": 1_000_000})
        assert (response.status_code, response.json()["code"]) == (409, "CMD_ID_REUSED")
        assert await balance(house, "u1") == 700


async def test_the_longest_id_fits() -> None:
    """It is the command's id as it stands."""
    async with provider() as (_, http):
        assert (await tell(http, PAYMENT | {"payment": "p" * 64})).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"kind": "maybe"}, "kind"),
        ({"user": "u 1"}, "user"),
        ({"purpose": "nowhere"}, "purpose"),
        ({"currency": None}, "currency"),
    ],
)
async def test_a_signed_body_is_still_checked(changes: dict[str, Any], field: str) -> None:
    """400 that names the field; fields of the provider's own do no harm."""
    async with provider() as (house, http):
        response = await tell(http, PAYMENT | {"extra": 1} | changes)
        assert (response.status_code, response.json()["code"]) == (400, "MALFORMED")
        assert response.json()["details"]["field"] == field
        assert not house.sink.log


async def test_bad_signatures_are_refused() -> None:
    """Of another secret, of another body, of another time, or none: 401."""
    now_s = int(time.time())
    body = msgspec.json.encode(PAYMENT)
    good = sign_timed(body, SECRET, now_s)
    async with provider() as (house, http):
        for header in (
            sign_timed(body, b"another secret", now_s),
            sign_timed(body + b" ", SECRET, now_s),
            good.replace(f"t={now_s}", f"t={now_s + 1}"),
            good.replace("v1=", "v0="),
            f"t={now_s},v1=",
            "v1=" + "0" * 64,
            f"t={now_s},v1=é",
            "t=²,v1=0",
            "",
        ):
            headers = {SIGNATURE_HEADER.encode(): header.encode()}
            response = await http.post(PATH, content=body, headers=headers)
            assert response.status_code == 401, header
            assert response.json()["code"] == "PAYMENT_SIGNATURE_INVALID"
        assert (await http.post(PATH, content=body)).status_code == 401
        assert not house.sink.log


async def test_stale_signatures_are_refused() -> None:
    """Older than five minutes, or as far ahead."""
    async with provider() as (house, http):
        for off_s in (-HOOK_TOLERANCE_MS // 1_000 - 2, HOOK_TOLERANCE_MS // 1_000 + 2):
            response = await tell(http, PAYMENT, int(time.time()) + off_s)
            assert response.json()["code"] == "PAYMENT_SIGNATURE_INVALID"
            assert "old" in response.json()["message"]
        assert not house.sink.log


async def test_webhooks_have_no_rate_limit() -> None:
    """A provider's burst must not be lost (operations 1)."""
    async with open_house(rates=Rates(user=1, guest=1)) as house, house.http() as http:
        for number in range(5):
            assert (await tell(http, PAYMENT | {"payment": f"p{number}"})).status_code == 200


async def test_unknown_providers_and_missing_secrets() -> None:
    """404: there is no such hook."""
    async with open_house() as house:
        async with house.http() as http:
            response = await http.post("/v1/hooks/other", content=b"{}")
            assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
        async with house.http(hook_secrets={}) as http:
            assert (await tell(http, PAYMENT)).status_code == 404
        async with house.http(hook_secrets={"stripe": (SECRET,)}) as http:
            assert (await tell(http, PAYMENT)).status_code == 404, "stripe only"


async def test_a_body_is_bounded() -> None:
    """Before anything is computed of it."""
    async with provider() as (_, http):
        response = await http.post(PATH, content=b"x" * 70_000)
        assert response.json()["code"] == "FRAME_TOO_LARGE"


async def test_a_payment_that_was_begun_is_awaited() -> None:
    """Accounts rule 14: no money moves, and its capture is another event."""
    async with provider() as (_, http):
        for _ in range(2):
            response = await tell(http, PAYMENT | {"kind": "created"})
            assert (response.status_code, response.json()["result"]["payment"]) == (200, "p1")
        assert (await tell(http, PAYMENT)).json()["result"]["balance"] == 700


async def test_what_moves_no_money_is_acknowledged() -> None:
    """And counted; nothing is written."""
    async with open_house() as house, house.http(hook_secrets=REAL) as http:
        response = await tell_real(http, "stripe", {"type": "charge.refunded"})
        assert (response.status_code, response.json()) == (
            200,
            {"type": "ignored", "event": "charge.refunded"},
        )
        assert not house.sink.log
        assert house.counts.hooks == {("stripe", "ignored"): 1}


REAL = {"stripe": (b"old", b"new"), "razorpay": (b"rzp",), "paystack": (b"sk",)}


async def tell_real(
    http: httpx.AsyncClient, name: str, event: Any, secret: bytes | None = None
) -> httpx.Response:
    """Send an event as the provider of this name does."""
    body = encode(event)
    headers = headers_of(name, body, secret or REAL[name][-1], int(time.time()))
    return await http.post(f"/v1/hooks/{name}", content=body, headers=headers)


@pytest.mark.parametrize("name", REAL)
async def test_a_real_providers_payment_is_in_the_wallet_once(name: str) -> None:
    """Failed at first, then captured, then told again by another event, with any secret."""
    async with open_house() as house, house.http(hook_secrets=REAL) as http:
        failed = MAKERS[name](Paid(is_captured=False))
        assert (await tell_real(http, name, failed)).status_code == 200
        assert await balance(house, "u1") == 0
        for event in ("1", "2"):
            response = await tell_real(http, name, MAKERS[name](Paid(event=event)), REAL[name][0])
            assert response.status_code == 200, response.text
            assert await balance(house, "u1") == 700
        assert house.counts.hooks == {(name, "booked"): 2, (name, "repeated"): 1}
        assert house.sink.log[0].actor == f"hook-{name}"


@pytest.mark.parametrize("name", REAL)
async def test_a_capture_that_is_not_ours_is_shown_to_the_operator(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """422, so that the provider shows it; counted; logged with its id and nothing of the payer."""
    async with open_house() as house, house.http(hook_secrets=REAL) as http:
        response = await tell_real(http, name, MAKERS[name](Paid(user="someone else")))
        assert (response.status_code, response.json()["code"]) == (422, "PAYMENT_UNUSABLE")
        assert house.counts.hooks == {(name, "unusable"): 1}
        assert not house.sink.log
    (line,) = caplog.records
    assert line.levelname == "ERROR"
    assert "77" in line.getMessage()
    assert "`outcry_user`" in line.getMessage()
    assert "someone" not in line.getMessage() + response.text
    assert "@" not in line.getMessage(), "no address of the payer"


@pytest.mark.parametrize("name", REAL)
async def test_a_body_of_another_form_is_refused_and_logged(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """400: what a provider has changed is not lost either."""
    async with open_house() as house, house.http(hook_secrets=REAL) as http:
        response = await tell_real(http, name, ["no event"])
        assert (response.status_code, response.json()["code"]) == (400, "MALFORMED")
        assert house.counts.hooks == {(name, "unusable"): 1}
    assert [line.levelname for line in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("name", REAL)
async def test_forged_deliveries_are_counted(name: str) -> None:
    """401, and never a line in the log for each: anyone can send them."""
    async with open_house() as house, house.http(hook_secrets=REAL) as http:
        response = await tell_real(http, name, MAKERS[name](Paid()), b"wrong")
        assert (response.status_code, response.json()["code"]) == (401, "PAYMENT_SIGNATURE_INVALID")
        assert house.counts.hooks == {(name, "forged"): 1}
        assert not house.sink.log


async def test_other_facts_of_a_payment_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The provider contradicts itself: 409, and somebody must look."""
    async with open_house() as house, house.http(hook_secrets=REAL) as http:
        await tell_real(http, "paystack", MAKERS["paystack"](Paid()))
        other = await tell_real(http, "paystack", MAKERS["paystack"](Paid(amount=1)))
        assert (other.status_code, other.json()["code"]) == (409, "CMD_ID_REUSED")
        assert house.counts.hooks["paystack", "refused"] == 1
    assert ["CMD_ID_REUSED" in line.getMessage() for line in caplog.records] == [True]


def test_a_secret_is_never_empty() -> None:
    """Anyone could sign with it."""
    with pytest.raises(AssertionError, match="without a secret"):
        Hooks(None, {"stripe": (b"",)})  # type: ignore[arg-type]
