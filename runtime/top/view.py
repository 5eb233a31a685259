"""`outcry top` on a terminal, and to a pipe."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runtime.top.figures import Figures, MarketFigures, ProcessFigures, Totals

NOTHING = "-"
ANSWER_SLOW_S = 0.5
COMMIT_SLOW_S = 0.25
LEASE_OLD_S = 4.0
BACKLOG_LARGE = 5_000
PROCESSOR_BUSY = 0.9
"""Beyond these a figure is red. The alerts in deploy/prometheus have the same."""
KINDS_SHOWN = 8
RED, DIM = "bold red", "dim"
PROCESS_COLUMNS = (
    *("role", "process", "commands/s", "failed/s", "p50", "p99", "connections"),
    *("deliveries/s", "records/s", "cpu", "memory", "address"),
)
MARKET_COLUMNS = (
    *("market", "writer", "epoch", "lease", "records/s", "commit p50", "commit p99", "backlog"),
    *("rooms", "standby", "behind"),
)
TEXTS = frozenset({"role", "process", "address", "market", "writer", "standby"})


def screen(found: Figures, hint: str) -> RenderableType:
    """Everything at once; `hint` is the last line."""
    return Group(
        _headline(found.totals),
        _kinds(found.totals),
        "",
        _table(PROCESS_COLUMNS, map(_process_row, found.processes)),
        "",
        _table(MARKET_COLUMNS, map(_market_row, found.markets)),
        "",
        Text(hint, DIM),
    )


def plain_lines(found: Figures) -> Iterator[str]:
    """The same as lines: what it is about, then names and values."""
    totals = found.totals
    yield _line("total", _total_pairs(totals))
    for process in found.processes:
        row = zip(PROCESS_COLUMNS, _process_row(process), strict=True)
        yield _line("process", ((name, cell.plain) for name, cell in row))
    for market in found.markets:
        row = zip(MARKET_COLUMNS, _market_row(market), strict=True)
        yield _line("market", ((name, cell.plain) for name, cell in row))


def _line(about: str, pairs: Iterator[tuple[str, str]]) -> str:
    return " ".join([about, *(f"{name}={value}".replace(" ", "_") for name, value in pairs)])


def _total_pairs(totals: Totals) -> Iterator[tuple[str, str]]:
    yield "commands/s", per_s(totals.commands_per_s)
    yield "failed/s", per_s(totals.failed_per_s)
    yield "p50", seconds(totals.answer_p50_s)
    yield "p95", seconds(totals.answer_p95_s)
    yield "p99", seconds(totals.answer_p99_s)
    yield "records/s", per_s(totals.records_per_s)
    yield "commit p99", seconds(totals.commit_p99_s)
    yield "connections", f"{totals.connections:,}"
    yield "deliveries/s", per_s(totals.deliveries_per_s)


def _headline(totals: Totals) -> Text:
    line = Text()
    for name, value in _total_pairs(totals):
        line.append(f"{name} ", DIM).append(f"{value}   ", "bold")
    return line


def _kinds(totals: Totals) -> Text:
    shown = list(totals.rooms.items())[:KINDS_SHOWN]
    line = Text("rooms ", DIM).append(f"{sum(totals.rooms.values()):,}   ", "bold")
    return line.append("   ".join(f"{kind} {count:,}" for kind, count in shown))


def _table(columns: tuple[str, ...], rows: Iterator[tuple[Text, ...]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style=DIM)
    for column in columns:
        table.add_column(column, justify="left" if column in TEXTS else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _process_row(process: ProcessFigures) -> tuple[Text, ...]:
    if process.problem:
        filling = [Text(NOTHING)] * (len(PROCESS_COLUMNS) - 2)
        gone = Text(f"{process.address}: {process.problem}", RED)
        return Text("gone", RED), *filling, gone
    failed = process.failed_per_s
    return (
        Text(process.role or NOTHING),
        Text(process.name or NOTHING),
        Text(per_s(process.commands_per_s)),
        _marked(per_s(failed), bool(failed)),
        Text(seconds(process.answer_p50_s)),
        _marked(seconds(process.answer_p99_s), (process.answer_p99_s or 0) > ANSWER_SLOW_S),
        Text(whole(process.connections)),
        Text(per_s(process.deliveries_per_s)),
        Text(per_s(process.records_per_s)),
        _marked(share(process.processor), (process.processor or 0) > PROCESSOR_BUSY),
        Text(megabytes(process.memory_bytes)),
        Text(process.address),
    )


def _market_row(market: MarketFigures) -> tuple[Text, ...]:
    writer = market.writer or "nobody"
    served = writer if market.is_ready or not market.writer else f"{writer}: not ready"
    return (
        Text(market.market),
        _marked(served, not market.is_ready),
        Text(whole(market.epoch)),
        _marked(seconds(market.lease_age_s), (market.lease_age_s or 0) > LEASE_OLD_S),
        Text(per_s(market.records_per_s)),
        Text(seconds(market.commit_p50_s)),
        _marked(seconds(market.commit_p99_s), (market.commit_p99_s or 0) > COMMIT_SLOW_S),
        _marked(whole(market.backlog), (market.backlog or 0) > BACKLOG_LARGE),
        Text(whole(market.rooms)),
        Text(market.standby or NOTHING),
        Text(whole(market.standby_behind)),
    )


def _marked(text: str, is_bad: bool) -> Text:
    return Text(text, RED if is_bad else "")


def per_s(rate: float | None) -> str:
    """A rate; slow ones with a decimal."""
    if rate is None:
        return NOTHING
    return f"{rate:,.1f}" if 0 < rate < 10 else f"{rate:,.0f}"


def seconds(value: float | None) -> str:
    """A duration, in ms below a second."""
    if value is None:
        return NOTHING
    return f"{value:.1f} s" if value >= 1 else f"{value * 1_000:.1f} ms"


def whole(count: int | None) -> str:
    """A number of things."""
    return NOTHING if count is None else f"{count:,}"


def share(of_one: float | None) -> str:
    """Per cent."""
    return NOTHING if of_one is None else f"{of_one * 100:.0f} %"


def megabytes(size: int | None) -> str:
    """A size in memory."""
    return NOTHING if size is None else f"{size / 1_000_000:,.0f} MB"
