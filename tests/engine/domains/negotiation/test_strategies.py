"""Answers as pure functions (D2 to D5, X2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domains.negotiation.figures import OFFERS_MAX
from engine.domains.negotiation.strategies import (
    STRATEGIES,
    Table,
    counter,
    floor_of,
    lowest,
    play,
)

NAMES = sorted(STRATEGIES)


def test_the_example_of_the_source() -> None:
    """D2, D3: middle 13500, floor 13500."""
    assert floor_of(150_00, 130_00) == 135_00
    assert counter("midpoint.v1", Table(150_00, 130_00, 150_00, 120_00, 1)) == 135_00


@pytest.mark.parametrize(
    ("list_price", "min_price", "ask", "offer", "expected"),
    [
        (200_00, 100_00, 200_00, 99_99, 150_00),
        (200_00, 100_00, 200_00, 99_98, 150_00),
        (200_00, 100_00, 150_00, 50_00, 125_00),
        (200_00, 100_00, 120_00, 90_00, 120_00),
        (101, 100, 101, 1, 101),
        (100, 100, 100, 1, 100),
    ],
)
def test_midpoint(list_price: int, min_price: int, ask: int, offer: int, expected: int) -> None:
    """D3: middle, rounded up to the tick; at least the floor; at most the ask."""
    assert counter("midpoint.v1", Table(list_price, min_price, ask, offer, 1)) == expected


def test_steady_does_not_look_at_the_offer() -> None:
    """X2: by equal steps from the list price to the floor."""
    asks = {
        offer: [
            counter("steady.v1", Table(200_00, 100_00, 200_00, offer, number))
            for number in range(1, OFFERS_MAX + 1)
        ]
        for offer in (1, 99_99)
    }
    assert asks[1] == asks[99_99] == [185_00, 170_00, 155_00, 140_00, 125_00]


@given(
    st.sampled_from(NAMES),
    st.integers(1, 10**9),
    st.data(),
)
def test_no_counter_breaks_the_bounds(name: str, list_price: int, data: st.DataObject) -> None:
    """D4, INV-3: within floor and ask, never the minimum itself unless it is the list price."""
    min_price = data.draw(st.integers(1, list_price))
    ask = list_price
    offers = data.draw(st.lists(st.integers(0, min_price - 1), max_size=OFFERS_MAX, unique=True))
    for number, offer in enumerate(sorted(offers), start=1):
        answer = counter(name, Table(list_price, min_price, ask, offer, number))  # type: ignore[arg-type]
        assert floor_of(list_price, min_price) <= answer <= ask
        assert answer > min_price or list_price == min_price
        ask = answer


@pytest.mark.parametrize("name", NAMES)
def test_playing_again(name: str) -> None:
    """X2: accepted at the offer or the ask, rejected at the fifth, open in between."""
    assert play(name, 200_00, 100_00, [1, 100_00]).price == 100_00  # type: ignore[arg-type]
    assert play(name, 200_00, 100_00, [1, 200_00]).price < 200_00  # type: ignore[arg-type, operator]
    rejected = play(name, 200_00, 100_00, [1, 2, 3, 4, 5])  # type: ignore[arg-type]
    assert (rejected.status, len(rejected.asks)) == ("rejected", OFFERS_MAX - 1)
    assert play(name, 200_00, 100_00, [1]).status == "open"  # type: ignore[arg-type]


def test_a_raised_minimum_is_bounded_by_the_ask() -> None:
    """N3: the ask was promised."""
    assert lowest(100, 90) == 90
    assert lowest(100, 110) == 100
