"""A log in memory: what tests and simulations put in the place of a database.

It passes the same contract suite as the others, leases and fencing included. Several logs may open
one store, as several processes open one database.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence

from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.ports import COMMANDS, Acquired, Snapshot
from persistence.errors import NO_EPOCH, LeaseHeld, LeaseLost, LogUnavailable
from persistence.order import assert_follows, checked_by_position, checked_by_seq, later

NAME = "the log in memory"


class MemoryStore:
    """What outlives a log: the records, the lease, the snapshot and the marks."""

    def __init__(self, clock: Callable[[], Millis]) -> None:
        self.clock = clock
        self.available = True
        """Set it to False and every call raises LogUnavailable, until it is True again."""
        self.log_id = secrets.token_hex(4)
        self.records: list[Record] = []
        self.rooms: dict[str, list[Record]] = {}
        self.snapshot: Snapshot | None = None
        self.marks: dict[str, int] = {}
        self.owner = ""
        self.epoch = 0
        self.lease_until: Millis = 0
        self.alive_at: Millis | None = None

    def add(self, records: Sequence[Record]) -> bool:
        """Add all records, or none and return False if a place is taken."""
        if records[0].position != len(self.records) + 1:
            return False
        seqs: dict[str, int] = {}
        for record in records:
            room = record.room
            if record.seq <= seqs.get(room, len(self.rooms.get(room, ()))):
                return False
            seqs[room] = record.seq
        for record in records:
            self.records.append(record)
            self.rooms.setdefault(record.room, []).append(record)
        return True


class MemoryLog:
    """The log of one shard, kept in a store (`engine.ports.EventLog`)."""

    def __init__(self, store: MemoryStore, lease_ttl_ms: Millis = 6_000) -> None:
        self._store = store
        self._lease_ttl_ms = lease_ttl_ms
        self._epoch = NO_EPOCH
        self._head = 0

    async def acquire(self, owner: str) -> Acquired:
        store = await self._reach()
        remaining_ms = store.lease_until - store.clock()
        if remaining_ms > 0 and store.epoch != self._epoch:
            raise LeaseHeld(NAME, store.owner, remaining_ms)
        store.owner = owner
        store.epoch += 1
        store.lease_until = store.clock() + self._lease_ttl_ms
        self._epoch = store.epoch
        self._head = len(store.records)
        last_at = store.records[-1].at if store.records else None
        return Acquired(self._epoch, store.log_id, later(store.alive_at, last_at))

    async def renew(self, is_serving: bool = True) -> None:
        store = await self._reach_as_owner()
        now = store.clock()
        store.lease_until = now + self._lease_ttl_ms
        if is_serving:
            store.alive_at = now

    async def release(self) -> None:
        store = await self._reach()
        if store.epoch == self._epoch:
            store.lease_until = 0
        self._epoch = NO_EPOCH

    async def append(self, records: Sequence[Record], cursor: int | None = None) -> None:
        if not records:
            return
        store = await self._reach_as_owner()
        assert_follows(records, self._head)
        if not store.add(records):
            raise LeaseLost(NAME, self._epoch)
        if cursor is not None:
            store.marks[COMMANDS] = cursor
        self._head = records[-1].position

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        page = (await self._reach()).records[after : after + limit]
        return checked_by_position(page, after)

    async def read_room(self, room: str, after: int, limit: int) -> Sequence[Record]:
        page = (await self._reach()).rooms.get(room, [])[after : after + limit]
        return checked_by_seq(page, after)

    async def head(self) -> int:
        return len((await self._reach()).records)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        store = await self._reach_as_owner()
        assert snapshot.position <= self._head, "a snapshot holds what is durable, no more"
        if store.snapshot is None or store.snapshot.position <= snapshot.position:
            store.snapshot = snapshot

    async def load_snapshot(self) -> Snapshot | None:
        return (await self._reach()).snapshot

    async def save_mark(self, name: str, position: int) -> None:
        marks = (await self._reach_as_owner()).marks
        assert position <= self._head, "a mark stands at what is durable"
        marks[name] = max(position, marks.get(name, 0))

    async def load_mark(self, name: str) -> int:
        return (await self._reach()).marks.get(name, 0)

    async def close(self) -> None:
        """Nothing is open."""

    async def _reach(self) -> MemoryStore:
        # A database answers later, never at once: others get their turn here too.
        await asyncio.sleep(0)
        if not self._store.available:
            raise LogUnavailable("the store is switched off")
        return self._store

    async def _reach_as_owner(self) -> MemoryStore:
        store = await self._reach()
        if store.epoch != self._epoch:
            raise LeaseLost(NAME, self._epoch)
        return store
