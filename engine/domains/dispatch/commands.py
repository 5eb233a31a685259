"""What may be asked of a delivery zone, and by whom (dispatch 4)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.contract import Command, Reason, Text, holder_of
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.terms import (
    BATCH_MS,
    CASCADE_MS,
    NOWHERE,
    OFFER_MS,
    Mode,
    Neighbours,
    OfferId,
    Radius,
    ShopApproval,
    Window,
    ZoneAddress,
    ZoneId,
    delivery_room,
    driver_key,
    job_key,
    order_key,
    zone_of_offer,
    zone_room,
)
from engine.kernel.actor import ADMIN, DRIVER, MANAGER, SHOPKEEPER, SIGNED_IN, SYSTEM, Actor
from engine.kernel.ids import END, Id
from engine.kernel.money import Currency
from engine.kernel.time import Moment

OPS = frozenset({MANAGER, ADMIN})
DRIVERS = frozenset({DRIVER})
SHOPS = frozenset({SHOPKEEPER})

OneZone = Annotated[ZoneId | None, Meta(description="left out: the house looks for it")]
OneAddress = Annotated[
    ZoneAddress | None,
    Meta(description="left out: the house looks for it, in this market"),
]
Accuracy = Annotated[int, Meta(ge=0, le=100_000, description="metres")]
Rating = Annotated[int, Meta(ge=0, le=500, description="hundredths of a star")]
FourDigits = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9]{{4}}{END}",
        description="exactly 4 digits, leading zeros kept",
        examples=["0042"],
    ),
]


class ZoneCommand(Command, frozen=True):
    """A command that names its zone."""

    zone: ZoneId

    def room(self, actor: Actor) -> str:
        return zone_room(self.zone)


class OrderCommand(Command, frozen=True):
    """A command about an order: decided by the zone of its pick-up."""

    order: Id
    zone: OneZone = None

    def room(self, actor: Actor) -> str:
        return zone_room(self.zone) if self.zone else holder_of(order_key(self.order), NOWHERE)


class DriverCommand(Command, frozen=True):
    """A command of a driver: decided by the zone in which they are online."""

    zone: OneZone = None

    def room(self, actor: Actor) -> str:
        return zone_room(self.zone) if self.zone else holder_of(driver_key(actor.user), NOWHERE)


class PackageCommand(Command, frozen=True):
    """A command about the job that a driver has, decided by the zone of its pick-up. Whatever
    stands on the package in their hands does not lead elsewhere."""

    order: Id
    zone: OneZone = None

    def room(self, actor: Actor) -> str:
        return zone_room(self.zone) if self.zone else holder_of(job_key(actor.user), NOWHERE)


class DoorCommand(Command, frozen=True):
    """A command at the customer's door. The order may be named, and need not be."""

    order: Id | None = None
    zone: OneZone = None

    def room(self, actor: Actor) -> str:
        if self.zone:
            return zone_room(self.zone)
        key = order_key(self.order) if self.order else job_key(actor.user)
        return holder_of(key, NOWHERE)


class CreateZone(ZoneCommand, frozen=True, tag="dispatch.create_zone"):
    """Open a delivery zone: a circle, which never moves."""

    ROLES: ClassVar[frozenset[str]] = OPS

    centre: Place
    radius_m: Radius
    mode: Mode = "broadcast"
    offer_ms: Window = OFFER_MS
    cascade_ms: Window = CASCADE_MS
    batch_ms: Window = BATCH_MS
    neighbours: Neighbours = ()


class ConfigureZone(ZoneCommand, frozen=True, tag="dispatch.configure_zone"):
    """Change how a zone searches; what is left out stays as it is."""

    ROLES: ClassVar[frozenset[str]] = OPS

    mode: Mode | None = None
    offer_ms: Window | None = None
    cascade_ms: Window | None = None
    batch_ms: Window | None = None
    neighbours: Neighbours | None = None


class GoOnline(ZoneCommand, frozen=True, tag="dispatch.go_online"):
    """A driver wants offers of this zone from now on."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS

    pos: Place
    accuracy_m: Accuracy = 0
    device_at: Moment | None = None


class GoOffline(DriverCommand, frozen=True, tag="dispatch.go_offline"):
    """A driver without a job wants no more offers."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS


class UpdateLocation(DriverCommand, frozen=True, kw_only=True, tag="dispatch.update_location"):
    """Where a driver is. The result says whether it was taken, and if not, why."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS

    pos: Place
    accuracy_m: Accuracy = 0
    device_at: Moment | None = None


class RateDriver(ZoneCommand, frozen=True, tag="dispatch.rate_driver"):
    """What others think of a driver: it decides between two who are equally near (D2)."""

    ROLES: ClassVar[frozenset[str]] = OPS | {SYSTEM}

    driver: Id
    rating: Rating


class OrderPaid(ZoneCommand, frozen=True, tag="dispatch.order_paid"):
    """An order whose money is in escrow: it is to be delivered."""

    ROLES: ClassVar[frozenset[str]] = frozenset({SYSTEM, ADMIN})

    order: Id
    shop: Id
    customer: Id
    pickup: Place
    pickup_address: Text
    dropoff: Place
    dropoff_address: Text
    currency: Currency
    number: Text | None = None
    """What people call the order; without one, its id."""
    dropoff_area: Reason = ""
    """What of the address a driver may know who is only asked."""
    priority: Text = "normal"
    mode: Mode | None = None
    """Without it, as the zone is set."""
    shop_approval: ShopApproval | None = None
    """`auto`: the house says yes for the shop in the same step (fulfilment FUL-10). Without it, as
    the shop has set."""


class ShopAccept(OrderCommand, frozen=True, tag="dispatch.shop_accept"):
    """The shop takes the order on; the search begins (D8). The house may do it for the shop."""

    ROLES: ClassVar[frozenset[str]] = SHOPS | {SYSTEM}


class ShopReject(OrderCommand, frozen=True, tag="dispatch.shop_reject"):
    """The shop does not want it; the customer's money goes back."""

    ROLES: ClassVar[frozenset[str]] = SHOPS

    reason: Reason = ""


