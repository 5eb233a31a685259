"""Somebody sets the machine's clock: the house's own time never goes back, and no deadline comes
early, twice or never. Tokens alone go by the world's clock."""

import json
import time
from pathlib import Path

import pytest

from engine.kernel.time import DAY, HOUR
from runtime.tokens import tokens_of
from testkit.client import Client, connected
from tests.e2e.door import Door, door_of
from tests.e2e.places import Place
from tests.e2e.seams import WorldClock

LONG, SHORT = "auction:long", "auction:short"
STARTS_IN_MS = 800
LASTS_MS = 100
HOUR_S = 3_600
BID = {"auction": "long", "currency": "USD"}


@pytest.fixture
def clock(tmp_path: Path) -> WorldClock:
    """The wall clock of this test's servers, right as yet."""
    return WorldClock(tmp_path)


async def test_a_clock_set_while_the_house_serves_moves_no_deadline(
    on_sqlite: Place, clock: WorldClock
) -> None:
    """Two hours ahead an auction of an hour has not ended, but a token of an hour has. Two hours
    back a short one ends when its time has come, and a token of before is of the future."""
    async with (
        on_sqlite.serve("--test-clock", under=clock.under) as server,
        door_of(server) as door,
        connected(server.websocket, _token(on_sqlite, clock, "ann")) as ann,
    ):
        end_at = await _open_long_auction(on_sqlite, clock, door)

        clock.set(2 * HOUR_S)
        refused = await ann.ask("auction.place_bid", **BID, amount=20_000)
        assert (refused.code, refused.details["rule"]) == ("UNAUTHENTICATED", "token")
        await ann.must("auth", token=_token(on_sqlite, clock, "ann"))
        unseen = _token(on_sqlite, clock, "bob")
        assert (await ann.must("auction.place_bid", **BID, amount=20_000)).at < end_at - HOUR // 2

        clock.set(-2 * HOUR_S)
        bid = json.dumps({"id": "early", "type": "auction.place_bid", "amount": 30_000} | BID)
        bearer = {"Authorization": f"Bearer {unseen}"}
        answer = await door.post("/v1/commands", bid.encode(), bearer)
        assert answer.status_code == 401
        assert "not valid yet" in answer.text
        now = (await ann.must("auction.place_bid", **BID, amount=30_000)).at
        times = {"start_at": now + STARTS_IN_MS, "end_at": now + STARTS_IN_MS + LASTS_MS}
        await _schedule(_token(on_sqlite, clock, "boss", "admin"), door, "short", times)
        await ann.subscribe(SHORT)
        ended = await ann.hear(event="auction.ended", room=SHORT)
        assert times["end_at"] <= ended.at < times["end_at"] + HOUR
        assert (await door.room(LONG))["status"] == "live"
    await _assert_in_order(on_sqlite)


async def test_a_clock_set_back_between_two_starts(place: Place, clock: WorldClock) -> None:
    """The house goes on from where its log ends. The deadline that was to come still comes, and
    the one that has been does not come again."""
    async with (
        place.serve("--test-clock", under=clock.under) as server,
        door_of(server) as door,
    ):
        end_at = await _open_long_auction(place, clock, door)
        server.process.stop()
        await server.process.ended()
    stopped_at = (await place.after(0))[-1].at

    clock.set(-2 * HOUR_S)
    async with (
        place.serve("--test-clock", under=clock.under) as server,
        door_of(server) as door,
        connected(server.websocket, _token(place, clock, "ann")) as ann,
    ):
        assert stopped_at <= await _time_of(ann) < end_at
        await ann.must("auction.place_bid", **BID, amount=20_000)
        await door.advance(_token(place, clock, "boss", "admin"), end_at + 1 - stopped_at)
        assert await _deadlines(door) == ["auction.ended"]
        server.process.stop()
        await server.process.ended()

    clock.set(-4 * HOUR_S)
    async with (
        place.serve("--test-clock", under=clock.under) as server,
        door_of(server) as door,
        connected(server.websocket, _token(place, clock, "ann")) as ann,
    ):
        assert await _time_of(ann) > end_at
        assert await _deadlines(door) == ["auction.ended"]
        await door.advance(_token(place, clock, "boss", "admin"), 3 * DAY)
        assert await _deadlines(door) == ["auction.ended", "auction.winner_defaulted"]
    await _assert_in_order(place)


def _token(place: Place, clock: WorldClock, user: str, role: str = "user") -> str:
    """Issued just now, as the world's clock of the servers has it, for an hour."""
    now_s = int(time.time()) + clock.offset_s
    return tokens_of(place.config).issue(user, role, "approved", now_s=now_s, ttl_s=HOUR_S)


async def _open_long_auction(place: Place, clock: WorldClock, door: Door) -> int:
    """A live auction of an hour, and money for ann. Returns when it ends."""
    boss = _token(place, clock, "boss", "admin")
    deposit = {"user": "ann", "amount": 1_000_000, "currency": "USD", "reference": "r1"}
    await door.say(boss, "ledger.deposit", **deposit)
    start_at = await door.advance(boss, 1) + 10_000
    await _schedule(boss, door, "long", {"start_at": start_at, "end_at": start_at + HOUR})
    await door.advance(boss, 10_000)
    return start_at + HOUR


async def _schedule(boss: str, door: Door, auction: str, times: dict[str, int]) -> None:
    terms = {"vehicle": auction, "kind": "timed", "currency": "USD", "start_price": 10_000}
    await door.say(boss, "auction.create", auction=auction, **terms, **times)
    await door.say(boss, "auction.approve", auction=auction)


async def _time_of(client: Client) -> int:
    """The house's own time."""
    pong: int = (await client.must("ping")).result["server_time"]
    return pong


async def _deadlines(door: Door) -> list[str]:
    """Those of the long auction that have come, each as often as it came."""
    events = [frame["event"] for frame in await door.history(LONG)]
    return [e for e in events if e in ("auction.ended", "auction.winner_defaulted")]


async def _assert_in_order(place: Place) -> None:
    """No record is older than the one before it, and the log can be replayed."""
    moments = [record.at for record in await place.after(0)]
    assert moments == sorted(moments)
    verified = await place.verify()
    assert verified.code == 0, verified.err
