"""Postgres hangs, freezes, crashes or loses an answer, and the log says so and goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from persistence.errors import LogUnavailable
from persistence.postgres import PostgresLog
from persistence.postgres_append import FEW
from testkit.postgres import PostgresServer
from tests.persistence.samples import Open, batch, record


@pytest.fixture
async def log(open_log: Open) -> PostgresLog:
    """A log that we own, quick to say that Postgres does not answer."""
    log = open_log(command_timeout_ms=500)
    await log.acquire("first")
    return log


async def test_a_hanging_statement_is_unavailable(
    log: PostgresLog, sql: asyncpg.Connection
) -> None:
    """Nobody waits for a lock for ever, and nothing stays behind of what was given up."""
    async with sql.transaction():
        await sql.execute("LOCK TABLE shard_lease")
        with pytest.raises(LogUnavailable):
            await log.append([record(1)])
    await log.acquire("first")
    assert await log.head() == 0
    await log.append([record(1)])


async def test_a_frozen_server_is_unavailable(log: PostgresLog, postgres: PostgresServer) -> None:
    """Connections stand and nobody answers: every call ends, and later the log goes on."""
    await log.append([record(1)])
    await log.read(0, 1)
    postgres.pause()
    for call in (log.append([record(2)]), log.read(0, 1), log.acquire("first")):
        with pytest.raises(LogUnavailable):
            await call
    postgres.resume()
    await log.acquire("first")
    head = await log.head()
    await log.append([record(head + 1)])
    assert list(await log.read(0, 10)) == batch(1, head + 1)


async def test_reads_go_on_after_an_outage(log: PostgresLog, postgres: PostgresServer) -> None:
    """The pool finds the server again, after a crash too, and no acknowledged record is lost."""
    await log.append([record(1)])
    await log.read(0, 1)
    postgres.kill()
    with pytest.raises(LogUnavailable):
        await log.read(0, 1)
    postgres.start()
    assert list(await log.read(0, 10)) == [record(1)]


@pytest.mark.parametrize(
    ("count", "commit"),
    [(1, record(1).event), (FEW + 1, b"COMMIT\0")],
    ids=["few", "many"],
)
async def test_a_lost_answer_leaves_the_outcome_open(
    open_log: Open, postgres: PostgresServer, postgres_url: str, count: int, commit: bytes
) -> None:
    """The commit was done and its answer never came: that is no failure, and acquire tells."""
    async with _line_cut_at(commit, postgres) as port:
        database = postgres_url.split("@/")[1].split("?")[0]
        log = open_log(f"postgresql://outcry@127.0.0.1:{port}/{database}?sslmode=disable")
        await log.acquire("first")
        with pytest.raises(LogUnavailable):
            await log.append(batch(1, count))
        await log.acquire("first")
        assert await log.head() == count
        await log.close()


@asynccontextmanager
async def _line_cut_at(commit: bytes, postgres: PostgresServer) -> AsyncIterator[int]:
    """A line to the server that passes the message with these bytes on, by which an append is
    committed, and no answer after it."""
    lines: list[asyncio.Task[None]] = []

    async def serve(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        lines.append(task)
        socket = str(postgres.directory / ".s.PGSQL.5432")
        server, to_server = await asyncio.open_unix_connection(socket)
        answering = asyncio.ensure_future(_pass_on(server, to_client))
        with suppress(ConnectionError):
            while message := await client.read(65_536):
                if commit in message:
                    answering.cancel()
                    to_client.close()
                to_server.write(message)
        to_server.close()
        await asyncio.wait({answering})

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]
    await asyncio.wait(lines)


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while message := await source.read(65_536):
        target.write(message)
    target.close()
