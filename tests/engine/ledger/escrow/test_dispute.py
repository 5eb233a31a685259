"""Tests of engine/ledger/escrow/decide_dispute.py: frozen, then divided."""

from typing import Any

import pytest

from engine.kernel.actor import Actor
from engine.ledger.accounts import PLATFORM_REVENUE, external, payable
from engine.ledger.escrow import events as e
from engine.ledger.escrow.terms import Award, ShareTerms
from engine.ledger.messages import DisputeEscrow, ReleaseEscrow
from testkit.house import House
from tests.engine.ledger.escrow.cast import (
    ACCOUNT,
    ALMA,
    BEN,
    BOSS,
    CONNY,
    MARA,
    PAYER,
    ROOM,
    STRANGER,
    A,
    B,
    dispute,
    disputed,
    fund,
    held,
    opened,
    refund,
    release,
    resolve,
)


def to_alma(amount: int) -> Award:
    return Award("alma", "seller", amount)


def to_ben(amount: int) -> Award:
    return Award("ben", "seller", amount)


@pytest.mark.parametrize("actor", [PAYER, ALMA, BEN, CONNY, MARA, BOSS], ids=lambda a: a.user)
def test_parties_and_staff_may_dispute(house: House, actor: Actor) -> None:
    """Accounts 3: HELD -> DISPUTED; no money moves."""
    held(house).when(actor, dispute()).then_only(e.EscrowDisputed)
    assert house.result == {"escrow": "order.o1", "status": "disputed"} | {
        "receipt": house.core.rooms[ROOM].hash
    }
    assert house.balance(ACCOUNT) == 10_000


def test_a_stranger_may_not(house: House) -> None:
    """Nor learns whether it is held."""
    opened(house).when(STRANGER, dispute()).then_rejected("FORBIDDEN")
    house.when(PAYER, dispute()).then_rejected("ESCROW_NOT_HELD", status="funding")


def test_a_dispute_says_why_and_is_of_something(house: House) -> None:
    """The reason is for those who mediate."""
    house.when(PAYER, dispute()).then_rejected("ESCROW_NOT_FOUND")
    held(house).when(PAYER, dispute("")).then_rejected("REASON_REQUIRED")


def test_a_second_dispute_waits_for_the_first(house: House) -> None:
    """One at a time; from a deal's room it has no effect."""
    disputed(house).when(ALMA, dispute()).then_rejected("ESCROW_DISPUTED")
    house.when_told(ROOM, DisputeEscrow(reason="again")).then_nothing_happened()


@pytest.mark.parametrize("end", [release(), refund()])
def test_after_the_release_there_is_nothing_to_dispute(house: House, end: Any) -> None:
    """Accounts 12.8: no window after delivery."""
    held(house).given((BOSS, end)).when(PAYER, dispute()).then_rejected("DISPUTE_CLOSED")
    house.when(BOSS, resolve(0)).then_rejected("DISPUTE_CLOSED")
    house.when_told(ROOM, DisputeEscrow(reason="late")).then_nothing_happened()


def test_a_deal_s_room_may_dispute(house: House) -> None:
    """A damaged parcel freezes the money in the same step."""
    message = DisputeEscrow(reason="damage", by="pia")
    house.when_told(ROOM, message).then_rejected("ESCROW_NOT_FOUND")
    held(house).when_told(ROOM, message).then_only(e.EscrowDisputed)


def test_what_is_left_can_be_disputed(house: House) -> None:
    """A share that has gone out is no part of it."""
    held(house).when_told(ROOM, ReleaseEscrow(payee="alma")).then_accepted()
    house.given((PAYER, dispute()))
    house.when(MARA, resolve(0, to_alma(2_000))).then_rejected("SHARE_NOT_FOUND", payee="alma")
    house.when(MARA, resolve(2_000)).then(e.DisputeResolved, outcome="refunded")
    assert house.balance(payable("seller", "alma")) == 7_200


def test_all_to_the_payees_is_a_release(house: House) -> None:
    """With the rates that stand, as if nobody had disputed it."""
    disputed(house).when(MARA, resolve(0, to_alma(8_000), to_ben(2_000)))
    house.then(e.DisputeResolved, outcome="released")
    assert house.balance(payable("seller", "alma")) == 7_200
    assert house.balance(payable("seller", "ben")) == 1_800
    assert house.balance(PLATFORM_REVENUE) == 1_000
    assert house.state(ROOM).status == "released"


