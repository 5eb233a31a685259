"""Tests of engine/ledger/decide_payout.py: what the house owes is paid out (accounts 3, 7, P10)."""

from typing import Any

import pytest

from engine.contract import Event, Person, Wake
from engine.core import Outcome
from engine.kernel.actor import USER, Actor
from engine.kernel.limits import PAYOUT_BATCH_MAX
from engine.kernel.outside import PayOut
from engine.kernel.posting import Transfer
from engine.kernel.time import DAY, MINUTE
from engine.ledger import decide_payout
from engine.ledger.accounts import PayableKind, external, payable, payout_pending
from engine.ledger.commands import (
    CompleteWithdrawal,
    FailWithdrawal,
    PayoutBatch,
    ReportPayout,
    RequestPayout,
    StartWithdrawal,
)
from engine.ledger.decide_withdrawal import RETRY_AFTER_MS
from engine.ledger.events import (
    PayoutAsked,
    PayoutAwaited,
    PayoutChanged,
    PayoutPostponed,
    WithdrawalFailed,
    WithdrawalPaid,
    WithdrawalRequested,
    WithdrawalStarted,
)
from tests.engine.ledger.desk import ADA, ADMINA, BOB, HOUSE, LEDGER, MARA, NGN, USD, Desk


def owe(
    desk: Desk, payee: str, amount: int, kind: PayableKind = "seller", currency: str = NGN
) -> None:
    """A deal has been released, as far as the ledger knows."""
    account = payable(kind, payee)
    desk.now += 1
    desk.play(Transfer(external("p"), account, amount, currency, "order_payment", "x"))


@pytest.fixture
def desk() -> Desk:
    """Ada is owed 500 as a seller."""
    desk = Desk()
    owe(desk, "ada", 500)
    return desk


def started(desk: Desk) -> str:
    """A payout of all of it is under way."""
    id_: str = desk.done(ADA, RequestPayout, kind="seller")["withdrawal"]
    desk.done(ADMINA, StartWithdrawal, withdrawal=id_)
    return id_


def wake(desk: Desk) -> list[Event]:
    """The ledger's next timer; what came of it."""
    (room,) = [desk.core.rooms[LEDGER]]
    due = room.domain.due(room.state, desk.now)
    assert due is not None, "no timer"
    desk.now = due
    outcome = desk.core.step(Wake(), LEDGER, HOUSE, due)
    assert isinstance(outcome, Outcome)
    desk.core.check()
    return [applied.event for applied in outcome.applied]


def test_a_payee_asks_for_all_of_it(desk: Desk) -> None:
    """P10: PAYABLE -> PAYOUT_PENDING, at once."""
    result = desk.done(ADA, RequestPayout, kind="seller", bank_reference="bank 1")
    assert (result["withdrawal"], result["amount"]) == ("w1", 500)
    event = desk.event(LEDGER, WithdrawalRequested)
    assert (event.source, event.bank_reference) == ("SELLER_PAYABLE:ada", "bank 1")
    assert desk.balance(payable("seller", "ada")) == 0
    assert desk.balance(payout_pending("ada")) == 500


def test_a_payout_that_is_paid_leaves_the_house(desk: Desk) -> None:
    """PAYOUT_PENDING -> CLEARING -> EXTERNAL, by the machine of withdrawals; the payee hears."""
    id_ = started(desk)
    desk.done(ADMINA, CompleteWithdrawal, withdrawal=id_)
    assert desk.event(LEDGER, WithdrawalPaid).payout is not None
    assert desk.balance(payout_pending("ada")) == 0
    assert desk.balance(external("manual")) == 500
    notice = desk.event("user:ada", PayoutChanged)
    assert (notice.status, notice.amount, notice.source) == ("paid", 500, "SELLER_PAYABLE:ada")


@pytest.mark.parametrize("amount", [1, 499, 500])
def test_a_payee_may_ask_for_a_part(desk: Desk, amount: int) -> None:
    """The rest stays owed."""
    desk.done(ADA, RequestPayout, kind="seller", amount=amount)
    assert desk.balance(payable("seller", "ada")) == 500 - amount


