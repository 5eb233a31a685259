"""The price rule: increments, maxima, reserve jump. All in minor units (auction X1-X3)."""

from bisect import bisect_right

from msgspec import Struct

from engine.kernel.money import AMOUNT_MAX

Schedule = tuple[tuple[int, int], ...]
"""Rows (from price, step), ascending, the first from 0."""


class Made(Struct, frozen=True, gc=False):
    """What an accepted bid makes: the price shown, who leads, and up to what they would go."""

    price: int
    leader: str
    leader_max: int


def step(schedule: Schedule, price: int) -> int:
    """The increment over `price`: the row with the greatest from_price <= price (X2)."""
    row = bisect_right(schedule, (price, AMOUNT_MAX)) - 1
    assert row >= 0, "a schedule starts at 0"
    return schedule[row][1]


def minimum_bid(schedule: Schedule, start_price: int, price: int | None) -> int:
    """The least bid that would be accepted (auction B4, B5), whoever leads."""
    return start_price if price is None else price + step(schedule, price)


def first_bid(start_price: int, reserve: int | None, bidder: str, bid: int, shows: bool) -> Made:
    """The bid that opens: a maximum opens at the start price (X1)."""
    assert bid >= start_price, "auction B4"
    price = bid if shows else start_price
    return Made(_jump(price, reserve, bid), bidder, bid)


def leaders_bid(now: Made, reserve: int | None, bid: int, shows: bool) -> Made:
    """The leader bids again: a higher maximum moves no price (X1, X3), a plain bid shows (B7)
    and leaves a higher maximum standing."""
    leader_max = max(now.leader_max, bid)
    price = bid if shows else now.price
    return Made(_jump(price, reserve, leader_max), now.leader, leader_max)


def challenge(
    now: Made, schedule: Schedule, reserve: int | None, bidder: str, bid: int, shows: bool
) -> Made:
    """Somebody else bids. On a tie the earlier maximum leads (X1)."""
    if bid <= now.leader_max:
        price = min(now.leader_max, bid + step(schedule, bid))
        return Made(price, now.leader, now.leader_max)
    price = bid if shows else min(bid, now.leader_max + step(schedule, now.leader_max))
    return Made(_jump(price, reserve, bid), bidder, bid)


def _jump(price: int, reserve: int | None, leader_max: int) -> int:
    """A leader good for the reserve brings the price up to it at once (X3)."""
    if reserve is not None and price < reserve <= leader_max:
        return reserve
    return price
