"""Positions and seqs have no gaps: checked when records go in and when they come out."""

from collections.abc import Sequence

from engine.kernel.record import Record
from engine.kernel.time import Millis
from persistence.errors import Archived, CorruptLog

ARCHIVED = "archived"
"""The mark of a log whose beginning has been moved to files: up to this position."""


def assert_follows(records: Sequence[Record], head: int) -> None:
    """Assert that a batch goes on where the log ends, as its owner knows it.

    It is what stops a second batch from being written after a first one that failed.
    """
    first, last = records[0].position, records[-1].position
    assert first == head + 1, f"records from {first} do not follow position {head}"
    assert last - head == len(records), f"records {first} to {last} have a gap"


def checked_by_position(records: Sequence[Record], after: int) -> Sequence[Record]:
    """Return a page of a shard. Raises CorruptLog if it has a gap."""
    if records and records[-1].position - after != len(records):
        raise CorruptLog(f"positions {after + 1} to {records[-1].position} have a gap")
    return records


def checked_by_seq(records: Sequence[Record], after: int) -> Sequence[Record]:
    """Return a page of a room. Raises CorruptLog if it has a gap."""
    if records and records[-1].seq - after != len(records):
        last = records[-1]
        raise CorruptLog(f"seqs {after + 1} to {last.seq} of {last.room} have a gap")
    return records


def begins_late(records: Sequence[Record], after: int) -> bool:
    """Whether a page of a shard has a gap before it."""
    return bool(records) and records[0].position != after + 1


def room_begins_late(records: Sequence[Record], after: int) -> bool:
    """Whether a page of a room has a gap before it."""
    return bool(records) and records[0].seq != after + 1


def raise_if_archived(first: Record, after: int, archived: int) -> None:
    """Raise Archived if the gap between position `after` and this record is what has been archived,
    up to and with position `archived`."""
    if after < archived == first.position - 1:
        raise Archived(first.position)


def raise_if_room_archived(first: Record, archived: int) -> None:
    """Raise Archived if a gap of the room before this record may be what has been archived."""
    if first.position > archived > 0:
        raise Archived(first.seq)


def later(one: Millis | None, other: Millis | None) -> Millis | None:
    """Return the later of two moments, where either may be missing."""
    return max((at for at in (one, other) if at is not None), default=None)
