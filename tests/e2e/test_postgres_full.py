"""Postgres has no room any more: first its tables, then its own log, at which it gives up."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.postgres import PostgresServer, find_binaries
from tests.e2e.crowd import Crowd, assert_nothing_lost, open_hot_auction
from tests.e2e.door import door_of
from tests.e2e.places import Place, postgres_place
from tests.e2e.test_faults import goes_on
from tests.e2e.test_log_lost import PATIENCE_S

MEBIBYTE = 1_048_576


@pytest.fixture
def small_postgres() -> Iterator[PostgresServer]:
    """A server that can go on with its own log when no file may grow beyond 1 MiB."""
    with PostgresServer(find_binaries(), wal_segment_mb=1) as server:
        yield server


async def test_tables_without_room_lose_nothing(
    tmp_path: Path, small_postgres: PostgresServer
) -> None:
    """The table of events fills up under load while Postgres lives on and answers. Asking again
    does not help until there is room; then the house goes on, and nobody has to start it."""
    place = postgres_place(tmp_path, small_postgres, small_postgres.create_database())
    crowd = Crowd()
    async with place.serve("--test-clock") as server:
        await open_hot_auction(server, crowd.users)
        async with crowd.at(server):
            small_postgres.fill_disk(MEBIBYTE)
            await crowd.bid(1_000_000, crowd.rest)
            assert all(bid.answer for bid in crowd.open), "everybody was answered"
            await server.process.err.until("the log cannot be written.*Check free disk space")
            await crowd.ask_again()
            assert crowd.open, "there is no room yet"
            small_postgres.free_disk()
            await goes_on(place, server, crowd)
        await assert_nothing_lost(place, server, crowd)
    verified = await place.verify()
    assert verified.code == 0, verified.err


async def test_a_postgres_that_ends_for_want_of_room_loses_nothing(
    on_postgres: Place, postgres: PostgresServer
) -> None:
    """It cannot write its own log, panics, and does not come up again by itself. Started with
    room, it has every acknowledged bid, and the house goes on."""
    crowd = Crowd()
    async with on_postgres.serve("--test-clock") as server, door_of(server) as door:
        await open_hot_auction(server, crowd.users)
        async with crowd.at(server):
            await crowd.bid(300, lambda: postgres.fill_disk(0))
            assert all(bid.answer for bid in crowd.open), "everybody was answered"
            assert crowd.open, "something was under way"
            await _ended(postgres)
            assert (await door.get("/readyz")).status_code == 503
            postgres.start()
            await goes_on(on_postgres, server, crowd)
        await assert_nothing_lost(on_postgres, server, crowd)
    verified = await on_postgres.verify()
    assert verified.code == 0, verified.err


async def _ended(postgres: PostgresServer) -> None:
    """It is no child of the event loop's: nothing tells."""
    async with asyncio.timeout(PATIENCE_S):
        while postgres.running:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
