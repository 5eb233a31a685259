"""The replay finds over the wire what the rules X1-X3 say of a made-up record."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from bench.replay_auctions import Ended, ReplayError, main, read_record, replay, table
from bench.server import House

HEADER = "auction,day,bidder,max_bid_cents,open_cents,price_cents,item,days\n"

OPENS = [("opens", 0.1, "ann", 500_00, 9_99, 9_99)]
"""A lone maximum opens at the start price."""

DEFENDED = [
    ("defended", 0.1, "ann", 100_00, 1, 51_00),
    ("defended", 0.2, "ben", 50_00, 1, 51_00),
]
"""The leader's maximum answers a challenger by one step over theirs (X1)."""

OVERTAKEN = [
    ("overtaken", 0.3, "ben", 100_00, 1, 51_00),
    ("overtaken", 0.2, "ann", 50_00, 1, 51_00),
]
"""A higher maximum leads one step over the old one; the file is not in the order of time."""

TIED = [
    ("tied", 0.1, "ann", 50_00, 1, 50_00),
    ("tied", 0.2, "ben", 50_00, 1, 50_00),
]
"""Of two equal maxima the earlier leads, at that price."""

TOO_LOW = [
    ("too-low", 0.1, "ann", 20_00, 10_00, 10_00),
    ("too-low", 0.2, "ben", 10_49, 10_00, 10_00),
    ("too-low", 0.3, "ann", 15_00, 10_00, 10_00),
]
"""Half a dollar is the step at ten dollars (X2), and nobody lowers their own maximum."""

RESERVED = [("reserved", 0.1, "ann", 500_00, 1_00, 300_00)]
"""A hidden reserve made the recorded price, which the replay cannot know."""

SALES = (OPENS, DEFENDED, OVERTAKEN, TIED, TOO_LOW, RESERVED)


def write_record(folder: Path) -> str:
    """The sales as a file, with the columns of the published record."""
    lines = [",".join(map(str, (*bid, "a thing", 7))) for sale in SALES for bid in sale]
    path = folder / "record.csv"
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return str(path)


async def test_prices_and_leaders_are_compared(house: House, tmp_path: Path) -> None:
    """Matches, the leader behind them, refusals and the one that differs are counted."""
    tally = await replay(house, read_record(write_record(tmp_path)), lanes=3)
    assert (tally.auctions, tally.at_price, tally.led) == (6, 5, 5)
    assert (tally.bids, tally.refused) == (11, Counter({"BID_TOO_LOW": 2}))
    assert tally.elsewhere == [Ended("reserved", 300_00, 1_00)]
    said = table(tally)
    assert "5    at the recorded price" in said
    assert "2    refused: BID_TOO_LOW" in said
    assert "auction reserved: recorded 30000, here 100" in said


async def test_the_exit_code_tells_whether_enough_match(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command fails if fewer auctions match than expected; one server takes many replays."""
    secret = f"--token-secret={house.secret}"  # which may begin with a dash
    named = (write_record(tmp_path), "--url", house.url, secret)
    assert await asyncio.to_thread(main, [*named, "--expect", "5"]) == 0
    assert "6  auctions" in capsys.readouterr().out
    assert await asyncio.to_thread(main, [*named, "--expect", "6"]) == 1
    assert "5 match, expected 6" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEADER + "a,0.1,ann,many,1,1,x,7\n", "record.csv:2: Expected `int`"),
        ("auction,day\na,0.1\n", "record.csv:2: .*missing required field"),
        (HEADER + "a,0.1,ann\n", "record.csv:2: "),
    ],
)
def test_a_bad_record_is_named_by_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    """The line at fault is told, so that it can be looked up."""
    path = tmp_path / "record.csv"
    path.write_text(text)
    with pytest.raises(ReplayError, match=complaint):
        read_record(str(path))


def test_what_cannot_be_replayed_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, no secret, nobody there: a sentence and exit code 2, not a stack trace."""
    monkeypatch.delenv("OUTCRY_JWT_SECRET", raising=False)
    path, nowhere = write_record(tmp_path), "ws://127.0.0.1:1/v1/ws"
    assert main([str(tmp_path / "none.csv")]) == 2
    assert main([path, "--url", nowhere]) == 2
    assert main([path, "--url", nowhere, "--token-secret", "s" * 32]) == 2
    said = capsys.readouterr().err.splitlines()
    assert ["cannot read" in said[0], "--url needs" in said[1], "Connect" in said[2]] == [True] * 3
