"""Where the engine's time comes from."""

import time

from engine.kernel.time import Millis


class Clock:
    """Wall time at the start, carried on by the monotonic clock.

    A wall clock that is set back or forth while the house runs moves no deadline; the next
    start takes the new time, but never one before the log's last record.
    """

    def __init__(self) -> None:
        self._ahead_ms = time.time_ns() // 1_000_000 - _monotonic_ms()

    def now(self) -> Millis:
        """Milliseconds since 1970, never going back."""
        return self._ahead_ms + _monotonic_ms()

    def not_before(self, moment: Millis) -> None:
        """Go on from `moment` if the clock is behind it."""
        self.advance(max(0, moment - self.now()))

    def advance(self, ms: int) -> None:
        """Move ahead. Beside recovery only the test clock does this."""
        assert ms >= 0, "time does not go back"
        self._ahead_ms += ms


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
