"""Bytes into a connection, against an oracle that reads the whole stream at once.

The connection gets the stream cut into pieces at random, and must say what the oracle says.
"""

from typing import Any

from websockets.frames import Opcode
from websockets.http11 import Request

from engine.contract import Dice
from gateway.connection import Connection, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.handshake import Refusal
from testkit.frame_oracle import (
    BYTES_MAX,
    FAREWELL,
    FRAGMENTS_MAX,
    NO_CODE,
    OWNERS_CODE,
    Call,
    Expected,
    predict,
)
from testkit.paper import HANDSHAKE, PaperTransport, frames_of, paper_loop

SETTINGS = ConnectionSettings(message_bytes_max=BYTES_MAX, fragments_max=FRAGMENTS_MAX)


class Owner:
    """The handler: it notes what it is told, echoes texts, and closes when it hears FAREWELL."""

    def __init__(self) -> None:
        self.opened_count = 0
        self.calls: list[Call] = []
        self.ends: list[int] = []

    def check(self, connection: Connection, request: Request) -> Refusal | None:
        return None

    def opened(self, connection: Connection, request: Request) -> None:
        self.opened_count += 1

    def received(self, connection: Connection, text: bytes) -> None:
        self.calls.append(("received", text))
        if text == FAREWELL:
            connection.close(OWNERS_CODE, "as you wish")
        else:
            connection.send(text)

    def binary(self, connection: Connection, payload: bytes) -> None:
        self.calls.append(("binary", payload))

    def oversized(self, connection: Connection) -> None:
        self.calls.append(("oversized", b""))

    def drained(self, connection: Connection) -> None:
        raise AssertionError("a transport of paper is never full")

    def waiting(self, connection: Connection) -> None:
        """Wait on."""

    def shutdown(self, connection: Connection) -> None:
        raise AssertionError("nobody shuts down")

    def closed(self, connection: Connection, code: int, reason: str) -> None:
        self.ends.append(code)


def stream_of(dice: Dice) -> bytes:
    """Frames as a peer may send them: mostly good, in their order mostly legal."""
    frames = []
    is_within = False
    for _ in range(dice.randrange(1, 12)):
        kind = dice.choice(("data",) * 10 + ("control",) * 3 + ("noise", "flawed"))
        if kind == "noise":
            frames.append(noise(dice, 12))
            continue
        fin = kind != "data" or dice.randrange(0, 3) > 0
        starts = dice.choice((1, 1, 1, 2))
        opcode = 0 if is_within and dice.randrange(0, 12) else starts
        if kind == "control":
            opcode = dice.choice((8, 9, 9, 9, 10))
        elif kind == "data":
            is_within = not fin
        first = (0x80 if fin else 0) | opcode
        frames.append(_some_frame(dice, first, is_flawed=kind == "flawed"))
    return b"".join(frames)


def _some_frame(dice: Dice, first: int, *, is_flawed: bool) -> bytes:
    mask = 0x80
    if is_flawed:
        first, mask = dice.randrange(0, 256), dice.choice((0, 0x80))
    make = dice.choice((noise, _text, _text, _text, _close_payload))
    if first & 0x0F == Opcode.CLOSE:
        make = dice.choice((noise, _close_payload, _close_payload))
    return _serialize(dice, first, mask, make(dice, dice.choice((5, 40, 130))))