class CancelOrder(OrderCommand, frozen=True, tag="dispatch.cancel_order"):
    """Call it off before the pick-up; the customer only before the shop's yes."""

    ROLES: ClassVar[frozenset[str]] = SIGNED_IN

    reason: Reason = ""


class OfferCommand(Command, frozen=True):
    """The answer to an offer: decided by the zone that made it."""

    offer: OfferId

    def room(self, actor: Actor) -> str:
        return zone_room(zone_of_offer(self.offer))


class AcceptOffer(OfferCommand, frozen=True, tag="dispatch.accept_offer"):
    """The first gets the job (D3). `assigned`, or `claiming` where the driver's own zone has
    first to say yes; then the driver's private feed tells how it ended."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS


class DeclineOffer(OfferCommand, frozen=True, tag="dispatch.decline_offer"):
    """Not this job, and not again (X6)."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS

    reason: Reason = ""


class ArriveAtShop(PackageCommand, frozen=True, tag="dispatch.arrive_at_shop"):
    """The driver is at the shop; `order` is read off the package (P1)."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS


class ConfirmPickup(PackageCommand, frozen=True, tag="dispatch.confirm_pickup"):
    """The driver has the package; `order` is read off it (P1, P2)."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS


class ObjectPickup(OrderCommand, frozen=True, tag="dispatch.object_pickup"):
    """The shop says that the pick-up was not right. Operators hear of it, nothing else (P2)."""

    ROLES: ClassVar[frozenset[str]] = SHOPS

    reason: Reason = ""


class ArriveAtCustomer(DoorCommand, frozen=True, tag="dispatch.arrive_at_customer"):
    """The driver is at the door."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS


class EnterDeliveryCode(DoorCommand, frozen=True, kw_only=True, tag="dispatch.enter_delivery_code"):
    """The driver types what the customer says (C3). A wrong code is refused, and counted."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS

    code: FourDigits


class ReleaseDriver(OrderCommand, frozen=True, tag="dispatch.release_driver"):
    """The driver gives the job back before the pick-up, or operators take it."""

    ROLES: ClassVar[frozenset[str]] = DRIVERS | OPS

    reason: Reason = ""


class ShowDeliveryCode(OrderCommand, frozen=True, tag="dispatch.show_delivery_code"):
    """The customer asks for the code. It stands in the reply and nowhere else (C2)."""

    ROLES: ClassVar[frozenset[str]] = SIGNED_IN


class ReissueCode(OrderCommand, frozen=True, tag="dispatch.reissue_code"):
    """The customer wants another code; the old one is void (C5)."""

    ROLES: ClassVar[frozenset[str]] = SIGNED_IN


class RetrySearch(OrderCommand, frozen=True, tag="dispatch.retry_search"):
    """Look for a driver again, from the first wave on."""

    ROLES: ClassVar[frozenset[str]] = SHOPS | OPS

    reason: Reason = ""
    ask_again: bool = False
    """Ask also those who have declined; for operators (X6)."""


class AssignDriver(OrderCommand, frozen=True, kw_only=True, tag="dispatch.assign_driver"):
    """Operators give the job to somebody who is available."""

    ROLES: ClassVar[frozenset[str]] = OPS

    driver: Id
    driver_zone: OneAddress = None
    reason: Reason = ""


class FreeDriver(ZoneCommand, frozen=True, kw_only=True, tag="dispatch.free_driver"):
    """Operators take a driver back whom another market has claimed and does not let go, for it is
    gone. That market is told. As long as it answers, its own operators release the driver."""

    ROLES: ClassVar[frozenset[str]] = OPS

    driver: Id
    reason: Reason = ""


class OverrideDelivery(OrderCommand, frozen=True, kw_only=True, tag="dispatch.override_delivery"):
    """Operators say that it was delivered, without the code but with a photo."""

    ROLES: ClassVar[frozenset[str]] = OPS

    photo: Id
    reason: Reason = ""


class FailDelivery(OrderCommand, frozen=True, tag="dispatch.fail_delivery"):
    """Operators say that it cannot be delivered: it goes back to the shop."""

    ROLES: ClassVar[frozenset[str]] = OPS

    reason: Reason = ""


class ConfirmReturn(OrderCommand, frozen=True, tag="dispatch.confirm_return"):
    """The shop has the package back."""

    ROLES: ClassVar[frozenset[str]] = SHOPS


class TrackOrder(Command, frozen=True, tag="dispatch.track_order"):
    """How the delivery stands, as far as the caller may know (T2)."""

    ROLES: ClassVar[frozenset[str]] = SIGNED_IN

    order: Id

    def room(self, actor: Actor) -> str:
        return delivery_room(self.order)
