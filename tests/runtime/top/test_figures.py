"""`outcry top`: what it reckons from two pages, and what it shows of it."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from runtime.top.figures import Figures, figures
from runtime.top.pages import Page, Stretch, quantile, read
from runtime.top.view import plain_lines, screen
from testkit.process import run, serving

GATEWAY = """\
# HELP outcry_connections Open websockets
# TYPE outcry_connections gauge
outcry_process_info{{name="g1",role="gateway"}} 1.0
process_start_time_seconds {started}
outcry_connections 3.0
outcry_commands_accepted_total {accepted}
outcry_commands_refused_total{{code="BID_TOO_LOW"}} {refused}
outcry_commands_refused_total{{code="UNAVAILABLE"}} {failed}
outcry_answer_seconds_bucket{{le="0.01"}} {fast}
outcry_answer_seconds_bucket{{le="0.02"}} {all}
outcry_answer_seconds_bucket{{le="+Inf"}} {all}
outcry_writer_silent_seconds{{market="main"}} 0.2
outcry_writer_silent_seconds{{market="west"}} 90.0
"""
WRITER = """\
outcry_process_info{{name="w1",role="engine"}} 1.0
process_start_time_seconds 5.0
outcry_ready{{market="main"}} 1.0
outcry_records_total{{market="main"}} {records}
outcry_position{{market="main"}} {records}
outcry_rooms{{kind="auction",market="main"}} 2.0
outcry_rooms{{kind="zone",market="main"}} 3.0
outcry_lease_age_seconds{{market="main"}} 5.5
"""
STANDBY = """\
outcry_process_info{name="w2",role="engine"} 1.0
process_start_time_seconds 6.0
outcry_standby_ready{market="main"} 1.0
outcry_standby_position{market="main"} 90.0
"""


def _page(address: str, at_s: float, text: str, **values: float) -> Page:
    return Page(address, at_s, read(text.format(**values) if values else text))


def _gateway(at_s: float, accepted: float, refused: float, failed: float, **more: float) -> Page:
    values = {"started": 1.0, "fast": accepted, "all": accepted} | more
    return _page("g1:1", at_s, GATEWAY, accepted=accepted, refused=refused, failed=failed, **values)


def _town() -> Figures:
    """Two seconds of a gateway, a writer and a standby; somebody who is gone."""
    before, now = _gateway(10, 100, 10, 0), _gateway(12, 300, 20, 4, fast=200)
    return figures(
        [
            Stretch(before, now),
            Stretch(_page("w1:1", 10, WRITER, records=50), _page("w1:1", 12, WRITER, records=100)),
            Stretch(None, _page("w2:1", 12, STANDBY)),
            Stretch(None, Page("w3:1", 12, problem="Connection refused")),
        ]
    )


def test_rates_are_by_the_second() -> None:
    """200 answers ok and 14 refusals in two seconds, four of these the house's own fault."""
    totals = _town().totals
    assert totals.commands_per_s == 107
    assert totals.failed_per_s == 2
    assert totals.records_per_s == 25
    assert totals.connections == 3


def test_latencies_are_those_of_the_stretch() -> None:
    """Half of the answers since the last look took up to 10 ms, half of them 10 to 20 ms."""
    totals = _town().totals
    assert totals.answer_p50_s == pytest.approx(0.01)
    assert totals.answer_p95_s == pytest.approx(0.019)


def test_a_process_that_was_started_again_has_no_rates_yet() -> None:
    """Its counters began anew: a difference would mean nothing."""
    before, now = _gateway(10, 100, 0, 0), _gateway(12, 120, 0, 0, started=2.0)
    (process,) = figures([Stretch(before, now)]).processes
    assert process.commands_per_s is None
    assert process.answer_p50_s is None
    assert process.connections == 3


def test_a_market_that_comes_back_is_not_counted_down() -> None:
    """Another process had it meanwhile, and its counters began anew here."""
    pages = [_page("w1:1", at, WRITER, records=records) for at, records in ((10, 500), (12, 3))]
    (market,) = figures([Stretch(*pages)]).markets
    assert market.records_per_s == 0


def test_markets_have_a_writer_and_a_standby_or_nobody() -> None:
    """What only gateways know of is served by nobody."""
    main, west = _town().markets
    assert (main.market, main.writer, main.standby, main.standby_behind) == ("main", "w1", "w2", 10)
    assert main.rooms == 5
    assert (west.market, west.writer, west.is_ready) == ("west", "", False)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (0.25, 1.0), (1.0, 4.0), (0.125, 0.5)])
def test_a_quantile_lies_between_the_ends_of_its_bucket(share: float, expected: float) -> None:
    """As Prometheus reckons it; what is above the last end is said to be there."""
    assert quantile({1.0: 2, 2.0: 4, 4.0: 6, float("inf"): 8}, share) == expected


def test_nothing_has_no_quantile() -> None:
    """Neither no buckets nor empty ones."""
    assert quantile({}, 0.5) is None
    assert quantile({1.0: 0, float("inf"): 0}, 0.5) is None


def test_lines_hold_names_and_values_without_spaces() -> None:
    """`grep` and `awk` find each figure."""
    lines = list(plain_lines(_town()))
    assert [line.split(" ")[0] for line in lines] == ["total", *["process"] * 4, *["market"] * 2]
    assert "commands/s=107" in lines[0].split(" ")
    assert all("=" in field for line in lines for field in line.split(" ")[1:])


def test_what_is_bad_is_red() -> None:
    """A lease that was not renewed, errors of the house, who is gone, and who is served by
    nobody."""
    console = Console(file=StringIO(), force_terminal=True, width=150, color_system="standard")
    console.print(screen(_town(), "q leaves"))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    red = r"\x1b\[1;31m *"
    for bad in ("5.5 s", "2.0", "nobody", "w3:1: Connection refused"):
        assert re.search(red + re.escape(bad), said), bad
    assert not re.search(f"{red}107", said)


async def test_a_house_is_looked_at(tmp_path: Path) -> None:
    """From outside, once, for a program: figures of a house that runs, and who is not there."""
    async with serving(tmp_path) as house:
        found = await run("top", house.address, "127.0.0.1:1", "--once", "--json", "--every", "0.2")
    assert found.code == 0, found.err
    seen = json.loads(found.out)
    assert [process["role"] for process in seen["processes"]] == ["", "serve"]
    assert "refused" in seen["processes"][0]["problem"]
    assert seen["processes"][1]["commands_per_s"] == 0
    assert [(market["market"], market["is_ready"]) for market in seen["markets"]] == [
        ("main", True)
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("127.0.0.1:1", "--once", "--every", "0.1"), 1, ""),
        (("ftp://127.0.0.1",), 2, "is no address of a process"),
        (("--every", "0"), 2, "choose 0.1 to 3600 seconds"),
    ],
)
async def test_what_cannot_be_shown_is_told(
    arguments: tuple[str, ...], code: int, said: str
) -> None:
    """Nobody answers; no address; no time to gather anything."""
    found = await run("top", *arguments)
    assert found.code == code
    assert said in found.err
