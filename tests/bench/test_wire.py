"""The raw client speaks RFC 6455 as `websockets` understands it, however the bytes are cut."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from bench.wire import CLOSE, PING, TEXT, Frames, WireError, close_frame, frame, handshake

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
SIZES = (0, 1, 125, 126, 65_535, 65_536)


def test_a_server_accepts_the_handshake_and_the_frames() -> None:
    """Another implementation reads the request with its token, and frames of every length."""
    server = ServerProtocol()
    server.receive_data(handshake("localhost:8080", "/v1/ws", "a.b.c"))
    (request,) = server.events_received()
    assert isinstance(request, Request)
    assert request.headers["Authorization"] == "Bearer a.b.c"
    response = server.accept(request)
    assert response.status_code == 101
    server.send_response(response)
    for size in SIZES:
        server.receive_data(frame(TEXT, b"x" * size))
        assert server.events_received() == [Frame(Opcode.TEXT, b"x" * size)]
    server.receive_data(close_frame(1000))
    assert server.close_rcvd is not None
    assert server.close_rcvd.code == 1000


def test_a_guest_sends_no_token() -> None:
    """Without a token there is no Authorization header."""
    assert b"Authorization" not in handshake("localhost", "/v1/ws", None)


@pytest.mark.parametrize("size", SIZES)
def test_frames_come_whole(size: int) -> None:
    """A frame is read when its last byte has come, and not before."""
    data = Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)
    reader = Frames()
    assert reader.feed(ACCEPTED) == []
    for cut in {1, 2, 3, 5, 9, len(data) - 1} & set(range(1, len(data))):
        assert reader.feed(data[:cut]) == []
        assert reader.feed(data[cut:]) == [(TEXT, b"x" * size)]


def test_bytes_may_come_one_by_one_or_all_at_once() -> None:
    """The response and several frames are told apart wherever the stream is cut."""
    data = ACCEPTED
    for opcode, payload in ((TEXT, b"one"), (PING, b""), (CLOSE, b"\x03\xe8")):
        data += Frame(Opcode(opcode), payload).serialize(mask=False)
    slow = Frames()
    heard = [found for byte in data for found in slow.feed(bytes([byte]))]
    assert heard == [(TEXT, b"one"), (PING, b""), (CLOSE, b"\x03\xe8")]
    assert Frames().feed(data) == heard


def test_a_refused_handshake_says_why() -> None:
    """Status and body of the server's answer are in the error."""
    with pytest.raises(WireError, match=r"403 Forbidden .*Origin"):
        Frames().feed(b'HTTP/1.1 403 Forbidden\r\n\r\n{"message":"Origin"}')


def test_a_fragment_is_refused() -> None:
    """What the reader cannot put together it does not pass on as a whole."""
    reader = Frames()
    reader.feed(ACCEPTED)
    with pytest.raises(WireError, match="fragmented"):
        reader.feed(Frame(Opcode.TEXT, b"half", fin=False).serialize(mask=False))


def test_a_response_without_end_is_refused() -> None:
    """A stream of something else does not fill the memory."""
    with pytest.raises(WireError, match="never ends"):
        Frames().feed(b"x" * 20_000)
