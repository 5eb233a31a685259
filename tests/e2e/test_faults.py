"""A full disk, a file that somebody else has locked, a database that hangs: nobody is lied to,
and the house goes on by itself."""

import resource
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from runtime.log_choice import SQLITE_NAME
from testkit.postgres import PostgresServer
from testkit.process import Server
from tests.e2e.crowd import ROOM, Crowd, assert_nothing_lost, open_hot_auction
from tests.e2e.door import door_of
from tests.e2e.places import Place, sqlite_place
from tests.e2e.test_log_lost import ready


async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """The log's file may grow no further. When there is room again the house goes on."""
    place = sqlite_place(tmp_path)
    async with place.serve("--test-clock") as server:

        def fill() -> None:
            grown = max(file.stat().st_size for file in tmp_path.iterdir())
            resource.prlimit(
                server.process.pid, resource.RLIMIT_FSIZE, (grown, resource.RLIM_INFINITY)
            )

        def free() -> None:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)

        await outlives(place, server, fill, free)


async def test_a_file_that_another_program_has_locked_loses_nothing(tmp_path: Path) -> None:
    """Somebody opens the log with a tool and begins to write."""
    place = sqlite_place(tmp_path)
    async with place.serve("--test-clock") as server:
        with closing(sqlite3.connect(tmp_path / SQLITE_NAME, isolation_level=None)) as tool:
            await outlives(
                place,
                server,
                lambda: tool.execute("BEGIN IMMEDIATE"),
                lambda: tool.execute("ROLLBACK"),
            )


async def test_a_database_that_hangs_loses_nothing(
    on_postgres: Place, postgres: PostgresServer
) -> None:
    """Every process of Postgres is frozen: no error, no answer, and then it is back."""
    async with on_postgres.serve("--test-clock") as server:
        await outlives(on_postgres, server, postgres.pause, postgres.resume)


async def outlives(
    place: Place, server: Server, hurt: Callable[[], object], mend: Callable[[], object]
) -> None:
    """Hurt under load, the house answers everybody, and acknowledges nothing that is not in the
    log; mended, it goes on."""
    crowd = Crowd()
    await open_hot_auction(server, crowd.users)
    async with door_of(server) as door, crowd.at(server):
        await crowd.bid(300, hurt)
        assert all(bid.answer for bid in crowd.open), "everybody was answered"
        assert crowd.open, "something was under way"
        assert (await door.get("/readyz")).status_code == 503
        mend()
        await goes_on(place, server, crowd)
    await assert_nothing_lost(place, server, crowd)
    verified = await place.verify()
    assert verified.code == 0, verified.err


async def goes_on(place: Place, server: Server, crowd: Crowd) -> None:
    """The fault is over. Without any help the house is ready, answers what is open, what was
    written with its first answer, and takes new bids."""
    async with door_of(server) as door:
        await ready(door)
    before = {record.command_id for record in await place.records(ROOM)}
    for bid, answer in await crowd.ask_again():
        assert answer.duplicate == (bid.id in before)
    await crowd.bid(100, crowd.rest)
    await crowd.catch_up(server)
