"""The log in Postgres: many shards in one database, each with a lease that passes from a process
to the next.

The fence. An append shares a lock on its lease row (`FOR SHARE`) and checks the epoch in the
transaction that writes the records; a new owner changes the epoch. The two locks conflict, so an
append is either done before the change of hands, and the new owner reads it, or it finds a foreign
epoch and writes nothing. `FOR KEY SHARE` would not do: it lets an update pass that leaves the key
as it is. The primary key (shard, position) is the second fence.

The lease is counted by the database's clock alone. It ends when it is not renewed; an owner whose
lease has ended may go on all the same until somebody takes it, for the epoch is what decides.
"""

import asyncio
from collections.abc import Sequence
from itertools import starmap

import asyncpg

from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.ports import Acquired, Snapshot
from persistence.errors import NO_EPOCH, LeaseHeld, LeaseLost
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
from persistence.postgres_append import append
from persistence.postgres_connections import PostgresConnections
from persistence.postgres_periods import PeriodKeeper
from persistence.postgres_schema import Connection, prepare

POLLS_PER_LEASE = 20
SNAPSHOT_SECONDS_MAX = 60

# Of an owner whose lease has ended nothing is left to wait for: a session of its that stands in a
# transaction, because its process is frozen or its machine is gone, would bar the way for ever.
CUT_OFF = """
SELECT pg_terminate_backend(session.pid)
  FROM shard_lease
  JOIN pg_stat_activity AS session
    ON session.application_name = format('outcry shard %s epoch %s', shard, epoch)
 WHERE shard = $1 AND lease_until <= clock_timestamp()
   AND session.datname = current_database()
   AND session.state <> 'idle' AND session.pid <> pg_backend_pid()
"""
TAKE = """
UPDATE shard_lease
   SET owner = $2, epoch = epoch + 1,
       lease_until = clock_timestamp() + $3 * interval '1 millisecond'
 WHERE shard = $1 AND (lease_until <= clock_timestamp() OR epoch = $4)
RETURNING epoch, (extract(epoch FROM alive_at) * 1000)::bigint AS alive_at,
          (SELECT log_id FROM log_meta WHERE log_meta.shard = shard_lease.shard) AS log_id
"""
LOOK = """
SELECT owner, lease_until,
       (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::bigint AS remaining_ms
  FROM shard_lease WHERE shard = $1 AND lease_until > clock_timestamp()
"""
RENEW = """
UPDATE shard_lease
   SET alive_at = CASE WHEN $4::boolean THEN clock_timestamp() ELSE alive_at END,
       lease_until = clock_timestamp() + $3 * interval '1 millisecond'
 WHERE shard = $1 AND epoch = $2
"""
RELEASE = "UPDATE shard_lease SET lease_until = clock_timestamp() WHERE shard = $1 AND epoch = $2"
# json_send() gives the text of a json as bytes: nothing is decoded here only to be encoded again.
SELECT = """SELECT position, room, seq, at, actor, json_send(event), hash, command_id, command_hash,
                   coalesce(json_send(result), '')"""
LAST = "SELECT position, at FROM events_{} ORDER BY position DESC LIMIT 1"
SAVE_SNAPSHOT = """
INSERT INTO snapshots (shard, position, data)
SELECT shard, $3, $4 FROM shard_lease WHERE shard = $1 AND epoch = $2
ON CONFLICT (shard, position) DO UPDATE SET data = excluded.data, saved_at = excluded.saved_at
"""
FORGET_SNAPSHOTS = """
DELETE FROM snapshots WHERE shard = $1 AND position NOT IN
    (SELECT position FROM snapshots WHERE shard = $1 ORDER BY position DESC LIMIT 2)
"""
LOAD_SNAPSHOT = """
SELECT position, data FROM snapshots WHERE shard = $1 ORDER BY position DESC LIMIT 1
"""
SAVE_MARK = """
INSERT INTO marks (shard, name, position)
SELECT shard, $3, $4 FROM shard_lease WHERE shard = $1 AND epoch = $2
ON CONFLICT (shard, name)
DO UPDATE SET position = greatest(marks.position, excluded.position), saved_at = now()
"""
LOAD_MARK = "SELECT position FROM marks WHERE shard = $1 AND name = $2"


