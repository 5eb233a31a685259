"""Joining and bidding (auction B1-B10, E1, E2, X4, X5)."""

import pytest

from engine.domains.auction import events as e
from engine.domains.auction.notices import Outbid
from engine.kernel.actor import DRIVER, Actor
from engine.kernel.market import Market
from engine.kernel.posting import Hold, Release
from engine.kernel.time import MINUTE
from testkit.house import House
from tests.engine.domains.auction.cast import (
    ANN,
    BOB,
    BOSS,
    CAT,
    END,
    GUEST,
    MOD,
    NEW,
    POOR,
    ROOM,
    SELLER,
    START,
    M,
    approve,
    bid,
    cancel,
    create,
    ended,
    join,
    live,
    maximum,
    scheduled,
    withdraw,
)

STAFF_BID = Market(
    currency="NGN", increment_min=5 * M, increments=((0, 5 * M),), staff_may_bid=True
)


def test_joining_makes_a_participant(live_house: House) -> None:
    """Auction 4: the reply has the snapshot and what the caller could bid."""
    live_house.when(ANN, join()).then_only(e.ParticipantJoined)
    result = live_house.result
    assert result["blockers"] == []
    assert result["minimum_bid"] == 50 * M
    assert result["wallet_available"] == 1_000 * M
    assert result["bidding_power"] == 5_000 * M
    assert result["deposit_bps"] == 2000
    assert result["my_alias"] == "Bidder 1"


def test_joining_twice_is_one_event(live_house: House) -> None:
    """Only the first time is a fact; the reply is given again."""
    live_house.given((ANN, join())).when(ANN, join()).then_nothing_happened()


def test_blockers_come_in_order(house: House) -> None:
    """Row 048: signed in, KYC, funds."""
    scheduled(house)
    house.when(GUEST, join()).then_rejected("UNAUTHENTICATED")
    house.when(NEW, join()).then_nothing_happened()
    house.when(POOR, join()).then_nothing_happened()
    house.when(SELLER, join()).then_nothing_happened()
    assert house.audience(POOR, ROOM) == "public"


@pytest.mark.parametrize(
    ("who", "blockers"),
    [
        (NEW, ["KYC_REQUIRED", "INSUFFICIENT_BUYING_POWER"]),
        (POOR, ["INSUFFICIENT_BUYING_POWER"]),
        (SELLER, ["OWN_AUCTION", "INSUFFICIENT_BUYING_POWER"]),
        (MOD, ["FORBIDDEN", "INSUFFICIENT_BUYING_POWER"]),
    ],
)
def test_blockers_are_named(live_house: House, who: Actor, blockers: list[str]) -> None:
    """Row 048: all that stands in the way, in one reply."""
    live_house.when(who, join()).then_accepted()
    assert live_house.result["blockers"] == blockers


def test_joining_before_and_after(house: House) -> None:
    """Scheduled auctions may be joined, drafts and ended ones not."""
    house.deposit("ann", 1_000 * M).given((SELLER, create()))
    house.when(ANN, join()).then_rejected("AUCTION_NOT_LIVE", status="draft")
    house.when(ANN, join("a9")).then_rejected("AUCTION_NOT_FOUND", auction="a9")


def test_joining_when_scheduled_or_ended(house: House) -> None:
    """It may be joined from the approval to the end."""
    scheduled(house).deposit("ann", 1_000 * M)
    house.when(ANN, join()).then(e.ParticipantJoined, user="ann")
    house.at(END).when(BOB, join()).then_rejected("AUCTION_ENDED")


