"""The log as an SQLite file: the embedded default, one file for a shard.

Two threads hold a connection each, so that reading a long history never holds up an append. The
owner is whoever holds an exclusive lock on the file `<path>.lock`, which the system takes from a
process the moment it dies. The epoch in the file is the second fence. The file must lie on a local
disk: neither SQLite's own locks nor this one can be trusted on a network share.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import TypeVar

from msgspec.structs import astuple

from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.ports import COMMANDS, Acquired, Snapshot
from persistence.errors import NO_EPOCH, LeaseHeld, LeaseLost, LogUnavailable
from persistence.migrations import load_migrations, pending
from persistence.order import (
    ARCHIVED,
    assert_follows,
    begins_late,
    checked_by_position,
    checked_by_seq,
    later,
    raise_if_archived,
    raise_if_room_archived,
    room_begins_late,
)
from persistence.sqlite_snapshots import forget_some, in_parts, load_latest, save_end, save_part
from persistence.sqlite_thread import SqliteThread, not_allowed

T = TypeVar("T")

# Text goes in and comes out as bytes: SQLite does the cast, and Python decodes nothing.
COLUMNS = """position, room, seq, at, actor, CAST(event AS BLOB), hash, command_id, command_hash,
             CAST(coalesce(result, '') AS BLOB)"""
INSERT = """INSERT INTO events VALUES
            (?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, nullif(CAST(? AS TEXT), ''))"""
READ = f"SELECT {COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?"
READ_ROOM = f"SELECT {COLUMNS} FROM events WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?"
LAST = "SELECT position, at FROM events ORDER BY position DESC LIMIT 1"

SAVE_MARK = """INSERT INTO marks VALUES (?, ?) ON CONFLICT (name)
               DO UPDATE SET position = max(position, excluded.position)"""


def wall_clock_ms() -> Millis:
    """Return the system's time, ms since 1970."""
    return time.time_ns() // 1_000_000


