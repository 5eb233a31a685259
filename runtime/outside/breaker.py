"""A circuit breaker: whoever failed several times in a row is left alone for a while."""

from collections.abc import Callable

FAILURES_MAX = 5
OPEN_S = 30.0


class Breaker:
    """Ask `may_try` first, and tell what came of it. Open, it lets one attempt through each
    `OPEN_S`."""

    __slots__ = ("_failures", "_monotonic_s", "_next_s")

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._failures = 0
        self._next_s = 0.0

    def may_try(self) -> bool:
        """Whether to try now."""
        if self._failures < FAILURES_MAX:
            return True
        now_s = self._monotonic_s()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + OPEN_S
        return True

    def worked(self) -> None:
        """Close it."""
        self._failures = 0

    def failed(self) -> None:
        """Count a failure, and open it when there are too many."""
        self._failures += 1
        self._next_s = self._monotonic_s() + OPEN_S