class PostgresLog:
    """The log of one shard, kept in Postgres (`engine.ports.EventLog`)."""

    def __init__(
        self,
        url: str,
        shard: int = 0,
        lease_ttl_ms: Millis = 6_000,
        command_timeout_ms: Millis = 5_000,
    ) -> None:
        """Nothing is connected before the first call.

        Args:
            url: of the database; it must exist and be UTF-8. The tables are made in it.
            shard: which log of the database.
            lease_ttl_ms: how long after its last `renew` an owner counts as living.
            command_timeout_ms: how long a statement may take before it is LogUnavailable.
        """
        assert shard >= 0, f"shard {shard} is negative"
        self._name = f"shard {shard}"
        self._shard = shard
        self._lease_ttl_ms = lease_ttl_ms
        self._connections = PostgresConnections(url, f"outcry {self._name}", command_timeout_ms)
        self._periods = PeriodKeeper(self._connections, shard)
        self._epoch = NO_EPOCH
        self._head = 0

    async def acquire(self, owner: str) -> Acquired:
        """Become the one writer; makes and updates the tables.

        If the lease is held, watch it for as long as it can last, since its owner may be dead.
        An owner that acquires again gets its next epoch at once, after its appends under way.

        Raises:
            LeaseHeld: the lease was renewed meanwhile, or outlasts ours.
            WrongSchema: the tables and this program do not belong together.
        """
        async with self._connections.writing() as connection:
            await prepare(connection, self._shard)
            taken = await self._take(connection, owner)
            self._epoch = taken["epoch"]
            # CUT_OFF knows our sessions by this name.
            self._connections.name = f"outcry {self._name} epoch {self._epoch}"
            await connection.execute(f"SET application_name = '{self._connections.name}'")
            last = await connection.fetchrow(LAST.format(self._shard))
            self._head, last_at = last or (0, None)
        return Acquired(self._epoch, taken["log_id"], later(taken["alive_at"], last_at))

    async def renew(self, is_serving: bool = True) -> None:
        async with self._connections.writing() as connection:
            row = (self._shard, self._epoch, self._lease_ttl_ms, is_serving)
            done = await connection.execute(RENEW, *row)
            if done != "UPDATE 1":
                raise LeaseLost(self._name, self._epoch)
        if is_serving:
            self._periods.look_after()

    async def release(self) -> None:
        async with self._connections.writing() as connection:
            await connection.execute(RELEASE, self._shard, self._epoch)
            self._epoch = NO_EPOCH

    async def append(self, records: Sequence[Record], cursor: int | None = None) -> None:
        if not records:
            return
        async with self._connections.writing() as connection:
            assert_follows(records, self._head)
            try:
                held = await append(connection, self._shard, self._epoch, records, cursor)
            except asyncpg.UniqueViolationError as error:
                raise LeaseLost(self._name, self._epoch) from error
            if not held:
                raise LeaseLost(self._name, self._epoch)
            self._head = records[-1].position

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        where = "WHERE shard = $1 AND position > $2 ORDER BY position LIMIT $3"
        records = await self._fetch(where, after, limit)
        if begins_late(records, after):
            raise_if_archived(records[0], after, await self.load_mark(ARCHIVED))
        return checked_by_position(records, after)

    async def read_room(self, room: str, after: int, limit: int) -> Sequence[Record]:
        where = "WHERE shard = $1 AND room = $2 AND seq > $3 ORDER BY seq LIMIT $4"
        records = await self._fetch(where, room, after, limit)
        if room_begins_late(records, after):
            raise_if_room_archived(records[0], await self.load_mark(ARCHIVED))
        return checked_by_seq(records, after)

    async def head(self) -> int:
        async with self._connections.beside() as connection:
            return await connection.fetchval(LAST.format(self._shard)) or 0

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep this snapshot and the one before it. Raises LeaseLost."""
        assert snapshot.position <= self._head, "a snapshot holds what is durable, no more"
        # It goes beside the appends and takes no lock on the lease: a snapshot of durable records
        # is right whoever saves it.
        async with self._connections.beside() as connection:
            row = (self._shard, self._epoch, snapshot.position, snapshot.data)
            done = await connection.execute(SAVE_SNAPSHOT, *row, timeout=SNAPSHOT_SECONDS_MAX)
            if done != "INSERT 0 1":
                raise LeaseLost(self._name, self._epoch)
            await connection.execute(FORGET_SNAPSHOTS, self._shard)

    async def load_snapshot(self) -> Snapshot | None:
        async with self._connections.beside() as connection:
            row = await connection.fetchrow(
                LOAD_SNAPSHOT, self._shard, timeout=SNAPSHOT_SECONDS_MAX
            )
        return None if row is None else Snapshot(*row)

    async def save_mark(self, name: str, position: int) -> None:
        assert position <= self._head, "a mark stands at what is durable"
        async with self._connections.beside() as connection:
            done = await connection.execute(SAVE_MARK, self._shard, self._epoch, name, position)
        if done != "INSERT 0 1":
            raise LeaseLost(self._name, self._epoch)

    async def load_mark(self, name: str) -> int:
        async with self._connections.beside() as connection:
            return await connection.fetchval(LOAD_MARK, self._shard, name) or 0

    async def close(self) -> None:
        self._periods.close()
        self._connections.close()

    async def _take(self, connection: Connection, owner: str) -> asyncpg.Record:
        loop = asyncio.get_running_loop()
        poll = self._lease_ttl_ms / 1_000 / POLLS_PER_LEASE
        deadline = loop.time() + self._lease_ttl_ms / 1_000 + poll
        seen = None
        while True:
            await connection.execute(CUT_OFF, self._shard)
            taken = await connection.fetchrow(
                TAKE, self._shard, owner, self._lease_ttl_ms, self._epoch
            )
            if taken is not None:
                return taken
            lease = await connection.fetchrow(LOOK, self._shard)
            if lease is None:
                continue
            renewed = seen is not None and lease["lease_until"] != seen
            if renewed or loop.time() > deadline:
                raise LeaseHeld(self._name, lease["owner"], lease["remaining_ms"])
            seen = lease["lease_until"]
            # To be there when it ends: nobody is served from then on.
            await asyncio.sleep(min(poll, (lease["remaining_ms"] + 1) / 1_000))

    async def _fetch(self, where: str, *arguments: object) -> list[Record]:
        # By way of `events`, a plan for any shard would lock the ranges of all.
        sql = f"{SELECT} FROM events_{self._shard} {where}"
        async with self._connections.beside() as connection:
            rows = await connection.fetch(sql, self._shard, *arguments)
        return list(starmap(Record, rows))
