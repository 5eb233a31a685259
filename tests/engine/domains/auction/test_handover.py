"""From the settlement to the hand-over, which pays the seller (auction V1, settlement 3, P8)."""

from random import Random

import pytest

from engine.domains.auction import events as e
from engine.domains.auction import notices as n
from engine.house import DeadLetter
from engine.kernel.actor import CONCIERGE, Actor
from engine.kernel.market import Market
from engine.kernel.time import DAY
from engine.ledger.accounts import PLATFORM_REVENUE, payable
from engine.ledger.escrow import events as money
from engine.ledger.escrow.commands import OpenDispute, Refund, Release, ResolveDispute
from engine.ledger.escrow.terms import Award
from testkit.house import House
from tests.engine.domains.auction.cast import (
    ANN,
    BOSS,
    CAT,
    MOD,
    RIVAL,
    ROOM,
    SELLER,
    M,
    bid,
    confirm,
    delivered,
    ended,
    pay,
)

ESCROW = "escrow:auction.a1"
CONNY = Actor("conny", CONCIERGE, "approved")
TORN = OpenDispute(id="torn", escrow="auction.a1", reason="it is a ruin")


def settled(house: House) -> House:
    """cat has bought it for 100 M, and has paid."""
    return ended(house, (CAT, bid(100 * M))).given((CAT, pay()))


def seller_has(house: House) -> int:
    """What the house owes the seller."""
    return house.balance(payable("seller", "seller"))


def resolve(to_payee: int) -> ResolveDispute:
    """Staff divide the money."""
    awards = (Award("seller", "seller", to_payee),) if to_payee else ()
    return ResolveDispute(
        id="end",
        escrow="auction.a1",
        to_payees=awards,
        to_payer=100 * M - to_payee,
        reason="seen",
    )


def test_the_settlement_opens_the_escrow_that_it_has_filled(house: House) -> None:
    """P4 and P5 have put the money there; now it says whose it is to be, and at which rate."""
    ended(house, (CAT, bid(100 * M))).when(CAT, pay()).then(e.AuctionSettled)
    house.then(money.EscrowOpened).then(money.EscrowHeld, amount=100 * M)
    terms = house.state(ESCROW).terms
    assert (terms.payer, terms.shares[0].payee, terms.total) == ("cat", "seller", 100 * M)
    assert house.balance("ESCROW:auction:a1") == 100 * M
    assert not house.happened(DeadLetter)


@pytest.mark.parametrize("is_reported", [False, True])
def test_the_winners_word_pays_the_seller(house: House, is_reported: bool) -> None:
    """Section 5: ESCROW -> SELLER_PAYABLE and PLATFORM_REVENUE, once."""
    settled(house)
    if is_reported:
        house.given((SELLER, delivered()))
    house.when(CAT, confirm()).then(e.HandedOver, cause="WINNER")
    house.then(money.EscrowReleased, is_last=True)
    assert not house.happened(DeadLetter)
    assert (seller_has(house), house.balance("ESCROW:auction:a1")) == (100 * M, 0)
    shown = house.view(CAT, ROOM)
    assert shown["settlement"]["handover"] == "done"
    assert set(shown["settlement"]["stages"].values()) == {"completed"}
    assert house.view(SELLER, ROOM)["vehicle_state"] == "owned"
    for who, command in ((CAT, confirm()), (SELLER, delivered())):
        house.when(who, command).then_rejected("INVALID_TRANSITION")
    assert seller_has(house) == 100 * M


def test_the_auctions_fee_is_the_platforms(house: House) -> None:
    """Accounts 12.5: the rate when it was paid."""
    house.core.markets["NGN"] = Market(currency="NGN", auction_fee_bps=250)
    settled(house)
    house.core.markets["NGN"] = Market(currency="NGN")
    house.given((CAT, confirm()))
    assert seller_has(house) == 97_500_000
    assert house.balance(PLATFORM_REVENUE) == 2_500_000


@pytest.mark.parametrize("actor", [SELLER, CONNY, MOD], ids=lambda a: a.role)
def test_silence_is_a_yes_after_three_days(house: House, actor: Actor) -> None:
    """Settlement 3: 72 h after the proof of delivery; the winner was told by when."""
    settled(house).when(actor, delivered()).then(e.DeliveryReported, by=actor.user)
    until = house.now + 3 * DAY
    house.then(n.HandoverChanged, status="delivery_reported", confirm_by=until)
    assert house.view(CAT, ROOM)["settlement"]["stages"]["delivery"] == "in_progress"
    house.at(until - 1)
    assert seller_has(house) == 0
    house.at(until).then(e.HandedOver, cause="TIME")
    assert seller_has(house) == 100 * M


