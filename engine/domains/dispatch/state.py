"""What is known of one delivery zone."""

from typing import Literal

from msgspec import Struct, field

from engine.contract import Context
from engine.domains.dispatch.agenda import Agenda
from engine.domains.dispatch.events import AssignCause, Candidate
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.index import Positions
from engine.domains.dispatch.terms import Mode, Order, Settings
from engine.kernel.time import Millis

JobStatus = Literal[
    "PENDING_SHOP_APPROVAL",
    "SEARCHING",
    "UNASSIGNED",
    "DRIVER_ASSIGNED",
    "OUT_FOR_DELIVERY",
    "COMPLETED",
    "CANCELLED",
    "RETURNING",
    "RETURNED",
]
ENDED: tuple[JobStatus, ...] = ("COMPLETED", "CANCELLED", "RETURNED")
WITH_DRIVER: tuple[JobStatus, ...] = ("DRIVER_ASSIGNED", "OUT_FOR_DELIVERY", "RETURNING")


class Offer(Struct):
    """One driver was asked."""

    order: str
    driver: str
    distance_m: int
    expires_at: Millis
    zone: str = ""
    """The driver's, if it is a neighbour."""
    state: Literal["OPEN", "CLAIMING", "ACCEPTED", "DECLINED", "EXPIRED", "RETURNED", "TAKEN"] = (
        "OPEN"
    )


class Claim(Struct, frozen=True):
    """A neighbour has been asked for one of its drivers."""

    id: str
    driver: str
    zone: str
    cause: AssignCause
    offer: str
    reason: str = ""


class Job(Struct):
    """A delivery, from the payment to its end."""

    number: int
    terms: Order
    status: JobStatus = "PENDING_SHOP_APPROVAL"
    mode: Mode = "broadcast"
    wave: int = 0
    search: int = 0
    """How many questions were put to neighbours or batches: the latest is the one that counts."""
    asked: list[str] = []
    """Neighbours that have not answered it."""
    found: list[Candidate] = []
    """What the others have answered."""
    gathers: bool = False
    """Whether the wave waits for them, or for its batch."""
    waits_until: Millis = 0
    """How long its batches wait for drivers who are thinking about other offers; 0: nobody is."""
    offers: list[str] = []
    """All that were ever made."""
    open: list[str] = []
    tried: list[str] = []
    """Drivers asked in this wave."""
    declined: list[str] = []
    released: list[str] = []
    """Drivers who had it and gave it back."""
    claims: int = 0
    claim: Claim | None = None
    driver: str = ""
    driver_zone: str = ""
    """The driver's, if it is a neighbour."""
    driver_claim: str = ""
    arrived: list[str] = []
    picked_up_at: Millis = 0
    code_version: int = 1
    code_attempts: int = 0
    code_locked_until: Millis = 0
    proof: Literal["", "CODE", "OVERRIDE"] = ""
    money: Literal["", "RELEASED", "REFUNDED"] = ""
    """What its escrow was told, once (invariant 5)."""


class Driver(Struct):
    """Somebody who is or was online here."""

    state: Literal["OFFLINE", "AVAILABLE", "BUSY"] = "OFFLINE"
    pos: Place = Place(0, 0)
    """The latest that was logged."""
    pos_at: Millis = 0
    device_at: Millis = 0
    rating: int | None = None
    order: str = ""
    """Their job."""
    order_zone: str = ""
    """The job's, if it is a neighbour."""
    claim: str = ""
    is_shown: bool = True
    """Whether the customer may see where they are (T4): not before a neighbour that claimed them
    has assigned them."""
    open: list[str] = []
    """Offers of this zone."""
    elsewhere: list[tuple[str, Millis]] = []
    """Offers of neighbours, and when they expire."""
    is_away: bool = False
    declines: int = 0
    deliveries: int = 0
    flags: int = 0
    flagged_at: Millis = 0


class Zone(Struct):
    """The state of a room `zone:{id}`."""

    zone: str = ""
    centre: Place = Place(0, 0)
    radius_m: int = 0
    settings: Settings = Settings()
    drivers: dict[str, Driver] = {}
    jobs: dict[str, Job] = {}
    """By order; those that have ended for a while only."""
    offers: dict[str, Offer] = {}
    assigned: dict[str, str] = {}
    """Driver -> order, of every job that somebody has, whoever's driver it is."""
    ended: list[tuple[Millis, str]] = []
    """Jobs that can be forgotten, in the order in which they ended."""
    batch: list[str] = []
    """Orders that wait to be matched."""
    job_count: int = 0
    logged_at: Millis = 0
    """When positions last entered the log."""
    agenda: Agenda = field(default_factory=Agenda)


def positions_of(ctx: Context) -> Positions:
    """Where the drivers of the zone are."""
    found = ctx.soft_of(ctx.room)
    return found if isinstance(found, Positions) else Positions()
