"""The periods of a log in a file: months, taken out and put back beside its owner."""

import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.kernel.record import Record
from engine.kernel.time import DAY
from persistence.errors import Archived
from persistence.order import ARCHIVED
from persistence.sqlite import SqliteLog
from persistence.sqlite_periods import SqliteRetention
from tests.persistence.samples import batch

MONTH = 31 * DAY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "log.db"


@pytest.fixture
async def log(path: Path) -> AsyncIterator[SqliteLog]:
    """A log that we own, of three months: 10, 10 and 5 records."""
    log = SqliteLog(path)
    await log.acquire("first")
    records = batch(1, 25)
    await log.append([replace(r, at=r.at + (r.position - 1) // 10 * MONTH) for r in records])
    yield log
    await log.close()


@pytest.fixture
async def periods(path: Path) -> AsyncIterator[SqliteRetention]:
    """The periods of that log."""
    retention = SqliteRetention(path)
    yield retention
    await retention.close()


async def test_months_are_found(log: SqliteLog, periods: SqliteRetention, path: Path) -> None:
    """The last is not over; a month of many records is cut in pieces."""
    assert await periods.closed(0) == [(1, 10), (11, 20)]
    assert await periods.closed(14) == [(15, 20)]
    assert await periods.closed(25) == []
    small = SqliteRetention(path, records_max=4)
    assert await small.closed(12) == [(13, 16), (17, 20), (21, 24)]
    await small.close()


async def test_what_is_dropped_is_said_to_be_archived(
    log: SqliteLog, periods: SqliteRetention, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some at a time, while its owner appends."""
    monkeypatch.setattr("persistence.sqlite_periods.DELETED_AT_ONCE", 3)
    await periods.drop(20)
    await log.append(batch(26, 27))
    assert await log.load_mark(ARCHIVED) == 20
    with pytest.raises(Archived) as refused:
        await log.read(19, 5)
    assert refused.value.first == 21
    with pytest.raises(Archived):
        await log.read_room("auction:a1", 3, 5)
    assert [r.position for r in await log.read(20, 2)] == [21, 22]


async def test_a_drop_that_was_cut_short(
    log: SqliteLog, periods: SqliteRetention, path: Path
) -> None:
    """What is gone and what is said to be gone are the same at any moment."""
    with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
        foreign.executescript(
            "CREATE TRIGGER no BEFORE DELETE ON events WHEN old.position = 8 BEGIN"
            " SELECT raise(ABORT, 'no'); END"
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("persistence.sqlite_periods.DELETED_AT_ONCE", 3)
        with pytest.raises(Exception, match="no"):
            await periods.drop(20)
    assert await log.load_mark(ARCHIVED) == 6
    assert [r.position for r in await log.read(6, 2)] == [7, 8]


async def test_the_last_records_are_never_dropped(log: SqliteLog, periods: SqliteRetention) -> None:
    """A log with nothing left would begin anew at position 1."""
    with pytest.raises(AssertionError):
        await periods.drop(25)
    assert len(await log.read(0, 100)) == 25


async def test_what_was_dropped_is_put_back(
    log: SqliteLog, periods: SqliteRetention, path: Path
) -> None:
    """All of a period or nothing of it."""
    before = list(await log.read(0, 100))
    await periods.drop(20)
    with pytest.raises(ValueError, match="midst"):
        await periods.put_back(11, 20, _pages(before[10:20], fails=True))
    await periods.close()
    with pytest.raises(Archived):
        await log.read(10, 1)
    await periods.put_back(11, 20, _pages(before[10:20]))
    await periods.put_back(1, 10, _pages(before[:10]))
    assert list(await log.read(0, 100)) == before


async def _pages(records: Sequence[Record], fails: bool = False) -> AsyncIterator[Sequence[Record]]:
    yield records[:4]
    yield records[4:]
    if fails:
        raise ValueError("in the midst of it")


async def test_where_there_is_no_log(tmp_path: Path) -> None:
    """Looking for one does not make it."""
    retention = SqliteRetention(tmp_path / "none.db")
    assert await retention.log_id() is None
    await retention.close()
    assert os.listdir(tmp_path) == []
