"""What zones tell one another, and the rooms of deliveries.

Two zones may live in different processes. Their messages may come late, and in any order, once
each in effect; no zone ever looks into another. Who is asked answers from its own state; who
asks believes only the answer, and gives back what it no longer needs.
"""

from engine.contract import Message
from engine.domains.dispatch.events import Candidate, ClaimCause
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.terms import Order
from engine.kernel.time import Millis


class FindDrivers(Message, frozen=True, tag="dispatch.find_drivers"):
    """Who of yours is near? `search` names the question."""

    zone: str
    order: str
    search: int
    pickup: Place
    radius_m: int
    excluded: tuple[str, ...]


class DriversFound(Message, frozen=True, tag="dispatch.drivers_found"):
    """These."""

    zone: str
    order: str
    search: int
    found: tuple[Candidate, ...]


class OffersMade(Message, frozen=True, tag="dispatch.offers_made"):
    """Drivers of yours have got offers: tell us when they go or get busy."""

    zone: str
    offers: tuple[tuple[str, str], ...]
    """Driver, offer."""
    expires_at: Millis


class OffersEnded(Message, frozen=True, tag="dispatch.offers_ended"):
    """A driver of ours has gone, or is busy: count on these no more."""

    driver: str
    offers: tuple[str, ...]
    is_offline: bool


class ClaimDriver(Message, frozen=True, tag="dispatch.claim_driver"):
    """May we have this driver for this order?"""

    zone: str
    order: str
    claim: str
    driver: str


class DriverClaimed(Message, frozen=True, tag="dispatch.driver_claimed"):
    """Yes. The driver is yours until you say otherwise."""

    zone: str
    order: str
    claim: str
    driver: str
    rating: int | None = None
    """What the customer is told of them (T2)."""


class ClaimRefused(Message, frozen=True, tag="dispatch.claim_refused"):
    """No."""

    zone: str
    order: str
    claim: str
    driver: str
    cause: ClaimCause


class ConfirmClaim(Message, frozen=True, tag="dispatch.confirm_claim"):
    """The driver is assigned."""

    claim: str
    driver: str
    is_shown: bool = True
    """Whether the customer may see where they are; no more on the way back to the shop (T4)."""


class ReleaseClaim(Message, frozen=True, tag="dispatch.release_claim"):
    """We need the driver no more, or never got to assign them."""

    claim: str
    driver: str


class RevokeClaim(Message, frozen=True, tag="dispatch.revoke_claim"):
    """Our operators have taken the driver back: you did not answer."""

    order: str
    claim: str
    driver: str
    by: str
    reason: str


class OpenDelivery(Message, frozen=True, tag="delivery.open_delivery"):
    """To a delivery's room: this is to be delivered."""

    order: Order
    zone: str


class UpdateDelivery(Message, frozen=True, tag="delivery.update_delivery"):
    """To a delivery's room: how it stands now."""

    status: str
    note: str = ""
    driver: str = ""
    driver_zone: str = ""
    rating: int | None = None
    left_by: str = ""
    """The driver who has it no more."""
