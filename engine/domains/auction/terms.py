"""The terms of one auction: what was agreed when it was made, and never changes afterwards."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.contract import stake_key
from engine.domains.auction.pricing import Schedule
from engine.kernel.ids import room_name
from engine.kernel.money import share_up
from engine.kernel.time import MINUTE, Millis

DOMAIN = "auction"
GROUP_DOMAIN = "auction_group"

Kind = Literal["timed", "reserve", "no_reserve", "flash"]
Extensions = Annotated[int, Meta(ge=0, le=1_000_000, description="how many bids may extend")]

INCREMENT_ROWS_MAX = 32
"""Rows of an increment schedule."""

RECENT_BIDS = 50
"""Latest bids kept for the views. Every bid is in the log."""

GROUP_LOTS_MAX = 500
"""Open lots of one group, each of which hears of an extension of another."""

OUTAGE_MS = 2 * MINUTE
"""An outage in the last so many ms is made good by as many ms from recovery (auction 6)."""


class Terms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Amounts in minor units of `currency`, times in ms. All figures of the market are resolved
    here, so that an old log keeps its terms when the market's configuration changes."""

    auction: str = ""
    vehicle: str = ""
    seller: str = ""
    kind: Kind = "timed"
    currency: str = ""
    start_price: int = 0
    reserve_price: int | None = None
    increments: Schedule = ((0, 1),)
    deposit_bps: int = 0
    start_at: Millis = 0
    end_at: Millis = 0
    hard_end_at: Millis | None = None
    """No bid extends the auction beyond this (X5)."""
    extension_window_ms: int = 0
    extension_ms: int = 0
    max_extensions: int | None = None
    """How many bids may extend it (X5)."""
    group: str | None = None
    """Lots of one group share a soft close (X9)."""
    featured: bool = False
    platform_bids: bool = False
    platform_tick_ms: int = 0
    platform_window_ms: int = 0
    deposit_window_ms: int = 0
    payment_window_ms: int = 0
    delivery_fee: int = 0

    def deposit_on(self, amount: int) -> int:
        """The share of `amount` that is held, or taken as deposit (W2, X4)."""
        return share_up(amount, self.deposit_bps)

    def is_met_by(self, price: int | None) -> bool:
        """Whether the reserve is met; a null reserve always is (W1)."""
        return self.reserve_price is None or (price or 0) >= self.reserve_price


def auction_room(auction: str) -> str:
    """The room of an auction; also the reference of its holds."""
    return room_name(DOMAIN, auction)


def group_room(group: str) -> str:
    """The room of a group of lots."""
    return room_name(GROUP_DOMAIN, group)


def keys_of(terms: Terms) -> tuple[str, str]:
    """What an auction claims until it is over: its vehicle (A1), and its seller's stake."""
    room = auction_room(terms.auction)
    return vehicle_key(terms.vehicle), stake_key(terms.seller, room)


def vehicle_key(vehicle: str) -> str:
    """The claim that keeps a vehicle in one auction at a time (A1)."""
    return f"vehicle:{vehicle}"
