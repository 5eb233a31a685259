"""One server for the whole folder, besieged by every test in it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.bad_input.siege import Siege, besieged


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def _siege(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Siege]:
    async with besieged(tmp_path_factory.mktemp("siege")) as siege:
        yield siege


@pytest_asyncio.fixture(loop_scope="package")
async def siege(_siege: Siege) -> AsyncIterator[Siege]:
    """The server; after the test it is well, and so is the bidder beside it."""
    yield _siege
    await _siege.assert_well()