def test_precedence_of_refusals(house: House) -> None:
    """B8: B1, B2, B3, currency, B4 or B5, B6; each step mends the first fault only."""
    house.when(GUEST, bid(1, "USD")).then_rejected("UNAUTHENTICATED")
    house.when(Actor("dan", DRIVER), bid(1, "USD")).then_rejected("FORBIDDEN")
    house.when(NEW, bid(1, "USD")).then_rejected("AUCTION_NOT_FOUND")
    scheduled(house)
    house.when(Actor("seller", "dealer", "none"), bid(1, "USD")).then_rejected("KYC_REQUIRED")
    house.when(SELLER, bid(1, "USD")).then_rejected("AUCTION_NOT_LIVE")
    house.at(START).when(SELLER, bid(1, "USD")).then_rejected("OWN_AUCTION")
    house.when(POOR, bid(1, "USD")).then_rejected("CURRENCY_MISMATCH", expected="NGN")
    house.when(POOR, bid(1)).then_rejected("BID_TOO_LOW")
    house.when(POOR, bid(50 * M)).then_rejected("INSUFFICIENT_BUYING_POWER")
    house.deposit("poor", 10 * M).when(POOR, bid(50 * M)).then(e.BidPlaced)


def test_maxima_are_refused_in_the_same_order(house: House) -> None:
    """B8 holds for set_max_bid too."""
    house.when(NEW, maximum(1)).then_rejected("AUCTION_NOT_FOUND")
    scheduled(house)
    house.when(NEW, maximum(1)).then_rejected("KYC_REQUIRED")
    house.when(SELLER, maximum(1)).then_rejected("AUCTION_NOT_LIVE")
    house.at(START).when(SELLER, maximum(1)).then_rejected("OWN_AUCTION")
    house.when(POOR, maximum(1)).then_rejected("BID_TOO_LOW")
    house.when(POOR, maximum(50 * M)).then_rejected("INSUFFICIENT_BUYING_POWER")


def test_staff_are_barred_unless_configured(live_house: House) -> None:
    """Open point 9: staff see reserves."""
    live_house.when(MOD, bid(50 * M)).then_rejected("FORBIDDEN")
    live_house.when(BOSS, maximum(50 * M)).then_rejected("FORBIDDEN")


def test_staff_bid_where_the_market_says_so() -> None:
    """Open point 9: `staff_may_bid`."""
    with House({"NGN": STAFF_BID}) as house:
        live(house).deposit("mod", 10 * M)
        house.when(MOD, bid(50 * M)).then(e.BidPlaced, bidder="mod")


def test_opening_is_half_open(house: House) -> None:
    """B2, rows 047 and 053: from start_at on, and before end_at."""
    for user in ("ann", "bob"):
        house.deposit(user, 1_000 * M)
    scheduled(house, extension_ms=0).at(START - 1)
    house.when(ANN, bid(50 * M)).then_rejected("AUCTION_NOT_LIVE")
    house.at(START).then(e.AuctionStarted)
    house.when(ANN, bid(50 * M)).then_accepted()
    house.at(END - 1).when(BOB, bid(55 * M)).then_accepted()
    house.at(END).when(ANN, bid(60 * M)).then_rejected("AUCTION_ENDED", end_at=END)


def test_a_bid_at_the_end_is_refused_even_before_the_close(live_house: House) -> None:
    """B2: should a bid be decided at end_at while the close is not yet, it is late all the same."""
    live_house.core.now = END
    live_house.when(ANN, bid(50 * M)).then_rejected("AUCTION_ENDED")


def test_cancelled_auctions_take_no_bid(live_house: House) -> None:
    """state <> live -> AUCTION_NOT_LIVE."""
    live_house.given((MOD, cancel()))
    live_house.when(ANN, bid(50 * M)).then_rejected("AUCTION_NOT_LIVE", status="cancelled")


def test_creator_may_not_bid_either() -> None:
    """B3: neither the seller nor whoever created it; row 052."""
    with House({"NGN": STAFF_BID}) as house:
        house.given((MOD, create(seller="seller")), (MOD, approve())).at(START)
        house.when(SELLER, bid(50 * M)).then_rejected("OWN_AUCTION")
        house.when(MOD, bid(50 * M)).then_rejected("OWN_AUCTION")


def test_first_bid_reaches_the_start_price(live_house: House) -> None:
    """B4: >= start_price; the refusal tells the minimum."""
    live_house.when(ANN, bid(50 * M - 1)).then_rejected(
        "BID_TOO_LOW", minimum=50 * M, current_price=None
    )
    live_house.when(ANN, bid(50 * M)).then(e.BidPlaced, amount=50 * M, leader="ann")


