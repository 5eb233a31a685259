"""One SQLite connection in a thread of its own."""

import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.kernel.time import Millis
from persistence.errors import CorruptLog, LogError, LogUnavailable
from persistence.work_thread import WorkThread

T = TypeVar("T")

CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
NOT_ALLOWED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
PRIMARY_CODE = 0xFF  # SQLite adds detail to an error code above its lowest byte


class SqliteThread:
    """Runs work on its connection, one piece after the other, away from the event loop.

    A connection on which anything failed is closed, which undoes an open transaction; the next
    piece of work opens another.
    """

    def __init__(self, path: Path, busy_timeout_ms: Millis, *, writes: bool) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._writes = writes
        self._thread = WorkThread("sqlite")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work(connection)` returns.

        Raises:
            LogUnavailable, CorruptLog: SQLite's errors by another name.
        """
        return await self._thread.run(partial(self._run, work))

    async def close(self) -> None:
        """Close the connection and end the thread, after the work that is under way."""
        if self._thread.is_running:
            await self._thread.run(self._disconnect)
            self._thread.close()

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect()
            return work(self._connection)
        except sqlite3.Error as error:
            self._disconnect()
            raise _translated(error) from error
        except BaseException:
            # Whatever broke the work off, its transaction is not to be there for the next.
            self._disconnect()
            raise

    def _connect(self) -> sqlite3.Connection:
        """Only a writer may make the file."""
        if self._writes and self._path.exists() and not os.access(self._path, os.W_OK):
            # SQLite would find out too, and leave a `-shm` that is as read-only as the file is
            # now, and in the way when the file is so no more.
            raise not_allowed("the file is read-only")
        mode = "rwc" if self._writes else "rw"
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=self._busy_timeout_ms / 1_000,
            isolation_level=None,
        )
        try:
            if self._writes:
                connection.execute("PRAGMA journal_mode = WAL")
                # NORMAL would leave the last commits to chance in a power cut.
                connection.execute("PRAGMA synchronous = FULL")
            else:
                connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def not_allowed(error: Exception | str) -> LogUnavailable:
    """What the system refuses to this process, and who can do something about it."""
    return LogUnavailable(
        f"{error}; user {os.geteuid()} must be able to write this file, those beside it "
        "(-wal, -shm, .lock) and their folder, on a disk that is not mounted read-only"
    )


def _translated(error: sqlite3.Error) -> LogError:
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
    if code in NOT_ALLOWED:
        return not_allowed(error)
    return CorruptLog(str(error)) if code in CORRUPT else LogUnavailable(error)
