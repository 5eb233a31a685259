"""Whatever a peer sends, and however the network cuts it, the connection behaves the same."""

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame

from gateway.connection import Listener
from gateway.connection_settings import ConnectionSettings
from tests.gateway.harness import HANDSHAKE, ManualLoop, Owner, PaperTransport, on_paper

FRAMES = st.builds(
    lambda opcode, payload, fin: Frame(opcode, payload, fin).serialize(mask=True),
    st.sampled_from([0, 1, 2]),
    st.one_of(
        st.text(max_size=60).map(str.encode),
        st.binary(max_size=60),
        # Around the longest message, and the longest length that needs one byte.
        st.sampled_from([b"x" * size for size in (99, 100, 101, 125, 126)]),
    ),
    st.booleans(),
)
CONTROL_FRAMES = st.builds(
    lambda opcode, payload: Frame(opcode, payload).serialize(mask=True),
    st.sampled_from([8, 9, 10]),
    st.binary(max_size=20),
)
STREAMS = st.lists(st.one_of(FRAMES, FRAMES, CONTROL_FRAMES, st.binary(max_size=4)), max_size=12)


def calls_after(pieces: list[bytes]) -> list[tuple[object, ...]]:
    """What the owner is told when these pieces are read, and then the socket is lost."""
    owner = Owner()
    loop, connection, _ = on_paper(owner, message_bytes_max=100, fragments_max=3)
    for piece in pieces:
        connection.data_received(piece)
        loop.tick()
    connection.connection_lost(None)
    return [owner.calls.get_nowait() for _ in range(owner.calls.qsize())]


@given(STREAMS, st.integers(1, 40))
def test_the_cuts_of_the_network_do_not_matter(frames: list[bytes], size: int) -> None:
    """The same calls for one read, for a read per frame and for reads of any other size."""
    stream = b"".join(frames)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    calls = calls_after([stream])
    assert calls == calls_after(frames)
    assert calls == calls_after(pieces)
    assert [call[0] for call in calls if call[0] in ("opened", "closed")] == ["opened", "closed"]
    assert calls[-1][0] == "closed"


@given(st.binary(max_size=300), st.integers(0, len(HANDSHAKE)))
def test_no_request_is_an_error_of_ours(noise: bytes, cut: int) -> None:
    """Anything in place of a handshake, or in the middle of one, is refused or waited for."""
    owner, loop = Owner(), ManualLoop()
    connection = Listener(owner, ConnectionSettings(), loop).connection()
    connection.connection_made(PaperTransport())
    connection.data_received(HANDSHAKE[:cut] + noise + HANDSHAKE[cut:])
    loop.tick()
    connection.connection_lost(None)
    names = [owner.calls.get_nowait()[0] for _ in range(owner.calls.qsize())]
    assert [name for name in names if name in ("opened", "closed")] in ([], ["opened", "closed"])
