"""What watches the house asks for what is really there: dashboards and alerts against the pages of
processes that run."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from engine.registry import build_registry, find_domains
from gateway.hooks.endpoint import OUTCOMES
from testkit.cluster import cluster
from testkit.process import Server, serving
from tests.deploy.promql import Values, inventory, problems, read
from tests.e2e.door import door_of

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
PAGE = """\
outcry_ready{market="main"} 1.0
outcry_mail_total{market="main",outcome="taken"} 0.0
"""


def _rules() -> list[dict[str, Any]]:
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def _queries() -> list[tuple[str, str]]:
    """Every query, and the text that names labels of what it finds."""
    found = [(rule["expr"], rule["annotations"]["summary"]) for rule in _rules()]
    for board in BOARDS:
        content = json.loads(board.read_text())
        found += [
            (target["expr"], target["legendFormat"])
            for panel in content["panels"]
            for target in panel["targets"]
        ]
    return found


def _values() -> Values:
    """Of labels that show a value only when something has happened."""
    registry = build_registry(find_domains())
    return {
        ("outcry_events_total", "event"): set(registry.events),
        ("outcry_commands_refused_total", "code"): {code.name for code in registry.codes},
        ("outcry_rooms", "kind"): set(registry.domains),
        ("outcry_hooks_total", "outcome"): set(OUTCOMES),
    }


async def _page(http: httpx.AsyncClient, address: str) -> str:
    return (await http.get(f"{address}/metrics")).raise_for_status().text


async def _page_of_a_lived_in_house(http: httpx.AsyncClient, house: Server) -> str:
    """A house where something was accepted, something refused, and somebody played a provider."""
    async with door_of(house) as door:
        boss, money = house.token("boss", "admin"), {"amount": 5, "currency": "USD"}
        await door.say(boss, "ledger.deposit", user="ann", reference="r1", **money)
    nonsense = await http.post(f"{house.address}/v1/commands", json={"type": "nothing.at_all"})
    assert nonsense.is_error
    await http.post(f"{house.address}/v1/hooks/sandbox", content=b"{}")
    return await _page(http, house.address)


@pytest.mark.xdist_group("cluster")
async def test_all_that_is_asked_for_is_there(tmp_path: Path) -> None:
    """Metrics, labels and their values: no panel stays empty, no alarm silent, for a wrong name."""
    async with (
        httpx.AsyncClient() as http,
        cluster(gateways=1) as town,
        serving(tmp_path) as house,
    ):
        pages = [await _page_of_a_lived_in_house(http, house)]
        async with asyncio.timeout(30):
            while True:
                found = [await _page(http, part.address) for part in town.parts.values()]
                known = inventory(*pages, *found)
                if known.keys() >= {"outcry_ready", "outcry_standby_ready"}:
                    break
    values = _values()
    wrong = [line for query in _queries() for line in problems(*query, known, values)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("query", "shown", "what"),
    [
        ("sum(outcry_redy)", "", "no metric outcry_redy"),
        ("sum by (markets)(outcry_ready)", "", "no label markets"),
        ("outcry_ready", "{{markets}}", "no label markets"),
        ("outcry_ready", "of {{ $labels.markets }}", "no label markets"),
        ('outcry_ready{kind="x"}', "", "outcry_ready has no label kind"),
        ('rate(outcry_mail_total{outcome=~"taken|took"}[5m])', "", "no outcome 'took'"),
        ('rate(outcry_mail_total{event="shop.open"}[5m])', "", "no label event"),
        ("ratio(outcry_ready)", "", "no function ratio"),
    ],
)
def test_a_wrong_name_is_found(query: str, shown: str, what: str) -> None:
    """The check itself has teeth: a metric, label, value or function that does not exist."""
    (problem,) = problems(query, shown, inventory(PAGE), _values())
    assert problem.endswith(what)


def test_a_query_is_taken_apart() -> None:
    """Numbers, times, words of the language and texts are no metrics."""
    found = read('sum by (le)(rate(a_bucket{x="y or z"}[5m])) / 1e3 > 0.5 unless on () max(b) or c')
    assert found.metrics == {"a_bucket", "b", "c"}
    assert found.functions == {"sum", "rate", "max"}
    assert found.labels == {"le"}


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    """Whoever is woken up reads two sentences, not the query."""
    for rule in _rules():
        assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]


async def test_the_dashboards_are_those_that_the_boards_describe() -> None:
    """A board that was changed and not built would be shown as it was."""
    build = DEPLOY / "grafana" / "build.py"
    process = await asyncio.create_subprocess_exec(sys.executable, str(build), "--check")
    assert await process.wait() == 0, "run `python deploy/grafana/build.py`"


def test_dashboards_can_be_told_apart() -> None:
    """Grafana keeps one dashboard for each uid, and one panel for each number in it."""
    contents = [json.loads(board.read_text()) for board in BOARDS]
    assert len({content["uid"] for content in contents}) == 6
    for content in contents:
        numbers = [panel["id"] for panel in content["panels"]]
        assert len(set(numbers)) == len(numbers) >= 10
