"""A log for servers of a test: how to serve it, how to read it, and how to outlive its owner."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from msgspec import Struct

from engine.kernel.limits import HISTORY_PAGE_MAX
from engine.kernel.record import Record
from engine.ports import EventLog
from runtime.config import Config
from runtime.log_choice import open_log
from testkit.postgres import PostgresServer
from testkit.process import Finished, Server, run, serving


class Place(Struct, frozen=True):
    """One log. Several processes may be started on it, one after the other or not."""

    data: Path
    flags: tuple[str, ...]
    """What names it on the command line."""
    bury: Callable[[], object]
    """Let the lease of an owner that has been killed run out at once. SQLite needs no such thing;
    Postgres would count six seconds, and one test of them is enough."""

    @property
    def config(self) -> Config:
        """What names it in Python."""
        named = dict(zip(self.flags[::2], self.flags[1::2], strict=True))
        return Config(data=str(self.data), postgres=named.get("--postgres", ""))

    def serve(self, *flags: str, under: Sequence[str] = ()) -> AbstractAsyncContextManager[Server]:
        """A server on this log (testkit.process.serving)."""
        return serving(self.data, *self.flags[2:], *flags, under=under)

    async def serve_to_the_end(self, *flags: str, under: Sequence[str] = ()) -> Finished:
        """For a server that should not come to serve: its exit code, and what it said."""
        return await run("serve", "--port", "0", *self.flags, *flags, under=under)

    async def verify(self, *flags: str) -> Finished:
        """`outcry verify` on this log."""
        return await run("verify", *self.flags, *flags)

    async def records(self, room: str) -> list[Record]:
        """Every record of a room, read past any server."""
        async with self._log() as log:
            found: list[Record] = []
            while page := await log.read_room(room, len(found), HISTORY_PAGE_MAX):
                found += page
            return found

    async def after(self, position: int) -> list[Record]:
        """Records of all rooms above a position, at most a million."""
        async with self._log() as log:
            return list(await log.read(position, 1_000_000))

    @asynccontextmanager
    async def _log(self) -> AsyncIterator[EventLog]:
        log = open_log(self.config)
        try:
            yield log
        finally:
            await log.close()


def sqlite_place(data: Path) -> Place:
    """A file in this folder."""
    return Place(data, ("--data", str(data)), lambda: None)


def postgres_place(data: Path, server: PostgresServer, url: str) -> Place:
    """A database; the folder holds the secrets."""
    lapse = "UPDATE shard_lease SET lease_until = clock_timestamp()"
    flags = ("--data", str(data), "--postgres", url)
    return Place(data, flags, lambda: server.execute(lapse, url))
