"""The ranges of a shard's log in Postgres: one for each period, each a table of its own, so that
what is archived goes at a stroke.

`events` is partitioned by shard, and `events_7`, the log of shard 7, by position. `events_7_501`
begins at position 501. The last range has no end, so that no append ever fails for want of one. As
soon as it has records its end is set far ahead, and behind that the next waits, empty: a log that
grows fast goes over into it without anybody's doing. When a month is over earlier, the range ends
behind its last record.

To set the end of a range, Postgres reads it once while the appends of this one shard wait: next to
nothing in the first case, at most PERIOD_RECORDS_MAX in the second, which were read into memory
beforehand. It waits for whoever reads the log only a moment, for all that comes after waits behind
it; then it is for another time.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import asyncpg

from engine.kernel.record import Record
from engine.kernel.time import Millis
from persistence.order import ARCHIVED
from persistence.periods import PERIOD_RECORDS_MAX, month_of
from persistence.postgres_schema import (
    SCHEMA_LOCK,
    PooledConnection,
    open_range_sql,
    range_name,
)

LOCK_MS_MAX = 100
CUT_MS_MAX = 2_000
WARM_SECONDS_MAX = 60
MOVE_SECONDS_MAX = 3_600

COLUMNS = ("shard", *Record.__struct_fields__)

RANGES = """
SELECT substring(relname FROM '[0-9]+$')::bigint AS first
  FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
 WHERE inhparent = to_regclass($1) ORDER BY first
"""
SPAN = """
SELECT (SELECT at FROM {0} ORDER BY position LIMIT 1) AS first_at, position, at
  FROM {0} ORDER BY position DESC LIMIT 1
"""
ARCHIVED_TO = """
INSERT INTO marks (shard, name, position) VALUES ({0}, '{1}', {2})
ON CONFLICT (shard, name) DO UPDATE SET position = excluded.position, saved_at = now();
"""

AnyConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PooledConnection"


def rows_of(shard: int, records: Sequence[Record]) -> list[tuple[object, ...]]:
    """Records as COPY takes them, in the order of COLUMNS."""
    return [
        (
            shard,
            r.position,
            r.room,
            r.seq,
            r.at,
            r.actor,
            r.event.decode(),
            r.hash,
            r.command_id,
            r.command_hash,
            r.result.decode() or None,
        )
        for r in records
    ]


async def firsts_of(connection: AnyConnection, shard: int) -> list[int]:
    """The first position of each range, in order; the last is that of the open one."""
    return [row["first"] for row in await connection.fetch(RANGES, f"events_{shard}")]


async def head_of(connection: AnyConnection, shard: int) -> int:
    """Position of the last record, 0 if there is none."""
    last = f"SELECT position FROM events_{shard} ORDER BY position DESC LIMIT 1"
    return await connection.fetchval(last) or 0


async def close_if_due(
    connection: AnyConnection, shard: int, records_max: int = PERIOD_RECORDS_MAX
) -> bool:
    """Set the end of the range that is appended to: far ahead, if it has none yet; behind its last
    record, if that is of another month than the first (UTC).

    Returns whether nothing is left to do now: somebody may be reading the log for long, or another
    process be at it. Whoever serves the shard may go on appending."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", SCHEMA_LOCK, shard):
        return False
    try:
        return await _reserve(connection, shard, records_max) and await _close(connection, shard)
    except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
        return False
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1, $2)", SCHEMA_LOCK, shard)


async def close_at(connection: AnyConnection, shard: int, last: int) -> None:
    """Let a period end with this position, the last of a log that nobody appends to."""
    firsts = await firsts_of(connection, shard)
    current = max(first for first in firsts if first <= last)
    await _cut(connection, shard, current, last + 1, MOVE_SECONDS_MAX * 1_000)


