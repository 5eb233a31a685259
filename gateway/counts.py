"""What the gateway has done so far, as plain numbers. Metrics read them when they are scraped."""

from bisect import bisect_left
from collections import Counter

from engine.kernel.outcome import RATE_LIMITED, Rejected

BOUNDS_MS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 125, 250, 500, 1_000, 2_500, 5_000, 10_000)
"""Upper ends of the histogram's buckets, ms. One more holds all that took longer."""


class Latencies:
    """A histogram of durations."""

    __slots__ = ("buckets", "sum_ms")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_MS) + 1)
        """How many fell into each bucket: not cumulative."""
        self.sum_ms = 0.0

    def observe(self, elapsed_ms: float) -> None:
        """Count one duration, ms."""
        self.buckets[bisect_left(BOUNDS_MS, elapsed_ms)] += 1
        self.sum_ms += elapsed_ms

    @property
    def count(self) -> int:
        return sum(self.buckets)


class Counts:
    """Totals since the process began, and what is open now."""

    __slots__ = (
        "accepted",
        "conflated",
        "connections",
        "connections_opened",
        "deliveries",
        "delivery_bytes",
        "duplicates",
        "hooks",
        "http_requests",
        "latency",
        "messages_in",
        "pushes",
        "refused",
        "slow_readers",
        "subscriptions",
    )

    def __init__(self) -> None:
        self.connections = 0
        """Open now."""
        self.connections_opened = 0
        self.subscriptions = 0
        """Open now, over all connections."""
        self.messages_in = 0
        """Websocket messages, whatever they held."""
        self.http_requests = 0
        self.hooks: Counter[tuple[str, str]] = Counter()
        """Payment webhooks, by provider and outcome (gateway/hooks/endpoint.py)."""
        self.accepted = 0
        """Replies `ok` to commands that a room decided."""
        self.duplicates = 0
        """Those among them that were a stored first answer."""
        self.refused: Counter[str] = Counter()
        """Replies `error`, by code."""
        self.deliveries = 0
        """Event frames handed to connections, counted once for each connection."""
        self.delivery_bytes = 0
        """Their size, with the websocket's own head."""
        self.pushes = 0
        """In how many pieces event frames were handed on: those that came together share one."""
        self.conflated = 0
        """Soft frames that a slow client was spared, for a later one took their place."""
        self.slow_readers = 0
        """Connections closed because they did not read fast enough (4200)."""
        self.latency = Latencies()
        """From a command's arrival to its reply on the way out."""

    def accept(self, *, is_duplicate: bool) -> None:
        """Count a reply `ok`."""
        self.accepted += 1
        self.duplicates += is_duplicate

    def refuse(self, rejected: Rejected) -> None:
        """Count a refusal."""
        self.refused[rejected.code.name] += 1

    @property
    def rate_limited(self) -> int:
        """Calls beyond a rate limit."""
        return self.refused[RATE_LIMITED.name]
