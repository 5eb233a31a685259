"""Fixtures of the contract suites: logs in memory, SQLite and Postgres; writers near and far."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.ports import EventLog
from testkit.redis import RedisServer, find_binary
from tests.contract.places import MemoryPlace, Open, Place, PostgresPlace, SqlitePlace
from tests.contract.towns import AnyTown, near_town
from tests.runtime.far.market import open_town


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


@pytest.fixture(params=["near", "far"])
async def town(request: pytest.FixtureRequest) -> AsyncIterator[AnyTown]:
    """A writer and two gateways."""
    if request.param == "near":
        async with near_town() as near:
            yield near
        return
    with RedisServer(find_binary()) as redis:
        async with open_town(f"unix://{redis.socket_path}", gateways=2) as far:
            yield far
