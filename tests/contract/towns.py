"""Two gateways and a writer: in one process, or with Redis between them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from engine.kernel.market import BUILT_IN
from engine.registry import Registry
from gateway.hub import Hub
from persistence.memory import MemoryLog, MemoryStore
from runtime.clock import Clock, wall_ms
from runtime.writer.writer import Writer
from testkit.world import PaperWorld, vault
from tests.gateway.open_house import OpenHouse, club_registry, open_house


class AnyTown(Protocol):
    """What a test may rely on."""

    registry: Registry
    store: MemoryStore

    @property
    def houses(self) -> Sequence[OpenHouse]:
        """Two gateways; beside the writer both are the same."""


class NearTown:
    """All in one process, as `outcry serve` has it."""

    def __init__(self) -> None:
        self.registry = club_registry()
        self.store = MemoryStore(wall_ms)
        self.houses: list[OpenHouse] = []

    def new_writer(self, registry: Registry, hub: Hub) -> Writer:
        """The writer, with the gateway's own hub to tell."""
        log, clock = MemoryLog(self.store), Clock()
        return Writer(log, registry, dict(BUILT_IN), hub, clock, vault(), PaperWorld())


@asynccontextmanager
async def near_town() -> AsyncIterator[NearTown]:
    """A town that is open."""
    town = NearTown()
    async with open_house(town.registry, town.new_writer) as house:
        await house.sink.start("a test")
        serving = asyncio.create_task(house.sink.run())
        town.houses += [house, house]
        yield town
    await house.sink.stop()
    await serving
