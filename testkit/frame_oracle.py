"""The oracle of a websocket connection: RFC 6455 in one plain loop over a stream that is all there.

It tells what the owner of a connection must be told, and how the connection must end.
"""

from msgspec import Struct
from websockets.frames import Opcode

BYTES_MAX = 100
FRAGMENTS_MAX = 3
"""Narrow, so that a short stream reaches them."""

FAREWELL = b"bye"
"""What makes the owner close."""
OWNERS_CODE = 4001
NO_CODE, ABNORMAL, PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1005, 1006, 1002, 1007, 1009

Call = tuple[str, bytes]


class Fault(Exception):
    """How a stream ends: the close code, and whether the owner is told of too much first."""

    def __init__(self, code: int, *, is_oversized: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_oversized = is_oversized


class Expected(Struct):
    """What a stream must come to."""

    calls: list[Call]
    pings: list[bytes]
    code: int
    """By which `closed` is told: ABNORMAL if the stream just ends."""
    codes_sent: set[int]
    """Any of these may stand in the close frame; empty: there is none."""


class Reader:
    """The oracle: one frame after the other, from a stream that is all there."""

    def __init__(self, stream: bytes, *, is_closing: bool = False) -> None:
        self.calls: list[Call] = []
        self._is_closing = is_closing
        self.pings: list[bytes] = []
        self._stream = stream
        self._position = 0
        self._parts: list[bytes] | None = None
        self._kind = ""

    def read(self) -> int:
        """Until the stream is used up (returns 0) or a frame ends it. Raises Fault."""
        while (frame := self._frame()) is not None:
            opcode, fin, payload = frame
            if opcode == Opcode.CLOSE:
                return self._close(payload)
            if opcode == Opcode.PING:
                self.pings.append(payload)
            elif opcode != Opcode.PONG:
                self._data(opcode, fin, payload)
            if self.calls[-1:] == [("received", FAREWELL)] and not self._is_closing:
                return OWNERS_CODE
        return 0

    def rest(self) -> "Reader":
        """A reader of what comes while the connection closes: messages are not looked at."""
        return Reader(self._stream[self._position :], is_closing=True)

    def _frame(self) -> tuple[int, bool, bytes] | None:
        """The next frame, or None if it is not all there."""
        head = self._take(2)
        if head is None:
            return None
        first, size = head
        if first & 0x0F not in (0, 1, 2, 8, 9, 10) or size < 0x80:
            raise Fault(PROTOCOL_ERROR)
        size &= 0x7F
        if size >= 126:
            extended = self._take(2 if size == 126 else 8)
            if extended is None:
                return None
            size = int.from_bytes(extended, "big")
        # The library counts a control frame against what is left of the message around it.
        if size > BYTES_MAX - sum(map(len, self._parts or ())):
            raise Fault(TOO_BIG, is_oversized=True)
        masked = self._take(4 + size)
        if masked is None:
            return None
        if first & 0x70 or (first & 0x08 and (size > 125 or not first & 0x80)):
            raise Fault(PROTOCOL_ERROR)
        mask = masked[:4]
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked[4:]))
        return first & 0x0F, bool(first & 0x80), payload

    def _take(self, size: int) -> bytes | None:
        taken = self._stream[self._position : self._position + size]
        if len(taken) < size:
            return None
        self._position += size
        return taken

    def _data(self, opcode: int, fin: bool, payload: bytes) -> None:
        if (opcode == Opcode.CONT) == (self._parts is None):
            raise Fault(PROTOCOL_ERROR)
        if self._parts is None:
            self._parts = []
            self._kind = "binary" if opcode == Opcode.BINARY else "received"
        self._parts.append(payload)
        if len(self._parts) > FRAGMENTS_MAX and not self._is_closing:
            raise Fault(TOO_BIG, is_oversized=True)
        if not fin:
            return
        message = b"".join(self._parts)
        self._parts = None
        if self._kind == "received" and not _is_utf8(message) and not self._is_closing:
            raise Fault(NOT_UTF8)
        self.calls.append((self._kind, message))

    def _close(self, payload: bytes) -> int:
        if len(payload) == 1:
            raise Fault(PROTOCOL_ERROR)
        if not _is_utf8(payload[2:]):
            raise Fault(NOT_UTF8)
        code = int.from_bytes(payload[:2], "big") if payload else NO_CODE
        legal = code in (1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000))
        if self._parts is not None or (payload and not legal):
            raise Fault(PROTOCOL_ERROR)
        return code


def predict(stream: bytes) -> Expected:
    """What must come of a stream that ends with the loss of the socket."""
    reader = Reader(stream)
    code, sent = _end_of(reader)
    if code == OWNERS_CODE and reader.calls[-1:] == [("received", FAREWELL)]:
        # The owner has closed; the peer may have done so, or have erred, in the same read.
        behind = reader.rest()
        sent = {OWNERS_CODE, *_end_of(behind)[1]}
        reader.pings += behind.pings
    return Expected(reader.calls, reader.pings, code, sent)


def _end_of(reader: Reader) -> tuple[int, set[int]]:
    try:
        code = reader.read()
    except Fault as fault:
        if fault.is_oversized:
            reader.calls.append(("oversized", b""))
        return fault.code, {fault.code}
    return (code, {code}) if code else (ABNORMAL, set())


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
