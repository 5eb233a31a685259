"""The Prometheus page: what gateway and writers have counted, read when it is asked for.

What is a writer's has the label `market`, also where there is one market alone. What is a
gateway's has not: clients of all its markets are counted together.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.counts import BOUNDS_MS, Counts
from gateway.hooks.endpoint import OUTCOMES
from persistence.bus.counts import WriterEnd
from persistence.bus.far_writer import FarWriter
from runtime.metric_families import Sample, counter, gauge, histogram, summary
from runtime.outside.world import WorldCounts
from runtime.writer.counts import Buckets
from runtime.writer.follower import Follower
from runtime.writer.writer import Writer

MARKET = "market"
ALARMING = {"house.dead_letter": 0, "house.errand_failed": 0}
"""Events that are counted from 0: an alarm does not hear of what begins with 1."""


class InfoCollector(Collector):
    """What process this is."""

    def __init__(self, role: str, name: str) -> None:
        """`role`: the command that it was started with; `name`: see --name."""
        self._labels = (role, name)

    def collect(self) -> Iterator[Metric]:
        yield gauge("process_info", "What this is", [Sample(1, self._labels)], "role", "name")


class GatewayCollector(Collector):
    """Turns a gateway's plain counters into metrics."""

    def __init__(self, counts: Counts, providers: Collection[str] = ()) -> None:
        """`providers` of payments that are heard."""
        self._counts = counts
        self._hooks = {(name, outcome): 0 for name in providers for outcome in OUTCOMES}

    def collect(self) -> Iterator[Metric]:
        counts = self._counts
        yield gauge("connections", "Open websockets", [Sample(counts.connections)])
        yield gauge("subscriptions", "Feeds listened to", [Sample(counts.subscriptions)])
        for name, text, value in (
            ("connections_opened", "Websockets opened", counts.connections_opened),
            ("messages_in", "Websocket messages in", counts.messages_in),
            ("http_requests", "HTTP requests", counts.http_requests),
            ("commands_accepted", "Commands answered ok", counts.accepted),
            ("commands_duplicate", "Of these, first answers given again", counts.duplicates),
            ("deliveries", "Event frames handed to connections", counts.deliveries),
            ("delivery_bytes", "Bytes of these", counts.delivery_bytes),
            ("pushes", "Pieces in which they left", counts.pushes),
            ("conflated", "Soft frames that slow clients were spared", counts.conflated),
            ("slow_readers", "Connections closed as too slow", counts.slow_readers),
        ):
            yield counter(name, text, [Sample(value)])
        refused = [Sample(count, (code,)) for code, count in sorted(counts.refused.items())]
        yield counter("commands_refused", "Commands answered with an error", refused, "code")
        told = self._hooks | dict(counts.hooks)
        hooks = [Sample(count, labels) for labels, count in sorted(told.items())]
        yield counter("hooks", "Payment webhooks", hooks, "provider", "outcome")
        text = "From a command's arrival to its reply on the way out"
        yield histogram("answer_seconds", text, [(_in_seconds(counts), ())])


class WriterCollector(Collector):
    """The same of writers."""

    def __init__(self, writers: Mapping[str, Writer]) -> None:
        """`writers`: market -> its writer."""
        self._writers = writers

    def collect(self) -> Iterator[Metric]:
        writers = self._writers

        def of_each(value: Callable[[Writer], float]) -> Iterable[Sample]:
            return [Sample(value(writer), (name,)) for name, writer in writers.items()]

        for name, text, value in GAUGES:
            yield gauge(name, text, of_each(value), MARKET)
        for name, text, value in COUNTERS:
            yield counter(name, text, of_each(value), MARKET)
        commits = [(w.counts.commit_seconds, (name,)) for name, w in writers.items()]
        text = "From handing a batch to the log until it is durable"
        yield histogram("commit_seconds", text, commits, MARKET)
        batches = [(w.counts.batch_records, (name,)) for name, w in writers.items()]
        yield histogram("batch_records", "Records in a batch", batches, MARKET)
        rooms = [
            Sample(count, (name, kind))
            for name, writer in writers.items()
            for kind, count in sorted(writer.rooms.items())
        ]
        yield gauge("rooms", "Rooms in memory", rooms, MARKET, "kind")
        events = [
            Sample(count, (name, event))
            for name, writer in writers.items()
            for event, count in sorted((ALARMING | writer.counts.events).items())
        ]
        yield counter("events", "Events written durably", events, MARKET, "event")


GAUGES: tuple[tuple[str, str, Callable[[Writer], float]], ...] = (
    ("ready", "1 if recovered and the log can be written", lambda w: int(w.is_ready)),
    ("backlog_records", "Records decided and not yet durable", lambda w: w.backlog),
    ("position", "Number of the last record that was decided", lambda w: w.position),
    ("lease_epoch", "Number of this ownership of the shard", lambda w: w.counts.lease_epoch),
    ("lease_age_seconds", "Since the lease was last renewed", lambda w: w.lease_age_s),
)
COUNTERS: tuple[tuple[str, str, Callable[[Writer], float]], ...] = (
    ("records", "Records written durably", lambda w: w.counts.records),
    ("log_failures", "Times the log could not be written", lambda w: w.counts.log_failures),
)


