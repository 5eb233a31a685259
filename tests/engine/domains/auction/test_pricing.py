"""The price rule (auction X1-X4, X7), by example and against a naive model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domains.auction import events as e
from engine.domains.auction import pricing
from engine.domains.auction.notices import Outbid
from engine.domains.auction.pricing import Made
from engine.kernel.market import USD_INCREMENTS
from testkit.house import House
from tests.engine.domains.auction.cast import ANN, BOB, CAT, POOR, ROOM, M, bid, live, maximum

FIVE = ((0, 5),)


@pytest.mark.parametrize(
    ("price", "step"),
    [
        (0, 5),
        (99, 5),
        (100, 25),
        (499, 25),
        (500, 50),
        (9_999, 100),
        (10_000, 250),
        (10**12, 10_000),
    ],
)
def test_step_is_the_row_of_the_price(price: int, step: int) -> None:
    """X2: the row with the greatest from_price <= p."""
    assert pricing.step(USD_INCREMENTS, price) == step


@pytest.mark.parametrize(
    ("now", "who", "amount", "shows", "made"),
    [
        # A maximum below, at, and above the leader's.
        (Made(50, "a", 100), "b", 70, False, Made(75, "a", 100)),
        (Made(50, "a", 100), "b", 98, False, Made(100, "a", 100)),
        (Made(50, "a", 100), "b", 100, False, Made(100, "a", 100)),
        (Made(50, "a", 100), "b", 103, False, Made(103, "b", 103)),
        (Made(50, "a", 100), "b", 200, False, Made(105, "b", 200)),
        # A plain bid shows in full.
        (Made(50, "a", 50), "b", 80, True, Made(80, "b", 80)),
        (Made(50, "a", 100), "b", 70, True, Made(75, "a", 100)),
        (Made(50, "a", 100), "b", 200, True, Made(200, "b", 200)),
    ],
)
def test_challenges(now: Made, who: str, amount: int, shows: bool, made: Made) -> None:
    """X1: the lower maximum is outbid by a step at most; on a tie the earlier leads."""
    assert pricing.challenge(now, FIVE, None, who, amount, shows) == made


def test_first_maximum_opens_at_the_start_price(live_house: House) -> None:
    """X1: no leader -> price = start_price."""
    live_house.when(ANN, maximum(100 * M))
    live_house.then(e.BidPlaced, amount=50 * M, leader="ann", is_max=True, minimum_bid=55 * M)


def test_standing_maximum_answers_a_challenger(live_house: House) -> None:
    """X1: the leader stays, the price rises, and no hold changes."""
    live_house.given((ANN, maximum(100 * M))).when(BOB, maximum(70 * M))
    live_house.then(e.BidPlaced, bidder="bob", leader="ann", amount=75 * M, outbid="", postings=())
    assert (live_house.held("ann"), live_house.held("bob")) == (20 * M, 0)


def test_funds_are_asked_of_a_losing_challenger_too(live_house: House) -> None:
    """B6 applies to whoever bids, lead or not."""
    live_house.given((ANN, maximum(100 * M)))
    live_house.when(POOR, maximum(70 * M)).then_rejected("INSUFFICIENT_BUYING_POWER")


def test_earlier_maximum_wins_a_tie(live_house: House) -> None:
    """X1: price = M, the leader stays."""
    live_house.given((ANN, maximum(100 * M))).when(BOB, maximum(100 * M))
    live_house.then(e.BidPlaced, leader="ann", amount=100 * M)


def test_higher_maximum_takes_the_lead(live_house: House) -> None:
    """X1: price = min(M, L + step(L)), and X4: the hold covers the maximum."""
    live_house.given((ANN, maximum(100 * M))).when(BOB, maximum(200 * M))
    live_house.then(e.BidPlaced, leader="bob", amount=105 * M, outbid="ann")
    assert (live_house.held("ann"), live_house.held("bob")) == (0, 40 * M)


def test_leader_raising_a_maximum_moves_no_price(live_house: House) -> None:
    """X1: only the hold grows (X4)."""
    live_house.given((ANN, maximum(100 * M))).when(ANN, maximum(150 * M))
    live_house.then(e.BidPlaced, amount=50 * M, leader="ann", outbid="")
    assert live_house.held("ann") == 30 * M


@pytest.mark.parametrize("amount", [60 * M, 100 * M])
def test_leader_cannot_lower_a_maximum(live_house: House, amount: int) -> None:
    """A leader's maximum must be above the one that stands."""
    live_house.given((ANN, maximum(100 * M)))
    live_house.when(ANN, maximum(amount)).then_rejected("BID_TOO_LOW", minimum=100 * M + 1)


