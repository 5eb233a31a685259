"""Plain numbers for the metrics."""

from engine.kernel.outcome import FORBIDDEN, RATE_LIMITED, Rejected
from gateway.counts import BOUNDS_MS, Counts, Latencies


def test_a_duration_falls_into_the_first_bucket_that_holds_it() -> None:
    """Bounds belong to their bucket, and the last holds all that took longer."""
    latencies = Latencies()
    for elapsed_ms in (0, BOUNDS_MS[0], BOUNDS_MS[0] + 0.01, BOUNDS_MS[-1] * 9):
        latencies.observe(elapsed_ms)
    assert latencies.buckets[:2] == [2, 1]
    assert latencies.buckets[-1] == 1
    assert latencies.count == 4
    assert latencies.sum_ms == 2 * BOUNDS_MS[0] + 0.01 + BOUNDS_MS[-1] * 9


def test_refusals_are_counted_by_code() -> None:
    """The rate limit's own number is one of them."""
    counts = Counts()
    for code in (FORBIDDEN, RATE_LIMITED, RATE_LIMITED):
        counts.refuse(Rejected(code, "no"))
    assert counts.refused == {"FORBIDDEN": 1, "RATE_LIMITED": 2}
    assert counts.rate_limited == 2


def test_replies_are_counted_by_kind() -> None:
    """A repeated answer is an answer too."""
    counts = Counts()
    counts.accept(is_duplicate=False)
    counts.accept(is_duplicate=True)
    assert (counts.accepted, counts.duplicates) == (2, 1)
