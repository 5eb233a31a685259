"""Snapshots in the SQLite file, written and forgotten in parts.

A snapshot may have many megabytes. In one transaction 18 of them held up all commits for 0.2 s. In
parts, each in a transaction of its own, others are committed between them; it counts when its end
is there.
"""

import sqlite3
from itertools import chain

from engine.kernel.time import Millis
from engine.ports import Snapshot

PART_BYTES = 262_144
FORGOTTEN_AT_ONCE = 4

SAVE_PART = "INSERT OR REPLACE INTO snapshot_parts VALUES (?, ?, ?)"
SAVE_END = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)"
DROP_PARTS = "DELETE FROM snapshot_parts WHERE position = ? AND part >= ?"
FORGET_ENDS = """DELETE FROM snapshots WHERE position NOT IN
                 (SELECT position FROM snapshots ORDER BY position DESC LIMIT 2)"""
# What is above the latest is being saved.
FORGET_PARTS = """DELETE FROM snapshot_parts WHERE rowid IN
                  (SELECT rowid FROM snapshot_parts
                   WHERE position < (SELECT max(position) FROM snapshots)
                     AND position NOT IN (SELECT position FROM snapshots) LIMIT ?)"""
LATEST = "SELECT position, data FROM snapshots ORDER BY position DESC LIMIT 1"
PARTS = "SELECT data FROM snapshot_parts WHERE position = ? ORDER BY part"


def in_parts(data: bytes) -> list[memoryview]:
    """One at least; the last of them is the end."""
    view = memoryview(data)
    starts = range(0, max(len(data), 1), PART_BYTES)
    return [view[start : start + PART_BYTES] for start in starts]


def save_part(connection: sqlite3.Connection, position: int, part: int, data: memoryview) -> None:
    """One of the parts before the end."""
    connection.execute(SAVE_PART, (position, part, data))


def save_end(
    connection: sqlite3.Connection, position: int, part: int, data: memoryview, at: Millis
) -> None:
    """The end, numbered `part`: with it the snapshot is there, and others are too old."""
    # The position may have been saved before, in more parts.
    connection.execute(DROP_PARTS, (position, part))
    connection.execute(SAVE_END, (position, data, at))
    connection.execute(FORGET_ENDS)


def forget_some(connection: sqlite3.Connection) -> bool:
    """A few parts of what is too old, or was never ended. Tells whether there were any."""
    return connection.execute(FORGET_PARTS, (FORGOTTEN_AT_ONCE,)).rowcount > 0


def load_latest(connection: sqlite3.Connection) -> Snapshot | None:
    """The snapshot of the highest position."""
    # Both are read at one moment, or a writer might forget the parts between.
    connection.execute("BEGIN")
    row = connection.execute(LATEST).fetchone()
    parts = connection.execute(PARTS, row[:1]).fetchall() if row else []
    connection.execute("COMMIT")
    return row and Snapshot(row[0], b"".join(chain((part for (part,) in parts), row[1:])))
