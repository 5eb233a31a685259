"""A websocket connection that knows nothing of markets: bytes on one side, messages on the other.

`websockets` parses (its sans-I/O `ServerProtocol`); this module owns the transport. Nothing here
is awaited: a `Handler` is called synchronously for what comes in, and what goes out is collected
and written once per tick of the loop. Every connection is in one place of the timing wheel, which
holds its only deadline: for the opening handshake, the keepalive or the closing handshake.
"""

import asyncio
import enum
import logging
from typing import Any, Protocol, cast

from typing_extensions import override
from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from gateway.connection_settings import ConnectionSettings
from gateway.frames import (
    PING,
    clip_reason,
    frame_close,
    frame_text,
    masked_size,
    short_text,
)
from gateway.handshake import BAD_REQUEST, SWITCHING_PROTOCOLS, Refusal, answer, refuse
from gateway.tick import Tick
from gateway.wheel import OFF_WHEEL, Wheel

CLOSE_TOO_SLOW = 4200
CLOSE_RESTART = 4201

# Beyond this a burst goes to the transport before the tick ends, so that a fast reader of a long
# replay is not taken for a slow one.
_PENDING_BYTES_MAX = 65_536


class Handler(Protocol):
    """The owner of the connections. Every call is synchronous and on the loop's thread."""

    def check(self, connection: "Connection", request: Request) -> Refusal | None:
        """May this client come in? Asked once, for a request that is a valid handshake."""

    def opened(self, connection: "Connection", request: Request) -> None:
        """The connection is open. `closed` follows exactly once. The request is not kept."""

    def received(self, connection: "Connection", text: bytes) -> None:
        """One whole text message, valid UTF-8. After `pause`, what was read before still comes."""

    def binary(self, connection: "Connection", payload: bytes) -> None:
        """One whole binary message."""

    def oversized(self, connection: "Connection") -> None:
        """A message exceeds the bounds; close code 1009 follows. The last chance to send."""

    def drained(self, connection: "Connection") -> None:
        """The connection is no longer congested."""

    def waiting(self, connection: "Connection") -> None:
        """The connection is open. Said again and again, with at most `ping_interval_ms` between;
        `close` may be called here."""

    def shutdown(self, connection: "Connection") -> None:
        """The server stops; close code 4201 follows unless `close` is called here."""

    def closed(self, connection: "Connection", code: int, reason: str) -> None:
        """The socket is gone. The code is of the side that closed first; 1006 if neither did."""