def test_leader_may_show_more_by_a_plain_bid(live_house: House) -> None:
    """B7: the price rises to the bid, the maximum stands."""
    live_house.given((ANN, maximum(100 * M))).when(ANN, bid(60 * M))
    live_house.then(e.BidPlaced, amount=60 * M, leader="ann", postings=())
    assert live_house.state(ROOM).leader_max == 100 * M
    live_house.when(ANN, bid(120 * M)).then(e.BidPlaced, amount=120 * M)
    assert live_house.held("ann") == 24 * M


def test_reserve_jump_of_the_first_maximum(house: House) -> None:
    """X3: a maximum good for the reserve brings the price up to it at once."""
    live(house, reserve_price=80 * M).when(ANN, maximum(100 * M))
    house.then(e.BidPlaced, amount=80 * M, reserve_met=True)


def test_reserve_jump_of_the_leader(house: House) -> None:
    """X1, X3: raising moves no price, unless it reaches the reserve."""
    live(house, reserve_price=80 * M).given((ANN, maximum(60 * M)))
    house.when(ANN, maximum(70 * M)).then(e.BidPlaced, amount=50 * M, reserve_met=False)
    house.when(ANN, maximum(80 * M)).then(e.BidPlaced, amount=80 * M, reserve_met=True)


def test_reserve_jump_of_a_challenger(house: House) -> None:
    """X3: also when the second price would be lower; a met reserve never lowers a price."""
    live(house, reserve_price=80 * M).given((ANN, maximum(60 * M)))
    house.when(BOB, maximum(100 * M)).then(e.BidPlaced, amount=80 * M, leader="bob")
    house.when(CAT, maximum(200 * M)).then(e.BidPlaced, amount=105 * M, leader="cat")


def test_outbid_notice_does_not_betray_a_maximum(live_house: House) -> None:
    """X7: admins read the user's room too."""
    live_house.given((ANN, maximum(100 * M))).when(BOB, bid(110 * M))
    live_house.then(Outbid, your_bid=None, released=None, minimum_bid=115 * M)


def _naive(bids: list[tuple[str, int]], start: int, step: int) -> tuple[int | None, str]:
    """The price rule from first principles: the highest maximum leads, the earlier among
    equals; it pays a step over the next, but never more than its own. A leader's raise moves
    nothing. All is sorted each time."""
    standing: dict[str, tuple[int, int]] = {}
    price, leader = None, ""
    for number, (who, amount) in enumerate(bids):
        if amount < (start if price is None else price + step):
            continue
        if who == leader:
            highest = max(amount, -standing[who][0])
            standing[who] = (-highest, number)
            continue
        standing[who] = (-amount, number)
        ranked = sorted((key, name) for name, key in standing.items())
        best, name = -ranked[0][0][0], ranked[0][1]
        second = -ranked[1][0][0] + step if len(ranked) > 1 else start
        price = max(price or 0, min(best, second))
        leader = name
    return price, leader


@given(
    bids=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 400)), max_size=30),
    start=st.integers(1, 100),
    step=st.integers(1, 20),
)
def test_maxima_agree_with_a_naive_model(
    bids: list[tuple[str, int]], start: int, step: int
) -> None:
    """X1 over any sequence of maxima: the same price and leader as by sorting."""
    schedule = ((0, step),)
    made: Made | None = None
    for who, amount in bids:
        least = pricing.minimum_bid(schedule, start, made.price if made else None)
        raising = made is not None and made.leader == who
        if amount < least or (made and raising and amount <= made.leader_max):
            continue
        if made is None:
            made = pricing.first_bid(start, None, who, amount, shows=False)
        elif raising:
            made = pricing.leaders_bid(made, None, amount, shows=False)
        else:
            made = pricing.challenge(made, schedule, None, who, amount, shows=False)
    expected = _naive(bids, start, step)
    assert (made.price if made else None, made.leader if made else "") == expected


@given(
    leader_max=st.integers(50, 500),
    bid_=st.integers(1, 600),
    reserve=st.none() | st.integers(1, 600),
    shows=st.booleans(),
)
def test_a_challenge_never_lowers_the_price(
    leader_max: int, bid_: int, reserve: int | None, shows: bool
) -> None:
    """INV-1, INV-2: the price rises, and the leader would go up to it."""
    now = Made(50, "a", leader_max)
    least = pricing.minimum_bid(FIVE, 1, now.price)
    made = pricing.challenge(now, FIVE, reserve, "b", max(bid_, least), shows)
    assert made.price > now.price or (made.leader == "a" and made.price == leader_max)
    assert made.leader_max >= made.price
