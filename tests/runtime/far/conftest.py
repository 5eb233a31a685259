"""Fixtures: a Redis for each test, for some tests stop it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from testkit.redis import RedisServer, find_binary
from tests.runtime.far.market import Town, open_town


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server of its own."""
    with RedisServer(find_binary()) as server:
        yield server


@pytest.fixture
async def town(redis: RedisServer) -> AsyncIterator[Town]:
    """One writer, two gateways."""
    async with open_town(f"unix://{redis.socket_path}", gateways=2) as opened:
        yield opened
