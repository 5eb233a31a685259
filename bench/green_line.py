"""A websocket for greenlets, which locust's users are: the same wire as that of `bench.client`, and
calls that wait."""

import time
from collections.abc import Callable
from typing import Any

import gevent
import msgspec
from gevent import socket, ssl
from gevent.event import AsyncResult
from msgspec import Struct

from bench.client import PATIENCE_S, ConnectionEnded, Heard, decode, target_of
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

READ_BYTES = 65_536


class Ears(Struct, frozen=True):
    """Who is told what a line hears. Neither may wait for anything."""

    hear: Callable[[Heard], None]
    """All that is no reply."""
    lost: Callable[[ConnectionEnded], None]
    """That it has ended, and not from here."""


class Line:
    """One connection. Make it with `dial`."""

    def __init__(self, sock: socket.socket, ears: Ears) -> None:
        self.house_ahead_ms = 0
        """The house's time by the welcome, less the monotonic clock here."""
        self.ended: ConnectionEnded | None = None
        """Why it is over, once it is."""
        self._socket = sock
        self._ears: Ears | None = ears
        self._frames = Frames()
        self._welcome: AsyncResult[Heard] = AsyncResult()
        self._waiting: dict[str, AsyncResult[tuple[Heard, int]]] = {}
        self._close_heard = (CLOSED_ABNORMALLY, "")

    def begin(self, head: bytes) -> None:
        """Send the handshake and hear the welcome. Raises TimeoutError, ConnectionEnded."""
        self._send(head)
        gevent.spawn(self._listen)
        welcome = _awaited(self._welcome, "welcome")
        self.house_ahead_ms = welcome.server_time - time.monotonic_ns() // 1_000_000

    def ask(self, id_: str, type_: str, fields: dict[str, Any]) -> tuple[Heard, int]:
        """Send a command; return its reply, and when it came (ns, monotonic). Raises
        ConnectionEnded, and TimeoutError after PATIENCE_S."""
        if self.ended:
            raise self.ended
        reply: AsyncResult[tuple[Heard, int]] = AsyncResult()
        self._waiting[id_] = reply
        self._send(frame(TEXT, msgspec.json.encode({"id": id_, "type": type_, **fields})))
        try:
            return _awaited(reply, f"reply to {type_}")
        finally:
            self._waiting.pop(id_, None)

    def close(self) -> None:
        """Hang up; nothing more is heard."""
        self._ears = None
        self._send(close_frame(CLOSED_NORMALLY))
        self._end(ConnectionEnded(CLOSED_NORMALLY, "hung up here"))

    def _listen(self) -> None:
        try:
            while data := self._socket.recv(READ_BYTES):
                for opcode, payload in self._frames.feed(data):
                    self._take(opcode, payload)
        except (OSError, WireError) as problem:
            self._close_heard = (CLOSED_ABNORMALLY, str(problem))
        self._end(ConnectionEnded(*self._close_heard))

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._read(decode(payload))
        elif opcode == PING:
            self._send(frame(PONG, payload))
        elif opcode == CLOSE:
            self._close_heard = read_close(payload)
            self._send(frame(CLOSE, payload[:2]))

    def _read(self, heard: Heard) -> None:
        if heard.type == "welcome":
            self._welcome.set(heard)
        elif heard.id is not None and (waiting := self._waiting.get(heard.id)):
            waiting.set((heard, time.monotonic_ns()))
        elif self._ears:
            self._ears.hear(heard)

    def _send(self, data: bytes) -> None:
        if self.ended:
            return
        try:
            self._socket.sendall(data)
        except OSError as problem:
            self._end(ConnectionEnded(CLOSED_ABNORMALLY, str(problem)))

    def _end(self, why: ConnectionEnded) -> None:
        """It is over; whoever waits is told. Only the first reason counts."""
        if self.ended:
            return
        self.ended = why
        self._socket.close()
        for waiting in (self._welcome, *self._waiting.values()):
            waiting.set_exception(why)
        if self._ears:
            self._ears.lost(why)


def dial(url: str, token: str, ears: Ears) -> Line:
    """Connect to a websocket's address, and be welcomed. Raises OSError, ConnectionEnded."""
    target = target_of(url)
    sock = socket.create_connection((target.host, target.port), timeout=PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if target.is_secure:
        context = ssl.create_default_context()
        sock = context.wrap_socket(sock, server_hostname=target.host)
    sock.settimeout(None)
    line = Line(sock, ears)
    line.begin(handshake(target.netloc, target.path, token))
    return line


def _awaited(result: "AsyncResult[Any]", what: str) -> Any:
    try:
        return result.get(timeout=PATIENCE_S)
    except gevent.Timeout:
        raise TimeoutError(f"no {what} after {PATIENCE_S:.0f} s") from None
