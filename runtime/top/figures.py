"""What `outcry top` shows, reckoned from pages. None: not known, or no business of this process."""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from runtime.top.pages import Page, Stretch, quantile

ANSWERS, COMMITS = "outcry_answer_seconds", "outcry_commit_seconds"
REFUSED = "outcry_commands_refused_total"
HOUSE_ERRORS = ("UNAVAILABLE", "UNKNOWN", "OVERLOADED")
"""Refusals that are the house's own fault."""


class ProcessFigures(Struct, frozen=True, kw_only=True):
    """A process."""

    address: str
    role: str = ""
    name: str = ""
    problem: str = ""
    """Why it does not answer."""
    commands_per_s: float | None = None
    """Answered, whatever the answer."""
    failed_per_s: float | None = None
    """Of these, by the house's own fault."""
    answer_p50_s: float | None = None
    answer_p99_s: float | None = None
    connections: int | None = None
    deliveries_per_s: float | None = None
    records_per_s: float | None = None
    processor: float | None = None
    """How many cores it uses."""
    memory_bytes: int | None = None


class MarketFigures(Struct, frozen=True, kw_only=True):
    """A market, as its writer tells."""

    market: str
    writer: str = ""
    """Name of the process that serves it; empty if none of those that were asked does."""
    is_ready: bool = False
    epoch: int | None = None
    lease_age_s: float | None = None
    records_per_s: float | None = None
    commit_p50_s: float | None = None
    commit_p99_s: float | None = None
    backlog: int | None = None
    rooms: int | None = None
    standby: str = ""
    standby_behind: int | None = None
    """Records that it has not replayed yet."""


class Totals(Struct, frozen=True, kw_only=True):
    """All processes together."""

    commands_per_s: float | None
    failed_per_s: float | None
    answer_p50_s: float | None
    answer_p95_s: float | None
    answer_p99_s: float | None
    records_per_s: float | None
    commit_p99_s: float | None
    connections: int
    deliveries_per_s: float | None
    rooms: dict[str, int]
    """By kind, the most frequent first."""


class Figures(Struct, frozen=True):
    """One look."""

    totals: Totals
    processes: list[ProcessFigures]
    markets: list[MarketFigures]


def figures(stretches: Sequence[Stretch]) -> Figures:
    """Reckon everything."""
    processes = sorted(map(_process, stretches), key=lambda p: (p.role, p.name, p.address))
    return Figures(_totals(stretches, processes), processes, _markets(stretches))


def _process(stretch: Stretch) -> ProcessFigures:
    now = stretch.now
    if now.problem:
        return ProcessFigures(address=now.address, problem=now.problem)
    accepted, refused = stretch.rate("outcry_commands_accepted_total"), stretch.rate(REFUSED)
    failed = [stretch.rate(REFUSED, code=code) for code in HOUSE_ERRORS]
    answers = stretch.buckets(ANSWERS)
    has_clients = now.has("outcry_connections")
    return ProcessFigures(
        address=now.address,
        role=_said(now, "role"),
        name=_said(now, "name"),
        commands_per_s=_sum([accepted, refused]),
        failed_per_s=None if accepted is None else _sum([0.0, *failed]),
        answer_p50_s=quantile(answers, 0.5),
        answer_p99_s=quantile(answers, 0.99),
        connections=int(now.sum("outcry_connections")) if has_clients else None,
        deliveries_per_s=stretch.rate("outcry_deliveries_total"),
        records_per_s=stretch.rate("outcry_records_total"),
        processor=stretch.rate("process_cpu_seconds_total"),
        memory_bytes=int(now.sum("process_resident_memory_bytes")) or None,
    )


def _markets(stretches: Sequence[Stretch]) -> list[MarketFigures]:
    writers = {
        market: stretch
        for stretch in stretches
        for market in stretch.now.by("outcry_ready", "market")
    }
    standbys = {
        market: stretch.now
        for stretch in stretches
        for market in stretch.now.by("outcry_standby_ready", "market")
    }
    # A gateway knows of markets that nobody serves.
    known = {
        market
        for stretch in stretches
        for market in stretch.now.by("outcry_writer_silent_seconds", "market")
    }
    return [
        _market(market, writers.get(market), standbys.get(market))
        for market in sorted(known | writers.keys() | standbys.keys())
    ]


def _market(market: str, writer: Stretch | None, standby: Page | None) -> MarketFigures:
    followed = "" if standby is None else _said(standby, "name")
    if writer is None:
        return MarketFigures(market=market, standby=followed)
    now, commits = writer.now, writer.buckets(COMMITS, market=market)
    behind = None
    if standby is not None:
        replayed = standby.sum("outcry_standby_position", market=market)
        behind = max(int(now.sum("outcry_position", market=market) - replayed), 0)
    return MarketFigures(
        market=market,
        writer=_said(now, "name"),
        is_ready=now.sum("outcry_ready", market=market) == 1,
        epoch=int(now.sum("outcry_lease_epoch", market=market)),
        lease_age_s=now.sum("outcry_lease_age_seconds", market=market),
        records_per_s=writer.rate("outcry_records_total", market=market),
        commit_p50_s=quantile(commits, 0.5),
        commit_p99_s=quantile(commits, 0.99),
        backlog=int(now.sum("outcry_backlog_records", market=market)),
        rooms=int(now.sum("outcry_rooms", market=market)),
        standby=followed,
        standby_behind=behind,
    )


def _totals(stretches: Sequence[Stretch], processes: Sequence[ProcessFigures]) -> Totals:
    answers = _together(stretch.buckets(ANSWERS) for stretch in stretches)
    commits = _together(stretch.buckets(COMMITS) for stretch in stretches)
    rooms: Counter[str] = Counter()
    for stretch in stretches:
        rooms.update({k: int(n) for k, n in stretch.now.by("outcry_rooms", "kind").items()})
    return Totals(
        commands_per_s=_sum([process.commands_per_s for process in processes]),
        failed_per_s=_sum([process.failed_per_s for process in processes]),
        answer_p50_s=quantile(answers, 0.5),
        answer_p95_s=quantile(answers, 0.95),
        answer_p99_s=quantile(answers, 0.99),
        records_per_s=_sum([process.records_per_s for process in processes]),
        commit_p99_s=quantile(commits, 0.99),
        connections=sum(process.connections or 0 for process in processes),
        deliveries_per_s=_sum([process.deliveries_per_s for process in processes]),
        rooms=dict(rooms.most_common()),
    )


def _together(all_buckets: Iterable[dict[float, float]]) -> dict[float, float]:
    found: Counter[float] = Counter()
    for buckets in all_buckets:
        found.update(buckets)
    return dict(found)


def _sum(parts: Iterable[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _said(page: Page, label: str) -> str:
    """A label of what the process says that it is."""
    return next(iter(page.by("outcry_process_info", label)), "")
