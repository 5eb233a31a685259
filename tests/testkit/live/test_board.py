"""What the board of a live cluster tells of a market."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from testkit.live.board import Market, render
from testkit.live.parts import Part


class Clock:
    """Set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def bids(market: Market, clock: Clock, *times_s: float) -> None:
    """Accepted bids at these times."""
    for time_s in times_s:
        clock.now_s = time_s
        market.accepted()


def test_a_writer_is_not_told_when_it_is_the_first() -> None:
    """The first look says nothing, and neither does the next."""
    clock = Clock()
    market = Market("main", clock)
    bids(market, clock, 1.0)
    assert [market.look("w1"), market.look("w1")] == ["", ""]


def test_a_death_is_told_with_its_pause() -> None:
    """Once, when bids are accepted again, with who accepts them."""
    clock = Clock()
    market = Market("main", clock)
    bids(market, clock, 1.0, 1.5)
    assert market.look("w1") == ""
    clock.now_s = 4.0
    assert market.look("") == ""
    assert market.line == "main: nobody, 0 bids/s, longest gap 2.5 s"
    clock.now_s = 7.3
    # It may serve before anybody has been heard: then there is nothing to tell yet.
    assert market.look("w2") == ""
    bids(market, clock, 7.4)
    assert market.look("w2") == "main is served by w2 after 5.9 s"
    assert market.look("w2") == ""


def test_a_handover_is_told_as_one() -> None:
    """Somebody else serves, and nobody had to wait."""
    clock = Clock()
    market = Market("main", clock)
    bids(market, clock, 1.0)
    market.look("w1")
    bids(market, clock, 1.3)
    assert market.look("w2") == "main is served by w2 now, without a pause"


def test_figures_are_of_late() -> None:
    """Bids a second over five seconds, the longest gap over a minute, the count over all."""
    clock = Clock()
    market = Market("main", clock)
    bids(market, clock, 1.0, 4.0, *(4.0 + number / 2 for number in range(1, 141)))
    assert (market.bids_per_s, market.longest_gap_s, market.bids) == (2.0, 0.5, 142)


class Dead(Part):
    """A part that has been killed."""

    lives = False
    pid = 7

    async def start(self) -> None:
        """It never does."""


def test_the_table_shows_who_is_gone(tmp_path: Path) -> None:
    """A market without a writer, what is gone and for how long, and what is on its way back."""
    parts = {name: Dead(name, tmp_path) for name in ("w1", "w2")}
    console = Console(width=100, record=True, file=StringIO())
    market = Market("main", Clock())
    market.look("w1")
    console.print(render(parts, [market], {"w1": 12.0, "w2": float("inf")}), markup=False)
    text = console.export_text()
    assert "main    nobody" in text
    assert "w1 is gone; it starts again in 12 s, or when you press Enter" in text
    assert "w2 is starting" in text
