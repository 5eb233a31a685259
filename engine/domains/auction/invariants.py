"""The invariants of auction 9 that a state can show, by number."""

from itertools import pairwise

from engine.domains.auction.state import Auction, Settlement
from engine.kernel.ids import PLATFORM


def check(state: Auction) -> None:
    """Assert all of them."""
    if state.status == "absent":
        assert not state.bid_count, "auction INV-2: bids without an auction"
        return
    terms = state.terms
    if state.price is None:
        assert not state.bid_count, "auction INV-2: bids without a price"
        assert not state.leader, "auction INV-2: a leader without a bid"
    else:
        _check_bids(state, state.price)
    ended = state.forced or state.end_at >= terms.end_at
    assert ended, "auction INV-5: it ends before its first end"
    assert (state.status in ("pending_settlement", "settled")) == bool(state.settlement), (
        f"auction 3: {state.status} and its settlement disagree"
    )
    assert state.handover == "open" or state.status == "settled", (
        f"auction V1: handed over while {state.status}"
    )
    waits = state.handover == "reported"
    assert waits == (state.handover_due_at is not None), "auction V1: a hand-over without its time"
    if state.settlement:
        _check_settlement(state, state.settlement)


def _check_bids(state: Auction, price: int) -> None:
    assert price >= state.terms.start_price, "auction INV-1: the price is below the start price"
    assert state.minimum_bid > price, "auction INV-1: the next bid would not raise the price"
    assert state.leader, "auction INV-2: a price without a leader"
    assert state.bid_count, "auction INV-2: a price without a bid"
    assert state.leader_max >= price, "auction INV-2: the leader would not go up to the price"
    assert len(state.bidders) + state.ai_bids_placed <= state.bid_count, "auction B10"
    latest = state.recent[-1]
    assert state.terms.start_at <= latest.at, "auction INV-4: a bid before the start"
    assert latest.at < state.end_at or state.forced, "auction INV-4: a bid at or after the end"
    if state.leader == PLATFORM:
        reserve = state.terms.reserve_price
        assert reserve is not None, "auction INV-6: a platform bid without a reserve"
        assert price * 100 <= reserve * 95, "auction INV-6: a platform bid above 95 % of reserve"
    else:
        highest = state.bidders[state.leader].highest
        assert highest == state.leader_max, "auction INV-2: the leader's maximum is not theirs"
    for earlier, later in pairwise(state.recent):
        assert earlier.amount <= later.amount, "auction INV-1: the price fell"
        both = earlier.is_platform and later.is_platform
        assert not both, "auction INV-6: two platform bids in a row"


def _check_settlement(state: Auction, settlement: Settlement) -> None:
    assert settlement.winner != PLATFORM, "auction INV-7: the house won"
    assert settlement.winner not in state.defaulted, "auction W5: the winner defaulted before"
    highest = state.bidders[settlement.winner].highest
    assert settlement.hammer_price <= highest, "auction INV-3: more than the winner ever bid"
    total = settlement.deposit + settlement.remainder
    assert total == settlement.hammer_price, "auction INV-8: the parts are not the hammer price"
    assert settlement.paid == (state.status == "settled"), "auction INV-8: settled is paid"
