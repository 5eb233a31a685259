"""Drivers whose positions fall due at a fixed rate, whatever the house does: beside the bids of
`bench.open_loop`."""

import asyncio
import math
import time
from array import array
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import Struct, field
from typing_extensions import override

from bench.bidders import Score
from bench.client import Client, connected
from bench.fleet import Message
from bench.load import DRAIN_LOOK_S, DRAIN_LOOKS, PACE_S
from bench.market import IN_FLIGHT, in_lanes
from bench.server import House
from bench.town import CENTRE, RADIUS_M, moved, scattered
from bench.wire import TEXT, frame
from engine.domains.dispatch.geo import Place

SEED = 13
EVERY_S = 6.0
"""Faster than every 5 s is too soon (dispatch T3). Here a late position has to be late and not
refused, so there is a second to spare."""


class Pinged(Struct):
    """What came of the positions that were due while it was measured."""

    taken: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    """Why some were not taken: a note, or the code of a refusal."""
    latencies_ms: "array[float]" = field(default_factory=lambda: array("d"))


class Driver(Client):
    """Says where they are, and keeps when that was due."""

    def __init__(self, door: House, user: str, place: Place, score: Score, pinged: Pinged) -> None:
        super().__init__(door.url, door.token(user, "driver"))
        self._place = place
        self._score = score
        self._pinged = pinged
        self._steps = 0
        self._due_ns: dict[str, int] = {}

    @property
    def unanswered(self) -> int:
        """Positions under way."""
        return len(self._due_ns)

    async def come(self, zone: str) -> None:
        """Connect, and come online. Raises CommandRefused, and what ended the connection."""
        await self.open()
        await self.must("dispatch.go_online", zone=zone, pos=self._place)

    def ping(self, due_ns: int) -> None:
        """Say it; it was due at this time."""
        self._steps += 1
        id_ = f"p{self._steps}"
        self._due_ns[id_] = due_ns
        pos = moved(self._place, self._steps)
        fields = {"id": id_, "type": "dispatch.update_location", "pos": pos}
        self.send_framed(frame(TEXT, msgspec.json.encode(fields)))

    @override
    def received(self, payload: bytes) -> None:
        message = _decode(payload)
        due_ns = self._due_ns.pop(message.id or "", None)
        if due_ns is None:
            super().received(payload)
        elif self._score.from_ns <= due_ns < self._score.until_ns:
            self._note(message, due_ns)

    def _note(self, message: Message, due_ns: int) -> None:
        self._pinged.latencies_ms.append((time.monotonic_ns() - due_ns) / 1e6)
        if message.result and message.result.taken:
            self._pinged.taken += 1
        else:
            note = message.result.note if message.result else message.code
            self._pinged.notes[note or "no result"] += 1


class Fleet:
    """All drivers, spread evenly over gateways and markets. At rate 0 there are none."""

    def __init__(self, doors: Sequence[House], rate: float, name: str, score: Score) -> None:
        """`doors`: each of one gateway into one market; `rate`: positions a second, of all."""
        self.pinged = Pinged()
        self._rate = rate
        self._score = score
        self._zone = f"z{name}"
        places = scattered(math.ceil(rate * EVERY_S), SEED)
        self._drivers = [
            Driver(doors[number % len(doors)], f"{name}-driver-{number}", place, score, self.pinged)
            for number, place in enumerate(places)
        ]

    @property
    def unanswered(self) -> int:
        """Positions under way."""
        return sum(driver.unanswered for driver in self._drivers)

    async def open_zone(self, door: House) -> None:
        """Make the zone of a market. Raises CommandRefused."""
        async with connected(door.url, door.token("bench-manager", "manager")) as manager:
            circle = {"centre": CENTRE, "radius_m": RADIUS_M}
            await manager.must("dispatch.create_zone", zone=self._zone, **circle)

    async def arrive(self) -> None:
        """Everybody comes online, and may ping. Raises CommandRefused, and what ended a
        connection."""
        if self._drivers:
            await in_lanes(IN_FLIGHT, self._drivers, lambda driver: driver.come(self._zone))
            await asyncio.sleep(EVERY_S)

    async def run(self, warmup_s: float) -> None:
        """Let positions fall due, from the warm-up on until the end of what is measured."""
        begun_ns = self._score.from_ns - int(warmup_s * 1e9)
        sent = 0
        while self._drivers and (now_ns := time.monotonic_ns()) < self._score.until_ns:
            due = int((now_ns - begun_ns) * self._rate / 1e9) + 1
            for number in range(sent, due):
                driver = self._drivers[number % len(self._drivers)]
                driver.ping(begun_ns + int(number / self._rate * 1e9))
            sent = due
            await asyncio.sleep(PACE_S)

    async def drain(self) -> None:
        """Wait for the last answers, but not for ever. Raises what ended a connection."""
        for _ in range(DRAIN_LOOKS):
            for driver in self._drivers:
                if driver.ended.done():
                    raise driver.ended.result()
            if not self.unanswered:
                return
            await asyncio.sleep(DRAIN_LOOK_S)

    async def leave(self) -> None:
        """Everybody hangs up."""
        await in_lanes(IN_FLIGHT, self._drivers, Driver.close)


_decode = msgspec.json.Decoder(Message).decode
