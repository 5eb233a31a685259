"""What an operator reads of something that fails again and again."""

import logging

import pytest

from persistence.trouble import REMIND_S, Trouble


def test_trouble_is_said_once_and_now_and_then_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Twenty lines a second would hide what else there is to read. An error without words has at
    least a name."""
    caplog.set_level(logging.INFO)
    now_s = 0.0
    trouble = Trouble(logging.getLogger("a test"), "nobody is told", lambda: now_s)
    trouble.over()
    for tenth in range(int(REMIND_S) * 10 + 1):
        now_s = tenth / 10
        trouble.met(TimeoutError())
    trouble.over()
    trouble.over()
    trouble.met(OSError("away"))
    assert caplog.messages == [
        "nobody is told: TimeoutError",
        "nobody is told: TimeoutError",
        "nobody is told: that is over, after 30.0 s",
        "nobody is told: away",
    ]
