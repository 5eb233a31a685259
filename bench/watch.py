"""Many watchers of one auction while it is bid in: what is delivered, at what cost, how fast.

Every watcher is a websocket of its own. A few of them read each frame; of the others only bytes
are counted, for the load shares the machine with the server. All must have heard the same bytes in
the end, or the measurement is void.
"""

import asyncio
import secrets
import time
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import uvloop
from msgspec import Struct, field
from msgspec.json import Decoder
from redis import Redis
from typing_extensions import override

from bench.bidders import Bidder, Lot, Score
from bench.client import Link
from bench.gauge import Cores, cores_busy, cores_by_role, until
from bench.load import (
    CURRENCY,
    DRAIN_LOOK_S,
    DRAIN_LOOKS,
    START_PRICE,
    drain,
    open_loop,
    percentile,
    prepare,
    start,
)
from bench.market import IN_FLIGHT, in_lanes, room_of
from bench.server import House
from bench.wire import TEXT, Frames, frame

PUBLISHES = ("publish", "spublish")

READERS = 10
"""Watchers that read each frame."""


class WatchFailed(Exception):
    """Not every watcher heard everything; the text says how many did not."""


class Watch(Struct, frozen=True):
    """What is asked of the server."""

    watchers: int = 1_000
    bidders: int = 200
    rate: float = 0.0
    """Bids a second in all, in an open loop. 0: a closed loop, each bidder bids when answered."""
    seconds: float = 5.0
    """Measured."""
    warmup: float = 0.5


class Watched(Struct, frozen=True):
    """What came of it."""

    per_second: float
    """Deliveries: one event to one watcher."""
    bids_per_second: float
    frame_bytes: float
    """Mean size of an event on the wire."""
    ms: dict[float, float]
    """Percentile -> from the moment the bid was due until a watcher heard of it."""
    answer_ms: dict[float, float]
    """The same until its bidder was answered."""
    cores: Cores
    cores_of: dict[str, float] = {}
    """Role -> cores of its processes, where there are several."""
    publishes: float = 0.0
    """Messages a second that Redis was given to pass on."""
    publish_us: float = 0.0
    """What each of them took there, as Redis counts it: without reading and writing sockets."""

    @property
    def per_core_second(self) -> float:
        """Deliveries for each second of the servers' processor time, the bids' share included."""
        return self.per_second / (sum(self.cores_of.values()) or self.cores.server)


class Event(Struct, gc=False):
    """What of an event matters here."""

    type: str
    seq: int = 0
    data: "Placed | None" = None


class Placed(Struct, gc=False):
    """The price that a bid made: no two bids of an auction make the same."""

    amount: int = 0


class Heard(Struct):
    """What the reading watchers have heard, and how old it was."""

    from_ns: int = 0
    until_ns: int = 0
    frames: int = 0
    latencies_ms: "array[float]" = field(default_factory=lambda: array("d"))
    """Of the bids that were due between the two moments."""

    def note(self, due_ns: int) -> None:
        """A bid that was due at `due_ns` has just been heard of."""
        if self.from_ns <= due_ns < self.until_ns:
            self.latencies_ms.append((time.monotonic_ns() - due_ns) / 1e6)


