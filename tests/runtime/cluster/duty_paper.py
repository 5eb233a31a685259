"""A process with duties, and a table and hands of paper."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from persistence.shards import Change, Living, Placement, Report
from runtime.clock import wall_ms
from runtime.cluster.duties import ROUND_MS, TOLD_MS, Duties, Hands
from tests.runtime.writer.writing import until

LONG_AGO = 1_000_000


class PaperTable:
    """A table with one process in it, and others whom the test invents."""

    def __init__(self) -> None:
        self.markets = [Placement("main", 0, "", "", LONG_AGO), Placement("east", 1, "", "")]
        self.others: list[Living] = []
        self.leader = ""
        self.draining: set[str] = set()
        self.problem: Exception | None = None
        self.assign_problem: Exception | None = None
        self.reports: list[tuple[Mapping[str, int], Collection[str]]] = []
        self.assigned: list[Change] = []
        self.left: list[str] = []
        self.clock: Callable[[], int] = wall_ms

    async def report(
        self, name: str, address: str, load: Mapping[str, int], ready: Collection[str] = ()
    ) -> Report:
        await asyncio.sleep(0)
        if self.problem:
            raise self.problem
        assert name not in self.left, "whoever has left reports no more"
        self.reports.append((load, ready))
        me = Living(name, address, dict(load), frozenset(ready), name in self.draining)
        now_ms = self.clock()
        return Report(self.leader == name, list(self.markets), [me, *self.others], now_ms)

    async def assign(self, changes: Sequence[Change]) -> None:
        if self.assign_problem:
            raise self.assign_problem
        self.assigned += changes
        for change in changes:
            self.place(change.market, change.writer, change.standby)

    def place(self, market: str, writer: str, standby: str = "") -> None:
        self.markets = [
            replace(m, writer=writer, standby=standby) if m.market == market else m
            for m in self.markets
        ]

    async def give_away(self, market: str, name: str) -> str:
        ready = {other.name for other in self.others if market in other.ready}
        found = next(m for m in self.markets if m.market == market)
        if found.writer != name or found.standby not in ready:
            return ""
        self.place(market, found.standby, name)
        return found.standby

    async def drain(self, name: str) -> None:
        if self.problem:
            raise self.problem
        self.draining.add(name)

    async def leave(self, name: str) -> None:
        if self.problem:
            raise self.problem
        self.left.append(name)


class PaperHands(Hands):
    """Keeps what it was asked to do, and can be slow or fail."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.served: dict[str, int] = {}
        self.followed: set[str] = set()
        self.published: list[list[Placement]] = []
        self.problems: list[Exception] = []
        self.held_back: asyncio.Event | None = None
        self.publishing: asyncio.Event | None = None
        self._busy: set[str] = set()

    async def _do(self, what: str, market: str) -> None:
        assert market not in self._busy, "one call at a time for a market"
        self._busy.add(market)
        try:
            self.done.append((what, market))
            if self.held_back:
                await self.held_back.wait()
            else:
                await asyncio.sleep(0)
            if what == "take up" and self.problems:
                raise self.problems.pop(0)
        finally:
            self._busy.discard(market)

    async def take_up(self, market: str, shard: int) -> None:
        assert market not in self.served
        await self._do("take up", market)
        self.followed.discard(market)
        self.served[market] = 0

    async def lay_down(self, market: str) -> None:
        await self._do("lay down", market)
        del self.served[market]

    async def follow(self, market: str, shard: int) -> None:
        assert market not in self.served
        await self._do("follow", market)
        self.followed.add(market)

    async def unfollow(self, market: str) -> None:
        await self._do("unfollow", market)
        self.followed.discard(market)

    async def publish(self, markets: Sequence[Placement]) -> None:
        self.published.append(list(markets))
        if self.publishing:
            await self.publishing.wait()

    def counts(self) -> Mapping[str, int]:
        return dict(self.served)

    def ready(self) -> Collection[str]:
        return set(self.followed)


class Process:
    """One process whose rounds come when the test says so."""

    def __init__(self) -> None:
        self.table = PaperTable()
        self.hands = PaperHands()
        table: Any = self.table
        self.duties = Duties(table, "w1", "here:9100", self.hands, pause=self.pause)
        self.waits_ms: list[int] = []
        self.telling: asyncio.Event | None = None
        self._resting = asyncio.Event()
        self._go = asyncio.Event()
        self.running = asyncio.create_task(self.duties.run())

    async def pause(self, ms: int) -> None:
        if ms == TOLD_MS and self.telling:
            await self.telling.wait()
        elif ms != ROUND_MS:
            self.waits_ms.append(ms)
            await asyncio.sleep(0.001)
        else:
            self._resting.set()
            await self._go.wait()
            self._go.clear()

    async def round(self) -> None:
        """One more round, to its end."""
        await self._resting.wait()
        self._resting.clear()
        self._go.set()
        await self._resting.wait()

    async def told(self, market: str, writer: str, standby: str = "") -> None:
        """A round in which this is what the table says."""
        self.table.place(market, writer, standby)
        await self.round()

    async def done(self, *expected: tuple[str, str]) -> None:
        """Await that this has been asked of the hands, and nothing else."""
        await until(lambda: len(self.hands.done) >= len(expected))
        assert self.hands.done == list(expected)