@pytest.mark.parametrize(
    ("actor", "fields", "owed"),
    [(ADA, {"amount": 501}, 500), (ADA, {"kind": "carrier"}, 0), (BOB, {}, 0)],
)
def test_nobody_is_paid_more_than_is_owed(
    desk: Desk, actor: Actor, fields: dict[str, Any], owed: int
) -> None:
    """Of that kind, to them."""
    refusal = desk.refused(actor, RequestPayout, **{"kind": "seller"} | fields)
    assert refusal.code.name == "INSUFFICIENT_FUNDS"
    assert refusal.details["available"] == owed


@pytest.mark.parametrize("kyc", ["none", "pending", "rejected"])
def test_a_payout_needs_an_approved_kyc(desk: Desk, kyc: str) -> None:
    """Accounts 4, as for a withdrawal."""
    refusal = desk.refused(Actor("ada", USER, kyc), RequestPayout, kind="seller")
    assert refusal.code.name == "KYC_REQUIRED"


def test_a_payout_is_tried_again_after_1_5_and_30_minutes(desk: Desk) -> None:
    """Accounts 7: then FAILED, and the money is back where it came from; it can be asked for
    anew."""
    id_ = started(desk)
    assert RETRY_AFTER_MS == (MINUTE, 5 * MINUTE, 30 * MINUTE)
    for attempt, wait_ms in enumerate(RETRY_AFTER_MS, start=1):
        desk.done(ADMINA, FailWithdrawal, withdrawal=id_, reason="the bank is closed")
        postponed = desk.event(LEDGER, PayoutPostponed)
        assert (postponed.attempt, postponed.retry_at) == (attempt, desk.now + wait_ms)
        assert desk.balance(payout_pending("ada")) == 500
        assert desk.event("user:ada", PayoutChanged).status == "postponed"
        assert wake(desk) == [WithdrawalStarted(withdrawal=id_, attempt=attempt + 1)]
    desk.done(ADMINA, FailWithdrawal, withdrawal=id_, reason="the bank is closed")
    assert desk.event(LEDGER, WithdrawalFailed).reason == "the bank is closed"
    assert desk.event("user:ada", PayoutChanged).status == "failed"
    assert desk.balance(payable("seller", "ada")) == 500
    assert desk.balance(payout_pending("ada")) == 0
    assert desk.done(ADA, RequestPayout, kind="seller")["withdrawal"] == "w2"


def test_there_is_no_use_in_trying_a_closed_account_again(desk: Desk) -> None:
    """Whoever reports the failure may say that it is final."""
    id_ = started(desk)
    desk.done(ADMINA, FailWithdrawal, withdrawal=id_, reason="closed", final=True)
    assert desk.balance(payable("seller", "ada")) == 500


def test_staff_need_not_wait_for_the_next_try(desk: Desk) -> None:
    """It can be started by hand before its time, and is not started twice then."""
    id_ = started(desk)
    desk.done(ADMINA, FailWithdrawal, withdrawal=id_, reason="the bank is closed")
    desk.done(ADMINA, StartWithdrawal, withdrawal=id_)
    room = desk.core.rooms[LEDGER]
    assert room.domain.due(room.state, desk.now) is None
    desk.done(ADMINA, CompleteWithdrawal, withdrawal=id_)


def test_tries_of_several_payouts_come_each_at_its_time(desk: Desk) -> None:
    """And one that is woken too early does nothing."""
    owe(desk, "bob", 7)
    first = started(desk)
    desk.done(ADMINA, FailWithdrawal, withdrawal=first, reason="x")
    second = desk.done(BOB, RequestPayout, kind="seller")["withdrawal"]
    desk.done(ADMINA, StartWithdrawal, withdrawal=second)
    desk.now += 1_000
    desk.done(ADMINA, FailWithdrawal, withdrawal=second, reason="x")
    assert wake(desk) == [WithdrawalStarted(withdrawal=first, attempt=2)]
    outcome = desk.core.step(Wake(), LEDGER, HOUSE, desk.now)
    assert isinstance(outcome, Outcome)
    assert not outcome.applied
    assert wake(desk) == [WithdrawalStarted(withdrawal=second, attempt=2)]


