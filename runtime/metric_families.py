"""Prometheus' metrics, made of plain numbers. All names begin with `outcry_`."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from msgspec import Struct
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.metrics_core import Metric

from runtime.writer.counts import Buckets

PREFIX = "outcry_"


class Sample(Struct, frozen=True):
    """A number, and the labels that it has, in the order of their names."""

    value: float
    labels: Sequence[str] = ()


def gauge(name: str, text: str, samples: Iterable[Sample], *labels: str) -> Metric:
    """Numbers that rise and fall. `labels`: their names."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for sample in samples:
        family.add_metric(sample.labels, sample.value)
    return family


def counter(name: str, text: str, samples: Iterable[Sample], *labels: str) -> Metric:
    """Numbers that only rise; the page adds `_total` to the name."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for sample in samples:
        family.add_metric(sample.labels, sample.value)
    return family


def summary(name: str, text: str, samples: Iterable[tuple[int, Sample]], *labels: str) -> Metric:
    """Pairs of a count, and the sum of what was counted: enough for an average."""
    family = SummaryMetricFamily(PREFIX + name, text, labels=labels)
    for count, total in samples:
        family.add_metric(total.labels, count, total.value)
    return family


def histogram(
    name: str, text: str, samples: Iterable[tuple[Buckets, Sequence[str]]], *labels: str
) -> Metric:
    """Prometheus' cumulative form of plain buckets; the last count is of what is above."""
    family = HistogramMetricFamily(PREFIX + name, text, labels=labels)
    for buckets, values in samples:
        bounds = [*(str(float(bound)) for bound in buckets.bounds), "+Inf"]
        counts = list(zip(bounds, accumulate(buckets.counts), strict=True))
        family.add_metric(values, counts, buckets.sum)
    return family
