"""The periods of a log in SQLite: months of its records, moved out and in again."""

import asyncio
import sqlite3
from bisect import bisect_right
from collections.abc import AsyncIterable, Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import astuple

from engine.kernel.record import Record
from persistence.order import ARCHIVED
from persistence.periods import PERIOD_RECORDS_MAX, month_of
from persistence.sqlite import INSERT, LAST
from persistence.sqlite_thread import SqliteThread

DELETED_AT_ONCE = 5_000
"""Records in one transaction: whoever serves the log waits for no more."""
PAUSE_S = 0.02
TIMEOUT_MS = 60_000
MARK = "INSERT OR REPLACE INTO marks VALUES (?, ?)"


class SqliteRetention:
    """Whole periods of a log in a file, for archiving and restoring."""

    def __init__(self, path: Path, records_max: int = PERIOD_RECORDS_MAX) -> None:
        self._path = path
        self._records_max = records_max
        self._thread = SqliteThread(path, TIMEOUT_MS, writes=True)

    async def log_id(self) -> str | None:
        """The name of the log; None if there is none yet."""
        if not self._path.exists():
            return None

        def work(connection: sqlite3.Connection) -> str | None:
            made = "SELECT 1 FROM sqlite_master WHERE name = 'meta'"
            if connection.execute(made).fetchone() is None:
                return None
            row = connection.execute("SELECT log_id FROM meta").fetchone()
            return None if row is None else str(row[0])

        return await self._thread.run(work)

    async def closed(self, after: int) -> list[tuple[int, int]]:
        """First and last position of each closed period, but for what lies up to `after`."""

        def work(connection: sqlite3.Connection) -> list[tuple[int, int]]:
            (head, _) = connection.execute(LAST).fetchone() or (0, 0)
            periods, first = [], after + 1
            while (end := self._end(connection, first, head)) <= head:
                periods.append((first, end - 1))
                first = end
            return periods

        return await self._thread.run(work)

    async def drop(self, last: int) -> None:
        """Delete all records up to this position, some at a time."""

        def work(connection: sqlite3.Connection) -> bool:
            (head, _) = connection.execute(LAST).fetchone() or (0, 0)
            assert last < head, "the last records of a log stay"
            connection.execute("BEGIN IMMEDIATE")
            begins = "SELECT position FROM events ORDER BY position LIMIT 1"
            to = min(last, connection.execute(begins).fetchone()[0] + DELETED_AT_ONCE - 1)
            gone = connection.execute("DELETE FROM events WHERE position <= ?", (to,)).rowcount
            if gone:
                connection.execute(MARK, (ARCHIVED, to))
            connection.execute("COMMIT")
            return bool(to < last)

        is_more = True
        while is_more:
            is_more = await self._thread.run(work)
            await asyncio.sleep(PAUSE_S)

    async def adopt(self, log_id: str, market: str) -> None:
        """Give an empty log the name of another, which it is going to hold."""
        await self._thread.run(lambda c: c.execute("UPDATE meta SET log_id = ?", (log_id,)))

    async def close_at(self, last: int) -> None:
        """The periods of a file need no closing: its records tell them."""

    async def put_back(self, first: int, last: int, pages: AsyncIterable[Sequence[Record]]) -> None:
        """Put a period back that was dropped, before what is there; all of it or nothing."""
        await self._thread.run(lambda c: c.execute("BEGIN IMMEDIATE"))
        async for page in pages:
            await self._thread.run(partial(_insert, page))
        await self._thread.run(lambda c: c.execute(MARK, (ARCHIVED, first - 1)))
        await self._thread.run(lambda c: c.execute("COMMIT"))

    async def close(self) -> None:
        """Let go of the file; what was not finished is undone."""
        await self._thread.close()

    def _end(self, connection: sqlite3.Connection, first: int, head: int) -> int:
        """The position behind the period that begins at `first`."""

        def month(position: int) -> str:
            at = "SELECT at FROM events WHERE position = ?"
            return month_of(connection.execute(at, (position,)).fetchone()[0])

        if first > head:
            return first
        # Time never goes back in a log, so the end of a month is found by halves.
        end = first + bisect_right(range(first, head + 1), month(first), key=month)
        return min(end, first + self._records_max)


def _insert(page: Sequence[Record], connection: sqlite3.Connection) -> None:
    connection.executemany(INSERT, map(astuple, page))