@pytest.mark.parametrize("actor", [MARA, ADMINA, HOUSE], ids=lambda a: a.role)
def test_a_batch_pays_everybody(desk: Desk, actor: Actor) -> None:
    """Accounts 4: all payables of the currency, of every kind, and no other."""
    owe(desk, "bob", 30, "carrier")
    owe(desk, "cy", 20, "partner")
    owe(desk, "bob", 9, currency=USD)
    result = desk.done(actor, PayoutBatch, cut_off=desk.now)
    assert (result["payouts"], result["amount"]) == (3, 550)
    assert [desk.balance(payout_pending(u)) for u in ("ada", "bob", "cy")] == [500, 30, 20]
    assert desk.balance(payable("seller", "bob"), USD) == 9
    again = desk.done(actor, PayoutBatch, cut_off=desk.now)
    assert again == {"payouts": 0, "amount": 0}


def test_a_batch_stops_at_its_cut_off(desk: Desk) -> None:
    """What came later waits for the next one, also with the same payee."""
    cut_off = desk.now
    owe(desk, "ada", 40)
    owe(desk, "bob", 30)
    assert desk.done(ADMINA, PayoutBatch, cut_off=cut_off)["amount"] == 500
    assert desk.balance(payable("seller", "ada")) == 40
    assert desk.done(ADMINA, PayoutBatch, cut_off=desk.now)["amount"] == 70


def test_a_batch_of_some_payees(desk: Desk) -> None:
    """Whoever is named, once, in every kind that they are owed."""
    owe(desk, "ada", 30, "carrier")
    owe(desk, "bob", 20)
    batch = {"payees": ["ada", "ada", "nobody"], "cut_off": desk.now}
    result = desk.done(ADMINA, PayoutBatch, **batch)
    assert (result["payouts"], result["amount"]) == (2, 530)
    assert desk.balance(payable("seller", "bob")) == 20


def test_a_batch_has_a_bound(desk: Desk) -> None:
    """The next one takes the rest."""
    moves = [
        Transfer(external("p"), payable("seller", f"s{n}"), 1, NGN, "order_payment", "x")
        for n in range(PAYOUT_BATCH_MAX)
    ]
    desk.play(*moves)
    counts = [desk.done(ADMINA, PayoutBatch, cut_off=desk.now)["payouts"] for _ in range(3)]
    assert counts == [PAYOUT_BATCH_MAX, 1, 0]


