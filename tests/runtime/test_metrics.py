"""The metrics page, and the table of it that operators read."""

import re
import time
from pathlib import Path

from gateway.counts import Counts
from gateway.hooks.reading import PURPOSE_KEY, USER_KEY
from persistence.memory import MemoryLog, MemoryStore
from runtime import metrics
from runtime.errands import ErrandCounts
from runtime.texts import TextCounts
from tests.runtime.writing import new_writer

ROOT = Path(__file__).parents[2]


def _page(counts: Counts) -> str:
    store = MemoryStore(lambda: time.time_ns() // 1_000_000)
    writer = new_writer(MemoryLog(store))
    house = [metrics.WriterCollector(writer), metrics.GatewayCollector(counts)]
    errands = metrics.ErrandCollector(ErrandCounts(), TextCounts())
    return metrics.page([*house, errands]).decode()


def test_the_documented_names_are_those_of_the_page() -> None:
    """A dashboard made from the documents finds what it asks for, and nothing is left out."""
    exposed = set(re.findall(r"^# TYPE (outcry_\w+)", _page(Counts()), re.MULTILINE))
    text = (ROOT / "docs" / "operating.md").read_text()
    documented = set(re.findall(r"`(outcry_\w+)(?:\{\w+\})?`", text))
    assert documented - {USER_KEY, PURPOSE_KEY} == exposed


def test_a_histogram_is_cumulative_and_in_seconds() -> None:
    """What took 3 ms is in every bucket from 4 ms up."""
    counts = Counts()
    counts.latency.observe(3.0)
    page = _page(counts)
    assert 'outcry_answer_seconds_bucket{le="0.002"} 0.0' in page
    assert 'outcry_answer_seconds_bucket{le="0.004"} 1.0' in page
    assert 'outcry_answer_seconds_bucket{le="+Inf"} 1.0' in page
    assert "outcry_answer_seconds_sum 0.003" in page


def test_webhooks_are_counted_by_provider_and_outcome() -> None:
    """An alarm can be set on money that could not be booked."""
    counts = Counts()
    counts.hooks["stripe", "unusable"] += 2
    assert 'outcry_hooks_total{outcome="unusable",provider="stripe"} 2.0' in _page(counts)
