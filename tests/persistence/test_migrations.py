"""Tables are brought up to date once, forward only, and never from a file that has changed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from persistence.errors import WrongSchema
from persistence.migrations import Migration, load_migrations, pending
from persistence.postgres import PostgresLog
from persistence.sqlite import SqliteLog
from testkit.postgres import PostgresServer

KNOWN = [Migration(number, f"000{number}_x.sql", "", f"sum{number}") for number in (1, 2, 3)]
NEWER = "INSERT INTO schema_migrations (number, name, checksum) VALUES (99, '0099_x.sql', '')"
CHANGED = "UPDATE schema_migrations SET checksum = 'another' WHERE number = 1"


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
def test_migrations_travel_with_the_program(dialect: str) -> None:
    """They are found as data of the package, numbered from 1."""
    migrations = load_migrations(dialect)
    assert migrations[0].name == "0001_log.sql"
    assert [m.number for m in migrations] == list(range(1, len(migrations) + 1))
    assert "CREATE TABLE events" in migrations[0].sql


def test_only_what_is_missing_is_pending() -> None:
    """A new database undergoes all of them, an old one the rest, a current one none."""
    assert pending(KNOWN, {}) == KNOWN
    assert pending(KNOWN, {1: "sum1"}) == KNOWN[1:]
    assert pending(KNOWN, {1: "sum1", 2: "sum2", 3: "sum3"}) == []


def test_a_newer_database_is_refused() -> None:
    """An old program cannot know what the new tables mean."""
    with pytest.raises(WrongSchema, match="at migration 4 and this program knows 3"):
        pending(KNOWN, {1: "sum1", 2: "sum2", 3: "sum3", 4: "sum4"})


def test_a_changed_migration_is_refused() -> None:
    """An edited file would leave two databases with one number and different tables."""
    with pytest.raises(WrongSchema, match=r"0002_x\.sql is not the file"):
        pending(KNOWN, {1: "sum1", 2: "other"})


@pytest.mark.parametrize("tampering", [NEWER, CHANGED], ids=["newer", "changed"])
async def test_sqlite_refuses_foreign_tables(tmp_path: Path, tampering: str) -> None:
    """The check stands before the lease, so the log is left as it was."""
    path = tmp_path / "log.db"
    await _start_and_stop(SqliteLog(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(tampering)
        with pytest.raises(WrongSchema):
            await _start_and_stop(SqliteLog(path))
        assert connection.execute("SELECT epoch FROM lease").fetchone() == (1,)


@pytest.mark.parametrize("tampering", [NEWER, CHANGED], ids=["newer", "changed"])
async def test_postgres_refuses_foreign_tables(
    postgres: PostgresServer, postgres_url: str, tampering: str
) -> None:
    """The check stands before the lease, so the log is left as it was."""
    await _start_and_stop(PostgresLog(postgres_url))
    postgres.execute(tampering, postgres_url)
    with pytest.raises(WrongSchema):
        await _start_and_stop(PostgresLog(postgres_url))
    assert postgres.execute("SELECT epoch FROM shard_lease", postgres_url) == "1"


async def _start_and_stop(log: SqliteLog | PostgresLog) -> None:
    try:
        await log.acquire("owner")
        await log.release()
    finally:
        await log.close()
