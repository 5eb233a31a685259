"""Who is to own which shard: the markets, the engine processes that live, and their leader.

The truth about ownership is the lease of each shard (`PostgresLog`): this table says who is to ask
for it, so a mistake here costs time and never a record. Each process reports every second; what it
does not report for a while, it has died of. One of them leads and alone says who owns what. Its
epoch is the fence: a leader that slept is told so by the database, whose clock is the only one.

A process that is frozen in the midst of a transaction would keep its locks, and with them all the
others. The server ends such a session by itself.
"""

import re
import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import msgspec
from msgspec import Struct

from engine.kernel.time import Millis
from persistence.errors import NO_EPOCH, LeaseLost, NameTaken, ShardsRefused, WrongSchema
from persistence.postgres_connections import PostgresConnections
from persistence.postgres_schema import Connection, PooledConnection, prepare

MAIN = "main"
"""The market of whoever names none; it is shard 0."""
SHARDS_MAX = 64
ALIVE_MS = 4_000
FROZEN_MS_MAX = 2_000
"""Less than ALIVE_MS: while locks are waited for, nobody is taken for dead."""
MARKET_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

REPORT = """
INSERT INTO writers (name, session, address, seen_at, load, ready)
VALUES ($1, $2, $3, clock_timestamp(), $4, $5)
ON CONFLICT (name) DO UPDATE
   SET session = excluded.session, address = excluded.address, seen_at = clock_timestamp(),
       load = excluded.load, ready = excluded.ready,
       draining = writers.draining AND writers.session = excluded.session
 WHERE writers.session = excluded.session
    OR writers.seen_at <= clock_timestamp() - $6 * interval '1 millisecond'
"""
# An epoch that is ours is renewed even if it has ended, as long as nobody else has led since.
LEAD = """
UPDATE leader
   SET name = $1, epoch = CASE WHEN epoch = $2 THEN epoch ELSE epoch + 1 END,
       until = clock_timestamp() + $3 * interval '1 millisecond'
 WHERE epoch = $2 OR until <= clock_timestamp()
RETURNING epoch
"""
FENCE = "SELECT 1 FROM leader WHERE epoch = $1 AND until > clock_timestamp() FOR SHARE"
RESIGN = "UPDATE leader SET until = clock_timestamp() WHERE epoch = $1"
ASSIGN = """
UPDATE markets
   SET moved_at = CASE WHEN writer = $2 THEN moved_at ELSE clock_timestamp() END,
       writer = $2, standby = $3
 WHERE name = $1
"""
LIVING = """
SELECT name, address, load, ready, draining FROM writers
 WHERE seen_at > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY name
"""
PLACEMENTS = """
SELECT name, shard, writer, standby,
       (extract(epoch FROM clock_timestamp() - moved_at) * 1000)::bigint AS moved_ms
  FROM markets ORDER BY shard
"""
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
GIVE_AWAY = """
UPDATE markets SET writer = standby, standby = $2, moved_at = clock_timestamp()
  FROM writers
 WHERE markets.name = $1 AND markets.writer = $2 AND writers.name = markets.standby
   AND $1 = ANY (writers.ready) AND NOT writers.draining
   AND writers.seen_at > clock_timestamp() - $3 * interval '1 millisecond'
RETURNING markets.writer
"""
GIVEN = """
SELECT writer FROM markets JOIN writers ON writers.name = markets.writer
 WHERE markets.name = $1 AND markets.writer <> $2 AND $1 = ANY (ready)
   AND seen_at > clock_timestamp() - $3 * interval '1 millisecond'
"""
# The names of dead processes are of use for a while, to people.
FORGET = "DELETE FROM writers WHERE seen_at < clock_timestamp() - interval '1 hour'"
DRAIN = """
UPDATE writers SET draining = true
 WHERE name = $1 AND seen_at > clock_timestamp() - $2 * interval '1 millisecond'
"""
ADD_MARKET = """
INSERT INTO markets (name, shard)
SELECT $1, number FROM shard_numbers, generate_series(0, shards_max - 1) AS number
 WHERE NOT EXISTS (SELECT 1 FROM markets WHERE shard = number)
 ORDER BY number LIMIT 1
RETURNING shard
"""
SHARDS = """
SELECT name, shard, writer, standby, coalesce(owner, '') AS owner, coalesce(epoch, 0) AS epoch,
       CASE WHEN isfinite(lease_until) THEN
           (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::bigint
       END AS remaining_ms,
       (extract(epoch FROM clock_timestamp() - alive_at) * 1000)::bigint AS served_ms
  FROM markets LEFT JOIN shard_lease USING (shard) ORDER BY shard
"""
WRITERS = """
SELECT name, address, load, ready, draining,
       (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::bigint AS seen_ms,
       name = (SELECT name FROM leader WHERE until > clock_timestamp()) IS TRUE AS leads
  FROM writers ORDER BY name
"""