class WorldCollector(Collector):
    """What was done outside, for each market."""

    def __init__(self, worlds: Mapping[str, WorldCounts]) -> None:
        self._worlds = worlds

    def collect(self) -> Iterator[Metric]:
        worlds = self._worlds.items()
        errands = [
            Sample(getattr(counts.errands, outcome), (name, outcome))
            for name, counts in worlds
            for outcome in ("done", "retried", "expired", "failed")
        ]
        text = "Letters to people and sentences, by what became of them"
        yield counter("errands", text, errands, MARKET, "outcome")
        waiting = [Sample(counts.errands.waiting, (name,)) for name, counts in worlds]
        yield gauge("errands_waiting", "Errands begun and not yet done", waiting, MARKET)
        texts = [
            sample
            for name, counts in worlds
            for sample in (
                Sample(counts.texts.provided, (name, "provider")),
                Sample(counts.texts.templates, (name, "template")),
            )
        ]
        yield counter("texts", "Sentences, by who said them", texts, MARKET, "by")
        mail = [
            Sample(getattr(counts.mail, outcome), (name, outcome))
            for name, counts in worlds
            for outcome in ("taken", "retried", "refused")
        ]
        waiting = [Sample(counts.mail.waiting, (name,)) for name, counts in worlds]
        text = "Letters to other markets that these have not taken"
        yield gauge("mail_waiting", text, waiting, MARKET)
        text = "Letters to other markets, by what they made of them"
        yield counter("mail", text, mail, MARKET, "outcome")


class ClockCollector(Collector):
    """Whether this machine has the time of the others."""

    def __init__(self, ahead_ms: int) -> None:
        """`ahead_ms`: of the database's clock; negative: behind it."""
        self._ahead_ms = ahead_ms

    def collect(self) -> Iterator[Metric]:
        text = "How far this machine's clock is ahead of the database's"
        yield gauge("clock_ahead_seconds", text, [Sample(self._ahead_ms / 1_000)])


class StandbyCollector(Collector):
    """How far this process has come with the logs that it follows."""

    def __init__(self, followers: Mapping[str, Follower]) -> None:
        """`followers`: market -> its standby."""
        self._followers = followers

    def collect(self) -> Iterator[Metric]:
        followers = self._followers.items()
        ready = [Sample(int(follower.is_ready), (name,)) for name, follower in followers]
        yield gauge("standby_ready", "1 if it could take over at once", ready, MARKET)
        positions = [Sample(follower.position, (name,)) for name, follower in followers]
        text = "Number of the last record that was replayed"
        yield gauge("standby_position", text, positions, MARKET)


class WriterBusCollector(Collector):
    """What writers read and said over Redis."""

    def __init__(self, ends: Mapping[str, WriterEnd]) -> None:
        self._ends = ends

    def collect(self) -> Iterator[Metric]:
        ends = self._ends.items()
        waits = [(end.entries, Sample(end.waited_ms / 1_000, (name,))) for name, end in ends]
        text = "How long entries stood in the stream of commands, by two machines' clocks"
        yield summary("stream_wait_seconds", text, waits, MARKET)
        for field, text in (
            ("messages", "Messages that Redis was given for gateways"),
            ("bytes", "Bytes of these"),
            ("losses", "Times that Redis did not take them, so that gateways ask again"),
        ):
            samples = [Sample(getattr(end, field), (name,)) for name, end in ends]
            yield counter(f"bus_{field}", text, samples, MARKET)


class GatewayBusCollector(Collector):
    """How a gateway is connected to writers elsewhere."""

    def __init__(self, writers: Mapping[str, FarWriter]) -> None:
        """`writers`: market -> its writer, as the gateway knows it."""
        self._writers = writers

    def collect(self) -> Iterator[Metric]:
        writers = self._writers.items()
        silent = [Sample(writer.silent_s, (name,)) for name, writer in writers]
        yield gauge("writer_silent_seconds", "Since its writer was last heard", silent, MARKET)
        waiting = [Sample(writer.waiting, (name,)) for name, writer in writers]
        yield gauge("answers_waiting", "Requests that the writer owes answers", waiting, MARKET)
        breaks = [Sample(writer.counts.breaks, (name,)) for name, writer in writers]
        text = "Times that Redis was heard again after it was not"
        yield counter("bus_reconnects", text, breaks, MARKET)
        gaps = [
            Sample(getattr(writer.counts, outcome), (name, outcome))
            for name, writer in writers
            for outcome in ("filled", "lost")
        ]
        text = "Times that a room asked for what it may have missed, by whether it had it all"
        yield counter("gaps", text, gaps, MARKET, "outcome")


def page(*collectors: Collector) -> bytes:
    """The text that Prometheus scrapes."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry)


def _in_seconds(counts: Counts) -> Buckets:
    latency = Buckets(tuple(bound / 1_000 for bound in BOUNDS_MS))
    latency.counts = counts.latency.buckets
    latency.sum = counts.latency.sum_ms / 1_000
    return latency
