"""The figures of the rules, and the names of rooms and keys (negotiation 1, 5, 6)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.kernel.ids import room_name
from engine.kernel.limits import REACTIONS_MAX
from engine.kernel.money import Amount
from engine.kernel.time import DAY, MINUTE, SECOND

DOMAIN = "negotiation"
TERMS_DOMAIN = "terms"

LOCK_MS = DAY
"""How long an agreed price stands (T1)."""
IDLE_MS = DAY
"""How long a negotiation waits for the next priced move (negotiation 6)."""
TEXT_MS = 3 * SECOND
"""How long words may take; then the template stands (M2)."""
OFFERS_MAX = 5
"""Priced offers of one negotiation (O3)."""
OPENINGS_MAX = 3
"""Negotiations of a customer over a product in `OPENINGS_MS` (N4)."""
OPENINGS_MS = DAY
CHAT_MAX = 20
"""Messages of one person in `CHAT_MS` (O3)."""
CHAT_MS = MINUTE
MESSAGES_KEPT = 100
"""Latest messages that the views show. Every message is in the log."""
HAGGLING_MAX = 500
"""Negotiations that may run over one product at once: one step can end them all (X1)."""
BREAKS_MAX = 16
"""Quantity breaks of one product (X3)."""
PRODUCTS_MAX = 10_000
"""Products of one shop that have terms."""
PAST_KEPT = 100
"""Latest negotiations of a shop that can be replayed under another strategy (X2)."""

assert 4 * HAGGLING_MAX <= REACTIONS_MAX, "one step can end them all"

Quantity = Annotated[int, Meta(ge=1, le=1_000_000, description="pieces")]
Stock = Annotated[int, Meta(ge=0, le=1_000_000_000, description="pieces in stock")]
Words = Annotated[str, Meta(max_length=500)]
StrategyName = Literal["midpoint.v1", "steady.v1"]
"""How the house answers an offer by itself (X2). A name is never given another meaning."""


class Break(Struct, frozen=True):
    """From this quantity on, a piece costs this (X3). Minor units."""

    from_quantity: Annotated[int, Meta(ge=2, le=1_000_000)]
    list_price: Amount
    min_price: Amount


Breaks = Annotated[
    tuple[Break, ...],
    Meta(max_length=BREAKS_MAX, description="by quantity, ascending"),
]


def negotiation_room(negotiation: str) -> str:
    """The room of a negotiation."""
    return room_name(DOMAIN, negotiation)


def terms_room(shop: str) -> str:
    """The room of a shop's secret terms; always in the shard of its negotiations."""
    return room_name(TERMS_DOMAIN, shop)


def negotiation_key(customer: str, shop: str, product: str) -> str:
    """The claim that keeps one customer to one active negotiation over a product (N1)."""
    return f"negotiation:{customer}:{shop}:{product}"
