"""Tests of engine/kernel/market.py."""

from engine.kernel.market import BUILT_IN, Market, market_for


def test_an_operator_sets_a_market_of_its_own() -> None:
    """What is configured for a currency is used for it, and for no other."""
    mine = Market(currency="EUR", deposit_bps=500)
    assert market_for({"EUR": mine}, "EUR") is mine
    assert market_for({"EUR": mine}, "INR") == Market(currency="INR")


def test_the_vehicle_market_has_its_floor() -> None:
    """NGN 50,000 is the least increment there, and the one that is used (auction A4)."""
    naira = BUILT_IN["NGN"]
    assert naira.increment_min == 5_000_000
    assert naira.increments == ((0, 5_000_000),)


def test_the_dollar_market_has_the_schedule_of_the_rules() -> None:
    """The rows of auction X2, in cents, ascending."""
    rows = [[0, 5], [100, 25], [500, 50], [2500, 100], [10000, 250], [25000, 500]]
    rows += [[50000, 1000], [100000, 2500], [250000, 5000], [500000, 10000]]
    assert [list(row) for row in BUILT_IN["USD"].increments] == rows
