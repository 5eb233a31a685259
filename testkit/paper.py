"""A connection on paper: a loop and a transport without sockets, in a time of their own.

What a connection writes is kept, and read back as the frames that a client would see.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterator
from typing import Any, TypeVarTuple

from typing_extensions import override

HANDSHAKE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
)

Ts = TypeVarTuple("Ts")


class PaperLoop(asyncio.AbstractEventLoop):
    """Timers and callbacks, run when they are told to."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._ready: list[asyncio.Handle] = []
        self._timers: list[asyncio.TimerHandle] = []

    @override
    def time(self) -> float:
        return self.now_s

    @override
    def get_debug(self) -> bool:
        return False

    @override
    def call_exception_handler(self, context: Any) -> None:
        raise context["exception"]

    @override
    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Any = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    @override
    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Any = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._timers.remove(handle)
        heapq.heapify(self._timers)

    def settle(self) -> None:
        """Run what is ready, and what that makes ready."""
        while self._ready:
            ready, self._ready = self._ready, []
            for handle in ready:
                handle._run()

    def advance(self, ms: int) -> None:
        """Let `ms` pass; each timer runs when it is due."""
        end_s = self.now_s + ms / 1_000
        while self._timers and self._timers[0].when() <= end_s:
            timer = heapq.heappop(self._timers)
            self.now_s = max(self.now_s, timer.when())
            timer._run()
            self.settle()
        self.now_s = end_s


def paper_loop() -> PaperLoop:
    """A loop with all that a connection asks of one, and no more."""
    return PaperLoop()  # type: ignore[abstract]


class PaperTransport(asyncio.Transport):
    """Keeps what is written. It never pushes back, and is gone when it is told to go."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.has_ended = False
        """Whether nothing more will be written."""

    @override
    def write(self, data: Any) -> None:
        assert not self.has_ended, "something was written behind the end of the stream"
        self.written += data

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    @override
    def get_write_buffer_size(self) -> int:
        return 0

    @override
    def is_closing(self) -> bool:
        return False

    @override
    def pause_reading(self) -> None:
        pass

    @override
    def resume_reading(self) -> None:
        pass

    @override
    def can_write_eof(self) -> bool:
        return True

    @override
    def write_eof(self) -> None:
        self.has_ended = True

    @override
    def abort(self) -> None:
        self.has_ended = True

    def take(self) -> bytes:
        """What was written since the last call."""
        taken = bytes(self.written)
        self.written.clear()
        return taken


def frames_of(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """The opcode and payload of each frame from a server. Asserts that they are well formed."""
    position = 0
    while position < len(stream):
        first, size = stream[position], stream[position + 1]
        assert first & 0xF0 == 0x80, "a server fragments nothing and sets no reserved bit"
        assert size < 0x80, "a server masks nothing"
        position += 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size = int.from_bytes(stream[position : position + width], "big")
            position += width
        payload = stream[position : position + size]
        assert len(payload) == size, "half a frame"
        position += size
        yield first & 0x0F, payload
