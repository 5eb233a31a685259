"""Where the engine's time comes from."""

import time
from collections.abc import Callable

from engine.kernel.time import Millis


class Clock:
    """Wall time at the start, carried on by the monotonic clock.

    A wall clock that is set back or forth while the house runs moves no deadline; the next
    start takes the new time, but never one before the log's last record.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.steady_ns = steady_ns
        """For how long something takes. The test clock does not move it."""
        self._ahead_ms = wall_ns() // 1_000_000 - steady_ns() // 1_000_000

    def now(self) -> Millis:
        """Milliseconds since 1970, never going back."""
        return self._ahead_ms + self.steady_ns() // 1_000_000

    def not_before(self, moment: Millis) -> None:
        """Go on from `moment` if the clock is behind it."""
        self.advance(max(0, moment - self.now()))

    def advance(self, ms: int) -> None:
        """Move ahead. Beside recovery only the test clock does this."""
        assert ms >= 0, "time does not go back"
        self._ahead_ms += ms


def wall_ms() -> Millis:
    """The world's time, by which tokens expire."""
    return time.time_ns() // 1_000_000
