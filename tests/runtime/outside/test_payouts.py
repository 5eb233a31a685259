"""A payout is told to its provider, and the ledger what the provider said."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from engine.contract import Command
from engine.kernel.outside import PayOut
from engine.ledger.commands import ReportPayout, StartWithdrawal
from engine.sequencer import Accepted
from runtime.config import Config
from runtime.outside.breaker import FAILURES_MAX
from runtime.outside.carrying import Job
from runtime.outside.http_out import HttpOut
from runtime.outside.payouts import PaperPayouts, PayoutCarrier, PayoutProvider
from runtime.outside.providers import payout_provider
from testkit.sandbox_refunds import refunding

WANTED = PayOut("w1", "NGN", "ada", "bank 1", 70_00, attempt=1)


class Ledger(Struct):
    """A writer that notes what it is told."""

    told: list[Command] = []

    def submit(self, command: Command, actor: Any, to: Callable[[Any], None]) -> None:
        """Accept it."""
        assert actor.role == "system"
        self.told.append(command)
        to(Accepted(None, command.id, "ledger:NGN", 1, 1, b"{}"))


async def _at_once(_: float) -> None:
    """Nobody waits."""


def job(errand: PayOut, position: int = 5) -> Job:
    return Job(position, 0, "ledger:NGN", errand, "log1")


def carrier(provider: PayoutProvider | None, ledger: Ledger) -> PayoutCarrier:
    """Pays through this one."""
    return PayoutCarrier("sandbox", provider, lambda: ledger, _at_once, lambda: 0.0)  # type: ignore[arg-type,return-value]


def report(ledger: Ledger) -> ReportPayout:
    """The latest that the ledger was told."""
    command = ledger.told[-1]
    assert isinstance(command, ReportPayout)
    return command


async def test_it_is_begun_in_the_ledger_first() -> None:
    """What the provider is about to be told is written down before."""
    ledger = Ledger()
    begin = PayOut("w1", "NGN", "ada", "bank 1", 70_00, attempt=0)
    await carrier(PaperPayouts(), ledger).carry(job(begin))
    assert ledger.told == [StartWithdrawal(id="errand-5-0", currency="NGN", withdrawal="w1")]


async def test_without_a_provider_it_is_left_to_staff() -> None:
    """The default: no errand does anything."""
    ledger = Ledger()
    assert payout_provider(Config(), HttpOut()) is None
    await carrier(None, ledger).carry(job(WANTED))
    assert ledger.told == []


@pytest.mark.parametrize(
    ("scenario", "outcomes"),
    [
        ("paid", ["paid"]),
        ("pending", ["accepted", "paid"]),
        ("failed", ["accepted", "refused"]),
        ("refused", ["refused"]),
        ("away", ["unanswered"]),
        ("lost", ["unanswered", "paid"]),
    ],
)
async def test_a_provider_is_told_once_and_asked_after(scenario: str, outcomes: list[str]) -> None:
    """Over real HTTP; what was heard and not answered is told with the same key: it counts once."""
    ledger, http = Ledger(), HttpOut()
    with refunding() as (sandbox, address):
        sandbox.payouts.scenario = scenario
        provider = payout_provider(Config(payouts="sandbox", sandbox_api=address), http)
        one, reference = carrier(provider, ledger), ""
        for look, outcome in enumerate(outcomes):
            facts = {"attempt": 1, "look": look, "reference": reference}
            wanted = PayOut("w1", "NGN", "ada", "bank 1", 70_00, **facts)
            await one.carry(job(wanted, 5 + look))
            assert (report(ledger).outcome, report(ledger).look) == (outcome, look)
            assert report(ledger).provider == "sandbox"
            reference = report(ledger).reference
        given = list(sandbox.payouts.refunds.items())
    http.close()
    assert sandbox.refunds == {}
    assert [key for key, _ in given] == ["log1-NGN-w1-1"] * len(given)
    assert len(given) == (scenario not in ("refused", "away"))


async def test_a_provider_that_never_answers_is_left_alone_for_a_while() -> None:
    """Accounts rule 15: and nobody takes that for a no."""
    ledger, http = Ledger(), HttpOut()
    provider = payout_provider(Config(payouts="sandbox", sandbox_api="http://127.0.0.1:1"), http)
    one = carrier(provider, ledger)
    for _ in range(FAILURES_MAX + 1):
        await one.carry(job(WANTED))
        assert report(ledger).outcome == "unanswered"
    http.close()
    assert report(ledger).reason == "sandbox has not answered for a while"
