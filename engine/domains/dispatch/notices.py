"""What dispatch tells people in their private rooms `user:{id}`: a storage format too."""

from typing import Literal

from engine.contract import Event
from engine.domains.dispatch.geo import Place
from engine.kernel.time import Millis


class OfferMade(Event, frozen=True, tag="dispatch.offer_made"):
    """To a driver: do you want this job? Of the customer only area and distance are told."""

    offer: str
    zone: str
    shop: str
    pickup: Place
    pickup_address: str
    distance_m: int
    """From where you are to the pick-up."""
    trip_m: int
    """From there to the customer."""
    area: str
    wave: int
    expires_at: Millis


class OfferClosed(Event, frozen=True, tag="dispatch.offer_closed"):
    """To a driver: the offer has ended."""

    offer: str
    cause: Literal[
        "TAKEN", "EXPIRED", "OFFLINE", "BUSY", "CANCELLED", "CLAIM_REFUSED", "DRIVER_BUSY"
    ]


class OfferOpenAgain(Event, frozen=True, tag="dispatch.offer_open_again"):
    """To a driver: whoever was first has not got it. Until `expires_at` it may be yours."""

    offer: str
    expires_at: Millis


class JobAssigned(Event, frozen=True, tag="dispatch.job_assigned"):
    """To a driver: the job is yours. Addresses stand in `delivery:{order}`."""

    order: str
    zone: str
    """Of the job: your commands about it go there."""
    pickup: Place
    pickup_address: str


class JobEnded(Event, frozen=True, tag="dispatch.job_ended"):
    """To a driver: the job is yours no more."""

    order: str
    cause: Literal["COMPLETED", "RETURNED", "RELEASED", "CANCELLED"]


class ApprovalRequested(Event, frozen=True, tag="dispatch.approval_requested"):
    """To a shop's owner: a paid order waits for your yes."""

    order: str
    shop: str
    due_at: Millis


class ShopNotified(Event, frozen=True, tag="dispatch.shop_notified"):
    """To a shop's owner: how one of your orders stands."""

    order: str
    shop: str
    status: str
    code: str = ""
    """NO_DRIVER_FOUND, where that is why."""


class OrderUpdated(Event, frozen=True, tag="dispatch.order_updated"):
    """To a customer: how one of your orders stands. Who brings it stands in `delivery:{order}`."""

    order: str
    number: str
    status: str


NOTICES: tuple[type[Event], ...] = (
    OfferMade,
    OfferClosed,
    OfferOpenAgain,
    JobAssigned,
    JobEnded,
    ApprovalRequested,
    ShopNotified,
    OrderUpdated,
)
