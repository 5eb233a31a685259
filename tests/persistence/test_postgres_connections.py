"""Connections come back after a failure, wait for nobody for ever, and read along an index."""

import asyncio
import socket
from collections.abc import AsyncIterator

import asyncpg
import pytest

from persistence.errors import LogUnavailable
from persistence.postgres_connections import PostgresConnections
from persistence.postgres_schema import prepare

MANY_RECORDS = """
INSERT INTO events
SELECT 0, n, 'x:1', n, 0, 'u1', '{}', '', '', '', NULL FROM generate_series(1, 20000) AS n
"""


@pytest.fixture
async def connections(postgres_url: str) -> AsyncIterator[PostgresConnections]:
    """Connections to the test's database; none is open yet."""
    connections = PostgresConnections(postgres_url, "outcry test", 2_000)
    yield connections
    connections.close()


async def test_one_writer_at_a_time(connections: PostgresConnections) -> None:
    """A renewal may come during an append: it takes its turn on the same connection."""
    async with connections.writing() as connection:
        first = await connection.fetchval("SELECT pg_backend_pid()")
        second = asyncio.ensure_future(_writer_pid(connections))
        await asyncio.wait({second}, timeout=0.01)
        assert not second.done()
    assert await second == first


async def test_a_failure_costs_the_connection(connections: PostgresConnections) -> None:
    """What a server still does for a call that failed must not meet the next call."""
    before = await _writer_pid(connections)
    with pytest.raises(ZeroDivisionError):
        async with connections.writing():
            raise ZeroDivisionError
    assert await _writer_pid(connections) != before


async def test_a_cancelled_call_costs_the_connection(connections: PostgresConnections) -> None:
    """The next caller does not wait for a statement that nobody wants any more."""
    before = await _writer_pid(connections)
    sleeping = asyncio.ensure_future(_sleep_on_the_server(connections))
    await asyncio.wait({sleeping}, timeout=0.05)
    sleeping.cancel()
    await asyncio.wait({sleeping})
    assert await _writer_pid(connections) != before


async def test_a_silent_server_is_unavailable() -> None:
    """Something takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        silent = PostgresConnections(f"postgresql://x@127.0.0.1:{port}/x", "outcry test", 50)
        with pytest.raises(LogUnavailable):
            await _writer_pid(silent)
        with pytest.raises(LogUnavailable):
            async with silent.beside():
                pass
        silent.close()


async def test_a_missing_database_is_unavailable(postgres_url: str) -> None:
    """The text says so."""
    nowhere = PostgresConnections(postgres_url.replace("/db", "/no"), "outcry test", 2_000)
    with pytest.raises(LogUnavailable, match="does not exist"):
        await _writer_pid(nowhere)
    nowhere.close()


async def test_pages_are_read_along_an_index(connections: PostgresConnections) -> None:
    """A table that was never analysed would be sorted anew for each page of a replay."""
    async with connections.writing() as connection:
        await prepare(connection, 0)
        await connection.execute(MANY_RECORDS)
    page = "WHERE shard = 0 AND position > 9 ORDER BY position LIMIT 1000"
    async with connections.beside() as reader:
        plan = await reader.fetch(f"EXPLAIN SELECT event FROM events {page}")
    text = "\n".join(row[0] for row in plan)
    assert "Index Scan" in text
    assert "Sort" not in text


async def test_nothing_is_compiled(connections: PostgresConnections) -> None:
    """Every statement here is short; to compile one takes longer than to run it ever does."""
    async with connections.writing() as connection:
        assert await connection.fetchval("SHOW jit") == "off"
    async with connections.beside() as pooled:
        assert await pooled.fetchval("SHOW jit") == "off"


async def test_a_commit_is_durable_whatever_the_database_says(
    connections: PostgresConnections, postgres_url: str
) -> None:
    """A database set to lose its last commits in a crash must not make a liar of the house."""
    owner = await asyncpg.connect(postgres_url)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await owner.close()
    async with connections.writing() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "on"


async def _writer_pid(connections: PostgresConnections) -> int:
    async with connections.writing() as connection:
        return int(await connection.fetchval("SELECT pg_backend_pid()"))


async def _sleep_on_the_server(connections: PostgresConnections) -> None:
    async with connections.writing() as connection:
        await connection.execute("SELECT pg_sleep(60)")