def _serialize(dice: Dice, first: int, mask: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126 and dice.randrange(0, 20):
        head = bytes((first, mask | size))
    elif dice.randrange(0, 3):
        head = bytes((first, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask | 127)) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = noise(dice, 4).ljust(4, b"\0")
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def noise(dice: Dice, size_max: int) -> bytes:
    """Any bytes, at most so many."""
    return bytes(dice.randrange(0, 256) for _ in range(dice.randrange(0, size_max + 1)))


def _text(dice: Dice, size_max: int) -> bytes:
    word = dice.choice((FAREWELL, b"", b"{}", "é😀".encode(), b"\xff", b"hello", b"a", b"ab"))
    return word * dice.randrange(0, size_max // 5 + 1) if word != FAREWELL else word


def _close_payload(dice: Dice, _: int) -> bytes:
    code = dice.choice((0, 999, 1000, 1004, 1005, 1006, 1011, 1016, 2999, 3000, 4999, 5000))
    return code.to_bytes(2, "big") + dice.choice((b"", b"done", b"\xff"))


def cut(dice: Dice, stream: bytes) -> list[bytes]:
    """The stream in the pieces in which a network might deliver it."""
    size = dice.choice((1, 3, 20, 1_000_000))
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def try_frames(dice: Dice) -> int:
    """One stream. Asserts that the connection does what the oracle says; returns the code."""
    stream = stream_of(dice)
    loop, owner = paper_loop(), Owner()
    connection = Listener(owner, SETTINGS, loop).connection()
    transport = PaperTransport()
    connection.connection_made(transport)
    connection.data_received(HANDSHAKE % b"")
    loop.settle()
    assert transport.take().startswith(b"HTTP/1.1 101 "), "a good handshake"
    for piece in cut(dice, stream):
        connection.data_received(piece)
        loop.settle()
    if dice.randrange(0, 2):
        connection.eof_received()
        loop.settle()
    if dice.randrange(0, 2):
        loop.advance(100_000)
    connection.connection_lost(None)
    loop.advance(100_000)
    _compare(predict(stream), owner, list(frames_of(transport.take())), stream)
    return owner.ends[0]


def _compare(
    expected: Expected, owner: Owner, frames: list[tuple[int, bytes]], stream: bytes
) -> None:
    said = f"to {stream.hex()}"
    assert owner.opened_count == 1, said
    assert owner.calls == expected.calls, f"{said}: {owner.calls}, not {expected.calls}"
    assert len(owner.ends) == 1, f"{said}: closed {len(owner.ends)} times"
    codes = [_code(payload) for opcode, payload in frames if opcode == Opcode.CLOSE]
    # A peer that says nothing more is hung up on after its keepalive.
    expected_codes = expected.codes_sent or {1011}
    assert set(codes) <= expected_codes, f"{said}: closed with {codes}"
    assert len(codes) <= 1, f"{said}: two close frames"
    opcodes = [opcode for opcode, _ in frames]
    behind = opcodes[opcodes.index(Opcode.CLOSE) + 1 :] if codes else []
    # RFC 6455 section 5.5.2: pings are answered until the peer has closed too.
    assert set(behind) <= {Opcode.PONG}, f"{said}: something behind the close frame"
    assert codes or not expected.codes_sent, f"{said}: no close frame"
    assert owner.ends[0] == expected.code or codes == [1011], f"{said}: told {owner.ends}"
    echoes = [payload for opcode, payload in frames if opcode == Opcode.TEXT]
    texts = [text for name, text in owner.calls if name == "received" and text != FAREWELL]
    assert echoes == texts, f"{said}: replies differ"
    pongs = [payload for opcode, payload in frames if opcode == Opcode.PONG]
    assert pongs == expected.pings[: len(pongs)], f"{said}: pongs differ"


def _code(payload: bytes) -> int:
    return int.from_bytes(payload[:2], "big") if payload else NO_CODE


def try_handshake(dice: Dice) -> Any:
    """Anything in place of a handshake, or in the midst of one: never an exception, and either
    one HTTP response or none yet."""
    request = bytearray(HANDSHAKE % b"")
    for _ in range(dice.randrange(1, 4)):
        start = dice.randrange(0, len(request))
        request[start : start + dice.randrange(0, 9)] = noise(dice, 8)
    loop, owner = paper_loop(), Owner()
    connection = Listener(owner, SETTINGS, loop).connection()
    transport = PaperTransport()
    connection.connection_made(transport)
    for piece in cut(dice, bytes(request)):
        connection.data_received(piece)
        loop.settle()
    loop.advance(100_000)
    connection.connection_lost(None)
    answered = transport.take()
    assert not answered or answered.startswith(b"HTTP/1.1 "), answered
    assert len(owner.ends) == owner.opened_count, "what was opened is closed"
    return answered[9:12]