class Placement(Struct, frozen=True):
    """Who is to own a market; a name is empty where nobody is meant."""

    market: str
    shard: int
    writer: str
    standby: str
    moved_ms: Millis = 0
    """How long ago it was given to another writer, ms."""


class Living(Struct, frozen=True):
    """A process that reported a moment ago."""

    name: str
    address: str
    load: dict[str, int]
    """Market that it serves -> commands a second."""
    ready: frozenset[str]
    """Markets that it follows without a lag, and could serve at once."""
    draining: bool
    """It is to give away what it has."""


class Change(Struct, frozen=True):
    """Another writer or standby of a market."""

    market: str
    writer: str
    standby: str


class Report(Struct, frozen=True):
    """What a process is told when it reports."""

    is_leader: bool
    markets: list[Placement]
    """All of them, by shard."""
    writers: list[Living]
    """All that live, the caller too, by name."""
    now_ms: Millis | None = None
    """By the database's clock."""


class ShardRow(Struct, frozen=True):
    """A market for operators: who is to own it, and who does."""

    market: str
    shard: int
    writer: str
    standby: str
    owner: str
    """Whose lease it is or was last; empty if nobody's."""
    epoch: int
    remaining_ms: Millis | None
    """What is left of the lease; negative: it ended so long ago. None: there was never one."""
    served_ms: Millis | None
    """How long ago it was known to be served."""


class WriterRow(Struct, frozen=True):
    """A process for operators."""

    name: str
    address: str
    load: dict[str, int]
    ready: frozenset[str]
    draining: bool
    seen_ms: Millis
    """How long ago it reported."""
    leads: bool
    lives: bool

    @property
    def state(self) -> str:
        """`lives` or `dead`; of one that lives and leads or is draining, these words instead."""
        if not self.lives:
            return "dead"
        words = (("leads", self.leads), ("draining", self.draining))
        return ",".join(word for word, holds in words if holds) or "lives"


class Overview(Struct, frozen=True):
    """All of it, for operators."""

    shards: list[ShardRow]
    writers: list[WriterRow]
    """Those that died within the hour too."""
    shards_max: int


