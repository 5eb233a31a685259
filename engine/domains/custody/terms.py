"""What is agreed about a shipment, and the figures and bounds of the domain (custody 2, 5, 6)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.kernel.ids import END, Id, room_name
from engine.kernel.money import AMOUNT_MAX
from engine.kernel.time import DAY, HOUR, MINUTE, Millis, Moment

DOMAIN = "shipment"
SCANNER_DOMAIN = "scanner"
CARRIER_DOMAIN = "carrier"

QR_LIFE_MS = 72 * HOUR
"""Custody Q6: from the moment when the step is ready."""
REISSUES_MAX = 5
SLOT_MS = MINUTE
SLOTS_GOOD = 5
"""A code shown is good in the minute in which it was made and in the four that follow (X2)."""
ONLINE_MS = 2 * MINUTE
"""A scan that arrives within this of the device's time was made online; later ones are late."""
OFFLINE_MS = 24 * HOUR
"""Custody H12: the oldest scan that is still taken."""
AHEAD_MS = 5 * MINUTE
"""So far may a device's clock be ahead; a scan from later than that is not believed."""
LATE_AFTER_MS = 2 * HOUR
PROOF_MS = 24 * HOUR
STILL_MS = 48 * HOUR
LINK_MS = 7 * DAY
"""The recipient's link ends so long after the shipment did (custody 11.8)."""
PHOTO_LINK_MS = HOUR
"""How long a link to a photo is good, as one to a document (identity K5)."""
UPLOAD_LINK_MS = 10 * MINUTE
"""How long somebody without an account may begin an upload; then they ask again."""
CODE_LOCK_MS = 10 * MINUTE
CODE_TRIES, CODE_TRIES_MAX = 5, 10
"""Wrong codes before the lock, and before staff must decide (H5)."""
FAR_M = 1_000
"""Custody Q7."""
BAD_TOKENS_MAX, BAD_TOKENS_MS = 20, HOUR
"""Custody 7: so many invalid tokens of one device in an hour."""

STEPS_MIN, STEPS_MAX = 2, 20
PACKAGES_MAX = 20
PHOTOS_MAX = 6
PHOTOS_OF_A_STEP_MAX = 24
TRACKING_MAX = 500
HISTORY_MAX = 2_000
"""Lines of the timeline, beyond which parties and staff may add no more of their own accord."""
REJECTED_KEPT = 50
"""Rejected scans that a snapshot shows; all of them are in the log."""
WEIGHT_PERCENT = 10
"""Custody H11."""

PartyType = Literal["SENDER", "TRAVELER", "LOCAL_COURIER", "RECIPIENT"]
CARRIERS = ("TRAVELER", "LOCAL_COURIER")
StepKind = Literal["PICKUP", "TRANSFER", "DELIVERY"]
ProblemKind = Literal["DAMAGE", "LOSS", "REFUSED", "NO_SHOW", "MISMATCH"]
MovementKind = Literal["DEPARTED", "ARRIVED", "DELAYED", "CUSTOMS_IN", "CUSTOMS_OUT"]
TrackingKind = Literal[
    "DEPARTED",
    "ARRIVED",
    "DELAYED",
    "CUSTOMS_IN",
    "CUSTOMS_OUT",
    "PICKED_UP",
    "HANDED_OVER",
    "AT_RECIPIENT",
    "DELIVERED",
    "RETURNED",
]
"""What the holder says, and what a scan says by itself (Q10)."""
Outcome = Literal["IN_CUSTODY", "RETURNING", "DELIVERED", "LOST"]
ProofMethod = Literal["QR", "CODE", "OVERRIDE"]
ErrorReason = Literal["did_not_occur", "incorrect_data"]
"""EPCIS 2.0: why a statement was wrong."""

Rater = Literal["SENDER", "RECIPIENT"]
"""Who says how good a carrier was."""

Seq = Annotated[int, Meta(ge=1, le=1_000)]
Stars = Annotated[int, Meta(ge=1, le=5)]
Short = Annotated[str, Meta(max_length=200)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
PlaceId = Annotated[str, Meta(max_length=100, description="a place; letters as you like")]
QrId = Annotated[str, Meta(min_length=1, max_length=80)]
Token = Annotated[str, Meta(max_length=500)]
Link = Annotated[str, Meta(max_length=1_000, description="the recipient's link, for guests")]
FileId = Annotated[str, Meta(max_length=200)]
FileIds = Annotated[tuple[FileId, ...], Meta(max_length=50)]
Hashes = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=50)]
Millimetres = Annotated[int, Meta(gt=0, le=100_000)]
Grams = Annotated[int, Meta(gt=0, le=10**9)]
Hash = Annotated[
    str,
    Meta(
        pattern=rf"^([0-9a-f]{{64}})?{END}",
        description="hex SHA-256, or empty",
        examples=["0" * 64],
    ),
]

