"""The Prometheus page: what gateway and writer have counted, read when it is asked for."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.counts import BOUNDS_MS, Counts
from runtime.errands import ErrandCounts
from runtime.texts import TextCounts
from runtime.writer import Writer


class GatewayCollector(Collector):
    """Turns a gateway's plain counters into metrics."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        counts = self._counts
        yield GaugeMetricFamily("outcry_connections", "Open websockets", counts.connections)
        yield GaugeMetricFamily("outcry_subscriptions", "Feeds listened to", counts.subscriptions)
        for name, text, value in (
            ("connections_opened", "Websockets opened", counts.connections_opened),
            ("messages_in", "Websocket messages in", counts.messages_in),
            ("http_requests", "HTTP requests", counts.http_requests),
            ("commands_accepted", "Commands answered ok", counts.accepted),
            ("commands_duplicate", "Of these, first answers given again", counts.duplicates),
            ("deliveries", "Event frames handed to connections", counts.deliveries),
            ("delivery_bytes", "Bytes of these", counts.delivery_bytes),
            ("conflated", "Soft frames that slow clients were spared", counts.conflated),
            ("slow_readers", "Connections closed as too slow", counts.slow_readers),
        ):
            yield CounterMetricFamily(f"outcry_{name}", text, value)
        refused = CounterMetricFamily(
            "outcry_commands_refused", "Commands answered with an error", labels=["code"]
        )
        for code, count in sorted(counts.refused.items()):
            refused.add_metric([code], count)
        yield refused
        hooks = CounterMetricFamily(
            "outcry_hooks", "Payment webhooks", labels=["provider", "outcome"]
        )
        for labels, count in sorted(counts.hooks.items()):
            hooks.add_metric(labels, count)
        yield hooks
        yield histogram(
            "outcry_answer_seconds",
            "From a command's arrival to its reply on the way out",
            [bound / 1_000 for bound in BOUNDS_MS],
            counts.latency.buckets,
            counts.latency.sum_ms / 1_000,
        )


class WriterCollector(Collector):
    """The same of a writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def collect(self) -> Iterator[Metric]:
        writer, counts = self._writer, self._writer.counts
        yield CounterMetricFamily("outcry_records", "Records written durably", value=counts.records)
        yield CounterMetricFamily(
            "outcry_log_failures", "Times that the log could not be written", counts.log_failures
        )
        commit, batch = counts.commit_seconds, counts.batch_records
        yield histogram(
            "outcry_commit_seconds",
            "From handing a batch to the log until it is durable",
            commit.bounds,
            commit.counts,
            commit.sum,
        )
        yield histogram(
            "outcry_batch_records", "Records in a batch", batch.bounds, batch.counts, batch.sum
        )
        yield GaugeMetricFamily(
            "outcry_backlog_records", "Records decided and not yet durable", writer.backlog
        )
        yield GaugeMetricFamily("outcry_rooms", "Rooms in memory", writer.rooms)
        yield GaugeMetricFamily(
            "outcry_ready", "1 if recovered and the log can be written", int(writer.is_ready)
        )
        yield GaugeMetricFamily(
            "outcry_lease_epoch", "Number of this ownership of the shard", counts.lease_epoch
        )


class ErrandCollector(Collector):
    """What was done outside."""

    def __init__(self, errands: ErrandCounts, texts: TextCounts) -> None:
        self._errands = errands
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        counts = self._errands
        errands = CounterMetricFamily(
            "outcry_errands", "Letters and sentences, by what became of them", labels=["outcome"]
        )
        for outcome in ("done", "retried", "expired", "failed"):
            errands.add_metric([outcome], getattr(counts, outcome))
        yield errands
        yield GaugeMetricFamily(
            "outcry_errands_waiting", "Errands begun and not yet done", counts.waiting
        )
        texts = CounterMetricFamily("outcry_texts", "Sentences, by who said them", labels=["by"])
        texts.add_metric(["provider"], self._texts.provided)
        texts.add_metric(["template"], self._texts.templates)
        yield texts


def histogram(
    name: str, text: str, bounds: Sequence[float], counts: Sequence[int], total: float
) -> HistogramMetricFamily:
    """Prometheus' cumulative form of plain buckets; the last count is of what is above."""
    labels = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return HistogramMetricFamily(
        name, text, list(zip(labels, accumulate(counts), strict=True)), total
    )


def page(collectors: list[Collector]) -> bytes:
    """The text that Prometheus scrapes."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry)
