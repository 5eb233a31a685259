"""A TCP line to a Postgres server of one's own: it can be slow, or be cut at the worst moment."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

from testkit.postgres import PostgresServer

CHUNK_BYTES = 65_536
COMMIT = b"COMMIT\0"
BIND, EVENT = b"B", b'{"event":"'
"""How an append is committed on the wire: with that, or by a statement with events in it."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER by which closing a socket resets its connection."""

Lost = Literal["request", "answer"]
"""What of a commit does not come through."""


class Line:
    """What goes over it passes unchanged, unless it is told otherwise. Made by `line_to`."""

    def __init__(self, server_socket: str) -> None:
        self.delay_s = 0.0
        """By how much each answer of the server is late."""
        self._server_socket = server_socket
        self._cut: tuple[Lost, Callable[[], object]] | None = None

    def cut_at_commit(self, lost: Lost, then: Callable[[], object]) -> None:
        """Reset the connection on which the next append is committed: before the server gets
        the request, or after it has done the work. In that moment call `then`, once. Later
        connections are sound."""
        self._cut = (lost, then)

    async def carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        server, to_server = await asyncio.open_unix_connection(self._server_socket)
        answering = asyncio.create_task(self._answer(server, to_client))
        with suppress(ConnectionError):
            while message := await client.read(CHUNK_BYTES):
                if self._cut and _commits(message):
                    (lost, then), self._cut = self._cut, None
                    answering.cancel()
                    await asyncio.wait({answering})
                    if lost == "answer":
                        to_server.write(message)
                        await server.read(CHUNK_BYTES)
                    _reset(to_client)
                    then()
                    break
                to_server.write(message)
        to_server.close()
        await asyncio.wait({answering})

    async def _answer(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while message := await server.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                to_client.write(message)
        to_client.close()


@asynccontextmanager
async def line_to(server: PostgresServer, url: str) -> AsyncIterator[tuple[Line, str]]:
    """A line to the database at `url` of this server, and its URL over the line, until the
    block ends; by then nobody may use it any more."""
    line = Line(str(server.directory / ".s.PGSQL.5432"))
    carried: list[asyncio.Task[None]] = []

    async def serve(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio gives each connection a task"
        carried.append(task)
        await line.carry(client, to_client)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        user, _, rest = url.partition("@")
        database = rest.removeprefix("/").partition("?")[0]
        yield line, f"{user}@127.0.0.1:{port}/{database}?sslmode=disable"
    if carried:
        await asyncio.wait(carried)


def _commits(message: bytes) -> bool:
    return COMMIT in message or (message.startswith(BIND) and EVENT in message)


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
