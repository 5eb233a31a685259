"""How the house answers an offer below the minimum: pure functions by name and version (X2).

A strategy that has answered somebody is never changed: a better one gets the next version, and
the event says which one it was. Amounts in minor units.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from engine.domains.negotiation.figures import OFFERS_MAX, StrategyName

TICK = 100
"""Counters are rounded up to this (D3)."""


class Table(Struct, frozen=True):
    """What lies on the table when an offer has to be answered."""

    list_price: int
    min_price: int
    ask: int
    """The shop's standing price."""
    offer: int
    """Below the minimum."""
    number: int
    """Which of the customer's offers it is: 1, 2 …"""


def floor_of(list_price: int, min_price: int) -> int:
    """No counter goes below this: a quarter of the margin stays with the shop (D3)."""
    return min_price + -(-(list_price - min_price) // 4)


def midpoint_v1(table: Table) -> int:
    """Half way between the ask and the offer (D3)."""
    middle = -(-(table.ask + table.offer) // 2)
    return -(-middle // TICK) * TICK


def steady_v1(table: Table) -> int:
    """By equal steps from the list price down to the floor, whatever is offered: it gives away
    nothing of its own by an offer that is very low."""
    floor = floor_of(table.list_price, table.min_price)
    given = (table.list_price - floor) * table.number // OFFERS_MAX
    return -(-(table.list_price - given) // TICK) * TICK


STRATEGIES: Mapping[StrategyName, Callable[[Table], int]] = {
    "midpoint.v1": midpoint_v1,
    "steady.v1": steady_v1,
}


def counter(strategy: StrategyName, table: Table) -> int:
    """The shop's new ask: whatever the strategy says, not below the floor, and it never rises
    (D3, D4)."""
    assert table.offer < table.min_price <= table.ask, "D3 answers offers below the minimum"
    floor = floor_of(table.list_price, table.min_price)
    return min(table.ask, max(floor, STRATEGIES[strategy](table)))


def lowest(min_price: int, ask: int) -> int:
    """The minimum that holds in a negotiation: one that was raised above a standing ask is
    bounded by it, for the ask was promised (N3, D4)."""
    return min(min_price, ask)


class Outcome(Struct, frozen=True):
    """What would have become of a row of offers."""

    status: str
    """accepted, rejected or open."""
    price: int | None = None
    asks: tuple[int, ...] = ()


def play(strategy: StrategyName, list_price: int, min_price: int, offers: list[int]) -> Outcome:
    """Answer these offers, one after the other, all by this strategy (X2)."""
    ask = list_price
    asks: list[int] = []
    for number, offer in enumerate(offers, start=1):
        if offer >= min_price:
            return Outcome("accepted", min(offer, ask), tuple(asks))
        if number == OFFERS_MAX:
            return Outcome("rejected", None, tuple(asks))
        ask = counter(strategy, Table(list_price, min_price, ask, offer, number))
        asks.append(ask)
    return Outcome("open", None, tuple(asks))
