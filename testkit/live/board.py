"""What a live cluster does just now, in words and as a table."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from math import isinf

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from testkit.live.parts import Part

WINDOW_S = 60.0
"""The longest gap is that of the last minute."""
RATE_S = 5.0
PAUSE_S = 1.0
"""A gap between two accepted bids that is worth telling."""


class Market:
    """What is known of one market."""

    def __init__(self, name: str, now_s: Callable[[], float]) -> None:
        self.name = name
        self.writer = ""
        """Who serves it; empty: nobody."""
        self.latest = ""
        """Who served it last."""
        self.bids = 0
        """Accepted until now."""
        self._now_s = now_s
        self._pause_s = 0.0
        self._times_s: deque[float] = deque()
        self._gaps: deque[tuple[float, float]] = deque()

    def accepted(self) -> None:
        """A bid has just been accepted."""
        now_s = self._now_s()
        if self._times_s:
            gap_s = now_s - self._times_s[-1]
            self._gaps.append((now_s, gap_s))
            if gap_s >= PAUSE_S:
                self._pause_s = max(self._pause_s, gap_s)
        self.bids += 1
        self._times_s.append(now_s)
        while now_s - self._times_s[0] > WINDOW_S:
            self._times_s.popleft()
        while self._gaps and now_s - self._gaps[0][0] > WINDOW_S:
            self._gaps.popleft()

    def look(self, writer: str) -> str:
        """Take in who serves the market (empty: nobody). Returns what there is to tell, if there
        is anything."""
        self.writer = writer
        if not writer:
            return ""
        if self._pause_s:
            told, self._pause_s, self.latest = self._pause_s, 0.0, writer
            return f"{self.name} is served by {writer} after {told:.1f} s"
        if writer != self.latest and self._quiet_s < PAUSE_S:
            is_first, self.latest = not self.latest, writer
            return "" if is_first else f"{self.name} is served by {writer} now, without a pause"
        return ""

    @property
    def bids_per_s(self) -> float:
        """Accepted of late."""
        since_s = self._now_s() - RATE_S
        return sum(time_s > since_s for time_s in self._times_s) / RATE_S

    @property
    def longest_gap_s(self) -> float:
        """Between two accepted bids, in the last minute, the one that goes on included."""
        return max((self._quiet_s, *(gap_s for _, gap_s in self._gaps)))

    @property
    def line(self) -> str:
        """All of it."""
        return (
            f"{self.name}: {self.writer or 'nobody'}, {self.bids_per_s:.0f} bids/s, "
            f"longest gap {self.longest_gap_s:.1f} s"
        )

    @property
    def _quiet_s(self) -> float:
        return self._now_s() - self._times_s[-1] if self._times_s else 0.0


def markets(names: Iterable[str]) -> dict[str, Market]:
    """Nothing known of them yet."""
    return {name: Market(name, time.monotonic) for name in names}


def render(
    parts: Mapping[str, Part], markets: Iterable[Market], again_s: Mapping[str, float]
) -> RenderableType:
    """Tables for a terminal. `again_s`: parts that are gone, and when they are started again."""
    shown = Table("market", "served by", "bids/s", "bids", "longest gap in a minute", box=None)
    for market in markets:
        writer = parts.get(market.writer)
        shown.add_row(
            market.name,
            f"{market.writer} (pid {writer.pid})"
            if writer and writer.lives
            else Text("nobody", "red"),
            f"{market.bids_per_s:.0f}",
            f"{market.bids:,}",
            f"{market.longest_gap_s:.1f} s",
        )
    states = [f"{part.name} {part.pid}" for part in parts.values() if part.lives]
    gone = [Text(_gone(name, left_s), "red") for name, left_s in again_s.items()]
    return Group(shown, f"processes: {', '.join(states)}", *gone)


def _gone(name: str, left_s: float) -> str:
    if isinf(left_s):
        return f"{name} is starting"
    return f"{name} is gone; it starts again in {left_s:.0f} s, or when you press Enter"
