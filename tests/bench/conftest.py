"""A server process for a test."""

from collections.abc import AsyncIterator

import pytest

from bench.server import House, running


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A server process of this test's own."""
    async with running() as running_house:
        yield running_house
