"""What `outcry shards` shows, to people and to programs."""

from io import StringIO

import pytest
from rich.console import Console

from persistence.shards import Overview, ShardRow, WriterRow
from runtime.cluster.shards_command import for_programs
from runtime.cluster.shards_view import show


@pytest.fixture
def overview() -> Overview:
    """One market as planned, one whose owner is another, one that nobody serves, one that nobody
    ever did."""
    return Overview(
        shards=[
            ShardRow("main", 0, "w1", "w2", "w1 (pid 7 on host)", 3, 4_321, 90),
            ShardRow("east", 1, "w1", "w2", "w11", 2, 1_000, None),
            ShardRow("west", 2, "w2", "", "w3", 9, -12_400, 12_400),
            ShardRow("north", 3, "", "", "", 0, None, None),
        ],
        writers=[
            WriterRow("w1", "a:1", {"main": 5, "x": 7}, frozenset(), True, 300, True, True),
            WriterRow("w2", "b:1", {}, frozenset({"main", "east"}), False, 800, False, True),
            WriterRow("w3", "c:1", {}, frozenset(), False, 12_400, False, False),
        ],
        shards_max=64,
    )


def test_programs_get_fields_between_tabs(overview: Overview) -> None:
    """No field is empty, whatever else there is: `cut` and `awk` find each in its place."""
    shards, writers = (block.splitlines() for block in for_programs(overview).split("\n\n"))
    assert [line.split("\t") for line in shards[1:]] == [
        ["main", "0", "w1", "w2", "w1 (pid 7 on host)", "3", "4321", "90"],
        ["east", "1", "w1", "w2", "w11", "2", "1000", "-"],
        ["west", "2", "w2", "-", "w3", "9", "-12400", "12400"],
        ["north", "3", "-", "-", "-", "0", "-", "-"],
    ]
    assert [line.split("\t") for line in writers[1:]] == [
        ["w1", "a:1", "2", "0", "12", "300", "leads,draining"],
        ["w2", "b:1", "0", "2", "0", "800", "lives"],
        ["w3", "c:1", "0", "0", "0", "12400", "dead"],
    ]
    for block in (shards, writers):
        assert {len(line.split("\t")) for line in block} == {len(block[0].split("\t"))}


def test_people_see_what_is_not_as_planned(overview: Overview) -> None:
    """Another owner in yellow; no owner, and who is dead, in red."""
    console = Console(file=StringIO(), force_terminal=True, width=120, color_system="standard")
    show(overview, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "4 of 64 shards" in said
    yellow, red = "\x1b[33m", "\x1b[31m"
    assert f"{yellow}w11" in said
    assert f"{yellow}w1 (" not in said
    assert f"{red}ended 12 s ago" in said
    assert f"{red}never held" in said
    assert f"{red}dead for 12 s" in said
    assert "leads, draining" in said
    assert "4.3 s left" in said
