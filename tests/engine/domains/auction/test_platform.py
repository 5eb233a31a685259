"""The house defends a reserve (auction R1-R6, E2, 12.8)."""

import pytest

from engine.domains.auction import events as e
from engine.kernel.ids import PLATFORM
from engine.kernel.market import Market
from engine.kernel.time import HOUR, SECOND
from testkit.house import House
from tests.engine.domains.auction.cast import (
    ANN,
    BOB,
    END,
    GUEST,
    MOD,
    ROOM,
    SELLER,
    M,
    bid,
    cancel,
    join,
    live,
    maximum,
)

WINDOW = END - HOUR
TICK = 30 * SECOND
FIRST = WINDOW + TICK


def guarded(house: House, price: int, **changes: object) -> House:
    """Live, with a reserve of 100 M, and ann leading at `price`."""
    return live(house, reserve_price=100 * M, **changes).given((ANN, bid(price)))


def test_the_house_bids_one_increment(house: House) -> None:
    """R1-R3, R6, row 060: exactly one increment, for PLATFORM, without a hold of its own."""
    guarded(house, 89 * M).at(FIRST)
    house.then(e.BidPlaced, bidder=PLATFORM, is_platform=True, amount=94 * M, leader=PLATFORM)
    assert house.held("ann") == 0
    assert house.state(ROOM).ai_bids_placed == 1
    assert house.view(GUEST, ROOM)["bidder_count"] == 1
    assert house.view(GUEST, ROOM)["bid_count"] == 2


def test_not_before_the_last_hour(house: House) -> None:
    """R2: end_at - now < 3,600,000, strictly."""
    guarded(house, 80 * M).at(FIRST - 1)
    assert house.state(ROOM).ai_bids_placed == 0


@pytest.mark.parametrize(("price", "bids"), [(90 * M, 0), (90 * M - 1, 1)])
def test_only_below_ninety_per_cent(house: House, price: int, bids: int) -> None:
    """R2, row 060: strictly below 90 % of the reserve."""
    guarded(house, price).at(END - 1)
    assert house.state(ROOM).ai_bids_placed == bids


@pytest.mark.parametrize(("increment", "bids"), [(10 * M, 0), (6 * M, 1), (6 * M + 1, 0)])
def test_never_above_ninety_five_per_cent(house: House, increment: int, bids: int) -> None:
    """R4, row 061: the hard stop; 95 % itself is allowed."""
    guarded(house, 89 * M, bid_increment=increment).at(END - 1)
    assert house.state(ROOM).ai_bids_placed == bids


def test_not_without_a_human_bid(house: House) -> None:
    """R5: nobody to bid against."""
    live(house, reserve_price=100 * M).at(END).then(e.AuctionUnsold, cause="NO_BIDS")


def test_not_without_a_reserve(live_house: House) -> None:
    """R5: nothing to defend."""
    live_house.given((ANN, bid(50 * M))).at(END - 1)
    assert live_house.state(ROOM).ai_bids_placed == 0


def test_not_against_itself(house: House) -> None:
    """R5: while the house leads it waits, and it answers the next human bid."""
    guarded(house, 50 * M).at(END - 10 * TICK)
    assert house.state(ROOM).ai_bids_placed == 1
    house.given((BOB, bid(60 * M))).at(END - 8 * TICK)
    assert house.state(ROOM).ai_bids_placed == 2


def test_never_twice_in_a_row(house: House) -> None:
    """INV-6: a standing maximum answers, and the house does not walk it up by itself."""
    live(house, reserve_price=100 * M).given((ANN, maximum(80 * M))).at(END - 1)
    state = house.state(ROOM)
    assert (state.ai_bids_placed, state.leader, state.price) == (1, "ann", 60 * M)
    assert house.held("ann") == 16 * M


def test_at_most_one_bid_a_tick(house: House) -> None:
    """R1: a human bid right after is answered at the next tick, not at once."""
    guarded(house, 50 * M).at(FIRST).given((BOB, bid(60 * M)))
    house.at(FIRST + TICK - 1)
    assert house.state(ROOM).ai_bids_placed == 1
    house.at(FIRST + TICK)
    assert house.state(ROOM).ai_bids_placed == 2


def test_house_bids_extend_too(house: House) -> None:
    """E2: E1 holds for platform bids."""
    live(house, reserve_price=100 * M).at(END - 4 * TICK - 1).given((ANN, bid(50 * M)))
    house.at(END - 4 * TICK).then(e.BidPlaced, is_platform=True)
    house.then(e.AuctionExtended, cause="BID", end_at=END + 120_000)


def test_missed_ticks_are_not_made_up(house: House) -> None:
    """Auction 6: after an outage over many ticks there is one bid, at the next point."""
    guarded(house, 50 * M)
    now = FIRST + 20 * TICK + 7
    house.outage(WINDOW, now)
    assert house.state(ROOM).ai_bids_placed == 0
    house.at(FIRST + 21 * TICK)
    assert house.state(ROOM).ai_bids_placed == 1


def test_a_platform_bid_never_wins(house: House) -> None:
    """W1, INV-7, row 062: unsold, though there were human bids."""
    guarded(house, 50 * M).at(END)
    house.then(e.AuctionEnded, leader=PLATFORM)
    house.then(e.AuctionUnsold, cause="RESERVE_NOT_MET")


def test_the_house_can_be_cancelled_out(house: House) -> None:
    """A cancelled auction led by the house has no hold to release."""
    guarded(house, 50 * M).at(FIRST).when(MOD, cancel())
    house.then(e.AuctionCancelled, postings=())


def test_markets_may_switch_it_off() -> None:
    """12.8: `platform_bids`."""
    market = Market(currency="NGN", increments=((0, 5 * M),), platform_bids=False)
    with House({"NGN": market}) as house:
        guarded(house, 50 * M).at(END).then(e.AuctionUnsold, cause="RESERVE_NOT_MET")
        assert house.state(ROOM).ai_bids_placed == 0


def test_who_sees_that_it_was_the_house(house: House) -> None:
    """Auction 10: participants, seller and staff see the label; the public sees an alias."""
    guarded(house, 50 * M).given((BOB, join())).at(FIRST)
    assert house.view(GUEST, ROOM)["leader"] == "Bidder 3"
    public = house.history(GUEST, ROOM)[-1]
    assert "is_platform" not in public
    assert PLATFORM not in str(house.view(BOB, ROOM))
    for viewer in (BOB, SELLER, MOD):
        assert house.history(viewer, ROOM)[-1]["is_platform"] is True
        assert house.view(viewer, ROOM)["bids"][-1]["is_platform"] is True
