"""Tests of engine/ledger/decide_withdrawal.py: requested -> processing -> paid or failed."""

import pytest

from engine.kernel.actor import USER, Actor
from engine.kernel.posting import Release, Transfer
from engine.ledger.accounts import clearing, deposit, external, payout_pending, wallet
from engine.ledger.commands import (
    CompleteWithdrawal,
    Deposit,
    FailWithdrawal,
    StartWithdrawal,
    Withdraw,
)
from engine.ledger.events import (
    EntryPosted,
    WithdrawalFailed,
    WithdrawalPaid,
    WithdrawalRequested,
    WithdrawalStarted,
)
from tests.engine.ledger.desk import ADA, ADMINA, BOB, CONNY, GUEST, HOUSE, LEDGER, MARA, USD, Desk


@pytest.fixture
def desk() -> Desk:
    """Ada has 500."""
    desk = Desk()
    desk.fund("ada", 500)
    return desk


def _requested(desk: Desk) -> None:
    desk.done(ADA, Withdraw, amount=200, bank_reference="bank 1")


def _processing(desk: Desk) -> None:
    _requested(desk)
    desk.done(ADMINA, StartWithdrawal, withdrawal="w1")


def test_a_request_takes_the_money_out_of_the_wallet_at_once(desk: Desk) -> None:
    """P10, first half: WALLET -> PAYOUT_PENDING; it can be neither spent nor held meanwhile."""
    result = desk.done(ADA, Withdraw, amount=200, bank_reference="bank 1")
    assert (result["withdrawal"], result["balance"], result["available"]) == ("w1", 300, 300)
    event = desk.event(LEDGER, WithdrawalRequested)
    assert (event.user, event.amount, event.bank_reference) == ("ada", 200, "bank 1")
    assert desk.wallet("ada") == (300, 300)
    assert desk.balance(payout_pending("ada")) == 200
    shown = desk.seen(ADMINA)["withdrawals"]["w1"]
    assert (shown["user"], shown["amount"], shown["processing"]) == ("ada", 200, False)


def test_all_that_is_available_can_be_withdrawn_and_not_one_unit_more(desk: Desk) -> None:
    """Accounts rule 4: amount <= available."""
    refusal = desk.refused(ADA, Withdraw, amount=501)
    assert refusal.code.name == "INSUFFICIENT_FUNDS"
    assert refusal.details == {"required": 501, "available": 500}
    desk.done(ADA, Withdraw, amount=500)
    assert desk.wallet("ada") == (0, 0)


def test_a_withdrawal_that_is_paid_leaves_the_house(desk: Desk) -> None:
    """P10, second half: PAYOUT_PENDING -> CLEARING -> EXTERNAL."""
    _processing(desk)
    assert desk.event(LEDGER, WithdrawalStarted).postings == ()
    desk.done(ADMINA, CompleteWithdrawal, withdrawal="w1")
    assert len(desk.event(LEDGER, WithdrawalPaid).postings) == 2
    assert desk.balance(payout_pending("ada")) == desk.balance(clearing("manual")) == 0
    assert desk.balance(external("manual")) == -300
    assert desk.seen(ADMINA)["withdrawals"] == {}


def test_a_withdrawal_that_fails_goes_back_and_its_owner_is_told(desk: Desk) -> None:
    """Accounts 3: PROCESSING -> FAILED -> money back to source."""
    _processing(desk)
    desk.done(ADMINA, FailWithdrawal, withdrawal="w1", reason="account closed")
    assert desk.event(LEDGER, WithdrawalFailed).reason == "account closed"
    assert desk.wallet("ada") == (500, 500)
    assert desk.balance(payout_pending("ada")) == 0
    notice = desk.event("user:ada", EntryPosted)
    assert (notice.kind, notice.amount, notice.balance_after) == ("withdrawal", 200, 500)


@pytest.mark.parametrize(
    ("state", "command", "code"),
    [
        ("none", StartWithdrawal, "WITHDRAWAL_NOT_FOUND"),
        ("none", CompleteWithdrawal, "WITHDRAWAL_NOT_FOUND"),
        ("none", FailWithdrawal, "WITHDRAWAL_NOT_FOUND"),
        ("requested", StartWithdrawal, None),
        ("requested", CompleteWithdrawal, "INVALID_TRANSITION"),
        ("requested", FailWithdrawal, "INVALID_TRANSITION"),
        ("processing", StartWithdrawal, "INVALID_TRANSITION"),
        ("processing", CompleteWithdrawal, None),
        ("processing", FailWithdrawal, None),
        ("closed", StartWithdrawal, "WITHDRAWAL_NOT_FOUND"),
        ("closed", CompleteWithdrawal, "WITHDRAWAL_NOT_FOUND"),
        ("closed", FailWithdrawal, "WITHDRAWAL_NOT_FOUND"),
    ],
)
def test_the_transitions_of_a_withdrawal(
    desk: Desk, state: str, command: type, code: str | None
) -> None:
    """Accounts 3: every command in every state, so that nothing is paid or given back twice."""
    if state != "none":
        _requested(desk)
    if state in ("processing", "closed"):
        desk.done(ADMINA, StartWithdrawal, withdrawal="w1")
    if state == "closed":
        desk.done(ADMINA, CompleteWithdrawal, withdrawal="w1")
    fields = {"reason": "no bank"} if command is FailWithdrawal else {}
    if code:
        refusal = desk.refused(ADMINA, command, withdrawal="w1", **fields)
        assert refusal.code.name == code
        assert refusal.details in ({"withdrawal": "w1"}, {"status": state})
    else:
        desk.done(ADMINA, command, withdrawal="w1", **fields)


