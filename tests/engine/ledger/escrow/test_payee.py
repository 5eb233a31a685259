"""Tests of `name_payee` in engine/ledger/escrow/decide_open.py: who it is, is known later."""

from typing import Any

import pytest

from engine.kernel.actor import USER, Actor
from engine.ledger.accounts import external, payable
from engine.ledger.escrow import commands as c
from engine.ledger.escrow import events as e
from engine.ledger.escrow.terms import Award, ShareTerms
from engine.ledger.messages import NamePayee, RefundEscrow, ReleaseEscrow
from testkit.house import House
from tests.engine.ledger.escrow.cast import (
    BOSS,
    DAN,
    HOOK,
    MARA,
    PAY_UNTIL,
    ROOM,
    A,
    dispute,
    held,
    opened,
    opening,
    refund,
    release,
    resolve,
)

DRIVER = ShareTerms("", "carrier", 500)
TOOK = NamePayee(kind="carrier", payee="dan")
DONE = ReleaseEscrow(cause="delivered")


def name(payee: str, kind: Any = "carrier", instead_of: str = "") -> c.NamePayee:
    return c.NamePayee(id="c", escrow="order.o1", kind=kind, payee=payee, instead_of=instead_of)


def test_the_driver_is_named_when_one_has_taken_the_job(house: House) -> None:
    """Paid first, assigned later (dispatch); then the delivery fee is theirs (rule 11)."""
    held(house, A, DRIVER).when_told(ROOM, TOOK).then_only(e.PayeeNamed)
    house.when_told(ROOM, DONE).then(e.EscrowReleased, is_last=True)
    assert house.balance(payable("carrier", "dan")) == 500


def test_the_same_name_again_has_no_effect(house: House) -> None:
    """Whatever retries, also when the share is out."""
    held(house, A, DRIVER).when_told(ROOM, TOOK).then_accepted()
    house.when_told(ROOM, TOOK).then_nothing_happened()
    house.when_told(ROOM, DONE).then_accepted()
    house.when_told(ROOM, TOOK).then_nothing_happened()


def test_another_may_take_over(house: House) -> None:
    """A driver or partner is replaced as long as the share is open."""
    held(house, A, DRIVER).given((HOOK, name("dan")), (MARA, name("eve", instead_of="dan")))
    house.when_told(ROOM, DONE).then(e.EscrowReleased)
    assert house.balance(payable("carrier", "dan")) == 0
    assert house.balance(payable("carrier", "eve")) == 500
    house.when(BOSS, name("dan", instead_of="eve")).then_rejected("SHARE_NOT_FOUND")


def test_before_the_payment_too(house: House) -> None:
    """The plan is changed, and the rate is still taken at the payment."""
    opened(house, A, DRIVER).given((HOOK, name("dan")))
    assert house.state(ROOM).terms.shares[1].payee == "dan"
    house.at(PAY_UNTIL).when(HOOK, name("eve", instead_of="dan")).then_rejected("SHARE_NOT_FOUND")


def test_nobody_s_share_waits_for_a_name(house: House) -> None:
    """Everybody else is paid; it stays held, and can be refunded."""
    held(house, A, DRIVER).when_told(ROOM, DONE).then(e.EscrowReleased, is_last=False)
    house.when_told(ROOM, DONE).then_nothing_happened()
    house.when(BOSS, release()).then_rejected("ESCROW_NOT_HELD")
    house.when_told(ROOM, RefundEscrow(reason="picked up")).then(e.EscrowRefunded, amount=500)
    house.sent_back()
    assert house.balance(external("stripe")) == -8_000


def test_nobody_s_share_goes_to_nobody_in_a_dispute(house: House) -> None:
    """It can only go back, or be named first."""
    held(house, A, DRIVER).given((BOSS, dispute()))
    to_alma = Award("alma", "seller", 8_000)
    house.when(MARA, resolve(0, to_alma)).then_rejected("SPLIT_MISMATCH", held=8_500)
    house.when(MARA, resolve(500, to_alma)).then(e.DisputeResolved, outcome="split")


def test_nobody_s_share_that_a_discount_covers(house: House) -> None:
    """With nothing held for it, it ends with the rest, unpaid."""
    free = ShareTerms("", "carrier", 1)
    held(house, free, A, platform=-8_000).given((BOSS, dispute()))
    assert [share.held.part for share in house.state(ROOM).shares] == [0, 1]
    house.when(MARA, resolve(0, Award("alma", "seller", 1)))
    house.then(e.DisputeResolved, outcome="split")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (name("dan", "seller"), "SHARE_NOT_FOUND"),
        (name("dan", instead_of="zoe"), "SHARE_NOT_FOUND"),
        (name("pia"), "MALFORMED"),
        (name("ben", "seller", "alma"), "SPLIT_MISMATCH"),
    ],
)
def test_a_name_must_fit_the_plan(house: House, command: c.NamePayee, code: str) -> None:
    """There is such a share, it is not the payer's, and nobody has two of a kind."""
    house.when(HOOK, name("dan")).then_rejected("ESCROW_NOT_FOUND")
    held(house, A, ShareTerms("ben", "seller", 2_000), DRIVER)
    house.when(HOOK, command).then_rejected(code)


def test_who_is_named_may_look_and_who_was_may_not(house: House) -> None:
    """Accounts 11: own share only, from the moment when it is theirs."""
    held(house, A, DRIVER)
    eve = Actor("eve", USER)
    assert house.audience(DAN, ROOM) == ""
    house.given((HOOK, name("dan")))
    assert house.audience(DAN, ROOM) == "payee:dan"
    assert [s["gross"] for s in house.view(DAN, ROOM)["shares"]] == [500]
    house.given((HOOK, name("eve", instead_of="dan")))
    assert house.audience(DAN, ROOM) == ""
    assert house.history(eve, ROOM)[-1] == {"kind": "carrier"}
    assert "dan" not in str(house.history(eve, ROOM))


def test_two_shares_may_not_wait_for_names_of_one_kind(house: House) -> None:
    """They could not be told apart."""
    plan = opening(A, DRIVER, DRIVER)
    house.when(HOOK, plan).then_rejected("SPLIT_MISMATCH")
    house.given((HOOK, opening(A, DRIVER)), (BOSS, refund()))
