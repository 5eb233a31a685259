"""Websocket frames as a server writes them: RFC 6455 section 5.2, unmasked and never fragmented.
And the commonest of those that it reads: short texts, which are masked."""

import struct

from websockets.frames import Close, Frame
from websockets.utils import apply_mask

PING = b"\x89\x00"

_TEXT = 0x81
_BINARY = 0x82
_CLOSE = 0x88
_MASKED = 0x80
_MASK_BYTES = 4

# A control frame carries at most 125 bytes (RFC 6455 section 5.5), two of which are the code.
_REASON_BYTES_MAX = 123


def frame_text(payload: bytes) -> bytes:
    """The bytes of one text message. `payload` is UTF-8; frame it once for all who hear it."""
    return _head(_TEXT, len(payload)) + payload


def frame_binary(payload: bytes) -> bytes:
    """The bytes of one binary message."""
    return _head(_BINARY, len(payload)) + payload


def frame_close(code: int, reason: str) -> bytes:
    """The bytes of a close frame. A reason that is too long is cut.

    Raises:
        websockets.exceptions.ProtocolError: `code` may not appear in a close frame.
    """
    payload = Close(code, clip_reason(reason)).serialize()
    return _head(_CLOSE, len(payload)) + payload


def short_text(data: bytes) -> bytes | None:
    """What a client says, if these bytes are one whole text frame of less than 126 bytes of payload
    and nothing else."""
    size = len(data) - 2 - _MASK_BYTES
    if not 0 <= size < 126 or data[0] != _TEXT or data[1] != _MASKED | size:
        return None
    return apply_mask(data[6:], data[2:6])


def masked_size(frame: Frame) -> int:
    """How many bytes a client needs for this frame at the least."""
    size = len(frame.data)
    return len(_head(frame.opcode, size)) + _MASK_BYTES + size


def clip_reason(reason: str) -> str:
    """As much of `reason` as fits into a close frame, without half a character."""
    return reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")


def _head(first_byte: int, size: int) -> bytes:
    if size < 126:
        return struct.pack("!BB", first_byte, size)
    if size < 65_536:
        return struct.pack("!BBH", first_byte, 126, size)
    return struct.pack("!BBQ", first_byte, 127, size)
