"""Tests of engine/ledger/escrow/decide_release.py: out to the payees, or back to the payer."""

from typing import Any

import pytest

from engine.contract import Message
from engine.house import DeadLetter
from engine.kernel.actor import MANAGER, Actor
from engine.kernel.posting import Transfer
from engine.ledger.accounts import PLATFORM_REVENUE, clearing, external, payable, wallet
from engine.ledger.escrow import commands as c
from engine.ledger.escrow import events as e
from engine.ledger.escrow.state import is_held
from engine.ledger.escrow.terms import ShareTerms
from engine.ledger.messages import RefundEscrow, ReleaseEscrow
from testkit.house import House
from tests.engine.ledger.escrow.cast import (
    ACCOUNT,
    ALMA,
    BOSS,
    FEE,
    HOOK,
    MARA,
    PAY_UNTIL,
    PAYER,
    ROOM,
    A,
    B,
    capture,
    dispute,
    disputed,
    fund,
    held,
    opened,
    refund,
    release,
    resolve,
)

DONE = ReleaseEscrow(cause="delivered")
OFF = RefundEscrow(reason="called off")


def owed(house: House) -> dict[str, int]:
    """What the house owes the payees of the order."""
    kinds = {"alma": "seller", "ben": "seller", "dan": "carrier"}
    return {p: house.balance(payable(k, p)) for p, k in kinds.items()}  # type: ignore[arg-type]


def test_a_release_pays_everybody(house: House) -> None:
    """P8, with the figures of rule 6; the whole delivery fee is the carrier's (rule 11)."""
    held(house, A, B, FEE).when_told(ROOM, DONE).then(e.EscrowReleased, is_last=True)
    assert owed(house) == {"alma": 7_200, "ben": 1_800, "dan": 500}
    assert house.balance(PLATFORM_REVENUE) == 1_000
    assert house.balance(ACCOUNT) == 0
    assert house.state(ROOM).status == "released"


def test_the_postings_of_a_release(house: House) -> None:
    """P8: ESCROW -> SELLER_PAYABLE (gross - fee), ESCROW -> PLATFORM_REVENUE (fee)."""
    held(house, A).when_told(ROOM, DONE).then(
        e.EscrowReleased,
        postings=(
            Transfer(ACCOUNT, payable("seller", "alma"), 7_200, "NGN", "order_payment", ROOM),
            Transfer(ACCOUNT, PLATFORM_REVENUE, 800, "NGN", "commission_earned", ROOM),
        ),
    )


def test_each_share_is_released_with_its_own_shipment(house: House) -> None:
    """Rule 12: one payee at a time; the rest stays held, and the last one closes it."""
    held(house).when_told(ROOM, ReleaseEscrow(payee="ben")).then(e.EscrowReleased, is_last=False)
    assert owed(house) == {"alma": 0, "ben": 1_800, "dan": 0}
    assert house.balance(ACCOUNT) == 8_000
    assert house.state(ROOM).status == "held"
    house.when_told(ROOM, ReleaseEscrow(payee="alma")).then(e.EscrowReleased, is_last=True)
    assert house.state(ROOM).status == "released"
    assert house.balance(ACCOUNT) == 0


@pytest.mark.parametrize("again", [DONE, ReleaseEscrow(payee="alma"), ReleaseEscrow(payee="ben")])
def test_a_release_that_is_repeated_has_no_second_effect(house: House, again: Message) -> None:
    """Dispatch F1, custody H6: exactly once, whatever retries; and nothing for operators."""
    held(house).when_told(ROOM, DONE).then(e.EscrowReleased)
    house.when_told(ROOM, again).then_nothing_happened()
    house.when_told(ROOM, OFF).then_nothing_happened()
    assert owed(house) == {"alma": 7_200, "ben": 1_800, "dan": 0}


def test_all_means_all_that_is_left(house: House) -> None:
    """What has gone out stays out."""
    held(house).when_told(ROOM, ReleaseEscrow(payee="ben")).then(e.EscrowReleased)
    house.when_told(ROOM, DONE).then(e.EscrowReleased, is_last=True)
    assert owed(house) == {"alma": 7_200, "ben": 1_800, "dan": 0}


def test_a_refund_goes_back_to_the_card(house: House) -> None:
    """P9: ESCROW -> CLEARING -> EXTERNAL, if it came from a provider."""
    held(house).when_told(ROOM, OFF).then(e.EscrowRefunded, amount=10_000, is_last=True)
    house.sent_back()
    assert house.balance(external("stripe")) == house.balance(clearing("stripe")) == 0
    assert house.balance(ACCOUNT) == 0
    assert house.state(ROOM).status == "refunded"
    assert owed(house) == {"alma": 0, "ben": 0, "dan": 0}


