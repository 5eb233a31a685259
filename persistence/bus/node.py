"""Which Redis server is asked, alone or in a cluster."""

from contextlib import suppress

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import MovedError, RedisError

CONNECT_SECONDS_MAX = 2.0


class RedisNode:
    """The server that is asked: the one that the URL names, or in a cluster the one that has what
    is asked for. All that goes over one line is one shard's, hence one server's."""

    def __init__(self, url: str) -> None:
        """`url`: redis://…, rediss://… or unix://…"""
        self.is_cluster = False
        self._url = url
        self._connections = _connections(url)

    async def connect(self) -> AbstractConnection:
        """A new connection. Raises RedisError, OSError, TimeoutError."""
        connection: AbstractConnection = self._connections.make_connection()  # type: ignore[no-untyped-call]
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("INFO", "cluster")
            self.is_cluster = b"cluster_enabled:1" in await connection.read_response()
        except BaseException:
            # Whoever it was that we were sent to may be gone. A cancellation leaves nothing open.
            self._connections = _connections(self._url)
            await leave(connection)
            raise
        return connection

    def follow(self, moved: MovedError) -> None:
        """Ask whom the cluster has named from now on."""
        self._connections = _connections(self._url)
        self._connections.connection_kwargs |= {"host": moved.host, "port": moved.port}

    def word(self, command: str) -> str:
        """What a command about channels is called here: in a cluster channels are one server's."""
        return f"S{command}" if self.is_cluster else command


def _connections(url: str) -> ConnectionPool:
    return ConnectionPool.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=CONNECT_SECONDS_MAX,
        # Whoever asks has a limit. This one would be kept by `asyncio.wait_for`, which in Python
        # 3.11 swallows a cancellation that comes in the moment when its work is done.
        socket_timeout=None,
    )


async def leave(connection: AbstractConnection) -> None:
    """Close it; it may be broken."""
    with suppress(RedisError, OSError):
        await connection.disconnect(nowait=True)
