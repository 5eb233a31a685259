"""What is true of the log in a file alone: its lock, its durability and its tables."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.ports import Snapshot
from persistence.errors import CorruptLog, LeaseHeld, LogUnavailable
from persistence.sqlite import SqliteLog
from persistence.sqlite_snapshots import PART_BYTES
from tests.persistence.samples import START, batch, record

OWNER_FOR_EVER = """
import asyncio, sys
from persistence.sqlite import SqliteLog
from tests.persistence.samples import batch

async def own():
    log = SqliteLog(sys.argv[1])
    await log.acquire("house-1")
    await log.append(batch(1, 3))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(own())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log lies; nothing is there yet."""
    return tmp_path / "log.db"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[SqliteLog]:
    """A log that we own."""
    log = SqliteLog(path, clock=lambda: START, busy_timeout_ms=50)
    await log.acquire("first")
    yield log
    await log.close()


async def test_a_killed_owner_is_followed_at_once(path: Path) -> None:
    """While it lives a second process is refused at once; after `kill -9` it need not wait."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER_FOR_EVER, str(path), stdout=asyncio.subprocess.PIPE
    )
    second = SqliteLog(path)
    try:
        assert owner.stdout is not None
        assert await owner.stdout.readline() == b"ready\n"
        with pytest.raises(LeaseHeld) as refusal:
            await second.acquire("house-2")
        assert "served by house-1" in str(refusal.value)
        owner.kill()
        await owner.wait()
        assert (await second.acquire("house-2")).epoch == 2
        assert list(await second.read(0, 10)) == batch(1, 3)
    finally:
        if owner.returncode is None:
            owner.kill()
            await owner.wait()
        await second.close()


async def test_the_owner_is_unknown_before_it_has_signed(path: Path) -> None:
    """Two processes that start together: the loser is refused although no lease is written yet."""
    starting, late = SqliteLog(path), SqliteLog(path)
    await starting.acquire("first")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE lease")
    with pytest.raises(LeaseHeld, match="a process that is just starting"):
        await late.acquire("second")
    await starting.close()
    await late.close()


async def test_a_commit_reaches_the_disk(path: Path, log: SqliteLog) -> None:
    """The mode is WAL, which a reader can see; a power cut is not to be had in a test."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert await log._writer.run(_synchronous) == 2, "2 is FULL"


def _synchronous(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA synchronous").fetchone()[0])


async def test_a_long_read_does_not_hold_up_appends(path: Path, log: SqliteLog) -> None:
    """Somebody reads the whole history while the house goes on."""
    await log.append(batch(1, 3))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT position FROM events")
        assert rows.fetchone() == (1,)
        await log.append([record(4)])
        assert len(rows.fetchall()) == 2
    assert await log.head() == 4


async def test_events_are_json_for_sql(path: Path, log: SqliteLog) -> None:
    """Operators look into the file with the tools they have."""
    await log.append([record(1)])
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(
            "SELECT at, type, json_extract(event, '$.amount'), json_extract(result, '$.bid')"
            " FROM event_log"
        ).fetchone()
    assert row == ("2024-11-21T00:00:00.001Z", "auction.bid_placed", 1, 1)


async def test_a_missing_record_is_corruption(path: Path, log: SqliteLog) -> None:
    """A log that somebody cut a piece out of is not replayed."""
    await log.append(batch(1, 5))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM events WHERE position = 3")
    with pytest.raises(CorruptLog, match="positions 1 to 5"):
        await log.read(0, 10)
    with pytest.raises(CorruptLog, match="seqs 3 to 5"):
        await log.read_room("auction:a1", 2, 10)


def test_a_file_of_another_kind_is_corruption(path: Path) -> None:
    """What is no database is not overwritten."""
    path.write_bytes(b"precious " * 1_000)
    with pytest.raises(CorruptLog):
        asyncio.run(_acquire_and_close(SqliteLog(path)))
    assert path.read_bytes() == b"precious " * 1_000


async def _acquire_and_close(log: SqliteLog) -> None:
    try:
        await log.acquire("first")
    finally:
        await log.close()


async def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    """No error of the system comes through."""
    log = SqliteLog(tmp_path / "nowhere" / "log.db")
    with pytest.raises(LogUnavailable):
        await log.acquire("first")
    await log.close()


async def test_reading_makes_no_file(path: Path) -> None:
    """Looking for a log that is not there does not make one."""
    log = SqliteLog(path)
    with pytest.raises(LogUnavailable):
        await log.head()
    await log.close()
    assert os.listdir(path.parent) == []


async def test_a_closed_log_opens_again(log: SqliteLog) -> None:
    """Closing lets go of threads and files, and no more."""
    await log.append([record(1)])
    await log.close()
    await log.close()
    assert await log.head() == 1


async def test_only_two_snapshots_stay(path: Path, log: SqliteLog) -> None:
    """Old snapshots are large and of no use."""
    await log.append(batch(1, 3))
    for position in (1, 2, 3):
        await log.save_snapshot(Snapshot(position, b"x"))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT position, saved_at FROM snapshots ORDER BY 1").fetchall()
    assert rows == [(2, START), (3, START)]


def large(fill: bytes) -> bytes:
    """A snapshot of several parts."""
    return fill * (2 * PART_BYTES + 1)


async def test_a_large_snapshot_does_not_hold_up_commits(log: SqliteLog) -> None:
    """What is appended meanwhile is durable before it is; it is whole in the end."""
    await log.append(batch(1, 3))
    saving = asyncio.create_task(log.save_snapshot(Snapshot(3, large(b"s"))))
    await asyncio.sleep(0)
    await log.append(batch(4, 6))
    assert not saving.done()
    assert await log.load_snapshot() is None, "it counts when its end is there"
    await saving
    assert await log.load_snapshot() == Snapshot(3, large(b"s"))


async def test_parts_of_old_snapshots_do_not_stay(path: Path, log: SqliteLog) -> None:
    """Nor do those of one that was never ended, nor of one that was saved again and is smaller."""
    await log.append(batch(1, 6))
    for position, data in ((2, large(b"2")), (4, large(b"4")), (5, large(b"5")), (5, b"five")):
        await log.save_snapshot(Snapshot(position, data))
        assert await log.load_snapshot() == Snapshot(position, data)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO snapshot_parts VALUES (3, 0, 'never ended')")
    await log.save_snapshot(Snapshot(6, large(b"6")))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT position, part FROM snapshot_parts ORDER BY 1, 2")
        assert rows.fetchall() == [(6, 0), (6, 1)]


async def test_renew_stamps_the_clock(log: SqliteLog) -> None:
    """The moment comes from the clock that the log was given."""
    await log.renew()
    assert (await log.acquire("first")).alive_at == START
