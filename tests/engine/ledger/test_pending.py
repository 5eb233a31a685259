"""Tests of engine/ledger/decide_pending.py: payments without a webhook (accounts rule 14)."""

from typing import Any

import pytest

from engine.contract import Event, Wake
from engine.core import Outcome
from engine.kernel import limits
from engine.kernel.actor import Actor
from engine.kernel.outside import AskPayment
from engine.kernel.time import DAY, MINUTE
from engine.ledger import decide_pending
from engine.ledger.commands import CreatePayment, ProviderEvent, ReportPayment
from engine.ledger.events import PaymentAsked, PaymentClosed, PaymentCreated
from engine.ledger.state import ASK_EVERY_MS
from tests.engine.ledger.desk import ADA, ADMINA, HOUSE, LEDGER, MARA, NGN, Desk

PAYMENT = {"provider": "stripe", "payment": "pi_1", "user": "ada", "amount": 70}
ALIKE = {"provider": "stripe", "payment": "pi_1"}


@pytest.fixture
def desk() -> Desk:
    """Ada is about to pay 70."""
    desk = Desk()
    desk.done(HOUSE, CreatePayment, **PAYMENT)
    return desk


def due(desk: Desk) -> int | None:
    """When the ledger wants to be woken."""
    room = desk.core.rooms[LEDGER]
    return room.domain.due(room.state, desk.now)


def wake(desk: Desk) -> list[Event]:
    """The ledger's next timer; what came of it."""
    moment = due(desk)
    assert moment is not None, "no timer"
    desk.now = max(moment, desk.now)
    outcome = desk.core.step(Wake(), LEDGER, HOUSE, desk.now)
    assert isinstance(outcome, Outcome)
    desk.core.check()
    return [applied.event for applied in outcome.applied]


def capture(desk: Desk, payment: str = "pi_1") -> None:
    """Its provider says that it is paid."""
    desk.done(HOUSE, ProviderEvent, **PAYMENT | {"payment": payment}, kind="captured")


def test_a_payment_is_asked_about_after_15_minutes(desk: Desk) -> None:
    """With all that is needed to book it; no money has moved."""
    created = desk.event(LEDGER, PaymentCreated)
    assert due(desk) == desk.now + ASK_EVERY_MS == desk.now + 15 * MINUTE
    (asked,) = wake(desk)
    assert isinstance(asked, PaymentAsked)
    (errand,) = decide_pending.errands(
        desk.core.rooms[LEDGER].state, asked, desk.core.context(LEDGER, HOUSE)
    )
    assert errand == AskPayment("stripe", "pi_1", "ada", 70, NGN, "wallet")
    assert (created.amount, desk.wallet("ada")) == (70, (0, 0))


def test_it_is_asked_about_every_15_minutes_for_a_day(desk: Desk) -> None:
    """Whatever its provider says meanwhile; then it is given up."""
    start, moments = desk.now, []
    while True:
        (event,) = wake(desk)
        if isinstance(event, PaymentClosed):
            break
        assert isinstance(event, PaymentAsked)
        moments.append(desk.now - start)
        assert event.attempt == len(moments)
    assert moments == [15 * MINUTE * n for n in range(1, 98)]
    assert moments[-1] == DAY + 15 * MINUTE
    assert event.outcome == "expired"
    assert due(desk) is None


def test_a_capture_ends_the_wait(desk: Desk) -> None:
    """By webhook, or by the answer to a question: booked once."""
    capture(desk)
    assert due(desk) is None
    again = desk.refused(HOUSE, ReportPayment, **ALIKE, outcome="captured")
    assert again.code.name == "PAYMENT_NOT_FOUND"
    assert desk.wallet("ada") == (70, 70)


def test_a_payment_may_be_captured_under_another_name(desk: Desk) -> None:
    """Razorpay is asked by the order, Paystack by a reference; both book another id."""
    capture(desk, "pay_9")
    assert due(desk) is not None
    desk.done(HOUSE, ReportPayment, **ALIKE, outcome="captured")
    assert desk.event(LEDGER, PaymentClosed).outcome == "captured"
    assert due(desk) is None
    assert desk.wallet("ada") == (70, 70)


def test_a_late_capture_is_booked_all_the_same(desk: Desk) -> None:
    """Whether it is awaited or not: a webhook is always believed."""
    while not isinstance(wake(desk)[0], PaymentClosed):
        pass
    capture(desk)
    assert desk.wallet("ada") == (70, 70)


def test_a_payment_is_begun_once(desk: Desk) -> None:
    """The same again has no effect, other facts are refused, and so is one that was taken."""
    desk.done(ADMINA, CreatePayment, **PAYMENT)
    assert len(desk.core.rooms[LEDGER].state.pending) == 1
    for other in ({"amount": 71}, {"user": "bob"}, {"purpose": "auction:a1"}):
        refusal = desk.refused(HOUSE, CreatePayment, **PAYMENT | other)
        assert refusal.code.name == "DUPLICATE_REFERENCE"
    capture(desk)
    late = desk.refused(HOUSE, CreatePayment, **PAYMENT)
    assert late.code.name == "DUPLICATE_PROVIDER_EVENT"


@pytest.mark.parametrize("actor", [ADA, MARA], ids=lambda a: a.role)
def test_who_may_begin_a_payment(desk: Desk, actor: Actor) -> None:
    """A server of the house, not its payers: else anybody could have providers asked."""
    for make, more in ((CreatePayment, {}), (ReportPayment, {"outcome": "failed"})):
        fields: dict[str, Any] = (PAYMENT if make is CreatePayment else ALIKE) | more
        assert desk.refused(actor, make, **fields).code.name == "FORBIDDEN"


def test_many_are_asked_about_in_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they were begun, and each as soon as it is its time."""
    monkeypatch.setattr(decide_pending, "PAYMENTS_ASKED_AT_ONCE", 2)
    desk = Desk()
    for number in range(5):
        desk.done(HOUSE, CreatePayment, **PAYMENT | {"payment": f"pi_{number}"})
    desk.now += ASK_EVERY_MS
    asked = [[e.payment for e in wake(desk) if isinstance(e, PaymentAsked)] for _ in range(3)]
    assert asked == [["pi_0", "pi_1"], ["pi_2", "pi_3"], ["pi_4"]]
    moment = due(desk)
    assert moment is not None
    assert moment > desk.now


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it a payment goes its way, and only its webhook is heard."""
    monkeypatch.setattr(decide_pending, "PENDING_PAYMENTS_MAX", 1)
    desk = Desk()
    desk.done(HOUSE, CreatePayment, **PAYMENT)
    refusal = desk.refused(HOUSE, CreatePayment, **PAYMENT | {"payment": "pi_2"})
    assert (refusal.code.name, refusal.details) == ("OVERLOADED", {"limit": 1})
    assert limits.PENDING_PAYMENTS_MAX == 100_000
