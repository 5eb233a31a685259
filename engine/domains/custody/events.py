"""What happens to a shipment. Names, fields and types are a storage format: logs are for ever.

No event holds a token, a secret or a link: of a code the log has the SHA-256 of its secret.
"""

from typing import Literal

from engine.contract import Event
from engine.domains.custody.terms import (
    Declaration,
    Device,
    ErrorReason,
    Outcome,
    Package,
    PartyType,
    Photo,
    Position,
    ProblemKind,
    ProofMethod,
    Rater,
    Recipient,
    StepTerms,
    TrackingKind,
)
from engine.kernel.time import Millis

RevokeCause = Literal["REISSUED", "REPLANNED", "RETURNING", "CANCELLED", "CODE_USED", "ENDED"]
ExpireCause = Literal["TIME", "BY_HAND"]
DisputeCause = Literal["DAMAGE", "LOSS", "MISMATCH", "NO_PROOF"]
FailCause = Literal["NO_PHOTOS", "NO_PROOF"]
ScanFlag = Literal[
    "LOCATION_WARN",
    "LATE",
    "COUNTER_GAP",
    "COUNTER_REPEATED",
    "OUT_OF_ORDER",
    "HASH_MISMATCH",
    "FOREIGN_DEVICE",
    "SIGNATURE_INVALID",
    "DEVICE_REVOKED",
]


class HandoffsPlanned(Event, frozen=True, tag="custody.handoffs_planned"):
    """The chain from the sender to the recipient; the sender holds the parcel."""

    shipment: str
    sender: str
    recipient: Recipient
    packages: tuple[Package, ...]
    steps: tuple[StepTerms, ...]
    """Each with its kind."""
    names: dict[str, str]
    """User -> first name, of the carriers and the sender, if the house knew them."""
    is_international: bool = False
    by: str = ""


class QrIssued(Event, frozen=True, tag="custody.qr_issued"):
    """A code for a step, new or with a new version."""

    qr_id: str
    step_seq: int
    version: int
    token_hash: str
    """Hex SHA-256 of the secret."""
    shown_by: str
    reason: str = ""


class StepReady(Event, frozen=True, tag="custody.step_ready"):
    """The next hand-over may happen; its code is active."""

    step_seq: int
    qr_id: str
    version: int
    active_from: Millis
    """By device time: a scan made offline counts from the scan before it (H12)."""
    expires_at: Millis
    giver: str
    receiver: str
    is_delivery: bool = False


class HandoffScanned(Event, frozen=True, tag="custody.handoff_scanned"):
    """A code was scanned: from this event's time the receiver is liable (Q9)."""

    step_seq: int
    scan_id: str
    qr_id: str
    scanner: str
    giver: str
    receiver: str
    scan_location_id: str
    pos: Position | None
    device_at: Millis
    lateness_ms: Millis
    flags: tuple[ScanFlag, ...] = ()
    device: Device | None = None
    scan_hash: str = ""


class ScanRejected(Event, frozen=True, tag="custody.scan_rejected"):
    """A scan that changed nothing, and why."""

    code: str
    scanner: str
    step_seq: int = 0
    qr_id: str = ""
    scan_location_id: str = ""
    device_at: Millis = 0
    device: Device | None = None
    scan_hash: str = ""
    rival_of: str = ""
    """The scan that had won the same hand-over before (X2)."""


class ScanFlagged(Event, frozen=True, tag="custody.scan_flagged"):
    """The scans of the device do not follow from one another (X2)."""

    scan_id: str
    flags: tuple[ScanFlag, ...]
    device: Device


class CustodyChanged(Event, frozen=True, tag="custody.custody_changed"):
    """Another holder."""

    step_seq: int
    from_type: PartyType
    from_id: str
    to_type: PartyType
    to_id: str
    place_id: str
    scan_id: str = ""


class StepConfirmed(Event, frozen=True, tag="custody.step_confirmed"):
    """Scanned, with as many photos as it needs (H1)."""

    step_seq: int
    giver: str
    receiver: str


class StepFailed(Event, frozen=True, tag="custody.step_failed"):
    """Scanned and never confirmed; what follows is another step."""

    step_seq: int
    cause: FailCause
    giver: str
    receiver: str


class PhotosAdded(Event, frozen=True, tag="custody.photos_added"):
    """Evidence of a hand-over; never replaced (H3)."""

    step_seq: int
    photos: tuple[Photo, ...]
    taken_by: str
    seen_by: tuple[str, ...]
    """The carriers who may see it: of this step, and the receiver of the next."""
    is_delivery: bool = False


