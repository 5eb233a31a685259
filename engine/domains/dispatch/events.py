"""What happens in a delivery zone. Names, fields and types are a storage format: logs are for
ever. No event holds a delivery code (C2).
"""

from typing import Literal

from msgspec import Struct

from engine.contract import Event
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.terms import Mode, Order, Settings
from engine.kernel.time import Millis

OfflineCause = Literal["OWN", "GONE"]
CancelCause = Literal["SHOP_REJECTED", "SHOP_SILENT", "CUSTOMER", "SHOP", "OPS"]
ReturnCause = Literal["OFFLINE", "BUSY", "CANCELLED"]
AssignCause = Literal["OFFER", "MANUAL"]
ClaimCause = Literal["DRIVER_BUSY", "DRIVER_NOT_ELIGIBLE", "TIMEOUT"]
LeftOutReason = Literal[
    "BUSY", "OFFLINE", "STALE", "DECLINED", "RELEASED", "OWN", "TRIED", "OFFERED", "BEYOND_CAP"
]
Stop = Literal["PICKUP", "DROPOFF"]
Alert = Literal[
    "NO_DRIVER", "NO_PICKUP", "NO_DELIVERY", "STALE_POSITION", "DRIVER_GONE", "PICKUP_OBJECTED"
]


class Candidate(Struct, frozen=True, gc=False):
    """Somebody who could be asked, and how far they are from the pick-up."""

    driver: str
    distance_m: int
    rating: int | None = None
    zone: str = ""
    """Their own, if it is a neighbour."""

    @property
    def order(self) -> tuple[int, int, str]:
        """Nearest first, then the better rated, then by id (D2)."""
        return (self.distance_m, -(self.rating or 0), self.driver)


class LeftOut(Struct, frozen=True, gc=False):
    """Somebody who was near and is not asked, and why (X3)."""

    driver: str
    reason: LeftOutReason
    distance_m: int


class NewOffer(Struct, frozen=True, gc=False):
    """An offer to one driver, with the fact that it rests on."""

    offer: str
    driver: str
    distance_m: int
    zone: str = ""


class EndedOffer(Struct, frozen=True, gc=False):
    """An offer that can be accepted no more."""

    offer: str
    driver: str


class ZoneCreated(Event, frozen=True, tag="dispatch.zone_created"):
    """A circle in which there is delivery."""

    zone: str
    centre: Place
    radius_m: int
    settings: Settings


class ZoneConfigured(Event, frozen=True, tag="dispatch.zone_configured"):
    """It searches in another way from now on."""

    settings: Settings


class DriverOnline(Event, frozen=True, tag="dispatch.driver_online"):
    """A driver wants offers. A candidate only as long as the position is fresh."""

    driver: str
    pos: Place
    device_at: Millis


class DriverOffline(Event, frozen=True, tag="dispatch.driver_offline"):
    """No more offers."""

    driver: str
    cause: OfflineCause
    elsewhere: tuple[str, ...] = ()
    """Offers of neighbours that end by this."""


class DriverAway(Event, frozen=True, tag="dispatch.driver_away"):
    """The last session of a driver has gone (X4)."""

    driver: str
    until: Millis
    """When the dead-man's switch opens."""


class DriverBack(Event, frozen=True, tag="dispatch.driver_back"):
    """They are connected again."""

    driver: str


class LocationLogged(Event, frozen=True, tag="dispatch.location_logged"):
    """The latest position of a busy driver, who had seemed silent. Logs of old have every
    position so."""

    driver: str
    pos: Place
    device_at: Millis
    taken_at: Millis
    """When the position came; it may be a little earlier than the event."""


class Logged(Struct, frozen=True, gc=False):
    """A driver's position."""

    driver: str
    pos: Place
    device_at: Millis
    taken_at: Millis
    """When the position came; it may be a little earlier than the event."""


class LocationsLogged(Event, frozen=True, tag="dispatch.locations_logged"):
    """Some of many positions: of each driver one each 30 s or 100 m (T3)."""

    positions: tuple[Logged, ...]


class DriverFlagged(Event, frozen=True, tag="dispatch.driver_flagged"):
    """A position came that nobody can have reached; it is not believed (T5)."""

    driver: str
    pos: Place
    jump_m: int
    within_ms: int


