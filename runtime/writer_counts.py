"""What the writer counts for the metrics page."""

from bisect import bisect_left

SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 5.0)
RECORDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


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

    def batch(self, records: int, seconds: float) -> None:
        self.records += records
        self.batch_records.observe(records)
        self.commit_seconds.observe(seconds)
