"""A writer and gateways with a real Redis between them, in one process, to be cut and killed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from engine.kernel.actor import Actor
from engine.kernel.market import BUILT_IN
from engine.ports import COMMANDS
from engine.registry import Registry
from engine.sequencer import Accepted, Refused
from gateway.hub import Hub
from persistence.bus.door import Door
from persistence.bus.far_listeners import FarListeners
from persistence.bus.far_writer import FarWriter
from persistence.bus.keys import WITHIN_MS
from persistence.bus.publisher import Publisher
from persistence.memory import MemoryLog, MemoryStore
from runtime.clock import Clock, wall_ms
from runtime.writer.writer import Writer
from testkit.world import PaperWorld, vault
from tests.gateway.open_house import OpenHouse, club_registry, open_house
from tests.runtime.writer.writing import answer

SHARD = 7
ADA, BOB = Actor("ada", "user", "approved"), Actor("bob", "user", "approved")
BOSS = Actor("boss", "admin", "approved")


class Process:
    """A writer with its door."""

    def __init__(self, url: str, store: MemoryStore, registry: Registry) -> None:
        self.log = MemoryLog(store)
        self.listeners = FarListeners()
        self.writer = Writer(
            self.log, registry, dict(BUILT_IN), self.listeners, Clock(), vault(), PaperWorld()
        )
        self.publisher = Publisher(url, SHARD, self.writer, lambda: self.writer.counts.lease_epoch)
        self.listeners.connect(self.publisher, self.writer)
        self.door = Door(
            url, SHARD, registry, self.writer, self.writer, self.listeners, self.publisher
        )
        self._tasks: list[asyncio.Task[Any]] = []
        self._reading: asyncio.Task[None] | None = None
        self._cursor = 0

    async def start(self, *, reads: bool = True) -> None:
        """Recover and serve; without `reads`, commands stay in the stream."""
        await self.writer.start("a test")
        work: list[Coroutine[Any, Any, None]] = [self.writer.run(), self.publisher.run()]
        self._tasks += map(asyncio.create_task, work)
        self._cursor = await self.log.load_mark(COMMANDS)
        if reads:
            self.go_on()

    async def pause(self) -> None:
        """Read no more of the stream for a while."""
        assert self._reading, "it reads"
        self._reading.cancel()
        await asyncio.wait({self._reading})
        self._cursor = await self.log.load_mark(COMMANDS)

    def go_on(self, ahead_ms: int = 0) -> None:
        """Read on, or from so much later in the stream."""
        cursor = self._cursor + ahead_ms * WITHIN_MS
        self._reading = asyncio.create_task(self.door.run(cursor))
        self._tasks.append(self._reading)

    async def kill(self) -> None:
        """End without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.door.close()
        await self.publisher._line.close()


class Town:
    """All of it. The store of the log outlives every process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.registry = club_registry()
        self.store = MemoryStore(wall_ms)
        self.process = Process(self.url, self.store, self.registry)
        self.houses: list[OpenHouse] = []

    def new_sink(self, registry: Registry, hub: Hub) -> FarWriter:
        """The writer, as another gateway knows it."""
        name = f"g{len(self.houses) + 1}"
        return FarWriter(self.url, SHARD, name, registry, hub, wall_ms=wall_ms)

    async def succeed(self, *, reads: bool = True) -> Process:
        """Another process owns the log from now on."""
        self.store.lease_until = 0
        self.process = Process(self.url, self.store, self.registry)
        await self.process.start(reads=reads)
        return self.process


@asynccontextmanager
async def open_town(url: str, gateways: int = 1) -> AsyncIterator[Town]:
    """A town with a writer and so many gateways, around the Redis of this URL."""
    town = Town(url)
    await town.process.start()
    async with AsyncExitStack() as stack:
        for _ in range(gateways):
            house = await stack.enter_async_context(open_house(town.registry, town.new_sink))
            town.houses.append(house)
            running = asyncio.create_task(house.sink.run())
            stack.push_async_callback(_end, running, house.sink)
            async with asyncio.timeout(10):
                await house.sink.until_ready()
        yield town
    await town.process.kill()


async def _end(running: asyncio.Task[None], sink: FarWriter) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await sink.close()


async def ask(sink: FarWriter, command: Any, actor: Actor) -> Accepted | Refused:
    """Submit and await the answer."""
    answered: Accepted | Refused = await answer(lambda to: sink.submit(command, actor, to))
    return answered