def test_a_refund_goes_back_to_the_wallet(house: House) -> None:
    """P9: or WALLET, if it was paid from there."""
    opened(house).given((PAYER, fund())).when_told(ROOM, OFF).then(e.EscrowRefunded)
    assert house.balance(wallet("pia")) == 100_000
    assert house.balance(ACCOUNT) == 0


def test_one_seller_fails_and_the_other_delivers(house: House) -> None:
    """The payer has back what was for the one; the other is paid. Then it is split."""
    held(house).when_told(ROOM, RefundEscrow(reason="sold out", payee="ben"))
    house.then(e.EscrowRefunded, amount=2_000, is_last=False)
    house.when_told(ROOM, DONE).then(e.EscrowReleased, is_last=True)
    assert owed(house) == {"alma": 7_200, "ben": 0, "dan": 0}
    house.sent_back()
    assert house.balance(external("stripe")) == -8_000
    assert house.state(ROOM).status == "split"


def test_a_refund_that_is_repeated_has_no_second_effect(house: House) -> None:
    """Nor has a release that comes after it."""
    held(house).when_told(ROOM, OFF).then(e.EscrowRefunded)
    for message in (OFF, RefundEscrow(reason="x", payee="ben"), DONE):
        house.when_told(ROOM, message).then_nothing_happened()
    house.sent_back()
    assert house.balance(external("stripe")) == 0


def test_what_is_not_paid_yet_is_cancelled(house: House) -> None:
    """No money moves, and no payment is taken any more."""
    opened(house).when_told(ROOM, OFF).then_only(e.EscrowLapsed)
    assert house.state(ROOM).status == "cancelled"
    house.when_told(ROOM, OFF).then_nothing_happened()
    house.at(PAY_UNTIL + 1)
    assert house.state(ROOM).status == "cancelled"


def test_a_discount_lowers_the_revenue_and_no_share(house: House) -> None:
    """Rule 11, with per-seller release: the escrow never runs dry before the last share."""
    held(house, A, B, FEE, platform=-300)
    for payee in ("dan", "alma", "ben"):
        house.when_told(ROOM, ReleaseEscrow(payee=payee)).then(e.EscrowReleased)
    assert owed(house) == {"alma": 7_200, "ben": 1_800, "dan": 500}
    assert house.balance(PLATFORM_REVENUE) == 1_000 - 300
    assert house.balance(ACCOUNT) == 0


def test_a_discount_may_be_more_than_the_fees(house: House) -> None:
    """Revenue may stand below zero (accounts 1); payees do not feel it."""
    held(house, A, B, FEE, platform=-10_499).when_told(ROOM, DONE).then(e.EscrowReleased)
    assert owed(house) == {"alma": 7_200, "ben": 1_800, "dan": 500}
    assert house.balance(PLATFORM_REVENUE) == 1_000 - 10_499


def test_the_platform_s_part_is_its_own(house: House) -> None:
    """A booking fee: revenue at the release, the payer's at a refund."""
    held(house, A, B, platform=77).when_told(ROOM, ReleaseEscrow(payee="alma"))
    house.then(e.EscrowReleased)
    house.when_told(ROOM, OFF).then(e.EscrowRefunded)
    kept = house.balance(PLATFORM_REVENUE) - 800
    assert 0 < kept < 77
    house.sent_back()
    assert house.balance(external("stripe")) == -(8_000 + kept)
    assert house.balance(ACCOUNT) == 0


def test_a_discount_goes_back_with_the_goods_that_it_was_for(house: House) -> None:
    """A payer who calls half of it off does not keep the whole discount."""
    half = ShareTerms("ben", "seller", 8_000)
    held(house, A, half, platform=-1_000).when_told(ROOM, RefundEscrow(reason="x", payee="ben"))
    house.then(e.EscrowRefunded, amount=7_500)


def test_a_worker_is_paid_into_the_wallet(house: House) -> None:
    """P11: ESCROW:gig -> WALLET:worker, the bid amount, without a fee."""
    work = ShareTerms("dan", "worker", 45_000)
    held(house, work).when_told(ROOM, DONE).then(e.EscrowReleased)
    assert house.available("dan") == 45_000
    assert house.balance(PLATFORM_REVENUE) == 0


def test_a_payee_hears_of_their_share(house: House) -> None:
    """A private notice; the other seller's is not in it."""
    held(house).when_told(ROOM, DONE).then(e.SharePaid, gross=8_000, fee=800, amount=7_200)
    (notice,) = house.happened(e.SharePaid, "user:ben")
    assert (notice.amount, notice.account) == (1_800, "SELLER_PAYABLE:ben")


@pytest.mark.parametrize("message", [DONE, ReleaseEscrow(payee="alma")])
def test_what_was_never_paid_is_not_released(house: House, message: Message) -> None:
    """A room that does not look first is told, and operators see it."""
    house.when_told(ROOM, message).then_rejected("ESCROW_NOT_FOUND")
    opened(house).when_told(ROOM, message).then_rejected("ESCROW_NOT_HELD", status="funding")
    house.at(PAY_UNTIL).when_told(ROOM, message).then_rejected("ESCROW_NOT_HELD", status="expired")