class TrackingRecorded(Event, frozen=True, tag="custody.tracking_recorded"):
    """Where the parcel is on its way; appended only."""

    number: int
    kind: TrackingKind
    place_id: str
    holder: str
    note: str = ""
    happened_at: Millis = 0
    """Device time where a scan said it, or the time that is corrected; 0: the event's time."""


class TrackingCorrected(Event, frozen=True, tag="custody.tracking_corrected"):
    """A tracking event was wrong. It stays, and this says so (X1)."""

    number: int
    cause: ErrorReason
    holder: str
    note: str
    by: str
    replaced_by: int = 0
    """The tracking event that says what was so; 0: none."""


class BackupCodeAccepted(Event, frozen=True, tag="custody.backup_code_accepted"):
    """The recipient's code was typed instead of a scan (H5)."""

    step_seq: int
    scan_id: str
    carrier: str


class DeliveryCodeRejected(Event, frozen=True, tag="custody.delivery_code_rejected"):
    """A wrong code. The count outlives restarts and new codes."""

    attempt: int
    carrier: str
    tries_left: int


class DeliveryCodeLocked(Event, frozen=True, tag="custody.delivery_code_locked"):
    """No code is taken until then."""

    until: Millis | None
    """None: staff must decide."""


class DeliveryProofRecorded(Event, frozen=True, tag="custody.delivery_proof_recorded"):
    """The one proof of delivery."""

    scan_id: str
    photo_ids: tuple[str, ...]
    receiver_name: str
    method: ProofMethod
    carrier: str


class ShipmentDelivered(Event, frozen=True, tag="custody.shipment_delivered"):
    """The end that frees the escrow, once (H6)."""

    shipment: str


class ShipmentReturned(Event, frozen=True, tag="custody.shipment_returned"):
    """The sender has it back."""

    shipment: str


class ShipmentCancelled(Event, frozen=True, tag="custody.shipment_cancelled"):
    """It was called off before anybody took it."""

    shipment: str
    by: str
    reason: str


class ProblemReported(Event, frozen=True, tag="custody.problem_reported"):
    """Something is wrong, in the words of a party."""

    kind: ProblemKind
    note: str
    by: str
    """Empty: the recipient, by link."""
    photos: tuple[Photo, ...] = ()
    weight_grams: int | None = None


class CustodyDisputed(Event, frozen=True, tag="custody.custody_disputed"):
    """Nothing moves until staff decide."""

    cause: DisputeCause
    by: str = ""


class CustodyResolved(Event, frozen=True, tag="custody.custody_resolved"):
    """Staff decided a dispute."""

    shipment: str
    outcome: Outcome
    reason: str
    by: str


class ReturnStarted(Event, frozen=True, tag="custody.return_started"):
    """It goes back to the sender along these steps."""

    first_seq: int
    steps: tuple[StepTerms, ...]
    names: dict[str, str]
    reason: str
    by: str


class HandoffsReplanned(Event, frozen=True, tag="custody.handoffs_replanned"):
    """What was not scanned yet goes another way."""

    first_seq: int
    steps: tuple[StepTerms, ...]
    names: dict[str, str]
    reason: str
    by: str
    dropped: tuple[str, ...] = ()
    """Carriers who were to take part, and are not any more."""


class QrExpired(Event, frozen=True, tag="custody.qr_expired"):
    """A code whose time is over; it can be issued again."""

    qr_id: str
    step_seq: int
    version: int
    cause: ExpireCause


class QrRevoked(Event, frozen=True, tag="custody.qr_revoked"):
    """A code that will never be good again."""

    qr_id: str
    step_seq: int
    version: int
    cause: RevokeCause


class CustomsDeclared(Event, frozen=True, tag="custody.customs_declared"):
    """What an international shipment needs before it sets out (H10)."""

    declaration: Declaration
    by: str


class RecipientLinkIssued(Event, frozen=True, tag="custody.recipient_link_issued"):
    """The recipient is sent a link; earlier ones are void. The link itself is not here."""

    version: int
    by: str


class CarrierRated(Event, frozen=True, tag="custody.carrier_rated"):
    """The sender or the recipient says how good a carrier was, 1 to 5."""

    step_seq: int
    """A step by which the carrier took the parcel."""
    carrier: str
    stars: int
    by: Rater


class HandoffLate(Event, frozen=True, tag="custody.handoff_late"):
    """Alert: a hand-over was planned for two hours ago."""

    step_seq: int
    planned_at: Millis
    giver: str
    receiver: str


class NoMovement(Event, frozen=True, tag="custody.no_movement"):
    """Alert: nothing was heard of it for 48 hours."""

    since: Millis
    holder: str
