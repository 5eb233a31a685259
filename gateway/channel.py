"""A room as one class of viewer hears it: who listens, and when frames leave for them.

What is published during one turn of the loop is joined, so that a burst of events costs each
listener one push. After a push to many the channel rests, and what comes meanwhile leaves together
when the rest is over. A push costs the same however much is in it, so a busy room with a thousand
listeners takes a share of the loop, where it would take the loop. What is said to a small audience,
a user's own feed above all, and the first event after a quiet while, leave at once.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from gateway.counts import Counts
from gateway.limits import CHANNEL_PENDING_BYTES_MAX, PACE_US, REST_US_MAX, REST_US_MIN

Send = Callable[[bytes], None]


def _never(delay_s: float, callback: Callable[[], None]) -> None:
    raise AssertionError("a channel without a pace does not rest")


class Pace(Struct, frozen=True):
    """How long channels rest."""

    later: Callable[[float, Callable[[], None]], object]
    """Calls back in so many seconds: `loop.call_later`."""
    each_us: int = PACE_US
    """For each listener that was pushed to. 0: channels never rest."""

    def rest_us(self, listeners: int) -> int:
        """The rest after a push to so many."""
        rest_us = min(listeners * self.each_us, REST_US_MAX)
        return rest_us if rest_us >= REST_US_MIN else 0


AT_ONCE = Pace(_never, 0)
"""Everything leaves when its turn ends."""


class Watcher(Protocol):
    """Somebody who listens to a channel."""

    def offer(self, seq: int, framed: bytes) -> None:
        """A frame of its channel, while it is not yet in step. It may call `Channel.join` for this
        and all later ones."""

    def soft(self, key: str, framed: bytes, frame: bytes) -> None:
        """Something that moves, framed and as JSON; a later one of the same key replaces it."""

    def lose(self) -> None:
        """Something of its channel is missing, and cannot be had."""


class Channel:
    """A room as one class of viewer hears it."""

    __slots__ = (
        "_counts",
        "_is_resting",
        "_late",
        "_pace",
        "_pending",
        "_pending_bytes",
        "audience",
        "awaited",
        "live",
        "room",
        "watchers",
    )

    def __init__(self, room: str, audience: str, counts: Counts, pace: Pace) -> None:
        self.room = room
        self.audience = audience
        self.live: dict[Watcher, Send] = {}
        """Listeners in step, and where their frames go."""
        self.watchers: dict[Watcher, None] = {}
        self.awaited = 0
        """How many will come over from another class: frames are rendered for them already."""
        self._counts = counts
        self._pace = pace
        self._pending: list[bytes] = []
        """Frames of this turn or rest, for those in `live`."""
        self._pending_bytes = 0
        self._late: dict[Watcher, int] = {}
        """Who came while frames were pending -> how many of them are not theirs."""
        self._is_resting = False

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens."""
        return not self.live and not self.watchers and not self.awaited

    def join(self, watcher: Watcher, send: Send) -> None:
        """From the next frame on, send everything."""
        assert watcher not in self.live, "a listener joins once"
        self.watchers.pop(watcher, None)
        self.live[watcher] = send
        if self._pending:
            self._late[watcher] = len(self._pending)

    def leave(self, watcher: Watcher) -> None:
        """Send what is pending, and nothing more."""
        self.watchers.pop(watcher, None)
        send = self.live.pop(watcher, None)
        if send:
            self._push(send, self._pending[self._late.pop(watcher, 0) :])
        if not self.live:
            self._take()

    def add(self, framed: bytes) -> bool:
        """Have a frame sent. Tells whether the caller is to call `turn_over` when the turn ends."""
        self._pending.append(framed)
        self._pending_bytes += len(framed)
        if self._pending_bytes > CHANNEL_PENDING_BYTES_MAX:
            self.flush()
        return len(self._pending) == 1 and not self._is_resting

    def turn_over(self) -> None:
        """Hand on what the turn has brought, unless the channel rests."""
        if not self._is_resting:
            self.flush()

    def flush(self) -> None:
        """Hand on what is pending, then rest; harmless when nothing is."""
        frames, late = self._take()
        if not frames:
            return
        on_time = self.live
        if late:
            on_time = {watcher: send for watcher, send in on_time.items() if watcher not in late}
            for watcher, known in late.items():
                self._push(self.live[watcher], frames[known:])
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        self._count(len(on_time), len(frames), len(data))
        for send in on_time.values():
            send(data)
        self._rest()

    def _push(self, send: Send, frames: Sequence[bytes]) -> None:
        """To one listener."""
        if frames:
            data = b"".join(frames)
            self._count(1, len(frames), len(data))
            send(data)

    def _count(self, listeners: int, frames: int, size: int) -> None:
        self._counts.pushes += listeners
        self._counts.deliveries += listeners * frames
        self._counts.delivery_bytes += listeners * size

    def _take(self) -> tuple[list[bytes], dict[Watcher, int]]:
        taken = self._pending, self._late
        self._pending, self._late, self._pending_bytes = [], {}, 0
        return taken

    def _rest(self) -> None:
        rest_us = self._pace.rest_us(len(self.live))
        if rest_us and not self._is_resting:
            self._is_resting = True
            self._pace.later(rest_us / 1_000_000, self._wake)

    def _wake(self) -> None:
        self._is_resting = False
        self.flush()
