"""The metrics page, and the table of it that operators read."""

import re
import time
from pathlib import Path

from engine.kernel.ids import MAIN
from engine.kernel.record import Record
from engine.registry import build_registry, find_domains
from gateway.counts import Counts
from gateway.hooks.reading import PURPOSE_KEY, USER_KEY
from persistence.bus.counts import WriterEnd
from persistence.memory import MemoryLog, MemoryStore
from runtime import metrics
from runtime.metric_families import PREFIX
from runtime.outside.errands import ErrandCounts
from runtime.outside.texts import TextCounts
from runtime.outside.world import WorldCounts
from runtime.writer.counts import RoomKinds, WriterCounts
from runtime.writer.mail import MailCounts
from runtime.writer.writer import Writer
from tests.runtime.writer.writing import new_writer

ROOT = Path(__file__).parents[2]


def _writer() -> Writer:
    return new_writer(MemoryLog(MemoryStore(lambda: time.time_ns() // 1_000_000)))


def _page(counts: Counts) -> str:
    return metrics.page(metrics.GatewayCollector(counts)).decode()


def _names_of_all() -> set[str]:
    world = WorldCounts(ErrandCounts(), TextCounts(), MailCounts())
    page = metrics.page(
        metrics.InfoCollector("serve", "s1"),
        metrics.WriterCollector({MAIN: _writer()}),
        metrics.GatewayCollector(Counts()),
        metrics.WorldCollector({MAIN: world}),
        metrics.WriterBusCollector({MAIN: WriterEnd()}),
        metrics.StandbyCollector({}),
        metrics.ClockCollector(0),
        metrics.GatewayBusCollector({}),
    )
    return set(re.findall(rf"^# TYPE ({PREFIX}\w+)", page.decode(), re.MULTILINE))


def test_the_documented_names_are_those_of_the_page() -> None:
    """A dashboard made from the documents finds what it asks for, and nothing is left out."""
    text = (ROOT / "docs" / "operating.md").read_text()
    documented = set(re.findall(r"`(outcry_\w+)(?:\{[\w,]+\})?`", text))
    assert documented - {USER_KEY, PURPOSE_KEY} == _names_of_all()


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


def test_what_a_writer_counts_has_its_market() -> None:
    """Two markets in a process are told apart."""
    east, west = _writer(), _writer()
    east.counts.records, west.counts.records = 3, 5
    page = metrics.page(metrics.WriterCollector({"east": east, "west": west})).decode()
    assert 'outcry_records_total{market="east"} 3.0' in page
    assert 'outcry_records_total{market="west"} 5.0' in page


def test_a_wait_in_the_stream_is_a_count_and_a_sum() -> None:
    """The average wait of any stretch of time can be had, in seconds."""
    end = WriterEnd(entries=4, waited_ms=10)
    page = metrics.page(metrics.WriterBusCollector({"east": end})).decode()
    assert 'outcry_stream_wait_seconds_count{market="east"} 4.0' in page
    assert 'outcry_stream_wait_seconds_sum{market="east"} 0.01' in page


def test_events_are_counted_by_type() -> None:
    """The type is the event's tag, with fields behind it or without."""
    counts = WriterCounts()
    events = [b'{"event":"auction.started"}', b'{"event":"auction.ended","at":"x"}'] * 2
    counts.batch([Record(n, "auction:a1", n, 1, "u1", e, "") for n, e in enumerate(events)], 0.001)
    assert counts.events == {"auction.started": 2, "auction.ended": 2}


def test_rooms_are_counted_by_kind_as_they_come() -> None:
    """A second look counts what has come since the first."""
    rooms = {"auction:a1": None, "wallet:u1": None}
    kinds = RoomKinds(rooms)
    assert kinds.count() == {"auction": 1, "wallet": 1}
    rooms["auction:a2"] = None
    assert kinds.count() == {"auction": 2, "wallet": 1}


def test_what_alarms_is_counted_from_nothing() -> None:
    """An alarm hears a count rise from 0; one that is first seen at 1 never rose."""
    hooks = metrics.page(metrics.GatewayCollector(Counts(), ["stripe"])).decode()
    assert 'outcry_hooks_total{outcome="unusable",provider="stripe"} 0.0' in hooks
    page = metrics.page(metrics.WriterCollector({MAIN: _writer()})).decode()
    for event in metrics.ALARMING:
        assert f'outcry_events_total{{event="{event}",market="main"}} 0.0' in page
    assert metrics.ALARMING.keys() <= build_registry(find_domains()).events.keys()
