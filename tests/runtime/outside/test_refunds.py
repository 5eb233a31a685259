"""A refund is told to its provider, and the ledger what the provider said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec import Struct

from engine.contract import Command
from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.outside import PayBack
from engine.ledger.codes import REFUND_NOT_FOUND
from engine.ledger.commands import ReportRefund
from engine.sequencer import Accepted, Refused
from runtime.outside.breaker import FAILURES_MAX
from runtime.outside.carrying import Job
from runtime.outside.http_out import HttpOut, NoAnswer
from runtime.outside.refund_providers import PaperRefunds, SandboxRefunds
from runtime.outside.refunds import RefundCarrier, RefundProvider, Said, key_of
from runtime.outside.sandbox_refunds import Sandbox
from testkit.sandbox_refunds import refunding

WANTED = PayBack("r1", "NGN", "sandbox", "pay_1", 70_00, attempt=1, instruction=1)
JOB = Job(5, 0, "ledger:NGN", WANTED, "log1")


class Ledger(Struct):
    """A writer that notes what it is told, and may be away or know better."""

    told: list[Command] = []
    away: int = 0
    refusal: Rejected | None = None

    def submit(self, command: Command, actor: Any, to: Callable[[Any], None]) -> None:
        """Refuse so often, then accept."""
        assert actor.role == "system"
        self.told.append(command)
        if self.away:
            self.away -= 1
            to(Refused(None, command.id, Rejected(UNAVAILABLE, "no log")))
        elif self.refusal:
            to(Refused(None, command.id, self.refusal))
        else:
            to(Accepted(None, command.id, "ledger:NGN", 1, 1, b"{}"))


class Dumb(RefundProvider):
    """Never answers."""

    asked = 0

    async def tell(self, wanted: PayBack, key: str) -> Said:
        """Nobody is there."""
        self.asked += 1
        raise NoAnswer("no answer in time")

    async def ask(self, wanted: PayBack) -> Said:
        """Nor now."""
        raise NoAnswer("no answer in time")


async def _at_once(_: float) -> None:
    """Nobody waits."""


def carrier(provider: RefundProvider, ledger: Ledger) -> RefundCarrier:
    """Tells this provider, and that ledger."""
    return RefundCarrier({"sandbox": provider}, lambda: ledger, _at_once, lambda: 0.0)  # type: ignore[arg-type,return-value]


def report(ledger: Ledger) -> ReportRefund:
    """The latest that the ledger was told."""
    command = ledger.told[-1]
    assert isinstance(command, ReportRefund)
    return command


@contextmanager
def sandbox(scenario: str) -> Iterator[tuple[Sandbox, SandboxRefunds]]:
    """A sandbox on loopback, and how the house tells it."""
    http = HttpOut()
    with refunding(scenario) as (books, address):
        yield books, SandboxRefunds(http, address)
    http.close()


@pytest.mark.parametrize(
    ("scenario", "outcome", "later"),
    [
        ("paid", "paid", "paid"),
        ("pending", "accepted", "paid"),
        ("failed", "accepted", "refused"),
    ],
)
async def test_a_provider_is_told_and_asked_after(scenario: str, outcome: str, later: str) -> None:
    """Over real HTTP; once it has named the refund, it is asked by that name."""
    ledger = Ledger()
    with sandbox(scenario) as (books, provider):
        await carrier(provider, ledger).carry(JOB)
        assert (report(ledger).outcome, report(ledger).reference) == (outcome, "refund-1")
        (given,) = books.refunds.values()
        assert (given.wanted.payment, given.wanted.amount) == ("pay_1", 70_00)
        asked = PayBack("r1", "NGN", "sandbox", "pay_1", 70_00, 2, 1, reference="refund-1")
        await carrier(provider, ledger).carry(Job(6, 0, "ledger:NGN", asked, "log1"))
        assert (report(ledger).outcome, report(ledger).attempt) == (later, 2)
        assert given.told == 1


@pytest.mark.parametrize(
    ("scenario", "outcome", "reason"),
    [
        ("refused", "refused", "the provider answers 400"),
        ("away", "unanswered", "sandbox: status 503"),
    ],
)
async def test_a_provider_says_no_or_nothing(scenario: str, outcome: str, reason: str) -> None:
    """Only a no is a no; what may still come about is not."""
    ledger = Ledger()
    with sandbox(scenario) as (_, provider):
        await carrier(provider, ledger).carry(JOB)
    assert (report(ledger).outcome, report(ledger).reason) == (outcome, reason)


async def test_what_was_heard_and_not_answered_counts_once() -> None:
    """The next attempt of the same instruction has the same key, another instruction another."""
    ledger = Ledger()
    with sandbox("lost") as (books, provider):
        for attempt, outcome in ((1, "unanswered"), (2, "paid")):
            again = PayBack("r1", "NGN", "sandbox", "pay_1", 70_00, attempt, instruction=1)
            await carrier(provider, ledger).carry(Job(attempt, 0, "ledger:NGN", again, "log1"))
            assert report(ledger).outcome == outcome
        assert [given.told for given in books.refunds.values()] == [2]
    other = PayBack("r1", "NGN", "sandbox", "pay_1", 70_00, attempt=3, instruction=2)
    keys = {key_of(JOB, WANTED), key_of(JOB, other)}
    assert keys == {"log1-NGN-r1-1", "log1-NGN-r1-2"}


async def test_the_ledger_hears_of_it_when_it_can_write_again() -> None:
    """With the same id, so that it counts once; a refusal is an answer as well."""
    ledger = Ledger(away=2)
    await carrier(PaperRefunds(), ledger).carry(JOB)
    assert [command.id for command in ledger.told] == ["errand-5-0"] * 3
    knows = Ledger(refusal=Rejected(REFUND_NOT_FOUND, "it has been paid"))
    await carrier(PaperRefunds(), knows).carry(JOB)
    assert len(knows.told) == 1


async def test_a_provider_without_a_key_is_left_to_staff() -> None:
    """And says so, in words that they can act on."""
    ledger = Ledger()
    job = Job(5, 0, "ledger:NGN", PayBack("r1", "NGN", "stripe", "pi_1", 70_00, 1, 1), "log1")
    await carrier(PaperRefunds(), ledger).carry(job)
    assert report(ledger).outcome == "refused"
    assert report(ledger).reason == "no key of stripe is configured"


async def test_a_provider_that_never_answers_is_left_alone_for_a_while() -> None:
    """Accounts rule 15: the circuit breaker opens, and each refund waits its own time."""
    ledger, dumb = Ledger(), Dumb()
    one = carrier(dumb, ledger)
    for _ in range(FAILURES_MAX + 3):
        await one.carry(JOB)
        assert report(ledger).outcome == "unanswered"
    assert dumb.asked == FAILURES_MAX
    assert report(ledger).reason == "sandbox has not answered for a while"
