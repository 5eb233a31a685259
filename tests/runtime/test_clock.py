"""Engine time never goes back, whatever the wall clock does."""

import time

import pytest

from runtime.clock import Clock


def test_the_clock_starts_at_wall_time() -> None:
    """Within the time that the test takes."""
    before = time.time_ns() // 1_000_000
    now = Clock().now()
    assert before - 1 <= now <= time.time_ns() // 1_000_000 + 1


def test_a_wall_clock_set_back_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines stand when somebody sets the machine's clock."""
    clock = Clock()
    before = clock.now()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert clock.now() >= before


def test_time_goes_on_from_the_end_of_the_log() -> None:
    """A start with the wall clock set back continues where the log ends."""
    clock = Clock()
    later = clock.now() + 3_600_000
    clock.not_before(later)
    assert clock.now() >= later
    clock.not_before(0)
    assert clock.now() >= later