class ShardTable:
    """Markets, processes and leadership, in the database of the logs."""

    def __init__(
        self,
        url: str,
        *,
        shards_max: int = SHARDS_MAX,
        alive_ms: Millis = ALIVE_MS,
        command_timeout_ms: Millis = 5_000,
    ) -> None:
        """Nothing is connected before the first call. Any call may raise LogUnavailable.

        Args:
            url: of the database; it must exist and be UTF-8.
            shards_max: how many shards there can be; counts only if the database is new.
            alive_ms: how long after its last report a process counts as living, and leads.
            command_timeout_ms: how long a statement may take before it is LogUnavailable.
        """
        self._connections = PostgresConnections(url, "outcry shards", command_timeout_ms)
        self._shards_max = shards_max
        self._alive_ms = alive_ms
        # Two processes may be given one name, or one may have it after another.
        self._session = secrets.token_hex(8)
        self._epoch = NO_EPOCH
        self._is_prepared = False

    async def add_market(self, name: str) -> int:
        """Give a new market the next free shard; makes and updates the tables. Returns the shard.

        Raises:
            ShardsRefused: the name is bad or taken, or no number is left.
        """
        if not MARKET_NAME.fullmatch(name):
            raise ShardsRefused(
                f"{name!r} cannot be the name of a market: take up to 32 small letters, digits, "
                "'-' and '_', the first a letter or a digit"
            )
        await self._prepare()
        async with self._transaction() as connection:
            # Whoever adds another one waits, so that both do not choose the same number.
            await connection.execute("LOCK TABLE markets IN SHARE ROW EXCLUSIVE MODE")
            taken = await connection.fetchval("SELECT shard FROM markets WHERE name = $1", name)
            if taken is not None:
                raise ShardsRefused(f"there is a market {name} already: it is shard {taken}")
            shard: int | None = await connection.fetchval(ADD_MARKET, name)
            if shard is None:
                most = await connection.fetchval("SELECT shards_max FROM shard_numbers")
                raise ShardsRefused(
                    f"all {most} shards of this database have a market: "
                    "make another database for further ones"
                )
        async with self._connections.writing() as connection:
            # Whoever is its standby can follow the log before anybody has owned it.
            await prepare(connection, shard)
        return shard

    async def markets(self) -> list[Placement]:
        """Every market, by shard. Raises WrongSchema if there are no tables yet."""
        async with self._reading() as connection:
            return _placements(await connection.fetch(PLACEMENTS))

    async def report(
        self, name: str, address: str, load: Mapping[str, int], ready: Collection[str] = ()
    ) -> Report:
        """Say that the process `name` lives; lead, if nobody does. Due every second; the first
        makes and updates the tables.

        Args:
            name: of the process, and of no other that lives.
            address: where others and operators find it.
            load: each market that it serves -> commands a second.
            ready: the markets that it follows without a lag.

        Raises:
            NameTaken: another living process has this name.
        """
        await self._prepare()
        async with self._transaction() as connection:
            encoded = msgspec.json.encode(load).decode()
            row = (name, self._session, address, encoded, list(ready), self._alive_ms)
            if await connection.execute(REPORT, *row) != "INSERT 0 1":
                raise NameTaken(name)
            epoch = await connection.fetchval(LEAD, name, self._epoch, self._alive_ms)
            if epoch is not None:
                await connection.execute(FORGET)
            told = Report(
                is_leader=epoch is not None,
                markets=_placements(await connection.fetch(PLACEMENTS)),
                writers=[_living(r) for r in await connection.fetch(LIVING, self._alive_ms)],
                now_ms=await connection.fetchval(NOW),
            )
        self._epoch = NO_EPOCH if epoch is None else epoch
        return told

    async def assign(self, changes: Sequence[Change]) -> None:
        """Write who is to own what, all of it or nothing.

        Raises:
            LeaseLost: this process does not lead, or did not report for too long.
        """
        async with self._transaction() as connection:
            if await connection.fetchval(FENCE, self._epoch) is None:
                raise LeaseLost("the lead of the shards", self._epoch)
            rows = [(change.market, change.writer, change.standby) for change in changes]
            await connection.executemany(ASSIGN, rows)

    async def give_away(self, market: str, name: str) -> str:
        """Have its standby serve a market in the place of `name`, who cannot just now. Returns who
        is to serve it now; "" and nothing is changed if nobody else lives and is ready."""
        async with self._transaction() as connection:
            row = (market, name, self._alive_ms)
            heir: str | None = await connection.fetchval(GIVE_AWAY, *row)
            # Or the leader has taken `name` for dead, and somebody waits for the lease.
            heir = heir or await connection.fetchval(GIVEN, *row)
        return heir or ""

    async def drain(self, name: str) -> None:
        """Have everything taken from a process, for as long as it lives.

        Raises:
            ShardsRefused: no living process has this name.
        """
        async with self._reading() as connection:
            if await connection.execute(DRAIN, name, self._alive_ms) == "UPDATE 1":
                return
            living = [row["name"] for row in await connection.fetch(LIVING, self._alive_ms)]
        named = f"those that live are {', '.join(living)}" if living else "none lives"
        raise ShardsRefused(f"there is no living writer {name}; {named}")

    async def leave(self, name: str) -> None:
        """Be taken for dead at once, and lead no more. Call it when nothing is owned any more."""
        async with self._transaction() as connection:
            await connection.execute(
                "DELETE FROM writers WHERE name = $1 AND session = $2", name, self._session
            )
            await connection.execute(RESIGN, self._epoch)
        self._epoch = NO_EPOCH

    async def overview(self) -> Overview:
        """What operators want to see. Raises WrongSchema if there are no tables yet."""
        async with self._reading() as connection, connection.transaction():
            shards = [ShardRow(*row) for row in await connection.fetch(SHARDS)]
            writers = [self._writer_row(row) for row in await connection.fetch(WRITERS)]
            most = await connection.fetchval("SELECT shards_max FROM shard_numbers")
        return Overview(shards, writers, most or self._shards_max)

    async def close(self) -> None:
        """Let go of the connections."""
        self._connections.close()

    def _writer_row(self, row: asyncpg.Record) -> WriterRow:
        found = _living(row)
        return WriterRow(
            name=found.name,
            address=found.address,
            load=found.load,
            ready=found.ready,
            draining=found.draining,
            seen_ms=row["seen_ms"],
            leads=row["leads"],
            lives=row["seen_ms"] < self._alive_ms,
        )

    async def _prepare(self) -> None:
        if self._is_prepared:
            return
        async with self._connections.writing() as connection:
            await prepare(connection, 0)
            await connection.execute(
                "INSERT INTO shard_numbers VALUES (0, $1) ON CONFLICT DO NOTHING", self._shards_max
            )
        self._is_prepared = True

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with self._connections.writing() as connection, connection.transaction():
            await connection.execute(
                f"SET LOCAL idle_in_transaction_session_timeout = {FROZEN_MS_MAX}"
            )
            yield connection

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[PooledConnection]:
        # Whoever only looks must not bring the tables up to date: the processes that serve might
        # be older, and could not start any more.
        async with self._connections.beside() as connection:
            if not self._is_prepared and not await connection.fetchval(
                "SELECT to_regclass('shard_numbers') IS NOT NULL"
            ):
                raise WrongSchema(
                    "there are no shards in this database yet: start `outcry engine` on it, "
                    "or add a market with `outcry shards --add`"
                )
            yield connection


def _placements(rows: Sequence[asyncpg.Record]) -> list[Placement]:
    return [Placement(*row) for row in rows]


def _living(row: asyncpg.Record) -> Living:
    return Living(
        name=row["name"],
        address=row["address"],
        load=msgspec.json.decode(row["load"], type=dict[str, int]),
        ready=frozenset(row["ready"]),
        draining=row["draining"],
    )
