"""What the connection's tests share: a recording owner, raw clients, a loop and a transport."""

import asyncio
import heapq
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request

from gateway.connection import Connection, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.handshake import Refusal

PATIENCE_S = 10.0

HANDSHAKE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Owner:
    """A handler that echoes text, and notes every call for the test to await."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.connections: list[Connection] = []
        self.refusal: Refusal | None = None
        self.on_opened: Callable[[Connection], None] = lambda connection: None
        self.on_waiting: Callable[[Connection], None] = lambda connection: None
        self.on_received: Callable[[Connection, bytes], None] = Connection.send

    def check(self, connection: Connection, request: Request) -> Refusal | None:
        return self.refusal

    def opened(self, connection: Connection, request: Request) -> None:
        self.connections.append(connection)
        self.calls.put_nowait(("opened", request.path))
        self.on_opened(connection)

    def received(self, connection: Connection, text: bytes) -> None:
        self.calls.put_nowait(("received", text))
        self.on_received(connection, text)

    def binary(self, connection: Connection, payload: bytes) -> None:
        self.calls.put_nowait(("binary", payload))

    def oversized(self, connection: Connection) -> None:
        self.calls.put_nowait(("oversized",))
        connection.send(b"FRAME_TOO_LARGE")

    def drained(self, connection: Connection) -> None:
        self.calls.put_nowait(("drained",))

    def waiting(self, connection: Connection) -> None:
        self.on_waiting(connection)

    def shutdown(self, connection: Connection) -> None:
        self.calls.put_nowait(("shutdown",))
        connection.send(b"goodbye")

    def closed(self, connection: Connection, code: int, reason: str) -> None:
        self.calls.put_nowait(("closed", code, reason))

    async def call(self, name: str) -> tuple[Any, ...]:
        """The next call of that name; others before it are passed over."""
        while True:
            call = await asyncio.wait_for(self.calls.get(), PATIENCE_S)
            if call[0] == name:
                return call

    def noted(self, name: str) -> list[tuple[Any, ...]]:
        """The calls of that name that nobody has awaited."""
        calls = []
        while not self.calls.empty():
            calls.append(self.calls.get_nowait())
        return [call for call in calls if call[0] == name]


@asynccontextmanager
async def serving(owner: Owner, **settings: Any) -> AsyncIterator[int]:
    """A server on a free port of the loopback. Ends when all its connections have."""
    loop = asyncio.get_running_loop()
    listener = Listener(owner, ConnectionSettings(**settings), loop)
    sock = socket.create_server(("127.0.0.1", 0))
    # Little room in the kernel, so that a slow reader is noticed soon.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    server = await loop.create_server(listener.connection, sock=sock)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        for connection in owner.connections:
            connection.close()
        async with asyncio.timeout(PATIENCE_S):
            # The wheel holds every connection until it is lost.
            while len(listener.wheel):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        await server.wait_closed()
        listener.stop()


class RawClient:
    """A client that says exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, opcode: Opcode, payload: bytes, *, fin: bool = True, mask: bool = True) -> None:
        self.writer.write(Frame(opcode, payload, fin).serialize(mask=mask))

    async def hear(self) -> tuple[Opcode, bytes]:
        """The next frame from the server."""
        async with asyncio.timeout(PATIENCE_S):
            first, size = await self.reader.readexactly(2)
            assert first & 0x80, "the server fragments nothing"
            assert not size & 0x80, "the server masks nothing"
            if size >= 126:
                extended = await self.reader.readexactly(2 if size == 126 else 8)
                size = int.from_bytes(extended, "big")
            return Opcode(first & 0x0F), await self.reader.readexactly(size)

    async def hear_close(self) -> Close:
        """The server's close frame, and the end of the stream behind it."""
        opcode, payload = await self.hear()
        assert opcode is Opcode.CLOSE, (opcode, payload)
        assert await self.rest() == b""
        return Close.parse(payload)

    async def rest(self) -> bytes:
        """Everything until the end of the stream."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()

    async def hang_up(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def raw_client(port: int, request: bytes = HANDSHAKE) -> AsyncIterator[RawClient]:
    """A raw client that has sent `request` and, if it is a handshake, seen it accepted."""
    client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    try:
        client.writer.write(request)
        if request is HANDSHAKE:
            async with asyncio.timeout(PATIENCE_S):
                response = await client.reader.readuntil(b"\r\n\r\n")
            assert response.startswith(b"HTTP/1.1 101 "), response
        yield client
    finally:
        await client.hang_up()


class ManualLoop(asyncio.AbstractEventLoop):
    """A loop whose time is moved by the test. It knows timers and callbacks, no sockets."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.ready: list[asyncio.Handle] = []
        self.timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now_s

    def get_debug(self) -> bool:
        return False

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self.timers, timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers.remove(handle)
        heapq.heapify(self.timers)

    def tick(self) -> None:
        """Run what is ready now, and not what that makes ready."""
        ready, self.ready = self.ready, []
        for handle in ready:
            handle._run()

    def advance(self, ms: int) -> None:
        """Let `ms` pass, running timers when they are due."""
        end_s = self.now_s + ms / 1000
        while self.timers and self.timers[0].when() <= end_s + 1e-9:
            timer = heapq.heappop(self.timers)
            self.now_s = max(self.now_s, timer.when())
            timer._run()
            self.tick()
        self.now_s = end_s


class PaperTransport(asyncio.Transport):
    """Keeps what is written, one item for each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.ended = False
        self.aborted = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True


def on_paper(owner: Owner, **settings: Any) -> tuple[ManualLoop, Connection, PaperTransport]:
    """An open connection without a socket, in a time of its own."""
    loop = ManualLoop()
    listener = Listener(owner, ConnectionSettings(**settings), loop)
    connection, transport = open_on_paper(listener, loop)
    return loop, connection, transport


def open_on_paper(listener: Listener, loop: ManualLoop) -> tuple[Connection, PaperTransport]:
    """One more of this listener's."""
    connection = listener.connection()
    transport = PaperTransport()
    connection.connection_made(transport)
    connection.data_received(HANDSHAKE)
    loop.tick()
    assert transport.writes.pop().startswith(b"HTTP/1.1 101 ")
    return connection, transport
