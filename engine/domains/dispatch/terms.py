"""Figures, names and terms of delivery zones. Distances in metres, times in ms."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.domains.dispatch.geo import Place
from engine.kernel.ids import (
    END,
    MARKET_MARK,
    MarketName,
    in_market,
    room_name,
    split_address,
)
from engine.kernel.time import MINUTE, SECOND

ZONE_DOMAIN = "zone"
DELIVERY_DOMAIN = "delivery"
ESCROW_KIND: Literal["order"] = "order"

RULES_VERSION = 1
"""Stands on every offer with the facts that it rested on (X3). Raise it with D1, D2 or D7."""

Mode = Literal["broadcast", "cascade", "batched"]
ShopApproval = Literal["required", "auto"]

WAVES = (5_000, 7_500, 10_000)
"""Radius of each wave in metres, inclusive (D1, D7)."""
OFFERS_MAX = 10
"""Drivers who get the offer of one wave (D2)."""
FRESH_MS = 60 * SECOND
"""A position older than this makes no candidate (D1)."""
OFFER_MS = 30 * SECOND
"""An offer's life (D4)."""
CASCADE_MS = 15 * SECOND
"""An offer's life where one driver is asked at a time (X1)."""
BATCH_MS = 2 * SECOND
"""The usual window of a batch (X1)."""
BATCH_JOBS_MAX = 30
"""Jobs that are matched at once; the others wait for the next window."""

SHOP_MS = 10 * MINUTE
NO_PICKUP_MS = 20 * MINUTE
"""From the assignment."""
NO_DELIVERY_MS = 45 * MINUTE
"""From the pick-up."""
STALE_MS = 5 * MINUTE
"""A busy driver's silence before operators hear of it."""
GONE_MS = 30 * SECOND
"""From a driver's last session to the dead-man's switch (X4)."""
OBJECTION_MS = 5 * MINUTE
"""In which a shop may object to a pick-up (P2)."""
PROMISE_MS = (30 * MINUTE, 45 * MINUTE)
"""What the customer is promised, from the shop's yes (F2)."""

LOCK_AT = 5
"""Wrong codes after which the code is locked for LOCK_MS (C4)."""
LOCK_MS = 10 * MINUTE
OPS_ONLY_AT = 10
"""Wrong codes after which only operators can complete the delivery (C4)."""
REISSUES_MAX = 3

PING_MS = 5 * SECOND
"""Faster pings are dropped (T3)."""
PING_EARLY_MS = 500
"""So much earlier one may come, for what networks and clocks do to it; the one after it is not due
any earlier, so nobody is heard more often than every 5 s."""
LOG_MS = 30 * SECOND
LOG_M = 100
"""A position enters the log when so much time, or so much way, has passed (T3)."""
GATHER_MS = SECOND
"""Positions that do are gathered for so long, and written down together."""
LOGGED_TOGETHER_MAX = 200
"""Of one event."""
SPEED_MAX_M_S = 60
"""A faster jump is flagged and not believed (T5)."""
CLOCK_AHEAD_MS = 60 * SECOND
"""So much may a device's clock be ahead of the house's."""

NEIGHBOURS_MAX = 16
NEIGHBOUR_WAIT_MS = SECOND
"""How long a wave waits for the candidates of neighbour zones."""
CLAIM_WAIT_MS = 10 * SECOND
"""How long a job waits for a driver's own zone to say yes: longer than it takes until another
process serves that zone, so that a driver's yes outlives the death of their market's writer."""
LEFT_OUT_MAX = 40
"""Of those who were looked at and not chosen, so many are named (X3)."""
BEYOND_MAX = 10
"""Of them, so many of whom nothing else can be said than that others were nearer."""
FORGET_MS = 60 * MINUTE
"""A job that has ended is forgotten by its zone after this; its delivery room is not."""

NOWHERE = "zone:~"
"""The room of whoever is in no zone. No zone can have this name."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9_\-]{0,31}"

ZoneId = Annotated[
    str,
    Meta(
        pattern=rf"^{_NAME}{END}",
        description="1-32 letters, digits, '_' or '-', starting with a letter or digit",
        examples=["z1"],
    ),
]
ZoneAddress = Annotated[
    str,
    Meta(
        pattern=rf"^{_NAME}(@{_NAME})?{END}",
        description="a zone's id; of another market, with `@` and the market",
        examples=["z1", "z2@east"],
    ),
]
OfferId = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9]+-[0-9]+\.{_NAME}(@{_NAME})?{END}",
        description="as the offer's notice says; it ends with its zone",
        examples=["1-1.z1", "1-1.z1@east"],
    ),
]
Radius = Annotated[int, Meta(ge=1, le=200_000, description="metres")]
Window = Annotated[int, Meta(ge=100, le=60_000, description="milliseconds")]


class Neighbour(Struct, frozen=True, forbid_unknown_fields=True):
    """A zone whose drivers may be asked, and the circle that it covers."""

    zone: ZoneId
    centre: Place
    radius_m: Radius
    market: MarketName | None = None
    """None: that of the zone whose neighbour it is."""

    @property
    def address(self) -> str:
        """What the zone is called here: its id, and its market if that is another one."""
        return in_market(self.zone, self.market or "")


Neighbours = Annotated[tuple[Neighbour, ...], Meta(max_length=NEIGHBOURS_MAX)]


class Settings(Struct, frozen=True):
    """What of a zone can be changed at any time; it holds for searches that begin later."""

    mode: Mode = "broadcast"
    offer_ms: int = OFFER_MS
    cascade_ms: int = CASCADE_MS
    batch_ms: int = BATCH_MS
    neighbours: tuple[Neighbour, ...] = ()


class Order(Struct, frozen=True, kw_only=True):
    """A paid order as its zone was told of it."""

    order: str
    number: str
    """What people call it."""
    shop: str
    customer: str
    pickup: Place
    pickup_address: str
    dropoff: Place
    dropoff_address: str
    dropoff_area: str
    """What of the address a driver is told who is only asked."""
    currency: str
    priority: str
    mode: Mode
    trip_m: int
    """From pick-up to drop-off."""


def zone_room(zone: str) -> str:
    """The room of a zone."""
    return room_name(ZONE_DOMAIN, zone)


def delivery_room(order: str) -> str:
    """Where the parties of an order listen."""
    return room_name(DELIVERY_DOMAIN, order)


def order_key(order: str) -> str:
    """The claim of the zone that an order is of, for ever: no order is delivered twice."""
    return f"dispatch_order:{order}"


def driver_key(driver: str) -> str:
    """The claim of the zone in which a driver is online (X5)."""
    return f"dispatch_driver:{driver}"


def job_key(driver: str) -> str:
    """The claim of the zone whose job a driver has (invariant 1)."""
    return f"dispatch_job:{driver}"


def as_known_to(name: str, asker: str, home: str) -> str:
    """What a zone or an offer of the market `home` is called where `asker`, a zone, is."""
    return in_market(name, home) if MARKET_MARK in asker else name


def at_zone(user: str, zone: str) -> str:
    """A user where they listen: in the market of their zone."""
    return in_market(user, split_address(zone)[1])


def local_offer(offer: str) -> str:
    """What an offer is called in the zone that made it."""
    return split_address(offer)[0]


def offer_id(job: int, number: int, zone: str) -> str:
    """The name of an offer. It says where to answer."""
    return f"{job}-{number}.{zone}"


def zone_of_offer(offer: str) -> str:
    """The zone that made an offer."""
    return offer.partition(".")[2]
