"""`outcry shards` on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from persistence.shards import Overview, ShardRow, WriterRow

NOBODY = "-"


def show(overview: Overview, console: Console) -> None:
    """Two tables. What is not as planned stands out."""
    console.print(_markets(overview), _writers(overview.writers), sep="\n")


def _markets(overview: Overview) -> Table:
    table = Table(title=f"{len(overview.shards)} of {overview.shards_max} shards")
    for column in ("market", "shard", "writer", "standby", "owner", "epoch", "lease"):
        table.add_column(column, justify="right" if column in ("shard", "epoch") else "left")
    for row in overview.shards:
        table.add_row(
            row.market,
            str(row.shard),
            row.writer or NOBODY,
            row.standby or NOBODY,
            Text(row.owner or NOBODY, style="" if _is_as_planned(row) else "yellow"),
            str(row.epoch),
            Text(_lease(row), style="" if _is_held(row) else "red"),
        )
    return table


def _writers(writers: Sequence[WriterRow]) -> Table:
    table = Table(title="engine processes")
    for column in ("name", "address", "serves", "ready", "commands/s", "state"):
        number = column in ("serves", "ready", "commands/s")
        table.add_column(column, justify="right" if number else "left")
    for writer in writers:
        table.add_row(
            writer.name,
            writer.address,
            str(len(writer.load)),
            str(len(writer.ready)),
            str(sum(writer.load.values())),
            Text(_state(writer), style="" if writer.lives else "red"),
        )
    return table


def _is_held(row: ShardRow) -> bool:
    return row.remaining_ms is not None and row.remaining_ms > 0


def _is_as_planned(row: ShardRow) -> bool:
    """Whether the owner is the process that is meant; an owner may say more than its name."""
    return bool(row.writer) and f"{row.owner} ".startswith(f"{row.writer} ")


def _lease(row: ShardRow) -> str:
    if row.remaining_ms is None:
        return "never held"
    seconds = abs(row.remaining_ms) / 1_000
    return f"{seconds:.1f} s left" if _is_held(row) else f"ended {seconds:,.0f} s ago"


def _state(writer: WriterRow) -> str:
    told = writer.state.replace(",", ", ")
    return told if writer.lives else f"{told} for {writer.seen_ms / 1_000:,.0f} s"