class Listener:
    """What all connections of one port share. One per event loop.

    Pass `listener.connection` to `loop.create_server`, or the listener to
    `gateway.uvicorn_protocol.uvicorn_protocol`; call `stop` when the last connection is gone.
    """

    __slots__ = ("handler", "logger", "settings", "tick", "wheel")

    def __init__(
        self, handler: Handler, settings: ConnectionSettings, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.handler = handler
        self.settings = settings
        self.logger = logging.getLogger(__name__)
        self.tick = Tick(loop)
        # An eighth of the shortest wait is precise enough; half a second is often enough.
        slot_ms = min(500, max(1, min(settings.delays_ms) // 8))
        self.wheel = Wheel(loop, slot_ms=slot_ms, delay_ms_max=max(settings.delays_ms))

    def connection(self) -> "Connection":
        """A protocol for a socket that has just been accepted."""
        return Connection(self)

    def stop(self) -> None:
        """Stop the timer."""
        self.wheel.stop()


class Phase(enum.Enum):
    """How far a connection has come. It only ever moves down this list."""

    HANDSHAKE = enum.auto()
    OPEN = enum.auto()
    CLOSING = enum.auto()
    """Our close frame is on its way; the peer's is awaited."""
    DRAINING = enum.auto()
    """Nothing more will be sent; input is discarded until the peer hangs up."""
    REFUSED = enum.auto()
    """As DRAINING, but the connection was never open."""
    LOST = enum.auto()


class Connection(asyncio.Protocol):
    """One websocket, from its handshake to its end. Slots only: there may be very many."""

    __slots__ = (
        "_congested",
        "_ended",
        "_fragments",
        "_heard_at_ms",
        "_is_answered",
        "_is_binary",
        "_listener",
        "_midway",
        "_out",
        "_out_bytes",
        "_paused",
        "_phase",
        "_pinged_at_ms",
        "_protocol",
        "_transport",
        "session",
        "wheel_slot",
    )

    _transport: asyncio.Transport

    def __init__(self, listener: Listener) -> None:
        settings = listener.settings
        self.session: object = None
        """Free for the owner."""
        self.wheel_slot = OFF_WHEEL
        self._listener = listener
        self._phase = Phase.HANDSHAKE
        self._protocol = ServerProtocol(max_size=settings.message_bytes_max, logger=listener.logger)
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._fragments: list[bytes] = []
        self._is_binary = False
        self._ended: tuple[int, str] | None = None
        self._is_answered = False
        """Whether what is pending is to leave at the next turn."""
        self._congested = False
        self._paused = False
        self._midway = 0
        """Bytes of a frame that the library has read and that is not complete."""
        self._heard_at_ms = 0
        self._pinged_at_ms = -1

    # What the owner reads and calls.

    @property
    def is_open(self) -> bool:
        """Whether what is sent has a chance to arrive."""
        return self._phase is Phase.OPEN

    @property
    def peer(self) -> tuple[Any, ...] | str | None:
        """The address of the other side as the transport gives it: (host, port, …) over TCP."""
        peer: tuple[Any, ...] | str | None = self._transport.get_extra_info("peername")
        return peer

    @property
    def backlog_bytes(self) -> int:
        """Bytes sent that the operating system has not taken yet."""
        return self._out_bytes + self._transport.get_write_buffer_size()

    @property
    def congested(self) -> bool:
        """Whether the backlog passed its soft mark; `Handler.drained` tells when it is over."""
        return self._congested

    def send(self, text: bytes) -> None:
        """Send one text message (UTF-8). Nothing happens once the connection is closing."""
        if self._phase is Phase.OPEN:
            self._push(frame_text(text))

    def send_framed(self, frame: bytes) -> None:
        """Send bytes made by `frame_text` or `frame_binary`; many connections may share them, and
        may be sent them one after the other. What `send` is given does not wait for that."""
        if self._phase is not Phase.OPEN:
            return
        # This is the innermost step of a fan-out.
        if not self._out:
            self._listener.tick.mark_listener(self)
        self._out.append(frame)
        self._out_bytes += len(frame)
        if self._out_bytes > _PENDING_BYTES_MAX:
            self.flush()

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Begin the closing handshake, after what was already sent. Only the first call counts.

        The socket is cut off if the peer has not answered within `close_timeout_ms`. Messages
        that still come in are dropped.

        Raises:
            websockets.exceptions.ProtocolError: `code` may not appear in a close frame.
        """
        if self._phase is not Phase.OPEN:
            return
        # In one read the peer's own close frame may already be parsed and answered.
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, clip_reason(reason))
        self._phase = Phase.CLOSING
        self._ended = (code, reason)
        self.resume()
        self._listener.wheel.put(self, self._listener.settings.close_timeout_ms)
        self._relay()

    def pause(self) -> None:
        """Read no more, until `resume`. A paused peer is not asked whether it is alive."""
        if self._phase is not Phase.OPEN or self._paused or self._transport.is_closing():
            return
        self._paused = True
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if not self._paused:
            return
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def shutdown(self) -> None:
        """Say goodbye and close, because the server stops."""
        if self._phase is Phase.HANDSHAKE:
            self._transport.abort()
        if self._phase is Phase.OPEN:
            self._listener.handler.shutdown(self)
            self.close(CLOSE_RESTART, "restart, come back and resume")

    # What the transport, the tick and the wheel call.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        settings = self._listener.settings
        # uvloop's transports are asyncio's in all but the class.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=settings.backlog_bytes_soft)
        self._listener.wheel.put(self, settings.handshake_timeout_ms)

    @override
    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase is Phase.HANDSHAKE:
            self._shake_hands(data)
        elif phase is Phase.OPEN or phase is Phase.CLOSING:
            self._heard_at_ms = self._listener.wheel.now_ms
            if phase is Phase.CLOSING or not self._read_short(data):
                self._read(data)

    @override
    def eof_received(self) -> None:
        # Returning nothing has the transport close itself, once its buffer is flushed.
        self._finish()

    @override
    def pause_writing(self) -> None:
        self._congested = True

    @override
    def resume_writing(self) -> None:
        self._congested = False
        if self._phase is Phase.OPEN:
            self._listener.handler.drained(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        phase = self._phase
        self._phase = Phase.LOST
        self._listener.wheel.drop(self)
        self._out.clear()
        self._fragments.clear()
        # The parser is a generator that refers to its owner; ending it spares a garbage cycle.
        self._protocol.parser.close()
        if phase is Phase.HANDSHAKE or phase is Phase.REFUSED:
            return
        code, reason = self._ended or (CloseCode.ABNORMAL_CLOSURE, "")
        self._listener.handler.closed(self, code, reason)

    def flush(self) -> None:
        """Write what is pending in one piece, and close the connection if it is too slow."""
        self._is_answered = False
        out = self._out
        if not out:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        self._out_bytes = 0
        self._transport.write(data)
        # Short of congestion the transport holds less than the soft mark: no need to ask it.
        if self._congested and self.backlog_bytes > self._listener.settings.backlog_bytes_max:
            self.close(CLOSE_TOO_SLOW, "too slow, come back and resume")

    def due(self) -> None:
        """The wheel says that this connection's wait is over."""
        if self._phase is Phase.OPEN:
            self._listener.handler.waiting(self)
            if self._phase is Phase.OPEN:
                self._keep_alive()
        elif self._phase is not Phase.LOST:
            self._transport.abort()

    # The opening handshake.

    def _shake_hands(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        events = protocol.events_received()
        if events:
            request = events[0]
            assert isinstance(request, Request), "a connection begins with a request"
            self._answer(request, came_early=len(events) > 1 or bool(protocol.reader.buffer))
        elif protocol.handshake_exc is not None:
            self._push(b"".join(protocol.data_to_send()) or BAD_REQUEST)
            self._finish()

    def _answer(self, request: Request, *, came_early: bool) -> None:
        response = self._response(request, came_early=came_early)
        self._push(response.serialize())
        if response.status_code != SWITCHING_PROTOCOLS:
            self._finish()
            return
        self._protocol.parser.close()
        settings = self._listener.settings
        # The parser that read the request keeps it for as long as it lives. A new one does not.
        self._protocol = ServerProtocol(
            state=State.OPEN, max_size=settings.message_bytes_max, logger=self._listener.logger
        )
        self._phase = Phase.OPEN
        self._heard_at_ms = self._listener.wheel.now_ms
        self._listener.wheel.put(self, settings.ping_interval_ms)
        self._listener.handler.opened(self, request)

    def _response(self, request: Request, *, came_early: bool) -> Response:
        # RFC 6455 section 4.1: the client waits for the response before it sends any frame.
        if came_early or self._protocol.parser_exc is not None:
            early = Refusal(400, b"Frames came before the handshake was over.\n", "text/plain")
            return refuse(self._protocol, early)
        listener = self._listener
        return answer(
            self._protocol,
            request,
            listener.settings.subprotocols,
            lambda request: listener.handler.check(self, request),
        )

    # Reading.

    def _read_short(self, data: bytes) -> bool:
        """Most messages are short and come in one read. The library, which takes four times as
        long, need not know of them, if it stands between two messages."""
        if self._midway or self._fragments:
            return False
        text = short_text(data)
        if text is None or len(text) > self._listener.settings.message_bytes_max:
            return False
        self._is_binary = False
        self._deliver(text)
        return True

    def _read(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        self._midway += len(data)
        for frame in protocol.events_received():
            # A frame after our own close is dropped. Pings are answered by the library.
            if self._phase is not Phase.OPEN:
                break
            assert isinstance(frame, Frame), "an open connection carries frames"
            self._midway -= masked_size(frame)
            if frame.opcode < Opcode.CLOSE:
                self._read_frame(frame)
        if isinstance(protocol.parser_exc, PayloadTooBig) and self.is_open:
            self._listener.handler.oversized(self)
        self._relay()

    def _read_frame(self, frame: Frame) -> None:
        payload = bytes(frame.data)
        if frame.opcode is not Opcode.CONT:
            self._is_binary = frame.opcode is Opcode.BINARY
            if frame.fin:
                self._deliver(payload)
                return
        self._fragments.append(payload)
        if len(self._fragments) > self._listener.settings.fragments_max:
            self._listener.handler.oversized(self)
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
        elif frame.fin:
            payload = b"".join(self._fragments)
            self._fragments.clear()
            self._deliver(payload)

    def _deliver(self, payload: bytes) -> None:
        if self._is_binary:
            self._listener.handler.binary(self, payload)
        elif payload.isascii() or _is_utf8(payload):
            self._listener.handler.received(self, payload)
        else:
            self._fail(CloseCode.INVALID_DATA, "text is not UTF-8")

    # Writing and ending.

    def _push(self, data: bytes) -> None:
        if not self._is_answered:
            self._is_answered = True
            self._listener.tick.mark(self)
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes > _PENDING_BYTES_MAX:
            self.flush()

    def _relay(self) -> None:
        """Send what the library has to say: pongs, close frames and the end of the stream."""
        for data in self._protocol.data_to_send():
            if data:
                self._push(data)
            else:
                self._finish()

    def _fail(self, code: int, reason: str) -> None:
        """Close because of something that the library let pass, and read no further."""
        if self._phase is not Phase.OPEN:
            return
        # Whatever the library made of frames behind the offending one is void.
        self._protocol.data_to_send()
        self._ended = (code, reason)
        self._push(frame_close(code, reason))
        self._finish()

    def _finish(self) -> None:
        """Send what is pending, then the end of the stream, and wait for the peer to hang up.

        Closing the socket with unread input would make the kernel reset it, and the peer might
        lose the last words.
        """
        if self._phase in (Phase.DRAINING, Phase.REFUSED, Phase.LOST):
            return
        is_refused = self._phase is Phase.HANDSHAKE
        self._phase = Phase.REFUSED if is_refused else Phase.DRAINING
        if self._ended is None and self._protocol.close_sent is not None:
            self._ended = (self._protocol.close_sent.code, self._protocol.close_sent.reason)
        self.flush()
        self.resume()
        self._listener.wheel.put(self, self._listener.settings.close_timeout_ms)
        self._hang_up()

    def _hang_up(self) -> None:
        # Over TLS there is no half-closing.
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:
            # The peer reset the socket, and the transport has not noticed yet.
            self._transport.abort()

    def _keep_alive(self) -> None:
        settings = self._listener.settings
        wheel = self._listener.wheel
        if self._paused:
            self._heard_at_ms = wheel.now_ms
        idle_ms = wheel.now_ms - self._heard_at_ms
        if self._pinged_at_ms > self._heard_at_ms:
            wait_ms = self._pinged_at_ms + settings.ping_timeout_ms - wheel.now_ms
            if wait_ms <= 0:
                self._fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
                return
        elif idle_ms >= settings.ping_interval_ms:
            self._pinged_at_ms = wheel.now_ms
            self._push(PING)
            wait_ms = settings.ping_timeout_ms
        else:
            wait_ms = settings.ping_interval_ms - idle_ms
        wheel.put(self, min(wait_ms, settings.ping_interval_ms))


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
