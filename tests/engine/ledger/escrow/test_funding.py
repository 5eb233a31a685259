"""Tests of engine/ledger/escrow/decide_funding.py: money comes, in time, late, or wrong."""

from typing import Any

import pytest

from engine.contract import Wake
from engine.house import DeadLetter
from engine.kernel.market import BUILT_IN, Market
from engine.kernel.time import HOUR
from engine.ledger.accounts import clearing, external, payable, wallet
from engine.ledger.commands import SettleIncident
from engine.ledger.escrow import events as e
from engine.ledger.escrow.state import is_held
from engine.ledger.events import IncidentOpened, IncidentSettled
from testkit.house import House
from tests.engine.ledger.escrow.cast import (
    ACCOUNT,
    BOSS,
    FEE,
    HOOK,
    MARA,
    PAY_UNTIL,
    PAYER,
    ROOM,
    STRANGER,
    A,
    B,
    capture,
    disputed,
    fund,
    held,
    opened,
    opening,
    refund,
    release,
)


def test_a_capture_of_the_total_is_held(house: House) -> None:
    """P7: EXTERNAL -> CLEARING by the ledger, CLEARING -> ESCROW by the escrow, in one step."""
    opened(house).when(HOOK, capture(10_000))
    house.then(e.EscrowHeld, amount=10_000, provider="stripe", payment="p1")
    assert house.balance(external("stripe")) == -10_000
    assert house.balance(clearing("stripe")) == 0
    assert house.balance(ACCOUNT) == 10_000
    assert is_held(house.core.context("toy:t1", HOOK), "order", "o1")


def test_the_payer_may_pay_from_the_wallet(house: House) -> None:
    """P11: WALLET -> ESCROW, the total and no more."""
    opened(house).when(PAYER, fund()).then_only(e.EscrowHeld)
    assert house.result["status"] == "held"
    assert house.balance(ACCOUNT) == 10_000
    assert house.available("pia") == 90_000


def test_a_wallet_must_have_it(house: House) -> None:
    """Accounts 8: what is held for bids cannot pay."""
    house.deposit("pia", 9_999).given((HOOK, opening()))
    house.when(PAYER, fund()).then_rejected("INSUFFICIENT_FUNDS", required=10_000, available=9_999)


def test_nobody_else_s_wallet_pays(house: House) -> None:
    """And nobody can pay what has not been opened."""
    house.when(PAYER, fund()).then_rejected("ESCROW_NOT_FOUND")
    opened(house).when(STRANGER, fund()).then_rejected("FORBIDDEN")


def test_it_is_paid_once(house: House) -> None:
    """By hand a second time is refused; a second capture goes back at once."""
    held(house).when(PAYER, fund()).then_rejected("INVALID_TRANSITION", status="held")
    house.when(HOOK, capture(10_000, "p2")).then(e.PaymentReturned, cause="ALREADY_PAID")
    house.sent_back()
    assert house.balance(external("stripe")) == -10_000
    assert house.balance(ACCOUNT) == 10_000


def test_the_rates_stand_from_the_moment_of_the_payment() -> None:
    """Accounts rule 9: a change hits what is paid later, and nothing that is held."""
    with House() as house:
        opened(house)
        house.core.markets["NGN"] = Market(currency="NGN", goods_fee_bps=500)
        house.when(HOOK, capture(10_000)).then(e.EscrowHeld)
        assert {share.held.fee_bps for share in house.state(ROOM).shares} == {500}
        house.core.markets["NGN"] = BUILT_IN["NGN"]
        house.when(BOSS, release()).then(e.EscrowReleased)
        assert house.balance(payable("seller", "alma")) == 7_600


def test_a_rate_of_the_plan_is_not_changed_by_the_market(house: House) -> None:
    """A partner's tier is known when the deal is made (rule 8)."""
    own = type(A)("alma", "seller", 8_000, 1_350)
    held(house, own).given((BOSS, release()))
    assert house.balance(payable("seller", "alma")) == 6_920


@pytest.mark.parametrize("amount", [1, 9_999, 10_001])
def test_another_amount_waits_for_staff(house: House, amount: int) -> None:
    """Accounts 8, AMOUNT_MISMATCH: the money stays in CLEARING, and an incident is open."""
    opened(house).when(HOOK, capture(amount))
    house.then(e.PaymentMismatched, amount=amount, expected=10_000)
    house.then(IncidentOpened, room=ROOM, amount=amount, expected=10_000, payer="pia")
    assert not house.happened(DeadLetter)
    assert house.balance(clearing("stripe")) == amount
    assert house.balance(ACCOUNT) == 0
    (incident,) = house.view(MARA, "ledger:NGN")["incidents"].values()
    assert (incident["room"], incident["amount"]) == (ROOM, amount)