class DriverRated(Event, frozen=True, tag="dispatch.driver_rated"):
    """Hundredths of a star."""

    driver: str
    rating: int


class JobCreated(Event, frozen=True, tag="dispatch.job_created"):
    """A paid order waits for its shop."""

    job: int
    order: Order
    shop_due_at: Millis


class OrderAccepted(Event, frozen=True, tag="dispatch.order_accepted"):
    """The shop takes it on."""

    order: str


class JobCancelled(Event, frozen=True, tag="dispatch.job_cancelled"):
    """It will not be delivered; the customer's money goes back."""

    order: str
    cause: CancelCause
    reason: str = ""
    driver: str = ""
    """Who is free again by this."""
    driver_zone: str = ""
    claim: str = ""
    """What is to be given back to the driver's own zone."""


class SearchOpened(Event, frozen=True, tag="dispatch.search_opened"):
    """A wave that does not send its offers at once: neighbours are asked, or a batch collects."""

    order: str
    search: int
    wave: int
    radius_m: int
    mode: Mode
    until: Millis
    asked: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    again: bool = False
    """Whether the wave goes on: who was asked in it is not asked again."""
    waits_until: Millis = 0
    """How long a batch's wave waits for those who are thinking about other offers; 0: no wait."""


class CandidatesReceived(Event, frozen=True, tag="dispatch.candidates_received"):
    """A neighbour has answered."""

    order: str
    search: int
    zone: str
    found: tuple[Candidate, ...]


class NeighbourAnswered(Event, frozen=True, tag="dispatch.neighbour_answered"):
    """The answer to a neighbour that looks for drivers."""

    order: str
    search: int
    zone: str
    """Who asks."""
    found: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...] = ()


class OffersSent(Event, frozen=True, tag="dispatch.offers_sent"):
    """A wave, or one step of it; perhaps nobody was there. With all that it rests on (X3)."""

    order: str
    wave: int
    radius_m: int
    mode: Mode
    rules: int
    expires_at: Millis
    offers: tuple[NewOffer, ...]
    left_out: tuple[LeftOut, ...] = ()


class BatchMatched(Event, frozen=True, tag="dispatch.batch_matched"):
    """A window was closed and its jobs were matched together (X1)."""

    orders: tuple[str, ...]
    matched: int
    total_m: int
    next_at: Millis | None = None
    """When those are matched for whom there was no room."""


class OfferDeclined(Event, frozen=True, tag="dispatch.offer_declined"):
    """A driver does not want the job."""

    order: str
    offer: str
    driver: str
    reason: str = ""


class OffersExpired(Event, frozen=True, tag="dispatch.offers_expired"):
    """Nobody took it in time."""

    order: str
    wave: int
    offers: tuple[EndedOffer, ...]


class OffersReturned(Event, frozen=True, tag="dispatch.offers_returned"):
    """Offers that went back without an answer."""

    order: str
    offers: tuple[EndedOffer, ...]
    cause: ReturnCause


class OffersTaken(Event, frozen=True, tag="dispatch.offers_taken"):
    """Somebody else was first (D3)."""

    order: str
    offers: tuple[EndedOffer, ...]


class NoDriverFound(Event, frozen=True, tag="dispatch.no_driver_found"):
    """Three waves, and nobody."""

    order: str


class SearchRetried(Event, frozen=True, tag="dispatch.search_retried"):
    """Once more from the first wave."""

    order: str
    by: str
    ask_again: bool = False


class ClaimAsked(Event, frozen=True, tag="dispatch.claim_asked"):
    """A driver of another zone is to have the job, if that zone says yes."""

    order: str
    claim: str
    driver: str
    driver_zone: str
    until: Millis
    cause: AssignCause
    offer: str = ""
    reason: str = ""
    """Why operators want this driver."""


class ClaimFailed(Event, frozen=True, tag="dispatch.claim_failed"):
    """The other zone said no, or nothing."""

    order: str
    claim: str
    driver: str
    driver_zone: str
    cause: ClaimCause
    offer: str = ""


class ClaimReturned(Event, frozen=True, tag="dispatch.claim_returned"):
    """A yes is given back that nobody waits for any more, before or after it came."""

    order: str
    claim: str
    driver: str
    driver_zone: str
    offer: str = ""


