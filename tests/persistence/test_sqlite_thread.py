"""One connection, one thread: work takes turns, and a failure leaves nothing half done."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from persistence.errors import LogUnavailable
from persistence.sqlite_thread import SqliteThread


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[SqliteThread]:
    """A thread that writes, on a table `t` of numbers `n`."""
    thread = SqliteThread(tmp_path / "x.db", 50, writes=True)
    await thread.run(lambda connection: connection.execute("CREATE TABLE t (n INTEGER)"))
    yield thread
    await thread.close()


async def test_the_event_loop_does_not_wait(thread: SqliteThread) -> None:
    """Work is done elsewhere, always in the same thread and in the order it came."""
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        return threading.get_ident()

    threads = await asyncio.gather(*(thread.run(lambda _, n=n: work(n)) for n in range(5)))
    assert done == [0, 1, 2, 3, 4]
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


@pytest.mark.parametrize("error", [sqlite3.OperationalError, AssertionError])
async def test_a_failure_undoes_the_transaction(
    thread: SqliteThread, error: type[Exception]
) -> None:
    """Nobody finds half of a batch, and the next piece of work goes through."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (1)")
        raise error("no more")

    with pytest.raises((LogUnavailable, AssertionError), match="no more"):
        await thread.run(work)
    assert await thread.run(lambda c: c.execute("SELECT count(*) FROM t").fetchone()) == (0,)


async def test_a_reader_cannot_write(thread: SqliteThread, tmp_path: Path) -> None:
    """The second connection is for reading, whatever it is told."""
    reader = SqliteThread(tmp_path / "x.db", 50, writes=False)
    with pytest.raises(LogUnavailable, match="readonly"):
        await reader.run(lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
    await reader.close()
