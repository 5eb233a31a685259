"""The open loop delivers its rate through a real server, and counts what others hear."""

import msgspec
import pytest

from bench.open_loop import Found, Plan, main, stands_of
from bench.server import House

DOORS = [House(f"ws://{name}/v1/ws", "a secret of forty characters, more or less") for name in "ab"]


def test_its_rate_is_delivered(capsys: pytest.CaptureFixture[str]) -> None:
    """Every bid is answered, and heard of by somebody else."""
    short = ("--rate", "200", "--seconds", "1.5", "--warmup", "0.2", "--bidders", "10")
    assert main([*short, "--watchers", "4", "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=Found)
    assert found.per_second == pytest.approx(200, rel=0.1)
    assert (found.unanswered, found.unheard) == (0, 0)
    assert found.heard_per_second == pytest.approx(400, rel=0.1), "two listen to each auction"
    for ms in (found.answer_ms, found.heard_ms, found.late_ms):
        assert 0 < ms[50.0] <= ms[99.0] <= ms[100.0]


def test_drivers_ping_besides(capsys: pytest.CaptureFixture[str]) -> None:
    """Every position is taken: nobody says it too soon, and nobody flies."""
    short = ("--rate", "20", "--seconds", "2", "--warmup", "0.2", "--bidders", "4")
    assert main([*short, "--pings", "20", "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=Found)
    assert found.pings_per_second == pytest.approx(20, rel=0.2)
    assert not found.not_taken
    assert 0 < found.ping_ms[50.0] <= found.ping_ms[100.0]


def test_it_is_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The same figures in rows."""
    assert main(["--rate", "100", "--seconds", "0.5", "--warmup", "0.1", "--bidders", "4"]) == 0
    said = capsys.readouterr().out
    assert "durable and acknowledged" in said
    assert said.splitlines()[-3].startswith("    answered")


def test_a_bid_is_heard_at_another_gateway() -> None:
    """Auctions are spread over markets and gateways, and nobody listens where it is bid."""
    stands = stands_of(DOORS, Plan(markets=("main", "east")), "n")
    assert [stand.home.url for stand in stands[:4]] == [
        "ws://a/v1/ws",
        "ws://a/v1/ws?market=east",
        "ws://b/v1/ws",
        "ws://b/v1/ws?market=east",
    ]
    assert all(stand.home not in stand.away for stand in stands)
    assert {stand.away[0].url for stand in stands if stand.market == "east"} == {
        "ws://a/v1/ws?market=east",
        "ws://b/v1/ws?market=east",
    }


def test_one_gateway_is_both() -> None:
    """Where there is one only, it is listened to there."""
    stands = stands_of(DOORS[:1], Plan(), "n")
    assert [stand.away for stand in stands] == [[DOORS[0]], [DOORS[0]]]