class ClaimAnswered(Event, frozen=True, tag="dispatch.claim_answered"):
    """A driver of this zone was asked for by another. The same again for the same claim."""

    order: str
    claim: str
    driver: str
    zone: str
    """Who asks."""
    granted: bool
    cause: ClaimCause | Literal[""] = ""
    elsewhere: tuple[str, ...] = ()
    """Offers of other neighbours that end by this."""


class ClaimConfirmed(Event, frozen=True, tag="dispatch.claim_confirmed"):
    """The other zone has assigned the driver."""

    claim: str
    driver: str
    is_shown: bool = True
    """Whether the customer may see where they are (T4)."""


class ClaimReleased(Event, frozen=True, tag="dispatch.claim_released"):
    """The other zone needs the driver no more."""

    claim: str
    driver: str


class ClaimRevoked(Event, frozen=True, tag="dispatch.claim_revoked"):
    """Operators have taken the driver back from a market that does not answer."""

    claim: str
    driver: str
    zone: str
    """Of the job."""
    order: str
    by: str
    reason: str


class NeighbourOffered(Event, frozen=True, tag="dispatch.neighbour_offered"):
    """A driver of this zone has an offer of a neighbour."""

    driver: str
    offer: str
    expires_at: Millis


class DriverAssigned(Event, frozen=True, tag="dispatch.driver_assigned"):
    """One driver has the job, and no other job."""

    order: str
    driver: str
    cause: AssignCause
    offer: str = ""
    driver_zone: str = ""
    """If it is not this one."""
    claim: str = ""
    reason: str = ""
    pickup_by: Millis = 0
    """After this operators are told."""
    elsewhere: tuple[str, ...] = ()
    """Offers of neighbours that end by this."""
    rating: int | None = None
    """As the driver's own zone says, if it is not this one."""


class DriverReleased(Event, frozen=True, tag="dispatch.driver_released"):
    """The job was given back before the pick-up."""

    order: str
    driver: str
    reason: str
    by: str
    driver_zone: str = ""
    claim: str = ""


class DriverArrived(Event, frozen=True, tag="dispatch.driver_arrived"):
    """At the shop or at the door."""

    order: str
    driver: str
    stop: Stop


class PackagePickedUp(Event, frozen=True, tag="dispatch.package_picked_up"):
    """On its way."""

    order: str
    driver: str
    deliver_by: Millis
    """After this operators are told."""


class PickupObjected(Event, frozen=True, tag="dispatch.pickup_objected"):
    """The shop says that something was wrong with the pick-up (P2)."""

    order: str
    reason: str


class CodeReissued(Event, frozen=True, tag="dispatch.code_reissued"):
    """The code is another one now."""

    order: str
    version: int


class DeliveryCodeRejected(Event, frozen=True, tag="dispatch.delivery_code_rejected"):
    """A wrong code was typed."""

    order: str
    driver: str
    attempt: int


class CodeLocked(Event, frozen=True, tag="dispatch.code_locked"):
    """Too many wrong codes (C4)."""

    order: str
    until: Millis | None
    """None: operators only."""


class DeliveryCodeAccepted(Event, frozen=True, tag="dispatch.delivery_code_accepted"):
    """The right code was typed."""

    order: str
    driver: str


class DeliveryOverridden(Event, frozen=True, tag="dispatch.delivery_overridden"):
    """Operators answer for the hand-over."""

    order: str
    by: str
    reason: str
    photo: str


class OrderCompleted(Event, frozen=True, tag="dispatch.order_completed"):
    """Delivered; the shop is paid (F1)."""

    order: str
    driver: str
    driver_zone: str = ""
    claim: str = ""


class DeliveryFailed(Event, frozen=True, tag="dispatch.delivery_failed"):
    """It goes back to the shop."""

    order: str
    by: str
    reason: str


class PackageReturned(Event, frozen=True, tag="dispatch.package_returned"):
    """The shop has it back; the customer's money goes back."""

    order: str
    driver: str
    driver_zone: str = ""
    claim: str = ""


class OpsAlerted(Event, frozen=True, tag="dispatch.ops_alerted"):
    """Something that a person should look at. Nothing else changes."""

    alert: Alert
    order: str = ""
    driver: str = ""
    note: str = ""
