"""A provider is asked about a payment, and the ledger is told what became of it."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from engine.contract import Command
from engine.kernel.outcome import MALFORMED, Rejected
from engine.kernel.outside import AskPayer, AskPayment
from engine.ledger.codes import DUPLICATE_PROVIDER_EVENT, PAYMENT_NOT_FOUND
from engine.ledger.commands import ProviderDispute, ProviderEvent, ReportPayment
from engine.sequencer import Accepted, Refused
from runtime.config import Config
from runtime.outside.breaker import FAILURES_MAX
from runtime.outside.carrying import Job, NotNow
from runtime.outside.http_out import HttpOut, NoAnswer
from runtime.outside.payments import Found, PaymentCarrier, PaymentProvider
from runtime.outside.providers import payment_providers
from testkit.sandbox_refunds import refunding

WANTED = AskPayment("sandbox", "pay_1", "ada", 70_00, "NGN", "auction:a1")
JOB = Job(5, 0, "ledger:NGN", WANTED, "log1")
CAPTURE = ProviderEvent(
    id="pay_1",
    currency="NGN",
    provider="sandbox",
    payment="pay_1",
    kind="captured",
    user="ada",
    amount=70_00,
    purpose="auction:a1",
)


class Ledger(Struct):
    """A writer that notes what it is told, and may know better."""

    told: list[Command] = []
    refusals: dict[type, Rejected] = {}

    def submit(self, command: Command, actor: Any, to: Callable[[Any], None]) -> None:
        """Refuse what it refuses."""
        assert actor.role == "system"
        self.told.append(command)
        if refusal := self.refusals.get(type(command)):
            to(Refused(None, command.id, refusal))
        else:
            to(Accepted(None, command.id, "ledger:NGN", 1, 1, b"{}"))


class Dumb(PaymentProvider):
    """Never answers."""

    asked = 0

    async def find(self, wanted: AskPayment) -> Found:
        """Nobody is there."""
        self.asked += 1
        raise NoAnswer("no answer in time")


async def _at_once(_: float) -> None:
    """Nobody waits."""


def carrier(providers: dict[str, PaymentProvider], ledger: Ledger) -> PaymentCarrier:
    """Asks these, and tells that ledger."""
    return PaymentCarrier(providers, lambda: ledger, _at_once, lambda: 0.0)  # type: ignore[arg-type,return-value]


async def told_by_the_sandbox(says: str, ledger: Ledger) -> list[Command]:
    """What the ledger is told, if the sandbox says this of every payment."""
    http = HttpOut()
    with refunding() as (sandbox, address):
        sandbox.payments = says
        providers = payment_providers(Config(sandbox_api=address), http)
        await carrier(providers, ledger).carry(JOB)
    http.close()
    return ledger.told


async def test_a_capture_is_booked_and_then_reported() -> None:
    """Over real HTTP, in this order: a crash between them asks once more, and books nothing."""
    capture, report = await told_by_the_sandbox("captured", Ledger())
    assert isinstance(capture, ProviderEvent)
    assert (capture.id, report.id) == ("errand-5-0-capture", "errand-5-0")
    assert (capture.user, capture.amount, capture.purpose) == ("ada", 70_00, "auction:a1")
    assert isinstance(report, ReportPayment)
    assert (report.payment, report.outcome) == ("pay_1", "captured")


async def test_a_failure_is_reported() -> None:
    """It books nothing."""
    (report,) = await told_by_the_sandbox("failed", Ledger())
    assert isinstance(report, ReportPayment)
    assert report.outcome == "failed"


@pytest.mark.parametrize("says", ["pending", "away"])
async def test_what_settles_nothing_is_not_told(says: str) -> None:
    """The ledger asks again by itself."""
    assert await told_by_the_sandbox(says, Ledger()) == []


async def test_what_a_webhook_has_told_before_is_booked_once() -> None:
    """And it is reported, for nobody need ask again; so it is if the report comes twice."""
    known = Rejected(DUPLICATE_PROVIDER_EVENT, "it was taken before")
    gone = Rejected(PAYMENT_NOT_FOUND, "nobody asks about it")
    ledger = Ledger(refusals={ProviderEvent: known, ReportPayment: gone})
    told = await told_by_the_sandbox("captured", ledger)
    assert [type(command) for command in told] == [ProviderEvent, ReportPayment]


async def test_a_capture_that_is_refused_is_asked_about_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is not closed, and an operator reads of it."""
    ledger = Ledger(refusals={ProviderEvent: Rejected(MALFORMED, "no such room")})
    assert len(await told_by_the_sandbox("captured", ledger)) == 1
    assert "it is not booked" in caplog.text


async def test_a_provider_that_never_answers_is_left_alone_for_a_while() -> None:
    """Accounts rule 15. One without a key is not asked at all."""
    ledger, dumb = Ledger(), Dumb()
    one = carrier({"sandbox": dumb}, ledger)
    for _ in range(FAILURES_MAX + 3):
        await one.carry(JOB)
    await carrier({}, ledger).carry(JOB)
    assert (dumb.asked, ledger.told) == (FAILURES_MAX, [])


class Knowing(PaymentProvider):
    """Knows whose payment it was, if anybody's."""

    def __init__(self, capture: ProviderEvent | None) -> None:
        self._capture = capture

    async def find(self, wanted: AskPayment) -> Found:
        """As it was captured."""
        assert wanted.user == "", "nobody knows who paid"
        return Found("captured", self._capture) if self._capture else Found("pending")


async def test_a_provider_says_whose_payment_is_disputed() -> None:
    """The same facts again, with payer and purpose; if nobody says it, staff find it in the end."""
    ledger = Ledger()
    disputed = AskPayer("sandbox", "pay_1", "dp_1", "lost", 70_00, "NGN", "fraudulent")
    job = Job(6, 0, "ledger:NGN", disputed, "log1")
    await carrier({"sandbox": Knowing(CAPTURE)}, ledger).carry(job)
    (told,) = ledger.told
    assert isinstance(told, ProviderDispute)
    assert (told.id, told.dispute, told.stage) == ("errand-6-0", "dp_1", "lost")
    assert (told.user, told.purpose, told.amount) == ("ada", "auction:a1", 70_00)
    with pytest.raises(NotNow):
        await carrier({"sandbox": Knowing(None)}, ledger).carry(job)
