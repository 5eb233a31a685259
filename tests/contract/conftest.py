"""Fixtures of the contract suites: a log in memory, in SQLite and in Postgres."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.ports import EventLog
from tests.contract.places import MemoryPlace, Open, Place, PostgresPlace, SqlitePlace


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place where no log has been yet."""
    if request.param == "memory":
        return MemoryPlace()
    if request.param == "sqlite":
        return SqlitePlace(tmp_path)
    server = request.getfixturevalue("postgres")
    return PostgresPlace(server, request.getfixturevalue("postgres_url"))


@pytest.fixture
async def open_log(place: Place) -> AsyncIterator[Open]:
    """Opens the log of the place, as often as a test likes, and closes it in the end."""
    opened: list[EventLog] = []

    def open_once_more() -> EventLog:
        opened.append(place.open())
        return opened[-1]

    yield open_once_more
    for log in opened:
        await log.close()


@pytest.fixture
async def log(open_log: Open) -> EventLog:
    """A log that we own."""
    log = open_log()
    await log.acquire("first")
    return log
