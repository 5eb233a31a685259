"""One scheduled call flushes all that is dirty."""

import pytest

from gateway.tick import LISTENERS_MAX, Tick
from tests.gateway.harness import ManualLoop


class Sink:
    """Counts its flushes."""

    def __init__(self, *, broken: bool = False) -> None:
        self.flushes = 0
        self._broken = broken

    def flush(self) -> None:
        if self._broken:
            raise ValueError("broken")
        self.flushes += 1


def test_many_marks_are_one_call_of_the_loop() -> None:
    """A fan-out to a thousand schedules once, and each is flushed once, at the next turn."""
    loop = ManualLoop()
    tick = Tick(loop)
    sinks = [Sink() for _ in range(1000)]
    for sink in sinks:
        tick.mark(sink)
    assert len(loop.ready) == 1
    assert sum(sink.flushes for sink in sinks) == 0
    loop.tick()
    assert {sink.flushes for sink in sinks} == {1}
    assert loop.ready == []


def test_who_waits_for_an_answer_goes_before_a_crowd_that_listens() -> None:
    """A crowd is written to in pieces of bounded size, in order; the loop turns between them."""
    loop = ManualLoop()
    tick = Tick(loop)
    crowd = [Sink() for _ in range(2 * LISTENERS_MAX + 1)]
    for sink in crowd:
        tick.mark_listener(sink)
    asker = Sink()
    loop.tick()
    assert sum(sink.flushes for sink in crowd) == LISTENERS_MAX
    tick.mark(asker)
    assert len(loop.ready) == 1
    loop.tick()
    assert (asker.flushes, sum(sink.flushes for sink in crowd)) == (1, 2 * LISTENERS_MAX)
    assert crowd[-1].flushes == 0
    loop.tick()
    assert crowd[-1].flushes == 1
    assert loop.ready == []


def test_one_that_fails_does_not_silence_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is flushed at the turn after."""
    loop = ManualLoop()
    failures: list[object] = []
    monkeypatch.setattr(loop, "call_exception_handler", failures.append)
    tick = Tick(loop)
    sinks = [Sink(), Sink(broken=True), Sink(), Sink()]
    for sink in sinks:
        tick.mark(sink)
    loop.tick()
    loop.tick()
    assert [sink.flushes for sink in sinks] == [1, 0, 1, 1]
    assert len(failures) == 1