def test_who_reports_twice_has_to_wait_anew(house: House) -> None:
    """A second proof takes the place of the first."""
    settled(house).given((SELLER, delivered())).advance(DAY).given((SELLER, delivered("f2")))
    house.advance(3 * DAY - 1)
    assert seller_has(house) == 0
    house.advance(1).then(e.HandedOver)


def test_who_disagrees_stops_the_clock(house: House) -> None:
    """The winner disputes the money; nothing is released by time, and nobody confirms."""
    settled(house).given((SELLER, delivered())).when(CAT, TORN).then(e.HandoverDisputed)
    house.then(n.HandoverChanged, status="handover_disputed")
    house.advance(9 * DAY)
    assert (seller_has(house), house.balance("ESCROW:auction:a1")) == (0, 100 * M)
    for who, command in ((CAT, confirm()), (SELLER, delivered())):
        house.when(who, command).then_rejected("ESCROW_DISPUTED")


@pytest.mark.parametrize(
    ("to_payee", "event", "state"),
    [
        (100 * M, e.HandedOver, "owned"),
        (40 * M, e.HandedOver, "owned"),
        (0, e.SaleUndone, "listed"),
    ],
)
def test_staff_decide_a_dispute(house: House, to_payee: int, event: type, state: str) -> None:
    """Whoever has the money has sold or keeps the vehicle; where it is divided, it is sold."""
    settled(house).given((CAT, TORN))
    before = house.available("cat")
    house.when(BOSS, resolve(to_payee)).then(event)
    assert not house.happened(DeadLetter)
    assert seller_has(house) == to_payee
    assert house.available("cat") == before + 100 * M - to_payee
    assert house.view(SELLER, ROOM)["vehicle_state"] == state
    house.when(CAT, confirm()).then_rejected("INVALID_TRANSITION")


def test_staff_may_release_or_refund_by_hand(house: House) -> None:
    """What they do to the money is told to the auction."""
    settled(house).when(MOD, Release(id="r", escrow="auction.a1", reason="signed here"))
    house.then(e.HandedOver, cause="STAFF")
    assert not house.happened(DeadLetter)
    assert seller_has(house) == 100 * M


def test_a_sale_that_is_undone_gives_everything_back(house: House) -> None:
    """Settlement 12: inspection failed; refund, and the vehicle stays with its seller."""
    settled(house)
    before = house.available("cat")
    house.when(BOSS, Refund(id="r", escrow="auction.a1", reason="inspection failed"))
    house.then(e.SaleUndone)
    assert house.available("cat") == before + 100 * M
    house.when(SELLER, delivered()).then_rejected("INVALID_TRANSITION")


def test_only_the_parties_say_how_it_went(house: House) -> None:
    """The winner confirms, the seller reports; and not before it is paid."""
    ended(house, (ANN, bid(50 * M)), (CAT, bid(100 * M)))
    house.when(CAT, confirm()).then_rejected("INVALID_TRANSITION", status="pending_settlement")
    house.when(SELLER, delivered()).then_rejected("INVALID_TRANSITION")
    house.given((CAT, pay()))
    house.when(ANN, confirm()).then_rejected("FORBIDDEN")
    house.when(SELLER, confirm()).then_rejected("FORBIDDEN")
    house.when(RIVAL, delivered()).then_rejected("FORBIDDEN")
    house.when(CAT, delivered()).then_rejected("FORBIDDEN")


def test_a_sale_of_an_old_log_is_paid_out_too() -> None:
    """Its money was put into the account before escrows were opened with it."""
    house = settled(House())
    core = house.core
    del core.rooms[ESCROW]
    for key in [key for key, room in core.claims.items() if room == ESCROW]:
        del core.claims[key]
    house.when(CAT, confirm()).then(e.HandedOver)
    house.then(money.EscrowOpened).then(money.EscrowHeld).then(money.EscrowReleased)
    assert seller_has(house) == 100 * M


@pytest.mark.parametrize("seed", range(10))
def test_the_money_of_a_sale_goes_out_once(house: House, seed: int) -> None:
    """Whoever says what, in whatever order: the price is in escrow, or with one of them."""
    dice = Random(seed)
    settled(house)
    start = house.available("cat")
    hands = {"escrow": "auction.a1", "reason": "seen"}
    for number in range(30):
        id_ = f"s{number}"
        who, command = dice.choice(
            (
                (CAT, confirm()),
                (SELLER, delivered()),
                (CAT, TORN),
                (BOSS, resolve(dice.choice((0, 1, 40 * M, 100 * M)))),
                (BOSS, Refund(id=id_, **hands)),
                (BOSS, Release(id=id_, **hands)),
            )
        )
        house.when(who, command).then_any()
        if dice.randrange(4) == 0:
            house.advance(dice.randrange(2 * DAY))
        assert not house.happened(DeadLetter)
        back = house.available("cat") - start
        held = house.balance("ESCROW:auction:a1")
        assert held + back + seller_has(house) == 100 * M
        assert held in (0, 100 * M)
