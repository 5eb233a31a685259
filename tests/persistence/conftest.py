"""Fixtures of the tests of Postgres."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from persistence.postgres import PostgresLog
from tests.persistence.samples import Open


@pytest.fixture
async def open_log(postgres_url: str) -> AsyncIterator[Open]:
    """Opens logs of the test's database and closes them in the end."""
    opened: list[PostgresLog] = []

    def open_once_more(url: str = postgres_url, **options: int) -> PostgresLog:
        opened.append(PostgresLog(url, **options))
        return opened[-1]

    yield open_once_more
    for log in opened:
        await log.close()


@pytest.fixture
async def sql(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else in the same database."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()
