"""The connections of the Postgres log: one that appends, a few beside it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from engine.kernel.time import Millis
from persistence.errors import CorruptLog, LogError, LogUnavailable
from persistence.postgres_schema import Connection, PooledConnection

POOL_CONNECTIONS_MAX = 4
# Without statistics, as after a restore, Postgres would sort what is left of the log for
# every page, and all of it to find its head.
# What has no index, such as the leader's only row, then looks so dear that Postgres compiles the
# statement first: 400 ms for a row that is found in one.
ALONG_AN_INDEX = {"enable_seqscan": "off", "enable_bitmapscan": "off", "jit": "off"}
CORRUPT = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)


class PostgresConnections:
    """Opens connections when they are needed, and again after a failure."""

    def __init__(self, url: str, name: str, command_timeout_ms: Millis) -> None:
        """`name` is what `pg_stat_activity` shows; each command may take `command_timeout_ms`."""
        self._url = url
        self.name = name
        self._timeout = command_timeout_ms / 1_000
        self._turn = asyncio.Lock()
        self._writer: Connection | None = None
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """Lend the one connection that writes, to one at a time.

        After any failure it is thrown away: what its server still does then nobody knows.
        Raises LogUnavailable, CorruptLog, and LogError for a record that Postgres refuses.
        """
        async with self._turn:
            with _translation():
                connection = self._writer
                if connection is None or connection.is_closed():
                    connection = self._writer = await self._connect()
                try:
                    yield connection
                except BaseException:
                    # Cut off in the middle, by a cancellation too: the server may be half-way.
                    connection.terminate()
                    self._writer = None
                    raise

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[PooledConnection]:
        """Lend a connection that works beside the appends. Raises LogUnavailable, CorruptLog."""
        with _translation():
            if self._pool is None:
                # With no connection to open yet this does not yield: no other task comes between.
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=POOL_CONNECTIONS_MAX,
                    timeout=self._timeout,
                    command_timeout=self._timeout,
                    server_settings={"application_name": f"{self.name} beside"} | ALONG_AN_INDEX,
                )
            async with self._pool.acquire(timeout=self._timeout) as connection:
                yield connection

    def close(self) -> None:
        """Close what is open, without waiting for a server that may not answer."""
        if self._writer is not None:
            self._writer.terminate()
            self._writer = None
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def _connect(self) -> Connection:
        return await asyncpg.connect(
            self._url,
            timeout=self._timeout,
            command_timeout=self._timeout,
            server_settings={
                "application_name": self.name,
                # A database may be set to answer a commit before it is safe; a log must not.
                "synchronous_commit": "on",
            }
            | ALONG_AN_INDEX,
        )


@contextmanager
def _translation() -> Iterator[None]:
    try:
        yield
    except asyncpg.DataError as error:
        raise LogError(f"the log refuses it: {error}") from error
    except CORRUPT as error:
        raise CorruptLog(str(error)) from error
    # A timeout is an OSError too.
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
    ) as error:
        raise LogUnavailable(error) from error