def test_a_failure_has_a_reason(desk: Desk) -> None:
    """Acts by hand say why; the state is looked at first."""
    _processing(desk)
    refusal = desk.refused(ADMINA, FailWithdrawal, withdrawal="w1")
    assert refusal.code.name == "REASON_REQUIRED"


def test_a_withdrawal_belongs_to_its_currency(desk: Desk) -> None:
    """w1 of one currency is not w1 of another."""
    desk.fund("ada", 500, USD)
    _requested(desk)
    refusal = desk.refused(ADMINA, StartWithdrawal, withdrawal="w1", currency=USD)
    assert refusal.code.name == "WITHDRAWAL_NOT_FOUND"
    assert desk.done(ADA, Withdraw, amount=1, currency=USD)["withdrawal"] == "w1"


def test_withdrawals_are_numbered_in_the_order_of_the_room(desk: Desk) -> None:
    """No two have one id, also after the first has been closed."""
    _processing(desk)
    desk.done(ADMINA, CompleteWithdrawal, withdrawal="w1")
    assert desk.done(ADA, Withdraw, amount=1)["withdrawal"] == "w2"


@pytest.mark.parametrize("kyc", ["none", "pending", "rejected"])
def test_withdrawing_needs_an_approved_kyc(desk: Desk, kyc: str) -> None:
    """Accounts 4: KYC approved, whatever else is right or wrong."""
    refusal = desk.refused(Actor("ada", USER, kyc), Withdraw, amount=9999)
    assert refusal.code.name == "KYC_REQUIRED"


def test_no_withdrawal_while_a_bid_leads(desk: Desk) -> None:
    """Accounts rule 4: a hold stands for a leading bid, however little it holds."""
    desk.hold("ada", 1, reference="toy:t1")
    refusal = desk.refused(ADA, Withdraw, amount=1)
    assert refusal.code.name == "WITHDRAWAL_BLOCKED"
    assert refusal.details == {"leading": ["toy:t1"]}
    desk.play(Release("ada", "NGN", "toy:t1"))
    desk.done(ADA, Withdraw, amount=1)


def test_no_withdrawal_while_a_deposit_is_locked(desk: Desk) -> None:
    """Accounts rule 4: until it is applied, returned or forfeited; other people's do not count."""
    desk.fund("bob", 10)
    desk.play(Transfer(wallet("ada"), deposit("t1"), 100, "NGN", "auction_payment", "toy:t1"))
    assert desk.refused(ADA, Withdraw, amount=1).code.name == "WITHDRAWAL_BLOCKED"
    desk.done(BOB, Withdraw, amount=1)
    desk.play(Transfer(deposit("t1"), wallet("ada"), 100, "NGN", "refund", "toy:t1"))
    desk.done(ADA, Withdraw, amount=1)


def test_being_blocked_comes_before_being_short(desk: Desk) -> None:
    """A fixed order of refusals: KYC, then what blocks, then the amount."""
    desk.hold("ada", 500)
    assert desk.refused(ADA, Withdraw, amount=501).code.name == "WITHDRAWAL_BLOCKED"


def test_a_currency_is_a_market_of_its_own(desk: Desk) -> None:
    """A leading bid in one currency does not block a withdrawal in another."""
    desk.fund("ada", 5, USD)
    desk.hold("ada", 1)
    desk.done(ADA, Withdraw, amount=5, currency=USD)
    assert desk.wallet("ada", USD) == (0, 0)


@pytest.mark.parametrize(
    ("actor", "own", "staff"),
    [
        (GUEST, "UNAUTHENTICATED", "UNAUTHENTICATED"),
        (ADA, None, "FORBIDDEN"),
        (CONNY, None, "FORBIDDEN"),
        (MARA, None, "FORBIDDEN"),
        (ADMINA, None, None),
        (HOUSE, "FORBIDDEN", None),
    ],
    ids=lambda x: getattr(x, "role", None),
)
def test_who_may_withdraw_and_who_may_carry_it_out(
    actor: Actor, own: str | None, staff: str | None
) -> None:
    """Everybody withdraws from their own wallet; admins and the house move it on."""
    registry = Desk().core.registry
    expected = {
        Withdraw: own,
        StartWithdrawal: staff,
        CompleteWithdrawal: staff,
        FailWithdrawal: staff,
        Deposit: staff,
    }
    for command, code in expected.items():
        refusal = registry.refuse(command, actor)
        assert (refusal.code.name if refusal else None) == code
