"""How often one may call: sliding windows of a minute (operations 1)."""

from msgspec import Struct

from engine.kernel.outcome import RATE_LIMITED, Rejected
from gateway.limits import RATE_GUEST, RATE_KEYS_MAX, RATE_USER, RATE_WINDOW_MS


class Rates(Struct, frozen=True, kw_only=True):
    """Calls a minute; 0 means no limit."""

    user: int = RATE_USER
    """For each user with a valid token."""
    guest: int = RATE_GUEST
    """For each address, of callers without one."""


class SlidingWindow:
    """Counts calls by key, in this window and the one before.

    The calls of the last 60 s are estimated as those of this window and, of the window before,
    the share that is not yet 60 s old: two numbers for each key instead of every call's time.
    """

    __slots__ = ("_before", "_began_ms", "_keys_max", "_now", "limit")

    def __init__(self, limit: int, keys_max: int = RATE_KEYS_MAX) -> None:
        assert limit >= 0, "0 means no limit"
        self.limit = limit
        self._keys_max = keys_max
        self._began_ms = 0
        self._now: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def charge(self, key: str, now_ms: int) -> int:
        """Count a call. Returns 0, or how long to wait (ms) if it is one too many; a call that
        is refused does not count. `now_ms` is of a clock that never goes back."""
        if not self.limit:
            return 0
        elapsed_ms = now_ms - self._began_ms
        if elapsed_ms >= RATE_WINDOW_MS:
            elapsed_ms = self._turn(now_ms)
        count = self._now.get(key, 0)
        before = self._before.get(key, 0)
        room = self.limit - 1 - count
        if room < 0 or before * (RATE_WINDOW_MS - elapsed_ms) > room * RATE_WINDOW_MS:
            return _wait_ms(count, before, self.limit - 1, elapsed_ms)
        self._now[key] = count + 1
        if len(self._now) >= self._keys_max:
            # Too many to know: what was counted weighs less from now on, and is forgotten when
            # as many have come again.
            self._before, self._now = self._now, {}
        return 0

    def __len__(self) -> int:
        return len(self._now) + len(self._before)

    def _turn(self, now_ms: int) -> int:
        """Begin the window that holds `now_ms`, and return how much of it has passed, ms."""
        elapsed_ms = now_ms % RATE_WINDOW_MS
        follows = now_ms - elapsed_ms == self._began_ms + RATE_WINDOW_MS
        self._before = self._now if follows else {}
        self._now = {}
        self._began_ms = now_ms - elapsed_ms
        return elapsed_ms


def _wait_ms(count: int, before: int, allowed: int, elapsed_ms: int) -> int:
    """Until the estimate is down to `allowed`, if there is no other call meanwhile, ms."""
    if count <= allowed:
        return _fade_ms(before, allowed - count) - elapsed_ms
    return RATE_WINDOW_MS - elapsed_ms + _fade_ms(count, allowed)


def _fade_ms(count: int, allowed: int) -> int:
    """How far into the next window `count` calls weigh no more than `allowed`, ms."""
    return -(-(count - allowed) * RATE_WINDOW_MS // count)


def too_often(retry_after_ms: int) -> Rejected:
    """The refusal of a call beyond the limit."""
    return Rejected(
        RATE_LIMITED,
        f"too many calls in a minute; try again in {retry_after_ms} ms",
        {"retry_after_ms": retry_after_ms},
    )
