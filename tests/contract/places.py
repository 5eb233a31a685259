"""Places where a log can be kept, each with the means to hurt it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from engine.ports import EventLog
from persistence.memory import MemoryLog, MemoryStore
from persistence.postgres import PostgresLog
from persistence.sqlite import SqliteLog
from testkit.postgres import PostgresServer
from tests.persistence.samples import START

LEASE_TTL_MS = 2_000

Open = Callable[[], EventLog]
"""Opens a log once more, as a further process would."""


class Place(Protocol):
    """One log, which several processes may open."""

    def open(self) -> EventLog:
        """Open it as a further process would."""

    def lapse(self) -> None:
        """Let the lease run out, as if its owner had died or slept too long."""

    def unwritable(self) -> AbstractContextManager[None]:
        """Make it impossible to write, for a while."""


class MemoryPlace:
    """A store in memory with a clock of its own."""

    def __init__(self) -> None:
        self._now = START
        self._store = MemoryStore(lambda: self._now)

    def open(self) -> EventLog:
        return MemoryLog(self._store, LEASE_TTL_MS)

    def lapse(self) -> None:
        self._now += LEASE_TTL_MS

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        self._store.available = False
        yield
        self._store.available = True


class SqlitePlace:
    """A file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log.db"

    def open(self) -> EventLog:
        return SqliteLog(self._path, busy_timeout_ms=50)

    def lapse(self) -> None:
        """The lock dies with its process; of a living one, only losing the lock file ends it."""
        Path(f"{self._path}.lock").unlink()

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            yield


class PostgresPlace:
    """A database on a real server."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server = server
        self._url = url

    def open(self) -> EventLog:
        return PostgresLog(self._url, lease_ttl_ms=LEASE_TTL_MS)

    def lapse(self) -> None:
        self._server.execute("UPDATE shard_lease SET lease_until = now()", self._url)

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        self._server.stop()
        yield
        self._server.start()
