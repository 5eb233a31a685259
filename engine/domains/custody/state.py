"""What is known of one shipment."""

from typing import Literal

from msgspec import Struct

from engine.domains.custody import events as e
from engine.domains.custody.terms import (
    CARRIERS,
    Declaration,
    Device,
    Package,
    PartyType,
    Photo,
    ProofMethod,
    Recipient,
    StepKind,
    StepTerms,
    scanned_by,
    shown_by,
)
from engine.kernel.time import Millis

Status = Literal[
    "ABSENT",
    "AWAITING_PICKUP",
    "IN_CUSTODY",
    "DELIVERY_PENDING_PROOF",
    "DISPUTED",
    "RETURNING",
    "DELIVERED",
    "RETURNED",
    "CANCELLED",
    "LOST",
]
TERMINAL: tuple[Status, ...] = ("DELIVERED", "RETURNED", "CANCELLED", "LOST")
StepState = Literal["PENDING", "READY", "SCANNED", "CONFIRMED", "FAILED"]
QrState = Literal["ISSUED", "ACTIVE", "USED", "EXPIRED", "REVOKED"]
Told = (
    e.HandoffsPlanned
    | e.CustomsDeclared
    | e.HandoffScanned
    | e.BackupCodeAccepted
    | e.CustodyChanged
    | e.TrackingRecorded
    | e.TrackingCorrected
    | e.PhotosAdded
    | e.DeliveryProofRecorded
    | e.ProblemReported
    | e.CustodyDisputed
    | e.CustodyResolved
    | e.ReturnStarted
    | e.HandoffsReplanned
    | e.ShipmentDelivered
    | e.ShipmentReturned
    | e.ShipmentCancelled
    | e.HandoffLate
    | e.NoMovement
)
"""What the timeline and the EPCIS document are made of."""


class Qr(Struct):
    """The code of a step, in its latest version."""

    qr_id: str
    step_seq: int
    version: int
    token_hash: str
    state: QrState = "ISSUED"
    active_from: Millis = 0
    expires_at: Millis = 0
    is_withdrawn: bool = False
    """Whether it was ended by hand: then scans of it that wait are void, too (H12)."""
    reissues: int = 0


class Step(Struct):
    """A hand-over, planned or done."""

    seq: int
    terms: StepTerms
    kind: StepKind
    state: StepState = "PENDING"
    qr_id: str = ""
    scan_id: str = ""
    scanned_at: Millis = 0
    """Device time, if the scan was made offline; else engine time."""
    photos: list[Photo] = []
    is_late: bool = False
    """Whether the alert has been given."""

    @property
    def shower(self) -> str:
        """Who shows its code (Q8)."""
        return shown_by(self.terms, self.kind)

    @property
    def scanner(self) -> str:
        """Who scans it (Q8)."""
        return scanned_by(self.terms, self.kind)

    @property
    def photos_min(self) -> int:
        """How many it needs to be confirmed (H1)."""
        return 0 if self.kind == "TRANSFER" else 1


class Interval(Struct):
    """Who held the parcel from when to when, and by which evidence (X5)."""

    party_type: PartyType
    party_id: str
    since: Millis
    until: Millis | None = None
    step_seq: int = 0
    """The step by which it came to them; 0 for the sender."""
    place_id: str = ""
    scan_id: str = ""


class Entry(Struct, frozen=True):
    """A line of the timeline: a fact of this room, and when it was recorded."""

    at: Millis
    event: Told


class RejectedScan(Struct, frozen=True):
    """For staff."""

    at: Millis
    event: e.ScanRejected


class Proof(Struct, frozen=True):
    """The one proof of delivery."""

    scan_id: str
    photo_ids: tuple[str, ...]
    receiver_name: str
    method: ProofMethod
    at: Millis


class Shipment(Struct):
    """The state of a room `shipment:{id}`."""

    status: Status = "ABSENT"
    shipment: str = ""
    sender: str = ""
    recipient: Recipient | None = None
    recipient_id: str = ""
    packages: tuple[Package, ...] = ()
    names: dict[str, str] = {}
    """First names of carriers, and of the sender."""
    carriers: list[str] = []
    """Everybody who has ever had a part in it, in order of appearance."""
    is_international: bool = False
    customs: Declaration | None = None
    steps: list[Step] = []
    codes: dict[str, Qr] = {}
    """By id; those of steps that were replanned too."""
    holders: list[Interval] = []
    history: list[Entry] = []
    rejected: list[RejectedScan] = []
    """The latest, oldest first."""
    flagged: dict[str, tuple[e.ScanFlag, ...]] = {}
    """Scan -> what the scanner's room found."""
    scans: int = 0
    tracked: int = 0
    moved_at: Millis = 0
    """When a scan or tracking event last came."""
    is_still: bool = False
    """Whether the alert of no movement has been given since."""
    bad_tokens: dict[str, list[Millis]] = {}
    """Who (`tried_by`) -> when they tried an invalid token, of the last hour."""
    wrong_codes: int = 0
    locked_until: Millis = 0
    proof_due_at: Millis | None = None
    proof: Proof | None = None
    disputed_from: Status = "ABSENT"
    """What it was before the dispute."""
    reason: str = ""
    link_version: int = 0
    rated: list[str] = []
    """`rater:carrier`, of those who have been rated."""
    ended_at: Millis | None = None

    @property
    def holder(self) -> tuple[PartyType, str]:
        latest = self.holders[-1]
        return (latest.party_type, latest.party_id)

    @property
    def current(self) -> Step | None:
        """The step that is on: the first that is neither confirmed nor given up."""
        done = ("CONFIRMED", "FAILED")
        return next((step for step in self.steps if step.state not in done), None)

    @property
    def upcoming(self) -> Step | None:
        """The first step that has not been scanned: it may wait for photos of the one before."""
        return next((step for step in self.steps if step.state in ("PENDING", "READY")), None)

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL


def step_of(state: Shipment, seq: int) -> Step | None:
    """The step of this number, if the plan has it."""
    return next((step for step in state.steps if step.seq == seq), None)


def carriers_of(steps: tuple[StepTerms, ...]) -> list[str]:
    """The carriers of a chain, in order, each once."""
    parties = [party for step in steps for party in (step.giver, step.receiver)]
    return list(dict.fromkeys(id_ for type_, id_ in parties if type_ in CARRIERS))


def tried_by(user: str, device: Device | None) -> tuple[str, ...]:
    """On whom an invalid token counts: a user may have many devices, a device many users."""
    return (user, f"device {device.key_id}") if device else (user,)


def name_of(state: Shipment, user: str) -> str:
    """How others may call the sender or a carrier: by first name, else by part or number."""
    if user in state.names:
        return state.names[user]
    if user in state.carriers:
        return f"Carrier {state.carriers.index(user) + 1}"
    return "Sender" if user == state.sender else user
