"""The client's half of RFC 6455, as cheap as Python allows: a load generator that costs more than
the server measures itself.

It takes two liberties. The masking key is zero, so that a frame can be made once and sent often;
the server unmasks it all the same. And it refuses fragments, which our server never sends.
"""

import struct

TEXT = 0x1
CLOSE = 0x8
PING = 0x9
PONG = 0xA

CLOSED_NORMALLY = 1000
CLOSED_WITHOUT_CODE = 1005
CLOSED_ABNORMALLY = 1006

_FIN = 0x80
_MASKED = 0x80
_NO_KEY = b"\0\0\0\0"
_HANDSHAKE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_ACCEPTED = b"HTTP/1.1 101 "
_END_OF_HEAD = b"\r\n\r\n"
_HEAD_BYTES_MAX = 16_384


class WireError(Exception):
    """The server did not speak the protocol, or refused the handshake."""


def handshake(host: str, path: str, token: str | None) -> bytes:
    """The request to upgrade; the token goes into the Authorization header."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {_HANDSHAKE_KEY}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: outcry.v1+json",
    ]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def frame(opcode: int, payload: bytes) -> bytes:
    """One frame from a client."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", _FIN | opcode, _MASKED | size)
    elif size < 65_536:
        head = struct.pack("!BBH", _FIN | opcode, _MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", _FIN | opcode, _MASKED | 127, size)
    return head + _NO_KEY + payload


def close_frame(code: int) -> bytes:
    """The frame that begins the closing handshake."""
    return frame(CLOSE, struct.pack("!H", code))


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame; 1005 if it has none."""
    if len(payload) < 2:
        return CLOSED_WITHOUT_CODE, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")


class Frames:
    """Cuts what comes in into the response to the handshake, unless that is over, and then
    frames."""

    __slots__ = ("_buffer", "_upgraded")

    def __init__(self, *, upgraded: bool = False) -> None:
        self._buffer = b""
        self._upgraded = upgraded

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The whole frames in what has come so far, as (opcode, payload). Raises WireError."""
        buffer = self._buffer + data if self._buffer else data
        if not self._upgraded:
            buffer = self._upgrade(buffer)
        frames: list[tuple[int, bytes]] = []
        if self._upgraded:
            buffer = buffer[_cut(buffer, frames) :]
        self._buffer = buffer
        return frames

    def _upgrade(self, buffer: bytes) -> bytes:
        """What follows the response, once it is there."""
        head, end, rest = buffer.partition(_END_OF_HEAD)
        if not end:
            if len(buffer) > _HEAD_BYTES_MAX:
                raise WireError("the response to the handshake never ends")
            return buffer
        if not head.startswith(_ACCEPTED):
            body = rest[:200].decode(errors="replace")
            raise WireError(f"{head.splitlines()[0].decode(errors='replace')} {body}".strip())
        self._upgraded = True
        return rest


def _cut(buffer: bytes, frames: list[tuple[int, bytes]]) -> int:
    """Append the whole frames of `buffer`; return where the first incomplete one begins."""
    at, end = 0, len(buffer)
    while end - at >= 2:
        first, size = buffer[at], buffer[at + 1]
        body = at + 2
        if size == 126:
            body += 2
            size = int.from_bytes(buffer[at + 2 : body], "big")
        elif size == 127:
            body += 8
            size = int.from_bytes(buffer[at + 2 : body], "big")
        # An incomplete length cannot be taken for a short frame: its body begins beyond the end.
        if body > end or body + size > end:
            break
        if not first & _FIN:
            raise WireError("the server has fragmented a message")
        frames.append((first & 0x0F, buffer[body : body + size]))
        at = body + size
    return at
