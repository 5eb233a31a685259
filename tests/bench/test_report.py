"""The whole benchmark runs, tiny, so that it cannot rot; and the report says what was found."""

import re
from pathlib import Path

import msgspec
import pytest

from bench.__main__ import SECTIONS, main
from bench.report import Document, grid, save, text
from bench.result import TARGETS, Report, Row, Table
from testkit.postgres import PostgresServer

DIFFERENCES = {TARGETS[name].what for name in ("hop p50", "hop p99", "memory")}
"""So small where everything is tiny, that noise may make them nothing or less."""


@pytest.mark.xdist_group("cluster")
def test_everything_is_measured(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every target has a row with a figure, every section a table, and conditions are told."""
    tiny = ["--quick", "--postgres", postgres.url, "--results", str(tmp_path)]
    assert main(tiny) == 0
    printed, progress = capsys.readouterr()
    document = msgspec.json.decode((tmp_path / "latest.json").read_bytes(), type=Document)
    assert not document.missing
    assert {row.what for row in document.rows} == {target.what for target in TARGETS.values()}
    assert all(row.value > 0 for row in document.rows if row.what not in DIFFERENCES)
    assert len(document.tables) == len(SECTIONS)
    assert all(len(line) <= len(table.head) for table in document.tables for line in table.lines)
    told = {"date", "machine", "python", "Postgres", "took", "meanwhile"}
    assert told <= document.conditions.keys()
    assert printed == (tmp_path / "latest.md").read_text()
    assert re.search(r"\b(\d+) of \1: the writer ends by SIGTERM: no bid for ", progress)


def test_a_section_that_fails_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres: PostgresServer
) -> None:
    """What cannot be measured is said with its reason, and the exit code tells."""
    postgres.stop()
    where = ["--postgres", postgres.url, "--results", str(tmp_path)]
    assert main(["--quick", "--only", "replay", *where]) == 2
    assert "cannot connect to Postgres" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "value", "verdict"),
    [
        ("hot", 19.9, "none"),
        ("hot", 20.0, "first"),
        ("hot", 40.0, "both"),
        ("latency", 15.1, "none"),
        ("latency", 15.0, "first"),
        ("latency", 8.0, "both"),
    ],
)
def test_a_target_is_met_from_its_own_side(target: str, value: float, verdict: str) -> None:
    """Of some figures more is better, of others less; the aim itself is met."""
    assert Row(target, "a case", value, "").verdict == verdict


def test_the_report_is_readable(tmp_path: Path) -> None:
    """Figures stand right, words left; what is missing is named; JSON has the bare values."""
    table = Table("A title", ("log", "bids/s"), [("SQLite", "1,234"), ("all",)], ("a note",))
    row = Row("memory", "SQLite", 5.25, "10,000 connections")
    report = Report({"date": "today"}, [row], [table], {"replay": "there is no disk"})
    said = text(report)
    assert "| log    | bids/s |\n|--------|-------:|\n| SQLite |  1,234 |\n" in said
    assert "| SQLite | 5.25 KiB | 20 KiB | 12 KiB | met, both |" in said
    assert "Not measured: replay, because there is no disk" in said
    assert "* a note" in said
    assert "* date: today" in said
    _, path = save(report, tmp_path / "results")
    (line,) = msgspec.json.decode(path.read_bytes(), type=Document).rows
    assert (line.value, line.aim, line.later, line.verdict) == (5.25, 20, 12, "met, both")


def test_a_table_without_lines_has_a_head() -> None:
    """Nothing found is not a crash."""
    assert list(grid(("a", "bc"), [])) == ["| a | bc |", "|---|----|"]
