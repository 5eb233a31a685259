"""The tables of the Postgres log: made and brought up to date when a shard is acquired."""

import secrets
from typing import TypeAlias

import asyncpg

from persistence.migrations import load_migrations, pending

# In quotes, for only the stubs of asyncpg know that it is generic.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
PooledConnection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

SCHEMA_LOCK = 7_246_191  # any number, as long as every version of this program takes the same
MIGRATION_SECONDS_MAX = 3_600


async def prepare(connection: Connection, shard: int) -> None:
    """Bring the database up to date and make the shard's partition, lease and name, all or none.

    Raises:
        WrongSchema: the tables and this program do not belong together.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)
        await _migrate(connection)
        if not await connection.fetchval("SELECT 1 FROM log_meta WHERE shard = $1", shard):
            await _add_shard(connection, shard)


async def _migrate(connection: Connection) -> None:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY,"
        " name text NOT NULL, checksum text NOT NULL, applied_at timestamptz DEFAULT now())"
    )
    rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
    applied = {row["number"]: row["checksum"] for row in rows}
    for m in pending(load_migrations("postgres"), applied):
        await connection.execute(m.sql, timeout=MIGRATION_SECONDS_MAX)
        done = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)"
        await connection.execute(done, m.number, m.name, m.checksum)


def range_name(shard: int, first: int) -> str:
    """The table of a shard's records from this position on, up to the next such table."""
    return f"events_{shard}_{first}"


def open_range_sql(shard: int, first: int) -> str:
    """Makes such a table, apart from the log. The seqs of a room are unique within it."""
    name = range_name(shard, first)
    return f"CREATE TABLE {name} (LIKE events INCLUDING ALL, UNIQUE (shard, room, seq));"


async def _add_shard(connection: Connection, shard: int) -> None:
    # Made apart and then attached: CREATE TABLE ... PARTITION OF would lock out other shards.
    await connection.execute(
        f"CREATE TABLE events_{shard} (LIKE events INCLUDING ALL) PARTITION BY RANGE (position);"
        f"{open_range_sql(shard, 1)}"
        f"ALTER TABLE events_{shard} ATTACH PARTITION {range_name(shard, 1)}"
        " FOR VALUES FROM (MINVALUE) TO (MAXVALUE);"
        f"ALTER TABLE events ATTACH PARTITION events_{shard} FOR VALUES IN ({shard})"
    )
    meta = "INSERT INTO log_meta (shard, log_id) VALUES ($1, $2)"
    await connection.execute(meta, shard, secrets.token_hex(4))
    await connection.execute("INSERT INTO shard_lease (shard) VALUES ($1)", shard)