class SqliteLog:
    """The log of one shard, kept in one file (`engine.ports.EventLog`)."""

    def __init__(
        self,
        path: str | Path,
        clock: Callable[[], Millis] = wall_clock_ms,
        busy_timeout_ms: Millis = 5_000,
    ) -> None:
        """Nothing is opened or made before the first call.

        Args:
            path: the file; its folder must exist. `-wal`, `-shm` and `.lock` stand beside it.
            clock: stamps the lease and the snapshots, ms since 1970.
            busy_timeout_ms: how long to wait for a foreign program that has locked the file.
        """
        self._path = Path(path)
        self._clock = clock
        self._writer = SqliteThread(self._path, busy_timeout_ms, writes=True)
        self._reader = SqliteThread(self._path, busy_timeout_ms, writes=False)
        self._lock_file: int | None = None
        self._epoch = NO_EPOCH
        self._head = 0

    async def acquire(self, owner: str) -> Acquired:
        """Become the one writer, at once or not at all; makes and updates the tables."""

        def work(connection: sqlite3.Connection) -> Acquired:
            self._lock(connection)
            _migrate(connection)
            return self._take(connection, owner)

        return await self._writer.run(work)

    async def renew(self, is_serving: bool = True) -> None:
        def work(connection: sqlite3.Connection) -> None:
            sql = "UPDATE lease SET alive_at = iif(?, ?, alive_at) WHERE epoch = ?"
            row = (is_serving, self._clock(), self._epoch)
            if connection.execute(sql, row).rowcount != 1:
                raise LeaseLost(self._path, self._epoch)

        await self._writer.run(work)

    async def release(self) -> None:
        self._epoch = NO_EPOCH
        self._unlock()

    async def append(self, records: Sequence[Record], cursor: int | None = None) -> None:
        if not records:
            return

        def work(connection: sqlite3.Connection) -> None:
            self._begin(connection)
            assert_follows(records, self._head)
            try:
                connection.executemany(INSERT, map(astuple, records))
            except sqlite3.IntegrityError as error:
                raise LeaseLost(self._path, self._epoch) from error
            if cursor is not None:
                connection.execute(SAVE_MARK, (COMMANDS, cursor))
            connection.execute("COMMIT")
            self._head = records[-1].position

        await self._writer.run(work)

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        records = await self._records(READ, (after, limit))
        if begins_late(records, after):
            raise_if_archived(records[0], after, await self.load_mark(ARCHIVED))
        return checked_by_position(records, after)

    async def read_room(self, room: str, after: int, limit: int) -> Sequence[Record]:
        records = await self._records(READ_ROOM, (room, after, limit))
        if room_begins_late(records, after):
            raise_if_room_archived(records[0], await self.load_mark(ARCHIVED))
        return checked_by_seq(records, after)

    async def head(self) -> int:
        return await self._reader.run(lambda connection: _last(connection)[0])

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        position = snapshot.position
        assert position <= self._head, "a snapshot holds what is durable, no more"
        *parts, end = in_parts(snapshot.data)
        for number, part in enumerate(parts):
            await self._change(partial(save_part, position=position, part=number, data=part))
        number, at = len(parts), self._clock()
        await self._change(partial(save_end, position=position, part=number, data=end, at=at))
        while await self._change(forget_some):
            pass

    async def load_snapshot(self) -> Snapshot | None:
        return await self._reader.run(load_latest)

    async def save_mark(self, name: str, position: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            assert position <= self._head, "a mark stands at what is durable"
            connection.execute(SAVE_MARK, (name, position))

        await self._change(work)

    async def load_mark(self, name: str) -> int:
        sql = "SELECT position FROM marks WHERE name = ?"
        row = await self._reader.run(lambda connection: connection.execute(sql, (name,)).fetchone())
        return row[0] if row else 0

    async def close(self) -> None:
        """Let go of files and threads, and so of the lock: the next owner need not wait."""
        await self._reader.close()
        await self._writer.close()
        self._unlock()

    async def _records(self, sql: str, arguments: tuple[object, ...]) -> list[Record]:
        return await self._reader.run(
            lambda connection: list(starmap(Record, connection.execute(sql, arguments)))
        )

    async def _change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Make a change in a transaction of its own."""

        def work(connection: sqlite3.Connection) -> T:
            self._begin(connection)
            done = change(connection)
            connection.execute("COMMIT")
            return done

        return await self._writer.run(work)

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Open a transaction that only the owner gets."""
        connection.execute("BEGIN IMMEDIATE")
        sql = "SELECT 1 FROM lease WHERE epoch = ?"
        if connection.execute(sql, (self._epoch,)).fetchone() is None:
            raise LeaseLost(self._path, self._epoch)

    def _take(self, connection: sqlite3.Connection, owner: str) -> Acquired:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE lease SET owner = ?, epoch = epoch + 1", (owner,))
        sql = "SELECT epoch, log_id, alive_at FROM lease, meta"
        epoch, log_id, alive_at = connection.execute(sql).fetchone()
        connection.execute("COMMIT")
        self._epoch = epoch
        self._head, last_at = _last(connection)
        return Acquired(epoch, log_id, later(alive_at, last_at))

    def _lock(self, connection: sqlite3.Connection) -> None:
        if self._lock_file is not None:
            return
        try:
            file = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise not_allowed(error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if isinstance(error, BlockingIOError):
                raise LeaseHeld(self._path, _owner(connection), None) from error
            raise LogUnavailable(error) from error
        self._lock_file = file

    def _unlock(self) -> None:
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None


def _last(connection: sqlite3.Connection) -> tuple[int, Millis | None]:
    row: tuple[int, Millis] | None = connection.execute(LAST).fetchone()
    return row or (0, None)


def _owner(connection: sqlite3.Connection) -> str:
    """Return who the lease says it is; its process may have locked the file and not yet said so."""
    try:
        row = connection.execute("SELECT owner FROM lease").fetchone()
    except sqlite3.OperationalError:
        return "a process that is just starting"
    return str(row[0])


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)"
    )
    applied = dict(connection.execute("SELECT number, checksum FROM schema_migrations"))
    for m in pending(load_migrations("sqlite"), applied):
        # executescript() ends a transaction that is open, so the script brings its own.
        done = f"INSERT INTO schema_migrations VALUES ({m.number}, '{m.name}', '{m.checksum}');"
        connection.executescript(f"BEGIN IMMEDIATE; {m.sql}\n{done} COMMIT;")
    connection.execute(
        "INSERT INTO meta SELECT 0, lower(hex(randomblob(4))) WHERE NOT EXISTS (SELECT * FROM meta)"
    )
    connection.execute(
        "INSERT INTO lease SELECT 0, '', 0, NULL WHERE NOT EXISTS (SELECT * FROM lease)"
    )
