"""Tests of engine/ledger/decide_refund.py: payments go back through their provider (P9)."""

from random import Random
from typing import Any

import pytest

from engine.contract import Event, Wake
from engine.core import Outcome
from engine.kernel.actor import Actor
from engine.kernel.outside import PayBack
from engine.kernel.posting import Transfer
from engine.kernel.time import DAY, MINUTE
from engine.ledger import decide_refund
from engine.ledger.accounts import clearing, external
from engine.ledger.commands import ReportRefund, RetryRefund, SettleRefund
from engine.ledger.decide_refund import LOOK_AFTER_MS
from engine.ledger.decide_withdrawal import RETRY_AFTER_MS
from engine.ledger.events import (
    RefundAccepted,
    RefundChanged,
    RefundFailed,
    RefundPaid,
    RefundPostponed,
    RefundStarted,
)
from engine.ledger.messages import ReturnPayment
from tests.engine.ledger.desk import ADMINA, HOUSE, LEDGER, MARA, NGN, USD, Desk

TOLD = ReturnPayment(
    room="escrow:order.o1", payment="pay_1", payer="ada", amount=70, provider="stripe"
)


def give_back(desk: Desk, told: ReturnPayment = TOLD) -> None:
    """A room gives a payment up, which lies in CLEARING."""
    amount, payment = told.amount, told.payment
    provider = told.provider
    desk.play(Transfer(external(provider), clearing(provider), amount, NGN, "deposit", payment))
    assert isinstance(desk.core.step(told, LEDGER, HOUSE, desk.now), Outcome)


@pytest.fixture
def desk() -> Desk:
    """A payment of 70 is on its way back."""
    desk = Desk()
    give_back(desk)
    return desk


def report(desk: Desk, outcome: str, attempt: int = 1, **said: Any) -> None:
    """The provider says how it stands with the first refund."""
    desk.done(HOUSE, ReportRefund, refund="r1", attempt=attempt, outcome=outcome, **said)


def wake(desk: Desk) -> list[Event]:
    """The ledger's next timer; what came of it."""
    room = desk.core.rooms[LEDGER]
    due = room.domain.due(room.state, desk.now)
    assert due is not None, "no timer"
    desk.now = max(due, desk.now)
    outcome = desk.core.step(Wake(), LEDGER, HOUSE, desk.now)
    assert isinstance(outcome, Outcome)
    desk.core.check()
    return [applied.event for applied in outcome.applied if applied.room is room]


def balances(desk: Desk) -> tuple[int, int]:
    """In transit, and outside."""
    return desk.balance(clearing("stripe")), desk.balance(external("stripe"))


def errand(desk: Desk) -> PayBack:
    """What the latest event asks of the world."""
    (found,) = decide_refund.errands(
        desk.core.rooms[LEDGER].state,
        desk.event(LEDGER, RefundStarted),
        desk.core.context(LEDGER, HOUSE),
    )
    assert isinstance(found, PayBack)
    return found


def test_the_provider_is_told_and_no_money_moves_yet(desk: Desk) -> None:
    """The intent is logged before; the payer hears that it has set out."""
    assert errand(desk) == PayBack("r1", NGN, "stripe", "pay_1", 70, attempt=1, instruction=1)
    assert balances(desk) == (70, -70)
    notice = desk.event("user:ada", RefundChanged)
    assert (notice.status, notice.payment, notice.amount) == ("started", "pay_1", 70)


def test_it_leaves_when_the_provider_has_sent_it(desk: Desk) -> None:
    """P9, second half: CLEARING -> EXTERNAL; and it is over."""
    report(desk, "paid", reference="re_1")
    assert balances(desk) == (0, 0)
    assert desk.event(LEDGER, RefundPaid).reference == "re_1"
    assert desk.event("user:ada", RefundChanged).status == "paid"
    assert desk.seen(MARA)["refunds"] == {}


def test_it_is_booked_once_whatever_is_said_again(desk: Desk) -> None:
    """After a crash the provider is asked again, and answers as before."""
    report(desk, "paid")
    again = desk.refused(HOUSE, ReportRefund, refund="r1", attempt=1, outcome="paid")
    assert again.code.name == "REFUND_NOT_FOUND"
    elsewhere = {"refund": "r1", "attempt": 1, "outcome": "paid", "currency": USD}
    assert desk.refused(HOUSE, ReportRefund, **elsewhere).code.name == "REFUND_NOT_FOUND"
    assert balances(desk) == (0, 0)


def test_it_is_told_again_after_1_5_and_30_minutes(desk: Desk) -> None:
    """As a payout is (accounts 7); then staff must look. The instruction stays the same, so that
    a provider which has heard it does nothing twice."""
    for attempt, wait_ms in enumerate(RETRY_AFTER_MS, start=1):
        report(desk, "unanswered", attempt, reason="no answer in time")
        postponed = desk.event(LEDGER, RefundPostponed)
        assert (postponed.attempt, postponed.retry_at) == (attempt, desk.now + wait_ms)
        (started,) = wake(desk)
        assert isinstance(started, RefundStarted)
        assert (started.attempt, started.instruction) == (attempt + 1, 1)
    report(desk, "unanswered", 4, reason="no answer in time")
    assert desk.event(LEDGER, RefundFailed).is_refused is False
    assert balances(desk) == (70, -70)
    (shown,) = desk.seen(MARA)["refunds"].values()
    assert (shown["status"], shown["reason"]) == ("failed", "no answer in time")
    desk.done(MARA, RetryRefund, refund="r1")
    assert desk.event(LEDGER, RefundStarted).instruction == 1
    report(desk, "unanswered", 5, reason="no answer in time")
    assert desk.event(LEDGER, RefundPostponed).retry_at == desk.now + MINUTE
    assert isinstance(wake(desk)[0], RefundStarted)
    report(desk, "paid", 6)
    assert balances(desk) == (0, 0)


