"""A log in memory behind a bad network: late, lost, refused and cut off, as the dice fall.

A request travels by itself, so it may reach the store when its process is long dead or has given
it up. It keeps the epoch that it was sent with: that is what the fence is for.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context
from copy import copy
from random import Random
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from typing_extensions import override

from engine.kernel.record import Record
from engine.ports import Acquired, EventLog, Snapshot
from persistence.errors import LeaseLost, LogError, LogUnavailable
from persistence.memory import MemoryLog, MemoryStore
from testkit.auditor import Auditor
from testkit.chronicle import Chronicle
from testkit.sim_options import Options
from testkit.violation import expect
from testkit.virtual_loop import VirtualLoop

T = TypeVar("T")
Act = Callable[[MemoryLog], Coroutine[Any, Any, T]]

TIMEOUT_US = 5_000_000
"""So long does a process wait for the log."""
LATE_US_MAX = 30_000_000


class AuditedStore(MemoryStore):
    """The store, with the auditor beside it."""

    def __init__(self, loop: VirtualLoop, auditor: Auditor, log_id: str) -> None:
        super().__init__(lambda: loop.now_us // 1_000)
        self.log_id = log_id
        self._auditor = auditor

    @override
    def add(self, records: Sequence[Record]) -> bool:
        added = super().add(records)
        if added:
            self._auditor.written(records)
        return added


class Weather(Struct):
    """What all networks of a run share."""

    is_calm: bool = False
    """No fault happens any more."""
    is_over: bool = False
    """What ends is not started again."""


class Trip(Struct, frozen=True):
    """What happens to one request."""

    out_us: int
    back_us: int
    is_refused: bool = False
    is_lost: bool = False


class Reply(Struct, frozen=True):
    """What comes back: a value, or what the log raised."""

    value: Any = None
    problem: LogError | None = None


class FaultyLog(EventLog):
    """The log as one process knows it."""

    def __init__(
        self,
        store: AuditedStore,
        loop: VirtualLoop,
        dice: Random,
        options: Options,
        weather: Weather,
        chronicle: Chronicle,
    ) -> None:
        self.is_cut = False
        self._store = store
        self._inner = MemoryLog(store)
        self._loop = loop
        self._dice = dice
        self._turn = asyncio.Lock()
        self._options = options
        self._weather = weather
        self._chronicle = chronicle

    @override
    async def acquire(self, owner: str) -> Acquired:
        return await self._change("acquire", lambda log: log.acquire(owner))

    @override
    async def renew(self, is_serving: bool = True) -> None:
        await self._change("renew", lambda log: log.renew(is_serving))

    @override
    async def release(self) -> None:
        await self._change("release", lambda log: log.release())

    @override
    async def append(self, records: Sequence[Record], cursor: int | None = None) -> None:
        if len(records) > 1 and self._happens(self._options.torn):
            await self._ask("torn", lambda log: self._tear(log, records))
        await self._change("append", lambda log: log.append(records, cursor))

    @override
    async def read(self, after: int, limit: int) -> Sequence[Record]:
        return await self._ask("read", lambda log: log.read(after, limit))

    @override
    async def read_room(self, room: str, after: int, limit: int) -> Sequence[Record]:
        return await self._ask("read_room", lambda log: log.read_room(room, after, limit))

    @override
    async def head(self) -> int:
        return await self._ask("head", lambda log: log.head())

    @override
    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await self._ask("save_snapshot", lambda log: log.save_snapshot(snapshot))

    @override
    async def load_snapshot(self) -> Snapshot | None:
        return await self._ask("load_snapshot", lambda log: log.load_snapshot())

    @override
    async def save_mark(self, name: str, position: int) -> None:
        await self._ask("save_mark", lambda log: log.save_mark(name, position))

    @override
    async def load_mark(self, name: str) -> int:
        return await self._ask("load_mark", lambda log: log.load_mark(name))

    @override
    async def close(self) -> None:
        await self._inner.close()

    async def _tear(self, log: MemoryLog, records: Sequence[Record]) -> None:
        """Write half of a batch, which must not be possible."""
        before = len(self._store.records)
        spoilt = [*records[:-1], msgspec.structs.replace(records[-1], seq=0)]
        with suppress(LeaseLost):
            await log.append(spoilt)
        expect(len(self._store.records) == before, "ENG-6: half a batch was written")
        raise LogUnavailable("the connection broke in the middle of a batch")

    async def _change(self, name: str, act: Act[T]) -> T:
        """A request of the one connection that writes: one at a time."""
        async with self._turn:
            log = copy(self._inner)
            value = await self._send(name, log, act)
            self._inner = log
            return value

    async def _ask(self, name: str, act: Act[T]) -> T:
        return await self._send(name, copy(self._inner), act)

    async def _send(self, name: str, log: MemoryLog, act: Act[T]) -> T:
        """Send a request on its way and await its answer, for so long."""
        trip = self._trip()
        answer: asyncio.Future[Reply] = self._loop.create_future()
        if trip.is_refused or self.is_cut:
            self._chronicle.note("refused", name)
            await asyncio.sleep(trip.out_us / 1_000_000)
            raise LogUnavailable("the connection was refused")
        self._loop.spawn(self._travel(name, trip, log, act, answer), Context())
        timer = self._loop.call_later(TIMEOUT_US / 1_000_000, _give_up, answer, context=Context())
        reply = await answer
        timer.cancel()
        if reply.problem is not None:
            raise reply.problem
        value: T = reply.value
        return value

    async def _travel(
        self,
        name: str,
        trip: Trip,
        log: MemoryLog,
        act: Act[Any],
        answer: asyncio.Future[Reply],
    ) -> None:
        await asyncio.sleep(trip.out_us / 1_000_000)
        if self.is_cut:
            self._chronicle.note("swallowed", name)
            return
        try:
            reply = Reply(value=await act(log))
        except LogError as problem:
            reply = Reply(problem=problem)
        if name != "renew" or reply.problem is not None:
            self._chronicle.note(name, str(reply.problem or ""))
        if trip.is_lost:
            return
        await asyncio.sleep(trip.back_us / 1_000_000)
        if not answer.done() and not self.is_cut:
            answer.set_result(reply)

    def _trip(self) -> Trip:
        options, dice = self._options, self._dice
        out_us = dice.randrange(1, options.latency_us)
        back_us = dice.randrange(1, options.latency_us)
        if self._happens(options.late):
            out_us += TIMEOUT_US + dice.randrange(LATE_US_MAX)
        return Trip(out_us, back_us, self._happens(options.refused), self._happens(options.lost))

    def _happens(self, per_mille: int) -> bool:
        return not self._weather.is_calm and self._dice.randrange(1_000) < per_mille


def _give_up(answer: asyncio.Future[Reply]) -> None:
    if not answer.done():
        problem = LogUnavailable("no answer in time")
        answer.set_result(Reply(problem=problem))
