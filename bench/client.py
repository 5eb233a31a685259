"""A websocket client of the house: send a command, await its reply, hear what else is said."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from typing_extensions import override

from bench.wire import (
    CLOSE,
    CLOSED_ABNORMALLY,
    CLOSED_NORMALLY,
    PING,
    PONG,
    TEXT,
    Frames,
    WireError,
    close_frame,
    frame,
    handshake,
    read_close,
)

PATIENCE_S = 30.0


class Heard(Struct, gc=False):
    """Any message of the server, as PROTOCOL has them; fields that it lacks are empty."""

    type: str
    id: str | None = None
    room: str | None = None
    seq: int | None = None
    epoch: str | None = None
    at: int = 0
    result: Any = None
    duplicate: bool = False
    code: str = ""
    message: str = ""
    details: Any = None
    event: str = ""
    data: Any = None
    state: Any = None
    server_time: int = 0

    @property
    def ok(self) -> bool:
        """Whether this is the reply to a command that was accepted."""
        return self.type == "ok"


class Target(Struct, frozen=True):
    """Where a websocket is."""

    host: str
    port: int
    is_secure: bool
    netloc: str
    path: str
    """With the query, such as `?market=east`."""


class ConnectionEnded(Exception):
    """The connection is gone; `code` is the close code, 1006 if there was none."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the connection has ended: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class CommandRefused(Exception):
    """A command that had to succeed did not."""


class Link(asyncio.Protocol):
    """One websocket, without a thought for what is said on it: override `received`."""

    def __init__(self, url: str, token: str | None) -> None:
        self._target = target_of(url)
        self._handshake = handshake(self._target.netloc, self._target.path, token)
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._close_heard: tuple[int, str] | None = None
        self._problem: WireError | None = None
        self._house_ahead_ms = 0
        loop = asyncio.get_running_loop()
        self._welcome: asyncio.Future[bytes] = loop.create_future()
        self.ended: asyncio.Future[Exception] = loop.create_future()
        """Set when the socket is gone, to what ended it."""

    async def open(self) -> None:
        """Connect, and hear the server's welcome.

        Raises OSError (also for a timeout), WireError, ConnectionEnded if it was closed."""
        loop = asyncio.get_running_loop()
        host, port = self._target.host, self._target.port
        tls = True if self._target.is_secure else None
        async with _patience(f"no welcome from {host}:{port}"):
            await loop.create_connection(lambda: self, host, port, ssl=tls)
            welcome = decode(await self._welcome)
        assert welcome.type == "welcome", f"the first message is the welcome, not {welcome.type}"
        self._house_ahead_ms = welcome.server_time - _monotonic_ms()

    def house_now_ms(self) -> int:
        """The house's time now, as far as the welcome tells it."""
        return _monotonic_ms() + self._house_ahead_ms

    def received(self, payload: bytes) -> None:
        """One text message after the welcome."""
        raise NotImplementedError

    def lost(self, problem: Exception) -> None:
        """The socket is gone."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by descent, so the type cannot be asserted.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._handshake)

    @override
    def data_received(self, data: bytes) -> None:
        try:
            frames = self._frames.feed(data)
        except WireError as problem:
            self._problem = problem
            self._abort()
            return
        for opcode, payload in frames:
            if opcode != TEXT:
                self._control(opcode, payload)
            elif self._welcome.done():
                self.received(payload)
            else:
                self._welcome.set_result(payload)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.send_framed(frame(PONG, payload))
        elif opcode == CLOSE:
            self._close_heard = read_close(payload)
            self.send_framed(frame(CLOSE, payload[:2]))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        code, reason = self._close_heard or (CLOSED_ABNORMALLY, str(exc or ""))
        problem = self._problem or ConnectionEnded(code, reason)
        if not self._welcome.done():
            self._welcome.set_exception(problem)
        self.ended.set_result(problem)
        self.lost(problem)

    def send_framed(self, data: bytes) -> None:
        """Write frames that are ready; to a connection that has ended nothing is written."""
        if self._transport is not None and not self.ended.done():
            self._transport.write(data)

    async def close(self) -> None:
        """Say goodbye, and wait until the socket is gone."""
        if self._transport is None:
            return
        if self._close_heard is None:
            self.send_framed(close_frame(CLOSED_NORMALLY))
        await asyncio.wait([self.ended], timeout=PATIENCE_S)
        self._abort()
        await self.ended

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Client(Link):
    """A user's connection. Commands may be in flight together: replies are paired by id."""

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__(url, token)
        # A user's command ids are unique over all connections and for ever.
        self._id_prefix = secrets.token_hex(6)
        self._commands_sent = 0
        self._waiting: dict[str, asyncio.Future[Heard]] = {}
        self._feed: asyncio.Queue[Heard | None] = asyncio.Queue()

    @override
    def received(self, payload: bytes) -> None:
        heard = decode(payload)
        waiting = self._waiting.pop(heard.id, None) if heard.id is not None else None
        if waiting is None:
            self._feed.put_nowait(heard)
        elif not waiting.done():
            waiting.set_result(heard)

    @override
    def lost(self, problem: Exception) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(problem)
        self._waiting.clear()
        self._feed.put_nowait(None)

    async def command(self, type_: str, **fields: Any) -> Heard:
        """Send a command; return its reply, be it yes or no. Raises ConnectionEnded."""
        if self.ended.done():
            raise self.ended.result()
        self._commands_sent += 1
        id_ = f"{self._id_prefix}-{self._commands_sent}"
        reply: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._waiting[id_] = reply
        self.send_framed(frame(TEXT, msgspec.json.encode({"id": id_, "type": type_, **fields})))
        async with _patience(f"no reply to {type_}"):
            return await reply

    async def must(self, type_: str, **fields: Any) -> Heard:
        """As `command`, where a no is a failure. Raises CommandRefused."""
        reply = await self.command(type_, **fields)
        if not reply.ok:
            raise CommandRefused(f"{type_} {fields}: {reply.code}: {reply.message}")
        return reply

    async def hear(self) -> Heard:
        """The next message that is no reply: snapshot, event, notice. Raises ConnectionEnded."""
        async with _patience("nothing is heard"):
            heard = await self._feed.get()
        if heard is None:
            self._feed.put_nowait(None)
            raise self.ended.result()
        return heard

    async def subscribe(self, room: str) -> Any:
        """Listen to a room; return its state now, as this user may see it. Other messages that
        came before are passed over. Raises CommandRefused."""
        await self.must("subscribe", room=room)
        while True:
            heard = await self.hear()
            if heard.type == "snapshot" and heard.room == room:
                return heard.state

    async def unsubscribe(self, room: str) -> None:
        """Listen no more. Raises CommandRefused."""
        await self.must("unsubscribe", room=room)


decode = msgspec.json.Decoder(Heard).decode


def target_of(url: str) -> Target:
    """The parts of a websocket's address."""
    parts = urlsplit(url)
    is_secure = parts.scheme == "wss"
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    port = parts.port or (443 if is_secure else 80)
    return Target(parts.hostname or "", port, is_secure, parts.netloc, path)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
    """Raises TimeoutError with these words, where asyncio's says nothing."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    except TimeoutError:
        raise TimeoutError(f"{what} after {PATIENCE_S:.0f} s") from None


@asynccontextmanager
async def connected(url: str, token: str | None = None) -> AsyncIterator[Client]:
    """A client until the block ends. Raises as `Link.open`."""
    client = Client(url, token)
    try:
        await client.open()
        yield client
    finally:
        await client.close()
