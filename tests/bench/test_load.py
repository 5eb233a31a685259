"""The load tool counts what a real server has acknowledged."""

from array import array

import pytest

from bench.bidders import Lot, Reply, Score
from bench.load import main, percentile


def test_percentiles_are_values_that_occurred() -> None:
    """Nearest rank: no value is made up between two others."""
    ordered = [float(value) for value in range(1, 101)]
    assert [percentile(ordered, p) for p in (50.0, 99.0, 99.9, 100.0)] == [50, 99, 100, 100]
    assert percentile([7.0], 50.0) == 7.0


def test_every_bid_is_above_the_last() -> None:
    """Bids under way together do not collide, and a higher minimum is learnt."""
    lot = Lot("a1", "USD", 100)
    assert lot.next_bid(1).endswith(b'"id":"1","amount":100}')
    assert lot.next_bid(2).endswith(b'"id":"2","amount":101}')
    lot.learn(500)
    lot.learn(400)
    assert lot.next_bid(3).endswith(b'"id":"3","amount":500}')


def test_a_latency_counts_from_when_the_bid_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """A late answer is charged to its bid, and to the rate only while it is measured."""
    score = Score(from_ns=1_000_000, until_ns=2_000_000)
    monkeypatch.setattr("bench.bidders.time.monotonic_ns", lambda: 5_000_000)
    score.note(Reply("ok"), due_ns=1_500_000)
    score.note(Reply("ok"), due_ns=500_000)
    assert (score.accepted, score.latencies_ms) == (0, array("d", [3.5]))


@pytest.mark.parametrize(
    "load", [("--pipeline", "3"), ("--rate", "200")], ids=["closed loop", "open loop"]
)
def test_bids_are_acknowledged(load: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Both loops bid through a real server, and every bid is answered."""
    short = ("--connections", "4", "--auctions", "2", "--seconds", "0.5", "--warmup", "0.1")
    assert main([*short, *load]) == 0
    said = capsys.readouterr().out
    bids = next(line for line in said.splitlines() if "acknowledged" in line)
    assert int(bids.split()[0].replace(",", "")) > 0
    assert "0  never answered" in said
    assert "ms p99.9" in said
