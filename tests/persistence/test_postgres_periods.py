"""The periods of the log in Postgres: opened beside appends, put away, and put back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import asyncpg
import pytest
from msgspec.structs import replace

from engine.kernel.record import Record
from engine.kernel.time import DAY
from persistence.errors import Archived
from persistence.migrations import load_migrations
from persistence.postgres import PostgresLog
from persistence.postgres_periods import PostgresRetention
from persistence.postgres_ranges import close_if_due, firsts_of
from tests.persistence.samples import Open, batch, record

MONTH = 31 * DAY


@pytest.fixture
async def log(open_log: Open) -> PostgresLog:
    """A log that we own."""
    log = open_log()
    await log.acquire("first")
    return log


@pytest.fixture
async def periods(postgres_url: str) -> AsyncIterator[PostgresRetention]:
    """The periods of that log."""
    retention = PostgresRetention(postgres_url, 0)
    yield retention
    await retention.close()


def months_later(months: int, first: int, last: int) -> list[Record]:
    """Records of a later month."""
    return [replace(r, at=r.at + months * MONTH) for r in batch(first, last)]


async def test_a_period_ends_with_its_month(log: PostgresLog, sql: asyncpg.Connection) -> None:
    """The next begins behind the last record; nothing is closed before there is a later month."""
    assert await close_if_due(sql, 0, 500)
    assert await firsts_of(sql, 0) == [1]
    await log.append(batch(1, 10))
    for _ in range(2):
        assert await close_if_due(sql, 0, 500)
        assert await firsts_of(sql, 0) == [1, 501]
    await log.append(months_later(1, 11, 12))
    assert await close_if_due(sql, 0, 500)
    assert await firsts_of(sql, 0) == [1, 13]
    await log.append(months_later(1, 13, 15))
    assert await close_if_due(sql, 0, 500)
    assert await firsts_of(sql, 0) == [1, 13, 513]
    assert [r.position for r in await log.read(0, 100)] == list(range(1, 16))
    assert [r.seq for r in await log.read_room("auction:a1", 8, 100)] == list(range(9, 16))
    assert await log.head() == 15


async def test_a_full_period_goes_over_into_the_next(
    log: PostgresLog, sql: asyncpg.Connection
) -> None:
    """Nobody has to be there in time: the next waits already, and has no end."""
    await log.append(batch(1, 10))
    assert await close_if_due(sql, 0, 15)
    await log.append(batch(11, 99))
    assert await sql.fetchval("SELECT count(*) FROM events_0_16") == 84
    assert await close_if_due(sql, 0, 15)
    assert await firsts_of(sql, 0) == [1, 16, 100]


async def test_renewing_closes_periods(log: PostgresLog, sql: asyncpg.Connection) -> None:
    """Whoever serves a log need do nothing else, and does not wait for it."""
    await log.append(batch(1, 10))
    await log.append(months_later(1, 11, 12))
    await log.renew()
    closing = log._periods._task
    assert closing is not None
    await closing
    assert await firsts_of(sql, 0) == [1, 13]


async def test_periods_are_closed_while_appends_go_on(
    log: PostgresLog, sql: asyncpg.Connection
) -> None:
    """No append fails and no record is lost, however many ranges are opened meanwhile, ahead of
    the records or behind a month."""
    appending = asyncio.ensure_future(_append_for_long(log, 400))
    looks = 0
    while not appending.done():
        looks += await close_if_due(sql, 0, 500)
    await appending
    firsts = await firsts_of(sql, 0)
    assert looks > 30
    assert len(firsts) >= 16_000 // 500
    assert any((first - 1) % 500 for first in firsts), "none was cut at the end of a month"
    assert [r.position for r in await log.read(0, 100_000)] == list(range(1, 16_001))


async def _append_for_long(log: PostgresLog, times: int) -> None:
    for i in range(times):
        await log.append(months_later(i // 47, 40 * i + 1, 40 * i + 40))


async def test_other_shards_go_on_meanwhile(
    log: PostgresLog, open_log: Open, sql: asyncpg.Connection, postgres_url: str
) -> None:
    """A range is cut while another shard is in the middle of an append."""
    other = open_log(shard=7)
    await other.acquire("second")
    await log.append(batch(1, 9))
    busy = await asyncpg.connect(postgres_url)
    async with busy.transaction():
        await busy.execute(
            "INSERT INTO events VALUES (7, 1, 'x:1', 1, 0, 'u1', '{}', '', '', '', NULL)"
        )
        assert await close_if_due(sql, 0, 9)
    await busy.close()
    assert await firsts_of(sql, 0) == [1, 10]
    assert await firsts_of(sql, 7) == [1]


async def test_a_long_reader_is_not_waited_for(
    log: PostgresLog, sql: asyncpg.Connection, postgres_url: str
) -> None:
    """All appends would wait behind the cut: so it is for another time."""
    await log.append(batch(1, 9))
    reader = await asyncpg.connect(postgres_url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM event_log")
        assert not await close_if_due(sql, 0, 9)
        await log.append([record(10)])
    await reader.close()
    assert await close_if_due(sql, 0, 9)


async def test_what_is_dropped_is_said_to_be_archived(
    log: PostgresLog, periods: PostgresRetention, sql: asyncpg.Connection
) -> None:
    """Whole periods go, with their tables; whoever asks for them is told where the log begins."""
    await _three_periods(log, sql)
    await periods.drop(19)
    assert await firsts_of(sql, 0) == [11, 21, 31]
    for after in (0, 9):
        with pytest.raises(Archived) as refused:
            await log.read(after, 5)
        assert refused.value.first == 11
        with pytest.raises(Archived):
            await log.read_room("auction:a1", after, 5)
    assert [r.position for r in await log.read(10, 2)] == [11, 12]
    assert await log.head() == 25
    assert await sql.fetchval("SELECT to_regclass('events_0_1')") is None
    assert (await log.acquire("first")).epoch == 2
    await log.append(months_later(3, 26, 27))


async def test_the_last_records_are_never_dropped(
    log: PostgresLog, periods: PostgresRetention, sql: asyncpg.Connection
) -> None:
    """A log with nothing left would begin anew at position 1."""
    await log.append(batch(1, 10))
    assert await close_if_due(sql, 0, 10)
    with pytest.raises(AssertionError):
        await periods.drop(10)
    assert await log.head() == 10


async def test_what_was_dropped_is_put_back(
    log: PostgresLog, periods: PostgresRetention, sql: asyncpg.Connection
) -> None:
    """Period by period, the latest first; all of one or nothing of it."""
    await _three_periods(log, sql)
    before = list(await log.read(0, 100))
    await periods.drop(20)
    with pytest.raises(ValueError, match="midst"):
        await periods.put_back(11, 20, _pages(before[10:20], fails=True))
    assert await firsts_of(sql, 0) == [21, 31]
    await periods.put_back(11, 20, _pages(before[10:20]))
    assert list(await log.read(10, 100)) == before[10:]
    await periods.put_back(1, 10, _pages(before[:10]))
    assert list(await log.read(0, 100)) == before
    assert await periods.closed(0) == [(1, 10), (11, 20)]
    assert await periods.closed(15) == [(16, 20)]


async def _three_periods(log: PostgresLog, sql: asyncpg.Connection) -> None:
    for month, (first, last) in enumerate(((1, 10), (11, 20))):
        await log.append(months_later(month, first, last))
        assert await close_if_due(sql, 0, 10)
    await log.append(months_later(2, 21, 25))
    assert await close_if_due(sql, 0, 10)


async def _pages(records: Sequence[Record], fails: bool = False) -> AsyncIterator[list[Record]]:
    for one, other in pairwise((*range(0, len(records), 4), len(records))):
        yield list(records[one:other])
    if fails:
        raise ValueError("in the midst of it")


async def test_a_log_from_before_periods_goes_on(open_log: Open, sql: asyncpg.Connection) -> None:
    """What it had is its first range, in every shard."""
    migrations = load_migrations("postgres")
    await sql.execute(
        "CREATE TABLE schema_migrations (number integer PRIMARY KEY,"
        " name text NOT NULL, checksum text NOT NULL, applied_at timestamptz DEFAULT now())"
    )
    for migration in migrations[:3]:
        await sql.execute(migration.sql)
        row = (migration.number, migration.name, migration.checksum)
        await sql.execute("INSERT INTO schema_migrations VALUES ($1, $2, $3)", *row)
    for shard in (0, 7):
        await sql.execute(
            f"CREATE TABLE events_{shard} (LIKE events INCLUDING ALL);"
            f"ALTER TABLE events ATTACH PARTITION events_{shard} FOR VALUES IN ({shard});"
            f"INSERT INTO log_meta (shard, log_id) VALUES ({shard}, 'name{shard}');"
            f"INSERT INTO shard_lease (shard) VALUES ({shard});"
            "INSERT INTO events (shard, position, room, seq, at, actor, event, hash, command_id,"
            f" command_hash) SELECT {shard}, n, 'x:1', n, 0, 'u1', '{{}}', '', '', ''"
            " FROM generate_series(1, 9) AS n"
        )
    for shard in (0, 7):
        log = open_log(shard=shard)
        assert (await log.acquire("new")).log_id == f"name{shard}"
        await log.append([record(10)])
        assert [r.position for r in await log.read(0, 100)] == list(range(1, 11))
        assert await close_if_due(sql, shard, 10)
        assert await firsts_of(sql, shard) == [1, 10, 20]
