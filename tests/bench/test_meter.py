"""Progress is a bar on a terminal and lines in a pipe."""

import io

import pytest
from typing_extensions import override

from bench.meter import Meter


class Terminal(io.StringIO):
    """A stream that a person watches."""

    @override
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a meter writes that is told of two steps, ten seconds apart."""
    now_s = 100.0
    monkeypatch.setattr("bench.meter.time.monotonic", lambda: now_s)
    meter = Meter("bids", 4, stream)
    meter.add()
    now_s += 10
    meter.add()
    meter.end()
    return stream.getvalue()


def test_a_pipe_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each second at most, without control characters."""
    assert shown(io.StringIO(), monkeypatch) == "bids: 2 of 4 (50%)\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is written over, and is gone in the end."""
    text = shown(Terminal(), monkeypatch)
    assert text.startswith("\r[###############...............] bids: 2 of 4 (50%)")
    assert text.endswith("\r\x1b[K")
