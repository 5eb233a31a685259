"""Real providers' webhooks against a served house: believed, booked once, and verified."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from testkit.process import Server
from testkit.webhooks import MAKERS, Paid, encode, headers_of
from tests.e2e.door import Door, door_of
from tests.e2e.places import Place

SECRETS = {"stripe": b"whsec_e2e", "razorpay": b"rzp-e2e", "paystack": b"sk_e2e"}
FLAGS = (
    *("--stripe-webhook-secret", "whsec_old, whsec_e2e"),
    *("--razorpay-webhook-secret", "rzp-e2e"),
    *("--paystack-secret-key", "sk_e2e"),
)
AT_ONCE = 20


@asynccontextmanager
async def served(place: Place) -> AsyncIterator[tuple[Server, Door]]:
    """A house that hears every provider."""
    async with place.serve(*FLAGS) as server, door_of(server) as door:
        yield server, door


async def tell(
    door: Door,
    provider: str,
    event: Any,
    *,
    secret: bytes | None = None,
    age_s: int = 0,
    as_provider: str | None = None,
    sent: bytes | None = None,
) -> httpx.Response:
    """Send an event, well signed unless said otherwise: with another secret, at another time,
    in another provider's way, or with another body than was signed."""
    body = encode(event)
    key = SECRETS[provider] if secret is None else secret
    headers = headers_of(as_provider or provider, body, key, int(time.time()) - age_s)
    return await door.post(f"/v1/hooks/{provider}", body if sent is None else sent, headers)


async def balance(door: Door, server: Server, currency: str = "NGN") -> int:
    """What u1's wallet holds, minor units."""
    money = (await door.room("user:u1", server.token("u1")))["balances"]
    found: int = money.get(currency, {"balance": 0})["balance"]
    return found


@pytest.mark.parametrize("provider", MAKERS)
async def test_a_capture_is_credited_once(place: Place, provider: str) -> None:
    """However often, under however many event ids, at once and after a restart."""
    async with served(place) as (server, door):
        failed = await tell(door, provider, MAKERS[provider](Paid(is_captured=False)))
        assert (failed.status_code, failed.json()["type"]) == (200, "ok")
        events = [MAKERS[provider](Paid(event=str(n))) for n in range(AT_ONCE)]
        answers = await asyncio.gather(*(tell(door, provider, event) for event in events))
        assert [a.status_code for a in answers] == [200] * AT_ONCE
        replies = [a.json() for a in answers]
        assert sum(not reply.get("duplicate", False) for reply in replies) == 1
        assert len({reply["seq"] for reply in replies}) == 1
        assert await balance(door, server) == 700
        counted = f'outcry_hooks_total{{outcome="repeated",provider="{provider}"}} {AT_ONCE - 1}.0'
        assert counted in (await door.get("/metrics")).text
        server.process.stop()
        assert await server.process.ended() == 0
    async with served(place) as (server, door):
        again = await tell(door, provider, MAKERS[provider](Paid(event="99")))
        assert (again.status_code, again.json()["duplicate"]) == (200, True)
        assert await balance(door, server) == 700
    verified = await place.verify()
    assert verified.code == 0, verified.err
    assert "NGN sums to 0" in verified.out


async def test_forged_deliveries_are_refused_over_the_wire(on_sqlite: Place) -> None:
    """Changed on the way, signed with another secret, too old, in another way, or not at all."""
    async with served(on_sqlite) as (server, door):
        for provider, make in MAKERS.items():
            event = make(Paid())
            bad = [
                await tell(door, provider, event, sent=encode(make(Paid(amount=1_000_000)))),
                await tell(door, provider, event, sent=encode(event) + b" "),
                await tell(door, provider, event, secret=b"another"),
                await door.post(f"/v1/hooks/{provider}", encode(event), {}),
            ]
            bad += [
                await tell(door, provider, event, as_provider=other)
                for other in MAKERS.keys() - {provider}
            ]
            if provider == "stripe":
                bad += [await tell(door, provider, event, age_s=age_s) for age_s in (310, -310)]
            for answer in bad:
                assert answer.status_code == 401, answer.text
                assert answer.json()["code"] == "PAYMENT_SIGNATURE_INVALID"
        assert await balance(door, server) == 0
        old = await tell(door, "stripe", MAKERS["stripe"](Paid()), secret=b"whsec_old")
        assert old.status_code == 200, "a secret that is being replaced is still good"


async def test_what_is_not_the_houses_over_the_wire(on_sqlite: Place) -> None:
    """Other events are 200 and move nothing; a capture without our metadata is 422 and logged."""
    async with served(on_sqlite) as (server, door):
        for provider, make in MAKERS.items():
            event = make(Paid(user="nobody at all"))
            refused = await tell(door, provider, event)
            assert (refused.status_code, refused.json()["code"]) == (422, "PAYMENT_UNUSABLE")
            line = await server.process.err.until(f"{provider} captured payment")
            assert "nobody at all" not in line.string
            head = "type" if provider == "stripe" else "event"
            ignored = await tell(door, provider, {head: "customer.created"})
            assert (ignored.status_code, ignored.json()["type"]) == (200, "ignored")
        assert await balance(door, server) == 0


async def test_a_provider_without_a_secret_is_not_found(on_sqlite: Place) -> None:
    """As an unknown one: nobody can tell whether the house knows it."""
    async with on_sqlite.serve() as server, door_of(server) as door:
        for provider in (*MAKERS, "nobody"):
            headers = headers_of("paystack", b"{}", b"", 0)
            answer = await door.post(f"/v1/hooks/{provider}", b"{}", headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