class Watcher(Link):
    """Listens to a room, and counts bytes once it is in step."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.bytes_heard = 0
        self._is_in_step = False
        self._snapshot: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def listen(self, room: str) -> None:
        """Connect and subscribe; return when the snapshot is there."""
        await self.open()
        self.send_framed(frame(TEXT, b'{"id":"1","type":"subscribe","room":"%b"}' % room.encode()))
        await self._snapshot

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_in_step:
            self.heard(data)
        else:
            super().data_received(data)

    def heard(self, data: bytes) -> None:
        """Bytes of events. No bid is placed until everybody is in step, so none came earlier."""
        self.bytes_heard += len(data)

    @override
    def received(self, payload: bytes) -> None:
        if _decode(payload).type == "snapshot":
            self._is_in_step = True
            self._snapshot.set_result(None)

    @override
    def lost(self, problem: Exception) -> None:
        if not self._snapshot.done():
            self._snapshot.set_exception(problem)
            # Nobody may wait for it any more; then the problem is another's.
            self._snapshot.exception()


class Reader(Watcher):
    """A watcher that reads each event, and notes how old the bid behind it is."""

    def __init__(self, url: str, token: str, due_ns: dict[int, int], heard: Heard) -> None:
        super().__init__(url, token)
        self._due_ns = due_ns
        self._heard = heard
        self._events = Frames(upgraded=True)

    @override
    def heard(self, data: bytes) -> None:
        super().heard(data)
        for opcode, payload in self._events.feed(data):
            if opcode != TEXT:
                continue
            self._heard.frames += 1
            if placed := _decode(payload).data:
                self._heard.note(self._due_ns.get(placed.amount, 0))


class TimedBidder(Bidder):
    """Keeps when the bid of each amount was due."""

    def __init__(
        self, url: str, token: str, lot: Lot, score: Score, due_ns: dict[int, int]
    ) -> None:
        super().__init__(url, token, lot, score)
        self._due_ns_of = due_ns

    @override
    def bid(self, due_ns: int) -> None:
        self._due_ns_of[self.lot.minimum] = due_ns
        super().bid(due_ns)


class Backstage(Struct, frozen=True):
    """What is behind several doors."""

    doors: Sequence[House] = ()
    """Where watchers are, by turns; without any, where the bidders are."""
    roles: Mapping[str, Sequence[int]] = {}
    """Processes whose time is counted."""
    redis_socket: str = ""


ONE_PROCESS = Backstage()


def run(house: House, watch: Watch, behind: Backstage = ONE_PROCESS) -> Watched:
    """As `measure`, in a loop of its own."""
    return uvloop.run(measure(house, watch, behind))


async def measure(house: House, watch: Watch, behind: Backstage = ONE_PROCESS) -> Watched:
    """Let the watchers listen, then bid. Raises WatchFailed, and what ended a connection."""
    name = secrets.token_hex(4)
    lot = Lot(name, CURRENCY, START_PRICE)
    users = [f"{name}-{number}" for number in range(watch.bidders)]
    due_ns: dict[int, int] = {}
    heard, score = Heard(), Score(0, 0)
    bidders = [TimedBidder(house.url, house.token(u), lot, score, due_ns) for u in users]
    watchers = _watchers(behind.doors or [house], name, watch.watchers, due_ns, heard)
    try:
        await prepare(house, name, users, [lot])
        await in_lanes(IN_FLIGHT, watchers, lambda watcher: watcher.listen(room_of(name)))
        await in_lanes(IN_FLIGHT, bidders, Bidder.open)
        score.from_ns = heard.from_ns = time.monotonic_ns() + int(watch.warmup * 1e9)
        score.until_ns = heard.until_ns = score.from_ns + int(watch.seconds * 1e9)
        counting = asyncio.create_task(_bytes_per_second(watchers, score))
        burdening = asyncio.create_task(cores_busy(house.pid, score.from_ns, score.until_ns))
        spending = asyncio.create_task(cores_by_role(behind.roles, score.from_ns, score.until_ns))
        publishing = asyncio.create_task(_publishes(behind.redis_socket, score))
        if watch.rate:
            await open_loop(bidders, score, watch.rate, watch.warmup)
        else:
            start(bidders, pipeline=1)
        bytes_per_second, cores = await counting, await burdening
        cores_of, (publishes, publish_us) = await spending, await publishing
        for bidder in bidders:
            bidder.keep_going = False
        await drain(bidders, score)
        await _all_heard(watchers)
    finally:
        await in_lanes(IN_FLIGHT, [*bidders, *watchers], Link.close)
    # All heard the same bytes, so what the readers read tells what a frame has.
    readers = [watcher for watcher in watchers if isinstance(watcher, Reader)]
    frame_bytes = sum(reader.bytes_heard for reader in readers) / heard.frames
    return Watched(
        per_second=bytes_per_second / frame_bytes,
        bids_per_second=score.per_second,
        frame_bytes=frame_bytes,
        ms=_percentiles(heard.latencies_ms),
        answer_ms=_percentiles(score.latencies_ms),
        cores=cores,
        cores_of=cores_of,
        publishes=publishes,
        publish_us=publish_us,
    )


def _watchers(
    doors: Sequence[House], name: str, count: int, due_ns: dict[int, int], heard: Heard
) -> list[Watcher]:
    found: list[Watcher] = []
    for number in range(count):
        door = doors[number % len(doors)]
        token = door.token(f"{name}-watcher-{number}")
        is_reader = number < READERS
        found.append(
            Reader(door.url, token, due_ns, heard) if is_reader else Watcher(door.url, token)
        )
    return found


def _percentiles(values: "array[float]") -> dict[float, float]:
    ordered = sorted(values)
    return {percent: percentile(ordered, percent) for percent in (50.0, 99.0)}


async def _publishes(socket: str, score: Score) -> tuple[float, float]:
    """How many messages a second Redis was given to pass on while it was measured, and what one
    took it, µs."""
    if not socket:
        return 0.0, 0.0
    with Redis(unix_socket_path=socket) as redis:
        await until(score.from_ns)
        begun_ns, begun = time.monotonic_ns(), _published(redis)
        await until(score.until_ns)
        ended_ns, ended = time.monotonic_ns(), _published(redis)
    calls, us = (after - before for before, after in zip(begun, ended, strict=True))
    return calls / (ended_ns - begun_ns) * 1e9, us / max(calls, 1)


def _published(redis: Redis) -> tuple[int, int]:
    stats: Any = redis.info("commandstats")
    found = [stats[key] for name in PUBLISHES if (key := f"cmdstat_{name}") in stats]
    return sum(one["calls"] for one in found), sum(one["usec"] for one in found)


async def _bytes_per_second(watchers: Sequence[Watcher], score: Score) -> float:
    """What all watchers have heard together while it was measured."""
    await until(score.from_ns)
    begun_ns, begun = time.monotonic_ns(), sum(watcher.bytes_heard for watcher in watchers)
    await until(score.until_ns)
    ended_ns, ended = time.monotonic_ns(), sum(watcher.bytes_heard for watcher in watchers)
    return (ended - begun) / (ended_ns - begun_ns) * 1e9


async def _all_heard(watchers: Sequence[Watcher]) -> None:
    """Wait until everyone has heard the same, but not for ever. Raises WatchFailed."""
    for _ in range(DRAIN_LOOKS):
        if not _behind(watchers):
            return
        await asyncio.sleep(DRAIN_LOOK_S)
    behind = _behind(watchers)
    raise WatchFailed(f"{behind:,} of {len(watchers):,} watchers did not hear everything")


def _behind(watchers: Sequence[Watcher]) -> int:
    most = max(watcher.bytes_heard for watcher in watchers)
    return sum(watcher.bytes_heard < most for watcher in watchers)


_decode = Decoder(Event).decode