def test_later_bid_reaches_the_increment(live_house: House) -> None:
    """B5, row 051: >= current_price + increment."""
    live_house.given((ANN, bid(100 * M)))
    live_house.when(BOB, bid(105 * M - 1)).then_rejected(
        "BID_TOO_LOW", minimum=105 * M, current_price=100 * M
    )
    live_house.when(BOB, bid(105 * M)).then(e.BidPlaced, amount=105 * M, outbid="ann")


def test_equal_bids_cannot_both_be_taken(live_house: House) -> None:
    """Row 057: exactly one of two equal bids."""
    live_house.given((ANN, bid(100 * M)))
    live_house.when(BOB, bid(100 * M)).then_rejected("BID_TOO_LOW", minimum=105 * M)


def test_deposit_limits_the_bid(live_house: House) -> None:
    """B6, row 054: ceil(amount * 20 %) must be available."""
    live_house.deposit("poor", 20 * M)
    live_house.when(POOR, bid(100 * M + 5)).then_rejected(
        "INSUFFICIENT_BUYING_POWER", required=20 * M + 1, available=20 * M
    )
    live_house.when(POOR, bid(100 * M)).then_accepted()
    assert live_house.available("poor") == 0


def test_power_counts_all_leading_bids(house: House) -> None:
    """Row 055: 20 M in the wallet, leading at 60 M elsewhere: 45 M no, 40 M yes."""
    scheduled(house, start_price=5 * M).deposit("poor", 20 * M)
    second = create("a2", vehicle="v2", start_price=5 * M)
    house.given((SELLER, second), (MOD, approve("a2"))).at(START)
    house.given((POOR, bid(60 * M)))
    house.when(POOR, bid(45 * M, auction="a2")).then_rejected(
        "INSUFFICIENT_BUYING_POWER", required=9 * M, available=8 * M
    )
    house.when(POOR, bid(40 * M, auction="a2")).then_accepted()


def test_leader_raises_own_bid(live_house: House) -> None:
    """B7: the old bid is not counted twice, and the increment is over the price all the same."""
    live_house.deposit("poor", 20 * M).given((POOR, bid(95 * M)))
    live_house.when(POOR, bid(99 * M)).then_rejected("BID_TOO_LOW", minimum=100 * M)
    live_house.when(POOR, bid(100 * M)).then(e.BidPlaced, amount=100 * M, outbid="")
    assert live_house.held("poor") == 20 * M


def test_outbid_frees_the_hold_in_the_same_event(live_house: House) -> None:
    """B9, row 056: hold of the new leader before the release of the old one."""
    live_house.given((ANN, bid(100 * M))).when(BOB, bid(105 * M))
    hold, release = Hold("bob", 21 * M, "NGN", ROOM), Release("ann", "NGN", ROOM)
    live_house.then(e.BidPlaced, postings=(hold, release))
    live_house.then(Outbid, current_price=105 * M, your_bid=100 * M, released=20 * M)
    assert (live_house.held("ann"), live_house.held("bob")) == (0, 21 * M)


def test_counts(live_house: House) -> None:
    """B10: every bid counts, people count once, joining does not count."""
    live_house.given((CAT, join()), (ANN, bid(50 * M)), (BOB, bid(55 * M)), (ANN, bid(60 * M)))
    view = live_house.view(GUEST, ROOM)
    assert (view["bid_count"], view["bidder_count"]) == (3, 2)


def test_reply_to_a_bid(live_house: House) -> None:
    """The wire: price, leading, minimum, end, and the receipt (X8)."""
    live_house.given((ANN, maximum(100 * M))).when(BOB, bid(55 * M)).then_accepted()
    result = live_house.result
    assert (result["current_price"], result["minimum_bid"]) == (60 * M, 65 * M)
    assert (result["leading"], result["end_at"]) == (False, END)
    assert result["receipt"] == live_house.core.rooms[ROOM].hash


def test_no_deposit_no_hold(house: House) -> None:
    """An auction with a deposit of 0 holds nothing, and everybody can afford it."""
    live(house, deposit_bps=0).given((POOR, bid(50 * M)), (ANN, bid(55 * M)))
    assert house.held("ann") == 0


