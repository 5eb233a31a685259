"""The harness itself: it must fail when a domain, or a test, is wrong."""

import pytest

from engine.domains.auction import events as e
from engine.kernel.time import HOUR
from testkit.house import House
from tests.engine.domains.auction.cast import (
    ANN,
    END,
    MOD,
    ROOM,
    SELLER,
    START,
    M,
    approve,
    bid,
    create,
    live,
    scheduled,
)


def test_a_when_must_be_answered_before_the_next() -> None:
    """A result that nobody asserts fails the test."""
    house = House().when(SELLER, create())
    with pytest.raises(AssertionError, match="nothing was asserted about CreateAuction"):
        house.when(MOD, approve())


def test_a_when_must_be_answered_before_the_end() -> None:
    """Also the last one, and before time passes."""
    with pytest.raises(AssertionError, match="nothing was asserted"), House() as house:
        house.when(SELLER, create())
    house = House().when(SELLER, create())
    with pytest.raises(AssertionError, match="nothing was asserted"):
        house.advance(1)


def test_a_failing_test_keeps_its_own_error() -> None:
    """The open question is not reported over the error that caused it."""
    house = House().when(SELLER, create())
    house.__exit__(ZeroDivisionError)


def test_given_must_succeed() -> None:
    """A precondition that is refused is an error of the test."""
    with pytest.raises(AssertionError, match="given"):
        House().given((ANN, create()))


def test_then_looks_at_type_fields_and_order() -> None:
    """Each `then` takes the next event that fits."""
    with House() as house:
        live(house).at(END - 1).when(ANN, bid(50 * M))
        house.then(e.BidPlaced, leader="ann").then(e.AuctionExtended, cause="BID")
        for event, fields in ((e.AuctionEnded, {}), (e.BidPlaced, {"leader": "bob"})):
            with pytest.raises(AssertionError, match="no "):
                house.then(event, **fields)


def test_assertions_that_do_not_hold() -> None:
    """Rejected is not accepted, and the other way round."""
    house = House().when(ANN, create())
    for wrong in (house.then_nothing_happened, house.then_accepted, house.then_only):
        with pytest.raises(AssertionError, match="refused"):
            wrong()
    with pytest.raises(AssertionError, match="refused with"):
        house.then_rejected("MALFORMED")
    house.when(SELLER, create())
    with pytest.raises(AssertionError, match="not refused"):
        house.then_rejected("FORBIDDEN")
    with pytest.raises(AssertionError, match="it happened"):
        house.then_nothing_happened()
    with pytest.raises(AssertionError, match="expected"):
        house.then_only(e.AuctionScheduled)


def test_details_are_compared() -> None:
    """A detail that differs fails."""
    house = scheduled(House()).when(ANN, bid(1))
    with pytest.raises(AssertionError, match="detail status"):
        house.then_rejected("AUCTION_NOT_LIVE", status="live")


def test_time_fires_what_is_due_in_order() -> None:
    """Each timer at its own time, not at the time that was gone to; none is fired early."""
    with House() as house:
        scheduled(house).at(START - 1)
        assert house.state(ROOM).status == "scheduled"
        house.at(END + HOUR).then(e.AuctionStarted).then(e.AuctionEnded)
        times = [a.record.at for a in house.log if a.room.name == ROOM]
        assert times[-3:] == [START, END, END]
        assert house.now == END + HOUR


def test_time_does_not_go_back() -> None:
    """Engine time never does."""
    house = House()
    with pytest.raises(AssertionError, match="go back"):
        house.at(house.now - 1)


def test_the_log_is_replayed_at_the_end() -> None:
    """A state that the log does not tell is found."""
    house = scheduled(House())
    house.state(ROOM).reason = "forged"
    with pytest.raises(AssertionError, match="differs after replay"):
        house.close()


def test_invariants_are_checked_after_each_step() -> None:
    """A broken invariant is found by the step after it."""
    house = live(House())
    house.state(ROOM).end_at = END - 1
    with pytest.raises(AssertionError, match="INV-5"):
        house.when(ANN, bid(50 * M))


def test_money_of_a_wallet() -> None:
    """Balances, holds, and what is available."""
    with House() as house:
        live(house).given((ANN, bid(50 * M)))
        assert (house.available("ann"), house.held("ann")) == (990 * M, 10 * M)
        assert house.balance("WALLET:ann") == 1_000 * M
