"""Logs of several months, and where they are kept, for the tests of archives."""

from collections.abc import AsyncIterable, Sequence
from itertools import groupby
from pathlib import Path

from msgspec import Struct

from engine import snapshot
from engine.kernel.record import Record
from engine.kernel.time import DAY
from engine.ports import EventLog, Snapshot
from engine.registry import build_registry, find_domains
from persistence.memory import MemoryLog, MemoryStore
from persistence.periods import month_of
from runtime.archive.files import Archive, Manifest
from runtime.archive.retention import Retention, log_of, retention_of
from runtime.archive.write import Dropped, archive_log, drop_archived
from runtime.config import Config
from runtime.outside.errands import MARK as ERRANDS
from runtime.verify import History, verify
from testkit.house import House
from testkit.world import vault
from tests.engine.domains.auction.cast import ANN, MOD, SELLER, START, M, approve, bid, create, join

REGISTRY = build_registry(find_domains())
MARKETS = House().core.markets
MONTH = 31 * DAY


def four_months() -> House:
    """An auction in the first month, and money that comes in later."""
    house = House().deposit("ann", 200 * M)
    house.given((SELLER, create()), (MOD, approve()))
    house.at(START).given((ANN, join()), (ANN, bid(50 * M)))
    for month in range(3):
        house.advance(MONTH)
        for _ in range(3 + month):
            house.deposit("bob", 1_000)
    return house


class MemoryRetention:
    """Months of a log in memory, which lets go of nothing."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def log_id(self) -> str | None:
        return self._store.log_id

    async def closed(self, after: int) -> list[tuple[int, int]]:
        months = groupby(self._store.records[after:], lambda record: month_of(record.at))
        groups = [list(group) for _, group in months]
        return [(group[0].position, group[-1].position) for group in groups[:-1]]

    async def drop(self, last: int) -> None:
        raise AssertionError("a log in memory is not dropped")

    async def adopt(self, log_id: str, market: str) -> None:
        self._store.log_id = log_id

    async def close_at(self, last: int) -> None:
        """Its records tell its months."""

    async def put_back(self, first: int, last: int, pages: AsyncIterable[Sequence[Record]]) -> None:
        raise AssertionError("nothing was dropped")

    async def close(self) -> None:
        """Nothing is open."""


class Shelf(Struct, frozen=True):
    """A log, its periods, and the folder of its archive."""

    log: EventLog
    retention: Retention
    archive: Archive

    async def fill(self, house: House) -> None:
        """Write what happened in a house, month by month, and a snapshot of how it ended."""
        records = [applied.record for applied in house.log]
        for _, month in groupby(records, lambda record: month_of(record.at)):
            first, *rest = month
            await self.log.append([first])
            # As a house that serves would look, once it is in the month.
            await self.retention.closed(0)
            await self.log.append(rest)
        core = house.core
        await self.log.save_snapshot(Snapshot(core.position, snapshot.take(core)))
        await self.log.save_mark(ERRANDS, core.position)

    async def write(self, before: int | None = None) -> list[Manifest]:
        """Archive what is over."""
        return await archive_log(self.log, self.retention, self.archive, 0, before)

    async def drop(self, remember: int = 0) -> Dropped:
        """Let go of what is archived."""
        return await drop_archived(
            self.log, self.retention, self.archive, REGISTRY, MARKETS, vault(), remember
        )

    async def close(self) -> None:
        await self.retention.close()
        await self.log.close()


def memory_shelf(folder: Path) -> Shelf:
    """In memory."""
    store = MemoryStore(lambda: START)
    return Shelf(MemoryLog(store), MemoryRetention(store), Archive(folder, "main", vault()))


def shelf_of(config: Config, folder: Path) -> Shelf:
    """In SQLite or Postgres."""
    return Shelf(log_of(config, 0), retention_of(config, 0), Archive(folder, "main", vault()))


async def digest_of(history: History) -> str:
    """Of the state that a history makes, every rule and receipt checked."""
    return (await verify(history, REGISTRY, MARKETS, vault())).digest
