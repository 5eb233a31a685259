"""Memory of connections that do nothing: authenticated, each as a user of its own, and subscribed
to one auction."""

import asyncio
import secrets
from collections.abc import Sequence

import uvloop
from msgspec import Struct

from bench.bidders import Lot
from bench.gauge import resident_bytes
from bench.load import CURRENCY, START_PRICE, prepare
from bench.market import IN_FLIGHT, in_lanes, room_of
from bench.server import House
from bench.watch import Watcher

WARMING = 100
"""Connections before the count begins: what the first ones cost once is not charged to each."""

SETTLE_S = 0.5


class Idle(Struct, frozen=True):
    """Memory of the server process, before and after."""

    connections: int
    """That came in between."""
    before_bytes: int
    after_bytes: int
    behind_bytes: int = 0
    """What processes behind the server have grown by meanwhile."""

    @property
    def bytes_each(self) -> float:
        """What one connection added."""
        return (self.after_bytes - self.before_bytes) / self.connections


def run(house: House, connections: int, behind: Sequence[int] = ()) -> Idle:
    """Connect so many. `behind`: processes that the server needs. Raises what ended a
    connection."""
    return uvloop.run(measure(house, connections, behind))


async def measure(house: House, connections: int, behind: Sequence[int] = ()) -> Idle:
    """As `run`."""
    assert house.pid, "memory is that of a process on this machine"
    name = secrets.token_hex(4)
    await prepare(house, name, [], [Lot(name, CURRENCY, START_PRICE)])
    watchers = [
        Watcher(house.url, house.token(f"{name}-{number}"))
        for number in range(WARMING + connections)
    ]
    try:
        before_bytes = await _bytes_with(house, watchers[:WARMING], room_of(name))
        behind_bytes = sum(map(resident_bytes, behind))
        after_bytes = await _bytes_with(house, watchers[WARMING:], room_of(name))
        behind_bytes = sum(map(resident_bytes, behind)) - behind_bytes
    finally:
        await in_lanes(IN_FLIGHT, watchers, Watcher.close)
    return Idle(connections, before_bytes, after_bytes, behind_bytes)


async def _bytes_with(house: House, watchers: Sequence[Watcher], room: str) -> int:
    await in_lanes(IN_FLIGHT, watchers, lambda watcher: watcher.listen(room))
    await asyncio.sleep(SETTLE_S)
    return resident_bytes(house.pid)