def test_all_to_the_payer_is_a_refund(house: House) -> None:
    """Nobody earns anything."""
    disputed(house).when(BOSS, resolve(10_000)).then(e.DisputeResolved, outcome="refunded")
    house.sent_back()
    assert house.balance(external("stripe")) == 0
    assert house.balance(PLATFORM_REVENUE) == 0
    assert house.state(ROOM).status == "refunded"


def test_otherwise_it_is_split(house: House) -> None:
    """One seller has all, the other a part, of which the fee is taken too."""
    disputed(house).when(MARA, resolve(1_500, to_alma(8_000), to_ben(500)))
    house.then(e.DisputeResolved, outcome="split", to_payer=1_500)
    assert house.balance(payable("seller", "alma")) == 7_200
    assert house.balance(payable("seller", "ben")) == 450
    assert house.balance(PLATFORM_REVENUE) == 850
    house.sent_back()
    assert house.balance(external("stripe")) == -8_500
    assert house.balance(ACCOUNT) == 0
    assert house.state(ROOM).status == "split"


def test_who_is_not_named_has_nothing(house: House) -> None:
    """An award of 0 says the same."""
    disputed(house).when(MARA, resolve(2_000, to_alma(8_000), to_ben(0)))
    house.then(e.DisputeResolved, outcome="split")
    assert house.balance(payable("seller", "ben")) == 0


def test_a_discount_shrinks_with_the_share(house: House) -> None:
    """Half of what is held for a share is half of its gross; the platform bears half of its
    discount."""
    disputed(house, A, platform=-800).when(MARA, resolve(3_600, to_alma(3_600)))
    house.then(e.DisputeResolved, outcome="split")
    assert house.balance(payable("seller", "alma")) == 3_600
    assert house.balance(PLATFORM_REVENUE) == 400 - 400


@pytest.mark.parametrize(("to_payer", "paid"), [(0, 7_200), (1, 0)])
def test_a_share_that_the_discount_covers_goes_with_the_others(
    house: House, to_payer: int, paid: int
) -> None:
    """Nothing of the payer's money is for it: it is paid if nothing goes back, else not."""
    small = ShareTerms("ben", "carrier", 1)
    disputed(house, A, small, platform=-8_000)
    assert [share.held.part for share in house.state(ROOM).shares] == [0, 1]
    awards = [] if to_payer else [Award("ben", "carrier", 1)]
    house.when(MARA, resolve(to_payer, *awards)).then(e.DisputeResolved)
    assert house.balance(payable("seller", "alma")) == paid


@pytest.mark.parametrize(
    ("to_payer", "awards"),
    [
        (9_999, []),
        (10_001, []),
        (0, []),
        (0, [to_alma(8_000), to_ben(1_999)]),
        (0, [to_alma(9_000), to_ben(1_000)]),
        (0, [to_alma(8_000), to_ben(1_000), to_ben(1_000)]),
    ],
    ids=["short", "over", "nothing", "short-split", "beyond-a-share", "twice"],
)
def test_the_parts_sum_to_what_is_held(house: House, to_payer: int, awards: list[Award]) -> None:
    """Accounts 3 and INV-7: neither more nor less, to nobody more than was for them."""
    disputed(house).when(MARA, resolve(to_payer, *awards)).then_rejected("SPLIT_MISMATCH")


def test_a_resolution_needs_a_dispute_and_a_reason(house: House) -> None:
    """In every state but one it is refused."""
    house.when(MARA, resolve(1)).then_rejected("ESCROW_NOT_FOUND")
    opened(house).when(MARA, resolve(1)).then_rejected("ESCROW_NOT_HELD", status="funding")
    house.given((PAYER, fund()))
    house.when(MARA, resolve(10_000)).then_rejected("ESCROW_NOT_HELD", status="held")
    house.given((PAYER, dispute()))
    house.when(MARA, resolve(10_000, reason="")).then_rejected("REASON_REQUIRED")
    house.given((MARA, resolve(10_000)))
    house.when(MARA, resolve(10_000)).then_rejected("DISPUTE_CLOSED")


def test_a_concierge_mediates_and_does_not_decide(house: House) -> None:
    """Admin ADM-12: a concierge overrides no money."""
    disputed(house).when(CONNY, resolve(10_000)).then_rejected("FORBIDDEN")


def test_shares_keep_the_name_of_their_kind(house: House) -> None:
    """An award is to a payee as what they are in this deal."""
    disputed(house, A, B).when(MARA, resolve(0, Award("alma", "carrier", 10_000)))
    house.then_rejected("SHARE_NOT_FOUND")