PublicKey = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9_-]{{43}}{END}",
        description="Ed25519, base64url",
        examples=["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"],
    ),
]
Signature = Annotated[
    str,
    Meta(
        pattern=rf"^([A-Za-z0-9_-]{{86}})?{END}",
        description="Ed25519, base64url, or empty",
        examples=["A" * 86],
    ),
]


class Position(Struct, frozen=True, forbid_unknown_fields=True):
    """A place on the earth, in degrees times ten million."""

    lat_e7: Annotated[int, Meta(ge=-900_000_000, le=900_000_000)]
    lng_e7: Annotated[int, Meta(ge=-1_800_000_000, le=1_800_000_000)]


class StepTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One planned hand-over."""

    from_party_type: PartyType
    from_id: Id
    to_party_type: PartyType
    to_id: Id
    place_id: Annotated[str, Meta(min_length=1, max_length=100)]
    place_pos: Position | None = None
    planned_at: Moment | None = None
    kind: StepKind | None = None
    """May be left out: it follows from the place in the chain."""

    @property
    def giver(self) -> tuple[PartyType, str]:
        return (self.from_party_type, self.from_id)

    @property
    def receiver(self) -> tuple[PartyType, str]:
        return (self.to_party_type, self.to_id)


class Recipient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom it goes. An account is not needed."""

    name: Name
    email: Annotated[str, Meta(max_length=254)] = ""
    phone: Annotated[str, Meta(max_length=32)] = ""
    address: Annotated[str, Meta(max_length=500)] = ""


class Package(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that travels. Grams, millimetres, minor units."""

    type: Name
    """Its category: what carriers see of the contents."""
    weight_grams: Grams
    dims: Annotated[tuple[Millimetres, ...], Meta(max_length=3)] = ()
    """Length, width, height, mm."""
    declared_value: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] = 0
    currency: str = ""
    contents: Annotated[str, Meta(max_length=500)] = ""


class Declaration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the customs of two countries are told (H10)."""

    origin: Annotated[str, Meta(min_length=2, max_length=2)]
    destination: Annotated[str, Meta(min_length=2, max_length=2)]
    contents: Name
    hs_code: Annotated[str, Meta(max_length=20)] = ""
    reference: Annotated[str, Meta(max_length=100)] = ""


class Device(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a scan stands among all scans of its device (X2)."""

    key_id: Id
    counter: Annotated[int, Meta(ge=1, le=10**12)]
    previous: Hash = ""
    """Hash of the device's scan before; empty for its first."""
    signature: Signature = ""
    """Of this scan's hash, by the device's key; devices without a key leave it out."""


class Photo(Struct, frozen=True):
    """A picture that was uploaded; it never changes (H3)."""

    file_id: str
    sha256: str


class Movement(Struct, frozen=True, forbid_unknown_fields=True):
    """What a wrong tracking event should have said."""

    kind: MovementKind
    place_id: PlaceId


def shipment_room(shipment: str) -> str:
    """`s1` -> `shipment:s1`."""
    return room_name(DOMAIN, shipment)


def scanner_room(key_id: str) -> str:
    """The room that knows the scans of one device."""
    return room_name(SCANNER_DOMAIN, key_id)


def carrier_room(user: str) -> str:
    """What is known of somebody as a carrier."""
    return room_name(CARRIER_DOMAIN, user)


def kind_of(index: int, count: int) -> StepKind:
    """The kind of a step by its place in a chain to the recipient."""
    if index == count - 1:
        return "DELIVERY"
    return "PICKUP" if index == 0 else "TRANSFER"


def shown_by(step: StepTerms, kind: StepKind) -> str:
    """Who shows the code of a step: the giver; at the delivery the recipient (Q8)."""
    return step.to_id if kind == "DELIVERY" else step.from_id


def scanned_by(step: StepTerms, kind: StepKind) -> str:
    """Who scans it: the receiver; at the delivery the last carrier (Q8)."""
    return step.from_id if kind == "DELIVERY" else step.to_id


def slot_of(moment: Millis) -> int:
    """The minute that a code shown at this moment is signed for."""
    return moment // SLOT_MS