@pytest.mark.parametrize(("kyc", "paid"), [("approved", 1), ("pending", 0), ("none", 0)])
def test_a_batch_leaves_out_whom_the_house_knows_without_kyc(
    desk: Desk, kyc: str, paid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does not know, whoever asks for the batch must."""
    card = Person("Ada", True, kyc=kyc)
    monkeypatch.setattr("engine.room.StepContext.card", lambda _, room: card)
    assert desk.done(ADMINA, PayoutBatch, cut_off=desk.now)["payouts"] == paid


def test_who_is_owed_sees_it(desk: Desk) -> None:
    """The room of a user shows what the house owes them, by currency and kind."""
    owe(desk, "ada", 30, "carrier")
    owe(desk, "ada", 9, currency=USD)
    expected = {NGN: {"seller": 500, "carrier": 30}, USD: {"seller": 9}}
    assert desk.seen(ADA, "user:ada")["payables"] == expected
    assert desk.seen(ADMINA, "user:ada")["payables"] == expected
    desk.done(ADA, RequestPayout, kind="seller")
    assert desk.seen(ADA, "user:ada")["payables"][NGN] == {"carrier": 30}


def said(desk: Desk, outcome: str, attempt: int = 1, look: int = 0, **more: str) -> None:
    """The provider says how it stands with the first payout."""
    report = {"withdrawal": "w1", "provider": "bank", "attempt": attempt, "look": look}
    desk.done(HOUSE, ReportPayout, outcome=outcome, **report, **more)


def told(desk: Desk, event: Event) -> list[PayOut]:
    """What the world is asked for this event, as the ledger stands now."""
    state, ctx = desk.core.rooms[LEDGER].state, desk.core.context(LEDGER, HOUSE)
    return [e for e in decide_payout.errands(state, event, ctx) if isinstance(e, PayOut)]


def test_a_provider_is_told_after_it_is_written_down(desk: Desk) -> None:
    """First that it is to be begun, then what to pay to whom; nothing of what has gone on since."""
    desk.done(ADA, RequestPayout, kind="seller", bank_reference="bank 1")
    requested = desk.event(LEDGER, WithdrawalRequested)
    (begin,) = told(desk, requested)
    assert (begin.attempt, begin.withdrawal) == (0, "w1")
    desk.done(HOUSE, StartWithdrawal, withdrawal="w1")
    begun = desk.event(LEDGER, WithdrawalStarted)
    assert told(desk, begun) == [PayOut("w1", NGN, "ada", "bank 1", 500, attempt=1)]
    assert told(desk, requested) == []
    said(desk, "paid")
    assert told(desk, begun) == []


def test_what_the_provider_has_paid_leaves_through_it(desk: Desk) -> None:
    """Not by the hand of staff; and counts once."""
    started(desk)
    said(desk, "paid", reference="tr_1")
    assert desk.balance(external("bank")) == 500
    assert desk.event("user:ada", PayoutChanged).status == "paid"
    again = {"withdrawal": "w1", "provider": "bank", "attempt": 1, "look": 0, "outcome": "paid"}
    assert desk.refused(HOUSE, ReportPayout, **again).code.name == "WITHDRAWAL_NOT_FOUND"
    assert desk.refused(ADMINA, ReportPayout, **again).code.name == "FORBIDDEN"


def test_what_the_provider_refuses_goes_back_to_the_payable(desk: Desk) -> None:
    """After 1, 5 and 30 minutes, each another instruction; then it is owed again."""
    started(desk)
    for attempt in (1, 2, 3):
        said(desk, "refused", attempt, reason="it says 400")
        assert desk.event(LEDGER, PayoutPostponed).attempt == attempt
        (begun,) = wake(desk)
        assert [errand.attempt for errand in told(desk, begun)] == [attempt + 1]
    said(desk, "refused", 4, reason="it says 400")
    assert desk.event(LEDGER, WithdrawalFailed).reason == "it says 400"
    assert desk.balance(payable("seller", "ada")) == 500


@pytest.mark.parametrize("outcome", ["accepted", "unanswered"])
def test_what_may_be_on_its_way_is_asked_about(desk: Desk, outcome: str) -> None:
    """After 15 minutes, and ever less often, for as long as it takes: it never goes back by itself.
    Where the provider has named no payout, it is told the same instruction."""
    started(desk)
    reference = "tr_1" if outcome == "accepted" else ""
    waits = []
    for look in range(12):
        said(desk, outcome, 1, look, reference=reference)
        waits.append(desk.event(LEDGER, PayoutAwaited).look_at - desk.now)
        (asked,) = wake(desk)
        assert asked == PayoutAsked(withdrawal="w1", look=look + 1)
        (errand,) = told(desk, asked)
        assert (errand.attempt, errand.look, errand.reference) == (1, look + 1, reference)
    assert waits[:3] == [15 * MINUTE, 30 * MINUTE, 60 * MINUTE]
    assert waits[-1] == DAY
    assert desk.balance(payout_pending("ada")) == 500
    stale = {"withdrawal": "w1", "provider": "bank", "attempt": 1, "look": 3, "outcome": "paid"}
    assert desk.refused(HOUSE, ReportPayout, **stale).code.name == "INVALID_TRANSITION"
    said(desk, "paid", 1, 12)
    assert desk.balance(payout_pending("ada")) == 0


def test_staff_may_end_what_the_provider_leaves_open(desk: Desk) -> None:
    """They have asked at the bank; nobody asks the provider after that."""
    id_ = started(desk)
    said(desk, "unanswered", reason="no answer in time")
    desk.done(ADMINA, FailWithdrawal, withdrawal=id_, reason="it never came", final=True)
    room = desk.core.rooms[LEDGER]
    assert room.domain.due(room.state, desk.now) is None
    assert desk.balance(payable("seller", "ada")) == 500


def test_a_bank_account_is_shown_by_its_last_letters(desk: Desk) -> None:
    """Accounts 11: masked, to its owner and to admins; the provider is told all of it."""
    result = desk.done(ADA, RequestPayout, kind="seller", bank_reference="NG-0123456789")
    assert result["bank_reference"] == "…6789"
    assert desk.seen(ADMINA)["withdrawals"]["w1"]["bank_reference"] == "…6789"
