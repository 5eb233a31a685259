"""Our frames are those of the library, byte for byte."""

import pytest
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode

from gateway.frames import (
    PING,
    frame_binary,
    frame_close,
    frame_text,
    masked_size,
    short_text,
)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 100_000])
def test_data_frames_equal_the_librarys(size: int) -> None:
    """At every boundary of the length field."""
    payload = b"x" * size
    assert frame_text(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert frame_binary(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


def test_control_frames_equal_the_librarys() -> None:
    """Ping without payload; close with code and reason."""
    assert Frame(Opcode.PING, b"").serialize(mask=False) == PING
    close = Frame(Opcode.CLOSE, Close(4200, "too slow").serialize())
    assert frame_close(4200, "too slow") == close.serialize(mask=False)


def test_a_long_reason_is_cut_between_characters() -> None:
    """123 bytes hold 61 of these two-byte letters, and not half of the next."""
    frame = frame_close(4000, "é" * 100)
    assert Close.parse(frame[2:]) == Close(4000, "é" * 61)


@pytest.mark.parametrize("code", [999, 1005, 1006, 1015, 5000])
def test_a_code_that_may_not_be_sent_is_an_error(code: int) -> None:
    """RFC 6455 section 7.4 reserves them."""
    with pytest.raises(ProtocolError):
        frame_close(code, "")


@pytest.mark.parametrize("size", [0, 1, 125])
def test_a_short_text_is_read_as_the_library_reads_it(size: int) -> None:
    """One whole frame and nothing else; any other is left to the library."""
    payload = b"x" * size
    frame = Frame(Opcode.TEXT, payload)
    text = frame.serialize(mask=True)
    assert short_text(text) == payload
    assert masked_size(frame) == len(text)
    others = [Frame(Opcode.BINARY, payload), Frame(Opcode.TEXT, payload, fin=False)]
    assert [short_text(other.serialize(mask=True)) for other in others] == [None, None]
    unmasked = frame.serialize(mask=False)
    assert [short_text(data) for data in (b"", text[:-1], text + b"x", unmasked)] == [None] * 4


@pytest.mark.parametrize("size", [126, 65_535, 65_536])
def test_longer_frames_are_left_to_the_library(size: int) -> None:
    """They need more bytes for their length."""
    frame = Frame(Opcode.TEXT, b"x" * size)
    assert short_text(frame.serialize(mask=True)) is None
    assert masked_size(frame) == len(frame.serialize(mask=True))
