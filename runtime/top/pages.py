"""The metrics pages of processes, as `outcry top` reads them, and what happened between two."""

import re
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from msgspec import Struct

PATH = "/metrics"
PATIENCE_S = 2.0
STARTED = "process_start_time_seconds"

_LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Labels = Mapping[str, str]
Key = tuple[tuple[str, str], ...]
"""Labels in the order of the page."""


class Page(Struct, frozen=True):
    """What a process said of itself at a moment."""

    address: str
    at_s: float
    series: Mapping[str, Mapping[Key, float]] = {}
    problem: str = ""
    """Why there is nothing, if it did not answer."""

    def has(self, name: str, **labels: str) -> bool:
        """Whether there is such a metric."""
        return any(_fits(key, labels) for key in self.series.get(name, ()))

    def sum(self, name: str, **labels: str) -> float:
        """Of all that have these labels."""
        series = self.series.get(name, {})
        return sum(value for key, value in series.items() if _fits(key, labels))

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The same for each value of a label."""
        found: dict[str, float] = {}
        for key, value in self.series.get(name, {}).items():
            if _fits(key, labels):
                group = dict(key).get(label, "")
                found[group] = found.get(group, 0) + value
        return found


class Stretch(Struct, frozen=True):
    """A process between two pages."""

    before: Page | None
    now: Page

    @property
    def is_known(self) -> bool:
        """Whether both are of one life of the process."""
        before = self.before
        return before is not None and before.sum(STARTED) == self.now.sum(STARTED) != 0

    def rate(self, name: str, **labels: str) -> float | None:
        """How fast a counter grew, by the second; None if that is not known."""
        if self.before is None or not self.is_known or not self.now.has(name):
            return None
        # A market that was given away and has come back is counted anew.
        grown = self.now.sum(name, **labels) - self.before.sum(name, **labels)
        return max(grown, 0) / max(self.now.at_s - self.before.at_s, 0.001)

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """Upper end of each bucket of a histogram -> how many fell below it."""
        if self.before is None or not self.is_known:
            return {}
        before = self.before.by(f"{name}_bucket", "le", **labels)
        now = self.now.by(f"{name}_bucket", "le", **labels)
        return {float(end): max(count - before.get(end, 0), 0) for end, count in now.items()}


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Below which value so many lie, as Prometheus reckons it; None if there are none."""
    ends = sorted(buckets)
    wanted = share * buckets[ends[-1]] if ends else 0
    if not wanted:
        return None
    start, below = 0.0, 0.0
    for end in ends:
        if buckets[end] >= wanted and end != float("inf"):
            return start + (end - start) * (wanted - below) / (buckets[end] - below)
        if end != float("inf"):
            start, below = end, buckets[end]
    return start


def fetch(address: str) -> Page:
    """The page of a process; if it does not answer, one that says why."""
    try:
        with urllib.request.urlopen(address + PATH, timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
    except (OSError, HTTPException, ValueError) as problem:
        reason = getattr(problem, "reason", problem)
        return Page(address, time.monotonic(), problem=str(reason) or type(reason).__name__)
    return Page(address, time.monotonic(), read(text))


def read(text: str) -> dict[str, dict[Key, float]]:
    """Metric -> labels -> value."""
    series: dict[str, dict[Key, float]] = {}
    for name, labels, value in _LINE.findall(text):
        series.setdefault(name, {})[tuple(_LABEL.findall(labels))] = float(value)
    return series


def _fits(key: Key, labels: Labels) -> bool:
    return labels.items() <= dict(key).items()