async def drop_to(connection: AnyConnection, shard: int, last: int) -> None:
    """Drop the ranges that end at or before this position, and write down that they are archived.

    All or nothing. Raises LockNotAvailableError if somebody reads the log for long.
    """
    firsts = await firsts_of(connection, shard)
    gone = [first for first, end in pairwise(firsts) if end - 1 <= last]
    if not gone:
        return
    end = firsts[len(gone)]
    drops = "".join(_drop_sql(shard, first) for first in gone)
    async with connection.transaction():
        # Against a log that has nothing left: it would begin anew at position 1.
        holds = f"SELECT 1 FROM events_{shard} WHERE position >= {end} LIMIT 1"
        assert await connection.fetchval(holds), "the last records of a log stay"
        await connection.execute(
            f"SET LOCAL lock_timeout = {10 * LOCK_MS_MAX}; {drops}"
            + ARCHIVED_TO.format(shard, ARCHIVED, end - 1)
        )


class RangeAgain:
    """A range that comes back from the archive, before the first that is there."""

    def __init__(self, connection: AnyConnection, shard: int, first: int, last: int) -> None:
        """Enter a transaction first; it is all or nothing."""
        self._connection = connection
        self._shard = shard
        self._first = first
        self._last = last

    async def begin(self) -> None:
        """Make it, apart from the log."""
        await self._connection.execute(open_range_sql(self._shard, self._first))

    async def add(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Add rows, as `rows_of` makes them."""
        await self._connection.copy_records_to_table(
            range_name(self._shard, self._first), columns=COLUMNS, records=rows
        )

    async def attach(self) -> None:
        """Make it the log's beginning."""
        await self._connection.execute(
            _attach_sql(self._shard, self._first, str(self._last + 1))
            + ARCHIVED_TO.format(self._shard, ARCHIVED, self._first - 1),
            timeout=MOVE_SECONDS_MAX,
        )


async def _reserve(connection: AnyConnection, shard: int, records_max: int) -> bool:
    """Have an empty range wait behind the one that is appended to."""
    last = (await firsts_of(connection, shard))[-1]
    if await connection.fetchval(f"SELECT 1 FROM {range_name(shard, last)} LIMIT 1"):
        await _cut(connection, shard, last, last + records_max)
    return True


async def _close(connection: AnyConnection, shard: int) -> bool:
    """End the range that is appended to if its month is over."""
    firsts = await firsts_of(connection, shard)
    if len(firsts) == 1:
        return True
    name = range_name(shard, firsts[-2])
    span = await connection.fetchrow(SPAN.format(name))
    if span is None or month_of(span["first_at"]) == month_of(span["at"]):
        return True
    # From the disk it would take too long while appends wait.
    await connection.fetchval(f"SELECT max(at) FROM {name}", timeout=WARM_SECONDS_MAX)
    await _cut(connection, shard, firsts[-2], None)
    return True


async def _cut(
    connection: AnyConnection,
    shard: int,
    first: int,
    end: int | None,
    ms_max: Millis = CUT_MS_MAX,
) -> None:
    """Let a range end before `end`, or, if that is None or too early, behind its last record; the
    next has no end. What waits behind it, empty, goes."""
    name = range_name(shard, first)
    async with connection.transaction():
        await connection.execute(
            f"SET LOCAL lock_timeout = {LOCK_MS_MAX}; SET LOCAL statement_timeout = {ms_max};"
            f"LOCK TABLE ONLY events_{shard} IN ACCESS EXCLUSIVE MODE"
        )
        head = await head_of(connection, shard)
        end = max(head + 1, end or 0)
        later = [found for found in await firsts_of(connection, shard) if found > first]
        if later and head >= later[0]:
            # The log went over into the next meanwhile.
            return
        gone = "".join(_drop_sql(shard, found) for found in later)
        await connection.execute(
            f"{gone} ALTER TABLE events_{shard} DETACH PARTITION {name};"
            + _attach_sql(shard, first, str(end))
            + open_range_sql(shard, end)
            + _attach_sql(shard, end, "MAXVALUE"),
            timeout=2 * ms_max / 1_000,
        )


def _drop_sql(shard: int, first: int) -> str:
    name = range_name(shard, first)
    return f"ALTER TABLE events_{shard} DETACH PARTITION {name}; DROP TABLE {name};"


def _attach_sql(shard: int, first: int, end: str) -> str:
    return (
        f"ALTER TABLE events_{shard} ATTACH PARTITION {range_name(shard, first)}"
        f" FOR VALUES FROM ({_low(first)}) TO ({end});"
    )


def _low(first: int) -> str:
    # The first range of a log that is older than ranges has no lower bound.
    return "MINVALUE" if first == 1 else str(first)
