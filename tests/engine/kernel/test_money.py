"""Tests of engine/kernel/money.py."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kernel.money import (
    AMOUNT_MAX,
    BPS,
    Amount,
    Currency,
    SignedAmount,
    share_nearest,
    share_up,
    whole_of_share,
)

amounts = st.integers(0, AMOUNT_MAX)
shares = st.integers(0, BPS)


@given(amounts, shares)
def test_a_deposit_is_rounded_up_by_less_than_one(amount: int, bps: int) -> None:
    """`share_up` is the least whole number that is not below the exact share (auction W2)."""
    exact = Fraction(amount * bps, BPS)
    assert 0 <= share_up(amount, bps) - exact < 1


@given(amounts, shares)
def test_a_fee_is_rounded_to_the_nearest_half_up(amount: int, bps: int) -> None:
    """`share_nearest` is at most half a unit off, and a half goes up (accounts rule 7)."""
    off = share_nearest(amount, bps) - Fraction(amount * bps, BPS)
    assert -Fraction(1, 2) < off <= Fraction(1, 2)


@given(amounts, st.integers(1, BPS))
def test_bidding_power_is_the_most_that_a_deposit_covers(share: int, bps: int) -> None:
    """A bid of the whole power needs no more than there is; one unit more would (accounts 2)."""
    power = whole_of_share(share, bps)
    assert share_up(power, bps) <= share < share_up(power + 1, bps)


def test_without_a_deposit_power_has_no_bound() -> None:
    """Nothing is needed, so only the greatest amount of all limits a bid."""
    assert whole_of_share(0, 0) == AMOUNT_MAX


def test_figures_of_the_rules() -> None:
    """The examples of the rules: 20 % of an odd price, 10 % of 8,000, five times what is free."""
    assert share_up(1_000_001, 2_000) == 200_001
    assert share_nearest(8_000, 1_000) == 800
    assert share_nearest(5, 1_000) == 1
    assert share_nearest(4, 1_000) == 0
    assert whole_of_share(100, 2_000) == 500


@pytest.mark.parametrize(
    ("json", "type_", "fits"),
    [
        (b"1", Amount, True),
        (b"9007199254740991", Amount, True),
        (b"9007199254740992", Amount, False),
        (b"0", Amount, False),
        (b"-1", Amount, False),
        (b"1.5", Amount, False),
        (b'"1"', Amount, False),
        (b"-9007199254740991", SignedAmount, True),
        (b"-9007199254740992", SignedAmount, False),
        (b'"NGN"', Currency, True),
        (b'"ngn"', Currency, False),
        (b'"NGNN"', Currency, False),
        (b'"NGN\\n"', Currency, False),
    ],
)
def test_what_is_money_on_the_wire(json: bytes, type_: type, fits: bool) -> None:
    """Whole positive minor units that JavaScript reads exactly, and a three-letter currency."""
    try:
        msgspec.json.decode(json, type=type_)
    except msgspec.ValidationError:
        assert not fits
    else:
        assert fits
