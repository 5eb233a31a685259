"""Databases of one's own in a Postgres server, ours or a given one."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import psutil

from bench.gauge import with_children

HONEST = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
"""Settings without which a commit is not durable, or not safe from a torn page."""


class DatabaseError(Exception):
    """The server cannot be used; the text says why, and what to do."""


@asynccontextmanager
async def database(server_url: str) -> AsyncIterator[str]:
    """The URL of an empty database, until the block ends. Raises DatabaseError."""
    name = f"outcry_bench_{secrets.token_hex(4)}"
    await _execute(server_url, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        await _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def settings(server_url: str) -> dict[str, str]:
    """Version and settings that decide what a commit costs. Raises DatabaseError if a commit
    would not be durable: such figures mean nothing."""
    try:
        connection = await asyncpg.connect(server_url)
    except (OSError, asyncpg.PostgresError) as problem:
        raise DatabaseError(f"cannot connect to Postgres: {problem}") from None
    try:
        names = ("server_version", *HONEST, "commit_delay", "shared_buffers", "max_connections")
        found = {name: str(await connection.fetchval(f"SHOW {name}")) for name in names}
    finally:
        await connection.close()
    wrong = [f"{name} = {found[name]}" for name, value in HONEST.items() if found[name] != value]
    if wrong:
        raise DatabaseError(f"Postgres has {', '.join(wrong)}: nothing durable can be measured")
    return found


async def pids_of(server_url: str) -> list[int]:
    """The processes of a server on this machine, sessions included; none if it is elsewhere.
    Raises DatabaseError."""
    try:
        connection = await asyncpg.connect(server_url)
    except (OSError, asyncpg.PostgresError) as problem:
        raise DatabaseError(f"cannot connect to Postgres: {problem}") from None
    try:
        session = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
        server = session.parent()
    except psutil.NoSuchProcess:
        return []
    finally:
        await connection.close()
    return with_children(server.pid) if server and "postgres" in server.name() else []


async def _execute(server_url: str, statement: str) -> None:
    try:
        connection = await asyncpg.connect(server_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as problem:
        raise DatabaseError(f"{statement}: {problem}") from None