def test_what_is_refused_is_not_told_again_by_itself(desk: Desk) -> None:
    """Staff may have it told anew, as another instruction: the old one is used up."""
    report(desk, "refused", reason="it says 400")
    room = desk.core.rooms[LEDGER]
    assert room.domain.due(room.state, desk.now) is None
    desk.done(ADMINA, RetryRefund, refund="r1")
    started = desk.event(LEDGER, RefundStarted)
    assert (started.attempt, started.instruction, started.reference) == (2, 2, "")


def test_a_provider_that_is_at_it_is_asked_and_not_told(desk: Desk) -> None:
    """Accounts rule 14: after 15 minutes, then half as often each time, at least once a day."""
    waits = []
    for attempt in range(1, 12):
        report(desk, "accepted", attempt, reference="re_1")
        waits.append(desk.event(LEDGER, RefundAccepted).look_at - desk.now)
        (asked,) = wake(desk)
        assert isinstance(asked, RefundStarted)
        assert asked.reference == "re_1"
    assert waits[:3] == [LOOK_AFTER_MS, 2 * LOOK_AFTER_MS, 4 * LOOK_AFTER_MS]
    assert waits[-1] == DAY
    report(desk, "unanswered", 12)
    assert desk.event(LEDGER, RefundAccepted).reference == "re_1"
    assert isinstance(wake(desk)[0], RefundStarted)
    report(desk, "refused", 13, reason="it says failed")
    assert desk.event(LEDGER, RefundFailed).is_refused
    assert balances(desk) == (70, -70)


def test_only_the_latest_question_counts(desk: Desk) -> None:
    """An answer to an earlier one, and one to a question that nobody has asked, change nothing."""
    report(desk, "unanswered", reason="x")
    for attempt in (1, 2):
        late = {"refund": "r1", "attempt": attempt, "outcome": "paid"}
        assert desk.refused(HOUSE, ReportRefund, **late).code.name == "INVALID_TRANSITION"
    wake(desk)
    stale = {"refund": "r1", "attempt": 1, "outcome": "refused", "reason": "x"}
    assert desk.refused(HOUSE, ReportRefund, **stale).code.name == "INVALID_TRANSITION"
    report(desk, "paid", 2)
    assert balances(desk) == (0, 0)


@pytest.mark.parametrize("actor", [MARA, ADMINA], ids=lambda a: a.role)
@pytest.mark.parametrize(("to_wallet", "wallet"), [(False, 0), (True, 70)])
def test_staff_settle_what_has_failed(
    desk: Desk, actor: Actor, to_wallet: bool, wallet: int
) -> None:
    """They have told the provider themselves, or the payer's card is no more."""
    early = desk.refused(actor, SettleRefund, refund="r1", reason="sent by hand")
    assert early.code.name == "INVALID_TRANSITION"
    report(desk, "refused", reason="it says 400")
    without = desk.refused(actor, SettleRefund, refund="r1")
    assert without.code.name == "REASON_REQUIRED"
    why = {"refund": "r1", "to_wallet": to_wallet, "reason": "sent by hand"}
    desk.done(actor, SettleRefund, **why)
    assert desk.event(LEDGER, RefundPaid).by == actor.user
    assert balances(desk) == (0, -wallet)
    assert desk.wallet("ada") == (wallet, wallet)
    for command in (SettleRefund, RetryRefund):
        fields = why if command is SettleRefund else {"refund": "r1"}
        assert desk.refused(actor, command, **fields).code.name == "REFUND_NOT_FOUND"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_said_each_refund_leaves_once(seed: int) -> None:
    """What waits in CLEARING is exactly what is open, and the currency sums to zero."""
    desk, dice = Desk(), Random(seed)
    given = 0
    for number in range(120):
        if not number % 15:
            amount = dice.randrange(1, 1_000)
            give_back(desk, ReturnPayment(**_facts(f"pay_{number}", amount)))
            given += amount
        open_ = desk.core.rooms[LEDGER].state.refunds
        if not open_:
            continue
        id_ = dice.choice(list(open_))
        _stir(desk, dice, id_)
        waiting = sum(refund.amount for refund in open_.values())
        assert desk.balance(clearing("stripe")) == waiting
        sent = given - waiting - desk.wallet("ada")[0]
        assert desk.balance(external("stripe")) == sent - given
        assert sum(desk.core.book.accounts(NGN).values()) == 0


def _facts(payment: str, amount: int) -> dict[str, Any]:
    return {
        "room": "escrow:order.o1",
        "payment": payment,
        "payer": "ada",
        "amount": amount,
        "provider": "stripe",
    }


def _stir(desk: Desk, dice: Random, id_: str) -> None:
    """A provider answers, somebody acts, or time passes."""
    refund = desk.core.rooms[LEDGER].state.refunds[id_]
    outcome = dice.choice(("paid", "accepted", "accepted", "refused", "unanswered", "unanswered"))
    attempt = refund.attempt - (dice.randrange(4) == 0)
    said = {"attempt": max(attempt, 1), "outcome": outcome, "reason": "it says so"}
    match dice.randrange(6):
        case 0:
            desk.ask(MARA, RetryRefund, refund=id_)
        case 1:
            to_wallet = dice.choice((True, False))
            desk.ask(MARA, SettleRefund, refund=id_, reason="by hand", to_wallet=to_wallet)
        case 2 if refund.due_at:
            wake(desk)
        case _:
            desk.ask(HOUSE, ReportRefund, refund=id_, **said)
