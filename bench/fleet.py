"""Drivers on websockets of their own: they say where they are, hear offers and accept them. Frames
are made and read at the least cost, for the load shares the machine with the server."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct
from typing_extensions import override

from bench.client import PATIENCE_S, Link
from bench.gauge import CpuClock, Stopwatch
from bench.market import IN_FLIGHT, in_lanes
from bench.town import LOGGED_EVERY, ZONE, moved
from bench.wire import TEXT, frame
from engine.domains.dispatch.geo import Place

ALL_ANSWERED_S = 30.0
"""How long the answers to a round of pings are awaited."""
LOOK_S = 0.002
EVERY_S = 5.1
"""Faster than every 5 s is too soon (dispatch T3); the rest is for what the sockets are late."""
PACE_S = 0.001


class FleetFailed(Exception):
    """Drivers were not answered, or not as they should be; the text says how."""


class Said(Struct, gc=False):
    """What of the result of a reply, or of a notice, matters here."""

    taken: bool = False
    note: str | None = None
    offer: str = ""


class Message(Struct, gc=False):
    """What of a message matters here."""

    type: str
    id: str | None = None
    code: str = ""
    event: str = ""
    result: Said | None = None
    data: Said | None = None


class Offers(Protocol):
    """Who is told what drivers hear of jobs."""

    def offered(self, driver: "Driver", offer: str) -> None:
        """An offer has come."""

    def answered(self, driver: "Driver", offer: str, message: Message) -> None:
        """An acceptance was answered."""


class Pings(Struct):
    """What came of pings, since it was made."""

    sent: int = 0
    answered: int = 0
    notes: Counter[str] = msgspec.field(default_factory=Counter)
    """Why some were not taken: a note, or the code of a refusal."""


class Moved(Struct, frozen=True):
    """What came of many positions."""

    count: int
    seconds: float
    cpu_s: float
    """Processor time of all that is charged for them."""
    lost: int = 0
    """That were answered, and not taken."""

    @property
    def per_second(self) -> float:
        """Positions taken and answered in a second."""
        return (self.count - self.lost) / self.seconds

    @property
    def per_core_second(self) -> float:
        """Positions for each second of processor time."""
        return (self.count - self.lost) / self.cpu_s

    @property
    def cores(self) -> float:
        """How many cores were busy."""
        return self.cpu_s / self.seconds


class Driver(Link):
    """One driver."""

    def __init__(
        self, url: str, token: str, name: str, place: Place, fleet: "Fleet", ahead: int
    ) -> None:
        """`ahead`: steps that they have gone before the first ping."""
        super().__init__(url, token)
        self.name = name
        self._place = place
        self._fleet = fleet
        self._steps = ahead
        self._accepted: dict[str, str] = {}
        self._waiting: asyncio.Future[Message] | None = None

    async def must(self, command: dict[str, object]) -> None:
        """Send a command, and await its yes. Raises FleetFailed, TimeoutError."""
        self._waiting = asyncio.get_running_loop().create_future()
        self.send_framed(frame(TEXT, msgspec.json.encode({"id": "must", **command})))
        async with asyncio.timeout(PATIENCE_S):
            reply = await self._waiting
        self._waiting = None
        if reply.type != "ok":
            raise FleetFailed(f"{command['type']}: {reply.code}")

    async def come(self) -> None:
        """Connect, come online, and listen to the private feed."""
        await self.open()
        pos = {"lat": self._place.lat, "lon": self._place.lon}
        await self.must({"type": "dispatch.go_online", "zone": ZONE, "pos": pos})
        await self.must({"type": "subscribe", "room": f"user:{self.name}"})

    def ping(self) -> None:
        """Say where they are now."""
        self._steps += 1
        at = moved(self._place, self._steps)
        text = b'{"id":"p%d","type":"dispatch.update_location","pos":{"lat":%d,"lon":%d}}'
        self.send_framed(frame(TEXT, text % (self._steps, at.lat, at.lon)))

    def accept(self, offer: str) -> None:
        """Want this job."""
        id_ = f"a{len(self._accepted)}"
        self._accepted[id_] = offer
        fields = {"id": id_, "type": "dispatch.accept_offer", "offer": offer}
        self.send_framed(frame(TEXT, msgspec.json.encode(fields)))

    @override
    def received(self, payload: bytes) -> None:
        message = _decode(payload)
        if message.type == "event":
            if message.event == "dispatch.offer_made" and message.data and self._fleet.offers:
                self._fleet.offers.offered(self, message.data.offer)
            return
        if message.id is None:
            return
        if message.id[0] == "p":
            self._fleet.heard(message)
        elif (offer := self._accepted.get(message.id)) and self._fleet.offers:
            self._fleet.offers.answered(self, offer, message)
        elif message.id == "must" and self._waiting and not self._waiting.done():
            self._waiting.set_result(message)

    @override
    def lost(self, problem: Exception) -> None:
        if not self._fleet.is_leaving:
            self._fleet.problems.append(problem)


class Fleet:
    """All drivers of the zone."""

    def __init__(
        self, url: str, token: Callable[[str], str], prefix: str, places: Sequence[Place]
    ) -> None:
        names = [f"{prefix}-{number}" for number in range(len(places))]
        # Out of step, or all would be logged in the same round and nobody in the others.
        self.drivers = [
            Driver(url, token(name), name, place, self, number % LOGGED_EVERY)
            for number, (name, place) in enumerate(zip(names, places, strict=True))
        ]
        self.pings = Pings()
        self.offers: Offers | None = None
        self.problems: list[Exception] = []
        self.is_leaving = False
        self._rested_s = 0.0

    async def arrive(self, how: Callable[[Driver], Awaitable[None]] = Driver.come) -> None:
        """Everybody connects. Raises FleetFailed, and what ended a connection."""
        await in_lanes(IN_FLIGHT, self.drivers, how)
        self._rested_s = time.perf_counter() + EVERY_S

    async def rest(self) -> None:
        """Until everybody may ping again."""
        await asyncio.sleep(max(0.0, self._rested_s - time.perf_counter()))

    async def leave(self) -> None:
        """Everybody hangs up."""
        self.is_leaving = True
        await in_lanes(IN_FLIGHT, self.drivers, Driver.close)

    def heard(self, message: Message) -> None:
        """The answer to a ping."""
        self.pings.answered += 1
        if message.type != "ok":
            self.pings.notes[message.code] += 1
        elif message.result is None or not message.result.taken:
            note = message.result.note if message.result else None
            self.pings.notes[note or "no result"] += 1

    async def all_at_once(self, clocks: Sequence[CpuClock]) -> Moved:
        """Everybody pings, as fast as the server takes it. Raises FleetFailed."""
        pings = self.pings = Pings()
        watch = Stopwatch(clocks)
        for driver in self.drivers:
            driver.ping()
        pings.sent = len(self.drivers)
        await self._answered(pings)
        return _moved(pings, *watch.stop())

    async def in_turn(self, laps: int, clocks: Sequence[CpuClock]) -> Moved:
        """All ping one after the other, evenly spread over the time, and again. Raises
        FleetFailed."""
        pings = self.pings = Pings()
        total = len(self.drivers) * laps
        watch, begun_s = Stopwatch(clocks), time.perf_counter()
        while pings.sent < total:
            passed = (time.perf_counter() - begun_s) / EVERY_S
            due = min(total, int(passed * len(self.drivers)) + 1)
            for number in range(pings.sent, due):
                self.drivers[number % len(self.drivers)].ping()
            pings.sent = due
            await asyncio.sleep(PACE_S)
        await self._answered(pings)
        return _moved(pings, *watch.stop())

    async def _answered(self, pings: Pings) -> None:
        deadline_s = time.perf_counter() + ALL_ANSWERED_S
        while pings.answered < pings.sent:
            if self.problems:
                raise self.problems[0]
            if time.perf_counter() > deadline_s:
                missing = pings.sent - pings.answered
                raise FleetFailed(f"{missing:,} of {pings.sent:,} pings were never answered")
            await asyncio.sleep(LOOK_S)
        self._rested_s = time.perf_counter() + EVERY_S


def _moved(pings: Pings, seconds: float, cpu_s: float) -> Moved:
    if pings.notes.total() * 2 > pings.sent:
        raise FleetFailed(f"most pings were not taken: {dict(pings.notes)}")
    return Moved(pings.sent, seconds, cpu_s, pings.notes.total())


_decode = msgspec.json.Decoder(Message).decode