def test_a_refund_of_what_was_never_opened_is_a_mistake(house: House) -> None:
    """Of what has expired it is not: the order gives up as well."""
    house.when_told(ROOM, OFF).then_rejected("ESCROW_NOT_FOUND")
    opened(house).at(PAY_UNTIL).when_told(ROOM, OFF).then_nothing_happened()


@pytest.mark.parametrize(
    "message", [ReleaseEscrow(payee="eve"), RefundEscrow(reason="x", payee="eve")]
)
def test_somebody_without_a_share(house: House, message: Message) -> None:
    """A name that the plan does not have is a mistake, by message and by hand."""
    held(house).when_told(ROOM, message).then_rejected("SHARE_NOT_FOUND", payee="eve")
    house.when(BOSS, release("eve")).then_rejected("SHARE_NOT_FOUND")
    house.when(BOSS, refund("eve")).then_rejected("SHARE_NOT_FOUND")


def test_a_dispute_keeps_the_money_where_it_is(house: House) -> None:
    """Accounts 3: no release or refund while it is open; afterwards staff have decided."""
    disputed(house)
    for message in (DONE, OFF):
        house.when_told(ROOM, message).then_nothing_happened()
    for command in (release(), refund()):
        house.when(BOSS, command).then_rejected("ESCROW_DISPUTED")
    assert house.balance(ACCOUNT) == 10_000
    house.given((MARA, resolve(10_000)))
    house.when_told(ROOM, DONE).then_nothing_happened()
    house.when(BOSS, release()).then_rejected("ESCROW_NOT_HELD", status="refunded")


@pytest.mark.parametrize(
    ("command", "event", "status"),
    [
        (release(), e.EscrowReleased, "released"),
        (release("alma"), e.EscrowReleased, "held"),
        (refund(), e.EscrowRefunded, "refunded"),
        (refund("ben"), e.EscrowRefunded, "held"),
    ],
)
def test_staff_do_by_hand_what_a_deal_does(
    house: House, command: Any, event: Any, status: str
) -> None:
    """With a reason, and not a second time."""
    held(house).when(MARA, command).then(event)
    assert house.result["status"] == status
    house.when(MARA, command).then_rejected("ESCROW_NOT_HELD")


@pytest.mark.parametrize("make", [release, refund])
def test_an_act_by_hand_has_a_reason(house: House, make: Any) -> None:
    """And something to act on."""
    house.when(BOSS, make()).then_rejected("ESCROW_NOT_FOUND")
    held(house).when(BOSS, make(reason="")).then_rejected("REASON_REQUIRED")


def test_by_hand_what_waits_for_its_payer_is_cancelled_and_not_released(house: House) -> None:
    """FUNDING knows no release."""
    opened(house).when(BOSS, release()).then_rejected("ESCROW_NOT_HELD", status="funding")
    house.when(BOSS, refund(reason="")).then_rejected("REASON_REQUIRED")
    house.when(BOSS, refund()).then_only(e.EscrowLapsed)
    house.when(BOSS, refund()).then_rejected("ESCROW_NOT_HELD", status="cancelled")


@pytest.mark.parametrize("user", ["pia", "alma"])
def test_nobody_judges_a_deal_of_their_own(house: House, user: str) -> None:
    """Admin ADM-5: a manager who pays, or is paid."""
    own = Actor(user, MANAGER)
    disputed(house)
    for command in (release(), refund(), resolve(10_000)):
        house.when(own, command).then_rejected("FORBIDDEN")


@pytest.mark.parametrize("command", [c.Open, c.Release, c.Refund, c.ResolveDispute])
def test_parties_do_not_move_the_money(house: House, command: Any) -> None:
    """Payer and payees are not in the matrix of these."""
    for actor in (PAYER, ALMA):
        refusal = house.core.registry.refuse(command, actor)
        assert refusal is not None
        assert refusal.code.name == "FORBIDDEN"


def test_other_domains_look_whether_it_is_held(house: House) -> None:
    """Only while the money is there and undisputed."""

    def look() -> bool:
        return is_held(house.core.context("toy:t1", HOOK), "order", "o1")

    assert not look()
    opened(house)
    assert not look()
    house.given((HOOK, capture(10_000)))
    assert look()
    house.when_told(ROOM, ReleaseEscrow(payee="ben")).then_accepted()
    assert look()
    house.given((PAYER, dispute()))
    assert not look()
    house.given((MARA, resolve(8_000)))
    assert not look()
    assert not is_held(house.core.context("toy:t1", HOOK), "order", "o2")
    assert not house.happened(DeadLetter)
