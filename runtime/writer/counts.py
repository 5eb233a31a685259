"""What the writer counts for the metrics page."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from engine.kernel.record import Record

SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 5.0)
RECORDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)

HEAD = b'{"event":"'
"""What every event begins with in the log."""


class Buckets:
    """A histogram without locks, for one thread; upper bounds as given."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class WriterCounts:
    """Batches, records, and how long they took to become durable."""

    def __init__(self) -> None:
        self.commit_seconds = Buckets(SECONDS)
        self.batch_records = Buckets(RECORDS)
        self.records = 0
        self.log_failures = 0
        self.lease_epoch = 0
        self._heads: Counter[bytes] = Counter()

    def batch(self, records: Sequence[Record], seconds: float) -> None:
        """Count what has become durable at once."""
        self.records += len(records)
        self.batch_records.observe(len(records))
        self.commit_seconds.observe(seconds)
        # The tag stands first. It is cut out when somebody looks: here each microsecond counts.
        self._heads.update([record.event.partition(b'",')[0] for record in records])

    @property
    def events(self) -> dict[str, int]:
        """Type of event -> how many were written."""
        return {
            head.removeprefix(HEAD).rstrip(b'"}').decode(): n for head, n in self._heads.items()
        }


class RoomKinds:
    """How many rooms of each kind there are, in a house whose rooms only become more. Nobody
    counts them until it is asked, and then only those that have come since."""

    def __init__(self, rooms: Mapping[str, object]) -> None:
        self._rooms = rooms
        self._seen = 0
        self._kinds: Counter[str] = Counter()

    def count(self) -> Mapping[str, int]:
        """Kind of room, the part of its name before the colon -> how many there are."""
        new = islice(self._rooms, self._seen, None)
        self._kinds.update(name.partition(":")[0] for name in new)
        self._seen = len(self._rooms)
        return self._kinds
