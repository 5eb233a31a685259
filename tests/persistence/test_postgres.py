"""What is true of the log in Postgres alone: its tables, its fence and its lease."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec
import pytest

from engine.ports import COMMANDS, Snapshot
from persistence.errors import LeaseHeld, LeaseLost, LogError, LogUnavailable
from persistence.migrations import load_migrations
from persistence.postgres import PostgresLog
from persistence.postgres_append import FEW
from tests.persistence.samples import START, Open, batch, record

IN_THE_WAY = """
INSERT INTO events (shard, position, room, seq, at, actor, event, hash, command_id, command_hash)
VALUES (0, $1, 'x:1', $1, 0, 'u1', '{}', '', '', '')
"""
LAPSE = "UPDATE shard_lease SET lease_until = now()"

by_either_way = pytest.mark.parametrize("count", [1, FEW + 1], ids=["few", "many"])
"""Few records go by another way than many, and both must keep the fence."""


@pytest.fixture
async def log(open_log: Open) -> PostgresLog:
    """A log that we own."""
    log = open_log()
    await log.acquire("first")
    return log


@asynccontextmanager
async def append_in_flight(
    log: PostgresLog, sql: asyncpg.Connection, position: int, last: int | None = None
) -> AsyncIterator[asyncio.Future[None]]:
    """Hold an append between its fence and its commit; in the end it may go on.

    An open transaction has the same position, and the append must wait to see what becomes of it.
    """
    transaction = sql.transaction()
    await transaction.start()
    await sql.execute(IN_THE_WAY, position)
    appending = asyncio.ensure_future(log.append(batch(position, last or position)))
    try:
        while not await sql.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.wait({appending}, timeout=0.005)
        yield appending
    finally:
        await transaction.rollback()
        await asyncio.wait({appending})


async def test_events_are_json_for_sql(log: PostgresLog, sql: asyncpg.Connection) -> None:
    """Operators ask the tables with the operators of Postgres."""
    await log.append([record(1), msgspec.structs.replace(record(2), result=b"")])
    rows = await sql.fetch("SELECT event->>'user' AS u, result->>'bid' AS bid FROM events")
    assert [tuple(row) for row in rows] == [("u1", "1"), ("u1", None)]


async def test_the_view_for_people(log: PostgresLog, sql: asyncpg.Connection) -> None:
    """It shows when and what, also of an event whose text Postgres itself cannot take apart."""
    nul = b'{"event":"auction.bid_placed","note":"\\u0000"}'
    await log.append([record(1), msgspec.structs.replace(record(2), event=nul)])
    rows = await sql.fetch("SELECT at, type, event FROM event_log ORDER BY position")
    assert [row["type"] for row in rows] == ["auction.bid_placed"] * 2
    assert rows[0]["at"].timestamp() * 1_000 == START + 1
    assert json.loads(rows[1]["event"])["note"] == "\0"


async def test_what_is_no_json_is_refused(log: PostgresLog) -> None:
    """Such a record is a bug and not an outage, so nobody tries it again."""
    with pytest.raises(LogError) as refusal:
        await log.append([msgspec.structs.replace(record(1), event=b"no json")])
    assert not isinstance(refusal.value, LogUnavailable)
    assert await log.head() == 0


async def test_shards_of_a_database_are_strangers(log: PostgresLog, open_log: Open) -> None:
    """Each shard has a lease, a name, positions and a partition of its own."""
    other = open_log(shard=7)
    names = {(await log.acquire("first")).log_id, (await other.acquire("second")).log_id}
    await log.append(batch(1, 2))
    await other.append([record(1, room="user:u1")])
    assert len(names) == 2
    assert [r.room for r in await other.read(0, 10)] == ["user:u1"]
    assert await log.head() == 2


async def test_shards_may_start_together(open_log: Open, sql: asyncpg.Connection) -> None:
    """Several processes meet an empty database: one makes the tables, all get their shard."""
    starts = [open_log(shard=shard).acquire("owner") for shard in range(3)]
    assert [acquired.epoch for acquired in await asyncio.gather(*starts)] == [1, 1, 1]
    migrations = await sql.fetchval("SELECT count(*) FROM schema_migrations")
    assert migrations == len(load_migrations("postgres"))


async def test_a_new_shard_does_not_hold_up_the_others(
    log: PostgresLog, open_log: Open, sql: asyncpg.Connection
) -> None:
    """Its partition is made while another shard is in the middle of an append."""
    async with append_in_flight(log, sql, 1) as appending:
        await open_log(shard=1).acquire("second")
        assert not appending.done()
    await appending


async def test_only_two_snapshots_stay(log: PostgresLog, sql: asyncpg.Connection) -> None:
    """Old snapshots are large and of no use."""
    await log.append(batch(1, 3))
    for position in (1, 2, 3):
        await log.save_snapshot(Snapshot(position, b"x"))
    rows = await sql.fetch("SELECT position FROM snapshots ORDER BY position")
    assert [row["position"] for row in rows] == [2, 3]


@by_either_way
async def test_an_append_in_flight_bars_a_new_epoch(
    log: PostgresLog, sql: asyncpg.Connection, postgres_url: str, count: int
) -> None:
    """FOR SHARE: nobody becomes owner between the fence of an append and its commit."""
    rival = await asyncpg.connect(postgres_url)
    async with append_in_flight(log, sql, 1, count) as appending:
        await rival.execute("SET lock_timeout = 50")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await rival.execute("UPDATE shard_lease SET epoch = epoch + 1")
        assert not appending.done()
    await appending
    await rival.execute("UPDATE shard_lease SET epoch = epoch + 1")
    await rival.close()
    with pytest.raises(LeaseLost):
        await log.append([record(count + 1)])
    assert await log.head() == count


async def test_a_frozen_owner_is_cut_off(
    log: PostgresLog, open_log: Open, sql: asyncpg.Connection
) -> None:
    """A process that sleeps in the middle of an append does not bar the way, nor wake to write."""
    await sql.execute(LAPSE)
    async with append_in_flight(log, sql, 1) as appending:
        second = open_log()
        assert (await second.acquire("second")).epoch == 2
        with pytest.raises(LogUnavailable):
            await appending
    with pytest.raises(LeaseLost):
        await log.append([record(1)])
    assert await second.head() == 0
    await second.append(batch(1, 2))


@by_either_way
async def test_a_sleeping_owner_wakes_to_a_lost_lease(
    log: PostgresLog, open_log: Open, sql: asyncpg.Connection, count: int
) -> None:
    """Its connection still stands, and the fence alone stops it, and its cursor."""
    await log.append(batch(1, count), 7)
    await sql.execute(LAPSE)
    second = open_log()
    await second.acquire("second")
    with pytest.raises(LeaseLost):
        await log.append(batch(count + 1, 2 * count), 8)
    assert await second.load_mark(COMMANDS) == 7
    await second.append(batch(count + 1, 2 * count))
    assert list(await second.read(0, 1_000)) == batch(1, 2 * count)


async def test_a_dead_owner_is_waited_out(open_log: Open) -> None:
    """The first may be dead: its lease is watched to its end and then taken."""
    first, second = open_log(lease_ttl_ms=200), open_log(lease_ttl_ms=200)
    await first.acquire("first")
    assert (await second.acquire("second")).epoch == 2


async def test_a_longer_lease_than_ours_is_not_waited_out(log: PostgresLog, open_log: Open) -> None:
    """Nobody waits longer than its own lease would last."""
    with pytest.raises(LeaseHeld) as refusal:
        await open_log(lease_ttl_ms=100).acquire("second")
    assert refusal.value.owner == "first"
    assert refusal.value.remaining_ms is not None
    assert 4_000 < refusal.value.remaining_ms <= 6_000


@by_either_way
async def test_a_taken_position_is_a_lost_lease(
    log: PostgresLog, sql: asyncpg.Connection, count: int
) -> None:
    """The primary key is the second fence, should the first be mended by hand."""
    await sql.execute(IN_THE_WAY, count)
    with pytest.raises(LeaseLost):
        await log.append(batch(1, count))
