"""Whatever bytes a peer sends, the connection says what the oracle says."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from gateway import connection
from gateway.connection import Connection
from testkit.frame_oracle import Fault, Reader, predict
from testkit.fuzz_frames import try_frames, try_handshake

DICE = st.randoms(use_true_random=False)
TRIES = 400


@settings(max_examples=150, derandomize=True, deadline=None)
@given(DICE)
def test_a_stream_is_read_as_the_oracle_reads_it(dice: Random) -> None:
    """The owner is told the same, and the end has the same code."""
    try_frames(dice)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(DICE)
def test_a_broken_handshake_is_refused_or_waited_for(dice: Random) -> None:
    """It never raises, and what was opened is closed."""
    try_handshake(dice)


@pytest.mark.parametrize(
    ("stream", "calls", "code"),
    [
        ("818000000000", [("received", b"")], 1006),
        ("018000000000 808000000000", [("received", b"")], 1006),
        ("81810000000061 888000000000", [("received", b"a")], 1005),
        ("888200000000 03e8", [], 1000),
        ("888200000000 03e7", [], 1002),
        ("818100000000 ff", [], 1007),
        ("8100", [], 1002),
        ("81ff 0000000000010000", [("oversized", b"")], 1009),
    ],
)
def test_the_oracle_knows_the_protocol(
    stream: str, calls: list[tuple[str, bytes]], code: int
) -> None:
    """A few streams whose meaning can be read off RFC 6455 by hand."""
    expected = predict(bytes.fromhex(stream))
    assert (expected.calls, expected.code) == (calls, code)


def test_the_oracle_reads_half_a_frame_as_none() -> None:
    """Only what is whole is told."""
    reader = Reader(bytes.fromhex("8185000000006162"))
    assert (reader.read(), reader.calls) == (0, [])
    with pytest.raises(Fault):
        Reader(bytes.fromhex("8385")).read()


def found() -> bool:
    """Whether the fuzzer finds a fault in so many streams."""
    try:
        for seed in range(TRIES):
            try_frames(Random(seed))
    except AssertionError:
        return True
    return False


def test_planted_faults_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that takes any text, forgets what came in fragments, delivers after its own
    close, or says nothing at the end, is found out; this one is not."""
    assert not found()
    with monkeypatch.context() as patch:
        patch.setattr(connection, "_is_utf8", lambda payload: True)
        assert found()
    read_frame = Connection._read_frame

    def forgetful(self: Connection, frame: Frame) -> None:
        if frame.opcode is Opcode.CONT and frame.fin:
            self._fragments.clear()
        read_frame(self, frame)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "_read_frame", forgetful)
        assert found()
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "close", lambda self, code=1000, reason="": None)
        assert found()
    with monkeypatch.context() as patch:
        patch.setattr(connection, "frame_close", lambda code, reason: b"")
        assert found()
