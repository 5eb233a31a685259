"""The periods of a log in Postgres: closed in time beside its owner, and moved out and in again."""

import asyncio
import logging
from collections.abc import AsyncIterable, Sequence
from itertools import pairwise

from engine.kernel.record import Record
from persistence.errors import LogError, ShardsRefused
from persistence.postgres_connections import PostgresConnections
from persistence.postgres_ranges import (
    RangeAgain,
    close_at,
    close_if_due,
    drop_to,
    firsts_of,
    head_of,
    rows_of,
)

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
LOOK_AGAIN_S = 600.0
"""After it could not be done: each attempt lets appends wait."""
TIMEOUT_MS = 60_000
MAIN = "main"
NAMED_LOGS = """
SELECT log_meta.shard, markets.name FROM log_meta LEFT JOIN markets USING (shard) ORDER BY shard
"""


class PeriodKeeper:
    """Closes a shard's open range when it is due. Nothing of it holds its owner up."""

    def __init__(self, connections: PostgresConnections, shard: int) -> None:
        self._connections = connections
        self._shard = shard
        self._next_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def look_after(self) -> None:
        """Look whether a period is over, if it is time to; call it with each renewal."""
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._next_s and (self._task is None or self._task.done()):
            self._next_s = now_s + LOOK_EVERY_S
            self._task = asyncio.create_task(self._look())

    def close(self) -> None:
        """Leave it to the next owner."""
        if self._task:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        try:
            async with self._connections.beside() as connection:
                if not await close_if_due(connection, self._shard):
                    self._next_s += LOOK_AGAIN_S
        except LogError as problem:
            if self._task is None:
                return  # The log was closed meanwhile.
            logger.warning("the period of shard %d is closed later: %s", self._shard, problem)


class PostgresRetention:
    """Whole periods of one shard's log, for archiving and restoring."""

    def __init__(self, url: str, shard: int) -> None:
        self._shard = shard
        self._connections = PostgresConnections(url, f"outcry shard {shard} archive", TIMEOUT_MS)

    async def log_id(self) -> str | None:
        """The name of the log; None if there is none yet."""
        async with self._connections.beside() as connection:
            if await connection.fetchval("SELECT to_regclass('log_meta')") is None:
                return None
            name = "SELECT log_id FROM log_meta WHERE shard = $1"
            found: str | None = await connection.fetchval(name, self._shard)
            return found

    async def closed(self, after: int) -> list[tuple[int, int]]:
        """First and last position of each closed period, but for what lies up to `after`."""
        async with self._connections.beside() as connection:
            await close_if_due(connection, self._shard)
            firsts = await firsts_of(connection, self._shard)
            head = await head_of(connection, self._shard)
        ranges = ((max(first, after + 1), end - 1) for first, end in pairwise(firsts))
        return [(first, last) for first, last in ranges if first <= last < head]

    async def drop(self, last: int) -> None:
        """Drop the closed periods that end at or before this position. Raises LogUnavailable if
        somebody reads the log for long."""
        async with self._connections.beside() as connection:
            await drop_to(connection, self._shard, last)

    async def adopt(self, log_id: str, market: str) -> None:
        """Give an empty log the name of another, which it is going to hold. Raises ShardsRefused
        if its place is another market's."""
        async with self._connections.beside() as connection, connection.transaction():
            add = "INSERT INTO markets (name, shard) VALUES ($1, $2) ON CONFLICT DO NOTHING"
            await connection.execute(add, market, self._shard)
            name = "SELECT name FROM markets WHERE shard = $1"
            found = await connection.fetchval(name, self._shard)
            if found != market:
                raise ShardsRefused(
                    f"market {market} was shard {self._shard}, which is {found or 'taken'} in this "
                    "database: restore it into another one"
                )
            rename = "UPDATE log_meta SET log_id = $2 WHERE shard = $1"
            await connection.execute(rename, self._shard, log_id)

    async def close_at(self, last: int) -> None:
        """Close a period behind this position, in a log that nobody appends to."""
        async with self._connections.beside() as connection:
            await close_at(connection, self._shard, last)

    async def put_back(self, first: int, last: int, pages: AsyncIterable[Sequence[Record]]) -> None:
        """Put a period back that was dropped, before what is there; all of it or nothing."""
        async with self._connections.beside() as connection, connection.transaction():
            again = RangeAgain(connection, self._shard, first, last)
            await again.begin()
            async for page in pages:
                await again.add(rows_of(self._shard, page))
            await again.attach()

    async def close(self) -> None:
        """Let go of the connections."""
        self._connections.close()


async def logs_of(url: str) -> dict[str, int]:
    """Each market of a database that has a log -> its shard; none in a new database. Raises
    LogUnavailable."""
    connections = PostgresConnections(url, "outcry", TIMEOUT_MS)
    try:
        async with connections.beside() as connection:
            if await connection.fetchval("SELECT to_regclass('log_meta')") is None:
                return {}
            named = await connection.fetchval("SELECT to_regclass('markets')") is not None
            rows = await connection.fetch(NAMED_LOGS if named else "SELECT shard, '' FROM log_meta")
    finally:
        connections.close()
    return {name or (MAIN if shard == 0 else f"shard-{shard}"): shard for shard, name in rows}
