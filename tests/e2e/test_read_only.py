"""Somebody has taken the permission to write the log's file away, at night or under load."""

import os
import resource
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from runtime.log_choice import SQLITE_NAME
from testkit.process import Server
from tests.e2e.crowd import Crowd, assert_nothing_lost, open_hot_auction
from tests.e2e.door import door_of
from tests.e2e.places import Place
from tests.e2e.seams import without_root
from tests.e2e.test_faults import goes_on, outlives

REMEDY = (
    f"user {os.geteuid()} must be able to write this file, those beside it "
    "(-wal, -shm, .lock) and their folder"
)


async def test_a_start_without_permission_says_what_to_do(on_sqlite: Place) -> None:
    """Exit code 1 and one line: which file, what the system says, who needs which permission.
    With the permission back the next start has everything."""
    async with on_sqlite.serve("--test-clock") as server:
        await open_hot_auction(server, ["ann"])
        server.process.stop()
        await server.process.ended()
    records = await on_sqlite.after(0)
    for protected in (SQLITE_NAME, f"{SQLITE_NAME}.lock", "."):
        with _read_only(on_sqlite.data / protected):
            refused = await on_sqlite.serve_to_the_end(under=without_root())
        assert refused.code == 1, protected
        assert refused.err.startswith(f"outcry: {on_sqlite.data / SQLITE_NAME}: ")
        assert REMEDY in refused.err
        assert refused.err.count("\n") == 1
    async with on_sqlite.serve(under=without_root()) as server:
        await server.process.err.until(f"recovered {len(records)} records")


async def test_a_file_that_may_not_change_loses_nothing(on_sqlite: Place) -> None:
    """Its own log is made immutable under load, which counts at once, for open files too."""
    async with on_sqlite.serve("--test-clock") as server:
        with _immutable(on_sqlite.data / f"{SQLITE_NAME}-wal") as (hurt, mend):
            await outlives(on_sqlite, server, hurt, mend)


async def test_a_log_without_permission_loses_nothing(on_sqlite: Place) -> None:
    """A file that is open stays writable, so at first nothing happens. When SQLite has to open
    it anew, here after a moment without room on the disk, nothing is acknowledged any more until
    the permission is back; then the house goes on by itself."""
    crowd = Crowd()
    async with (
        on_sqlite.serve("--test-clock", under=without_root()) as server,
        door_of(server) as door,
    ):
        await open_hot_auction(server, crowd.users)
        async with crowd.at(server):
            with _read_only(on_sqlite.data), _read_only(*_files(on_sqlite)):
                await crowd.bid(200, crowd.rest)
                await crowd.bid(100, lambda: _let_files_grow(server, False))
                assert all(bid.answer for bid in crowd.open), "everybody was answered"
                assert crowd.open, "something was under way"
                _let_files_grow(server, True)
                await server.process.err.until(f"next attempt in.*{REMEDY[:20]}")
                assert (await door.get("/readyz")).status_code == 503
                for bid, answer in await crowd.ask_again():
                    assert answer.code == "UNAVAILABLE", (bid, answer)
            await goes_on(on_sqlite, server, crowd)
        await assert_nothing_lost(on_sqlite, server, crowd)
    verified = await on_sqlite.verify()
    assert verified.code == 0, verified.err


@contextmanager
def _read_only(*paths: Path) -> Iterator[None]:
    """Nobody may write these, until the block ends."""
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    for path, mode in before.items():
        path.chmod(mode & ~0o222)
    yield
    for path, mode in before.items():
        path.chmod(mode)


@contextmanager
def _immutable(path: Path) -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """What makes this file immutable, and what undoes it, at the latest when the block ends."""

    def chattr(change: str) -> None:
        subprocess.run(["chattr", change, path], check=True, capture_output=True)

    try:
        chattr("+i")
        chattr("-i")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs chattr, the right to use it, and a file system that knows it")
    try:
        yield partial(chattr, "+i"), partial(chattr, "-i")
    finally:
        chattr("-i")


def _files(place: Place) -> list[Path]:
    return list(place.data.glob(f"{SQLITE_NAME}*"))


def _let_files_grow(server: Server, allowed: bool) -> None:
    most = resource.RLIM_INFINITY if allowed else 0
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
