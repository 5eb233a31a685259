"""The report: the same tables for the terminal and for `latest.md`, and all values as JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.result import TARGETS, Report, Row, Table, Verdict

VERDICTS: dict[Verdict, str] = {
    "both": "met, both",
    "first": "first met",
    "none": "not met",
}
TARGET_HEAD = ("what", "case", "measured", "aim", "later", "verdict", "from")
NAME = "latest"


class Line(Struct, frozen=True):
    """A row of the JSON, complete in itself."""

    what: str
    case: str
    value: float
    unit: str
    aim: float
    later: float
    verdict: str
    how: str


class Document(Struct, frozen=True):
    """The JSON."""

    conditions: dict[str, str]
    rows: list[Line]
    tables: list[Table]
    missing: dict[str, str]


def text(report: Report) -> str:
    """Markdown that can be read on a terminal."""
    return "\n".join([*_targets(report), *_figures(report), *_conditions(report)]) + "\n"


def save(report: Report, folder: Path) -> list[Path]:
    """Write `latest.md` and `latest.json`. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_line(row) for row in report.rows]
    document = Document(report.conditions, rows, report.tables, report.missing)
    packed = msgspec.json.format(msgspec.json.encode(document), indent=2)
    written = {".md": text(report).encode(), ".json": packed + b"\n"}
    for suffix, content in written.items():
        (folder / NAME).with_suffix(suffix).write_bytes(content)
    return [(folder / NAME).with_suffix(suffix) for suffix in written]


def _targets(report: Report) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    lines = []
    for row in report.rows:
        target = TARGETS[row.target]
        figures = (row.value, target.first, target.then)
        measured = (_figure(value, target.unit) for value in figures)
        lines.append((target.what, row.case, *measured, VERDICTS[row.verdict], row.how))
    yield from grid(TARGET_HEAD, lines)
    for section, problem in report.missing.items():
        yield ""
        yield f"Not measured: {section}, because {problem}"


def _figures(report: Report) -> Iterator[str]:
    for table in report.tables:
        yield ""
        yield f"## {table.title}"
        yield ""
        yield from grid(table.head, table.lines)
        yield ""
        yield from (f"* {note}" for note in table.notes)


def _conditions(report: Report) -> Iterator[str]:
    yield ""
    yield "## Conditions"
    yield ""
    yield from (f"* {what}: {value}" for what, value in report.conditions.items())


def grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table of Markdown with straight columns; numbers to the right. A short line ends early."""
    rows = [[*line, *[""] * (len(head) - len(line))] for line in lines]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rights = [_is_numbers(column) for column in zip(*rows, strict=True)] or [False] * len(head)

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, rights, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    yield line(head)
    marks = zip(widths, rights, strict=True)
    yield f"|{'|'.join('-' * (width + 1) + (':' if right else '-') for width, right in marks)}|"
    yield from map(line, rows)


def _is_numbers(cells: Sequence[str]) -> bool:
    return all(not cell or cell[0].isdigit() for cell in cells)


def _figure(value: float, unit: str) -> str:
    if value >= 1_000:
        shown = f"{value:,.0f}"
    else:
        shown = f"{value:.2f}".rstrip("0").rstrip(".") if value < 10 else f"{value:.1f}"
        shown = shown.removesuffix(".0")
    return f"{shown} {unit}".rstrip()


def _line(row: Row) -> Line:
    target = TARGETS[row.target]
    verdict = VERDICTS[row.verdict]
    return Line(
        what=target.what,
        case=row.case,
        value=row.value,
        unit=target.unit,
        aim=target.first,
        later=target.then,
        verdict=verdict,
        how=row.how,
    )
