"""Each invariant is able to complain (auction 9)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from engine.domains.auction.invariants import check
from engine.domains.auction.state import Auction, Bid, Bidder, Settlement
from engine.domains.auction.terms import Terms
from engine.kernel.ids import PLATFORM

ANN_BID = Bid(number=1, at=100, bidder="ann", bid=10, amount=10, is_max=False, is_platform=False)
HOUSE_BID = Bid(
    number=2, at=101, bidder=PLATFORM, bid=11, amount=11, is_max=False, is_platform=True
)


def sound() -> Auction:
    """Live, ann leads at 10."""
    return Auction(
        status="live",
        terms=Terms(start_price=5, start_at=100, end_at=200),
        end_at=200,
        price=10,
        leader="ann",
        leader_max=10,
        minimum_bid=11,
        bid_count=1,
        bidders={"ann": Bidder(bid=10, bid_number=1)},
        aliases={"ann": 1},
        recent=[ANN_BID],
    )


def sold() -> Auction:
    """ann won at 10."""
    state = sound()
    state.status = "pending_settlement"
    state.settlement = Settlement("ann", 10, 2, 8, attempt=1)
    return state


def _set(**changes: object) -> Callable[[Auction], None]:
    def change(state: Auction) -> None:
        for name, value in changes.items():
            setattr(state, name, value)

    return change


def _settle(**changes: object) -> Callable[[Auction], None]:
    def change(state: Auction) -> None:
        state.settlement = replace(state.settlement, **changes)

    return change


def test_sound_states_pass() -> None:
    """Nothing to complain about."""
    for state in (Auction(), sound(), sold()):
        check(state)


BROKEN = {
    "bids without an auction": (Auction, _set(bid_count=1), "INV-2"),
    "bids without a price": (sound, _set(price=None), "INV-2"),
    "a leader without a price": (sound, _set(price=None, bid_count=0), "INV-2"),
    "below the start price": (sound, _set(price=4), "INV-1"),
    "the next bid may be equal": (sound, _set(minimum_bid=10), "INV-1"),
    "nobody leads": (sound, _set(leader=""), "INV-2"),
    "nobody bid": (sound, _set(bid_count=0), "INV-2"),
    "beyond the leader's maximum": (sound, _set(leader_max=9), "INV-2"),
    "another maximum than the leader's": (sound, _set(leader_max=11), "INV-2"),
    "more bidders than bids": (sound, _set(ai_bids_placed=1), "B10"),
    "a bid before the start": (sound, _set(recent=[replace(ANN_BID, at=99)]), "INV-4"),
    "a bid at the end": (sound, _set(recent=[replace(ANN_BID, at=200)]), "INV-4"),
    "ends too early": (sound, _set(end_at=199), "INV-5"),
    "the house without a reserve": (sound, _set(leader=PLATFORM), "INV-6"),
    "the house near the reserve": (
        sound,
        _set(leader=PLATFORM, terms=Terms(end_at=200, reserve_price=10)),
        "INV-6",
    ),
    "the price fell": (sound, _set(recent=[HOUSE_BID, ANN_BID]), "INV-1"),
    "the house twice in a row": (sound, _set(recent=[HOUSE_BID, HOUSE_BID]), "INV-6"),
    "settled while live": (sound, _set(settlement=Settlement("ann", 10, 2, 8, 1)), "auction 3"),
    "sold to nobody": (sold, _set(settlement=None), "auction 3"),
    "the house won": (sold, _settle(winner=PLATFORM), "INV-7"),
    "a defaulter won": (sold, _set(defaulted=["ann"]), "W5"),
    "more than was bid": (sold, _settle(hammer_price=11, remainder=9), "INV-3"),
    "parts above the whole": (sold, _settle(deposit=3), "INV-8"),
    "paid and not settled": (sold, _settle(paid=True), "INV-8"),
}


@pytest.mark.parametrize(("make", "break_", "number"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_states_are_found(
    make: Callable[[], Auction], break_: Callable[[Auction], None], number: str
) -> None:
    """One thing at a time is wrong, and the complaint names the invariant."""
    state = make()
    break_(state)
    with pytest.raises(AssertionError, match=number):
        check(state)
