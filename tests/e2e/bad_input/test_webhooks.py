"""Webhooks that no provider sent: money is believed only under a good signature, and once."""

import time
from typing import Any

import msgspec
import pytest

from engine.kernel.actor import SYSTEM, Actor
from gateway.hooks.sandbox import SIGNATURE_HEADER
from gateway.hooks.signatures import sign_timed
from gateway.limits import HOOK_TOLERANCE_MS, MESSAGE_BYTES_MAX
from testkit.client import Heard
from tests.e2e.bad_input.siege import Siege
from tests.e2e.bad_input.wire import Answer, http, request

pytestmark = pytest.mark.asyncio(loop_scope="package")

PAYMENT: dict[str, Any] = {
    "payment": "p1",
    "kind": "captured",
    "user": "payer",
    "amount": 5_00,
    "currency": "USD",
}
PATH = "/v1/hooks/sandbox"


def secret_of(siege: Siege) -> bytes:
    return (siege.place.data / "webhook_secret").read_bytes().strip()


def signature(siege: Siege, body: bytes, age_s: int = 0) -> str:
    """What the provider says of this body, so many seconds ago."""
    return sign_timed(body, secret_of(siege), int(time.time()) - age_s)


async def post(siege: Siege, body: bytes, signed: str) -> Answer:
    header = f"{SIGNATURE_HEADER}: {signed}"
    return await http(siege, request("POST", PATH, header, body=body))


async def test_a_bad_signature_is_refused(siege: Siege) -> None:
    """Of another body, key or time, in pieces, in other words, or none."""
    body = msgspec.json.encode(PAYMENT)
    good = signature(siege, body)
    at, _, digest = good.partition(",v1=")
    bad = [
        "",
        "hello",
        at,
        f"v1={digest}",
        f"{at},v1=",
        f"{at},v1={digest[:-1]}",
        f"{at},v1={digest.upper()}",
        f"{at},v0={digest}",
        f"{at}0,v1={digest}",
        f"t=-1,v1={digest}",
        f"t=1e9,v1={digest}",
        f"t={'9' * 5_000},v1={digest}",
        f"t=²,v1={digest}",
        f"{at},v1={'é' * 64}",
        good.replace(digest, "0" * 64),
        sign_timed(body, b"another secret", int(time.time())),
        sign_timed(body, b"", int(time.time())),
        signature(siege, body + b" "),
        signature(siege, b""),
    ]
    for signed in bad:
        answer = await post(siege, body, signed)
        assert (answer.status, answer.reply["code"]) == (401, "PAYMENT_SIGNATURE_INVALID"), signed
    answer = await http(siege, request("POST", PATH, body=body))
    assert (answer.status, answer.reply["code"]) == (401, "PAYMENT_SIGNATURE_INVALID")


@pytest.mark.parametrize("age_s", [HOOK_TOLERANCE_MS // 1_000 + 5, -HOOK_TOLERANCE_MS // 1_000 - 5])
async def test_a_stale_signature_is_refused(siege: Siege, age_s: int) -> None:
    """Too old, or of a time to come; the words are good otherwise."""
    body = msgspec.json.encode(PAYMENT)
    answer = await post(siege, body, signature(siege, body, age_s))
    assert (answer.status, answer.reply["code"]) == (401, "PAYMENT_SIGNATURE_INVALID")
    assert "too old" in answer.reply["message"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"currency": "usd"}, "currency"),
        ({"kind": "refunded"}, "kind"),
        ({"user": "a\0"}, "user"),
        ({"payment": "x" * 65}, "payment"),
        ({"payment": "p 1"}, "payment"),
        ({"purpose": "purse"}, "purpose"),
        ({"purpose": "auction:a\n"}, "purpose"),
    ],
)
async def test_a_signed_payment_that_cannot_be_is_malformed(
    siege: Siege, changes: dict[str, Any], field: str
) -> None:
    """A provider makes mistakes too: the field is named, and nothing is booked."""
    body = msgspec.json.encode(PAYMENT | changes)
    answer = await post(siege, body, signature(siege, body))
    assert (answer.status, answer.reply["code"]) == (400, "MALFORMED")
    assert answer.reply["details"]["field"] == field


async def test_a_signed_body_is_bounded_and_must_be_json(siege: Siege) -> None:
    """As any other."""
    for body, code in (
        (b"", "MALFORMED"),
        (b"{", "MALFORMED"),
        (b"[" * 60_000, "MALFORMED"),
        (b'{"payment":"\xff"}', "MALFORMED"),
        (b" " * (MESSAGE_BYTES_MAX + 1), "FRAME_TOO_LARGE"),
    ):
        answer = await post(siege, body, signature(siege, body))
        assert (answer.status, answer.reply["code"]) == (400, code)


@pytest.mark.parametrize("provider", ["nobody", "SANDBOX", "%00", "sandbox%0a", ".."])
async def test_an_unknown_provider_is_not_found(siege: Siege, provider: str) -> None:
    """Whatever it signs."""
    body = msgspec.json.encode(PAYMENT)
    header = f"{SIGNATURE_HEADER}: {signature(siege, body)}"
    answer = await http(siege, request("POST", f"/v1/hooks/{provider}", header, body=body))
    assert (answer.status, answer.reply["code"]) == (404, "NOT_FOUND")


async def test_a_payment_counts_once(siege: Siege) -> None:
    """Replayed, signed anew, or under its id with another amount: 200 or a refusal, one booking."""
    payment = PAYMENT | {"payment": "once"}
    body = msgspec.json.encode(payment)
    signed = signature(siege, body)
    first = await post(siege, body, signed)
    assert (first.status, first.reply["type"]) == (200, "ok"), first.body
    command = {"id": "once", "type": "ledger.provider_event", "provider": "sandbox"} | payment
    hook = Actor("hook-sandbox", SYSTEM)
    siege.accepted.append((hook, command, msgspec.convert(first.reply, Heard)))
    for again in (signed, signature(siege, body, age_s=1)):
        answer = await post(siege, body, again)
        assert (answer.status, answer.reply) == (200, first.reply | {"duplicate": True})
    other = msgspec.json.encode(payment | {"amount": 5_01})
    answer = await post(siege, other, signature(siege, other))
    assert (answer.status, answer.reply["code"]) == (409, "CMD_ID_REUSED")