@pytest.mark.parametrize(("early_ms", "moved_ms"), [(120_000, 120_000), (120_001, 0), (1, 120_000)])
def test_late_bids_extend(live_house: House, early_ms: int, moved_ms: int) -> None:
    """E1, row 058: within 120 s, added to end_at and not to now."""
    live_house.at(END - early_ms).when(ANN, bid(50 * M)).then_accepted()
    assert live_house.state(ROOM).end_at == END + moved_ms
    assert live_house.state(ROOM).terms.end_at == END


def test_extension_is_an_event_of_its_own(live_house: House) -> None:
    """E1: BidPlaced, then AuctionExtended, and the timer moves with it (E2, X6)."""
    live_house.at(END - 1).when(ANN, bid(50 * M)).then_only(e.BidPlaced, e.AuctionExtended)
    assert live_house.happened(e.AuctionExtended)[0].cause == "BID"
    live_house.at(END + 1)
    assert live_house.state(ROOM).status == "live"
    live_house.at(END + 120_000).then(e.AuctionEnded)


def test_extensions_have_no_cap_by_default(live_house: House) -> None:
    """E2: as long as bids come."""
    for number in range(12):
        who = (ANN, BOB)[number % 2]
        live_house.at(live_house.state(ROOM).end_at - 1).given((who, bid((50 + 5 * number) * M)))
    assert live_house.state(ROOM).end_at == END + 12 * 120_000


def test_extensions_may_be_capped(house: House) -> None:
    """X5: max_extensions."""
    live(house, max_extensions=1).at(END - 1).given((ANN, bid(50 * M)))
    house.at(END + 2 * MINUTE - 1).when(BOB, bid(55 * M)).then_only(e.BidPlaced)


def test_extensions_stop_at_the_hard_end(house: House) -> None:
    """X5: hard_end_at cuts the last extension, and there is none after it."""
    live(house, hard_end_at=END + 3 * MINUTE).at(END - 1).given((ANN, bid(50 * M)))
    house.at(END + 2 * MINUTE - 1).when(BOB, bid(55 * M))
    house.then(e.AuctionExtended, end_at=END + 3 * MINUTE)
    house.at(END + 3 * MINUTE - 1).when(ANN, bid(60 * M)).then_only(e.BidPlaced)


def test_refused_bids_do_not_extend(live_house: House) -> None:
    """X5: only accepted bids extend."""
    live_house.at(END - 1).when(ANN, bid(1)).then_rejected("BID_TOO_LOW")
    assert live_house.state(ROOM).end_at == END


def test_a_maximum_that_does_not_lead_may_be_withdrawn(live_house: House) -> None:
    """X10 by hand: the candidacy as a runner-up goes with it."""
    live_house.given((ANN, maximum(60 * M)), (BOB, maximum(100 * M)))
    live_house.when(ANN, withdraw()).then_only(e.MaxBidWithdrawn)
    assert live_house.state(ROOM).bidders["ann"].highest == 0
    live_house.when(ANN, withdraw()).then_rejected("INVALID_TRANSITION")


def test_a_leading_maximum_stands(live_house: House) -> None:
    """X10: the leader cannot withdraw."""
    live_house.given((ANN, maximum(60 * M)))
    live_house.when(ANN, withdraw()).then_rejected("INVALID_TRANSITION", status="live")


def test_withdrawing_leaves_plain_bids(live_house: House) -> None:
    """Only the maximum is taken back."""
    live_house.given((ANN, bid(50 * M)), (ANN, maximum(60 * M)), (BOB, bid(100 * M)))
    live_house.given((ANN, withdraw()))
    assert live_house.state(ROOM).bidders["ann"].highest == 50 * M


def test_nothing_is_withdrawn_after_the_end(house: House) -> None:
    """Only while it is live."""
    ended(house, (ANN, maximum(60 * M)), (BOB, maximum(100 * M)))
    house.when(ANN, withdraw()).then_rejected("INVALID_TRANSITION", status="pending_settlement")
