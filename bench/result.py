"""What a run of the benchmarks has found, and what was aimed at."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Verdict = Literal["both", "first", "none"]


class Target(Struct, frozen=True):
    """A number to aim at: a first one, and one for later."""

    what: str
    unit: str
    first: float
    then: float

    def is_met(self, value: float, aim: float) -> bool:
        """Whether a value reaches an aim. The later aim tells which direction is better."""
        return value >= aim if self.then > self.first else value <= aim

    def verdict(self, value: float) -> Verdict:
        """Which of the two is met."""
        if self.is_met(value, self.then):
            return "both"
        return "first" if self.is_met(value, self.first) else "none"


TARGETS = {
    "hot": Target("bids/s in one hot auction / row locks", "x", 20, 40),
    "spread": Target("bids/s in many auctions / row locks", "x", 8, 15),
    "processor": Target("CPU of a durable bid / of an echo", "x", 4, 2.5),
    "latency": Target("p99 at half of the greatest rate", "ms", 15, 8),
    "fan-out": Target("deliveries for a second of CPU", "", 500_000, 1_500_000),
    "memory": Target("memory of an idle connection", "KiB", 20, 12),
    "replay": Target("records replayed a second", "", 200_000, 400_000),
    "open auctions": Target("cost of a bid, many auctions / few", "x", 1.3, 1.1),
    "positions": Target("positions for a second of CPU / Redis", "x", 2, 4),
    "driving": Target("cores for 10,000 drivers on the move", "", 0.5, 0.25),
    "jobs": Target("jobs assigned a second / Redis and Postgres", "x", 3, 5),
    "choice": Target("p99 of choosing whom to ask", "ms", 1, 1),
    "hop p50": Target("gateway and Redis between: p50 later", "ms", 1, 0.6),
    "hop p99": Target("gateway and Redis between: p99 later", "ms", 5, 3),
    "takeover": Target("longest gap of bidders when a writer is killed", "s", 7, 6),
}
"""The numbers to aim at on two cores, everything on one machine."""


class Row(Struct, frozen=True):
    """A measured value beside its target."""

    target: str
    """Key in TARGETS."""
    case: str
    value: float
    how: str
    """What the value was made of."""

    @property
    def verdict(self) -> Verdict:
        """Which of the target's two numbers is met."""
        return TARGETS[self.target].verdict(self.value)


class Table(Struct, frozen=True):
    """Figures that stand by themselves."""

    title: str
    head: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()
    """How it was measured, in whose favour, and what it leaves out."""


class Findings(Struct, frozen=True):
    """What one section has found."""

    rows: list[Row]
    table: Table


class Report(Struct):
    """A whole run."""

    conditions: dict[str, str]
    rows: list[Row] = []
    tables: list[Table] = []
    missing: dict[str, str] = {}
    """Section -> why it could not be measured."""