def test_another_currency_is_another_amount(house: House) -> None:
    """The incident is open where the money is."""
    opened(house).when(HOOK, capture(10_000, currency="USD"))
    house.then(e.PaymentMismatched, currency="USD", expected=10_000)
    assert list(house.view(MARA, "ledger:USD")["incidents"]) == ["i1"]


def test_after_a_mismatch_the_right_amount_is_still_taken(house: House) -> None:
    """Whoever erred may pay again; the first payment has its own fate."""
    opened(house).given((HOOK, capture(9_999)))
    house.when(HOOK, capture(10_000, "p2")).then(e.EscrowHeld)
    settle = SettleIncident(id="c", currency="NGN", incident="i1", reason="sent back")
    house.when(MARA, settle).then(IncidentSettled)
    house.sent_back()
    assert house.balance(clearing("stripe")) == 0
    assert house.balance(external("stripe")) == -10_000


def test_the_answer_to_a_capture_is_about_the_capture(house: House) -> None:
    """Word of the incident comes back to the room that was asked; the reply stands where the
    log says that the command was decided."""
    opened(house)
    command = capture(9_999)
    outcome = house.core.step(command, command.room(HOOK), HOOK, house.now)
    decided = next(a.record for a in outcome.applied if a.record.command_id)  # type: ignore[union-attr]
    assert outcome.seq == decided.seq  # type: ignore[union-attr]
    house.log += outcome.applied  # type: ignore[union-attr]


def test_who_does_not_pay_in_time_pays_too_late(house: House) -> None:
    """Accounts 3: FUNDING -> EXPIRED; the capture is booked and refunded at once."""
    opened(house).at(PAY_UNTIL).then(e.EscrowLapsed, cause="EXPIRED")
    house.when(HOOK, capture(10_000)).then(e.PaymentReturned, cause="LATE_CAPTURE")
    house.sent_back()
    assert house.balance(external("stripe")) == house.balance(clearing("stripe")) == 0
    house.when(PAYER, fund()).then_rejected("INVALID_TRANSITION", status="expired")


def test_a_wake_before_the_time_does_nothing(house: House) -> None:
    """Nor does one after it, when it has been paid."""
    opened(house).when_told(ROOM, Wake()).then_nothing_happened()
    house.given((HOOK, capture(10_000))).at(PAY_UNTIL)
    house.when_told(ROOM, Wake()).then_nothing_happened()


def test_the_last_moment_is_in_time(house: House) -> None:
    """One millisecond before the end."""
    opened(house).at(PAY_UNTIL - 1).when(HOOK, capture(10_000)).then(e.EscrowHeld)
    house.at(PAY_UNTIL + HOUR)
    assert house.state(ROOM).status == "held"


@pytest.mark.parametrize("ends", [(refund(),), (capture(10_000), refund())])
def test_a_capture_for_what_was_called_off_goes_back(house: House, ends: tuple[Any, ...]) -> None:
    """LATE_CAPTURE after a cancellation, and after a refund."""
    opened(house)
    for command in ends:
        house.given((HOOK if command is not ends[-1] else BOSS, command))
    house.when(HOOK, capture(10_000, "p2")).then(e.PaymentReturned, cause="LATE_CAPTURE")
    house.sent_back()
    assert house.balance(external("stripe")) == 0


def test_a_capture_during_or_after_the_deal_goes_back(house: House) -> None:
    """Disputed, and released: the account keeps what it has."""
    disputed(house).when(HOOK, capture(10_000, "p2")).then(e.PaymentReturned, cause="ALREADY_PAID")
    assert house.balance(ACCOUNT) == 10_000


def test_a_capture_for_no_escrow_goes_back(house: House) -> None:
    """A room that nobody has opened takes no money."""
    house.when(HOOK, capture(10_000)).then_accepted()
    house.sent_back()
    assert house.balance(external("stripe")) == 0
    assert ROOM not in house.core.rooms


def test_a_discount_is_the_platform_s_and_a_surcharge_too(house: House) -> None:
    """Rules 10 and 11: the payer pays goods and carriage less the discount."""
    held(house, A, B, FEE, platform=-300)
    assert house.balance(ACCOUNT) == 10_200
    parts = [share.held.part for share in house.state(ROOM).shares]
    assert sum(parts) == 10_200
    assert house.balance(wallet("pia")) == 100_000
