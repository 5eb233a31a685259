"""What can be asked of a shipment from outside, and by whom (custody 4)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.contract import Command, Reason
from engine.domains.custody.qr import shipment_of
from engine.domains.custody.terms import (
    PACKAGES_MAX,
    STEPS_MAX,
    Declaration,
    Device,
    ErrorReason,
    FileId,
    FileIds,
    Grams,
    Hashes,
    Link,
    Movement,
    MovementKind,
    Name,
    Outcome,
    Package,
    PlaceId,
    Position,
    ProblemKind,
    PublicKey,
    QrId,
    Recipient,
    Seq,
    Short,
    Signature,
    Stars,
    StepTerms,
    Token,
    scanner_room,
    shipment_room,
)
from engine.kernel.actor import ADMIN, GUEST, MANAGER, SIGNED_IN, SYSTEM, Actor
from engine.kernel.ids import END, Id
from engine.kernel.time import Moment

OPS = frozenset({MANAGER, ADMIN})
HANDS = OPS | {SYSTEM}
LINKED = SIGNED_IN | {GUEST}
"""Parties, and guests who have the recipient's link."""

Packages = Annotated[tuple[Package, ...], Meta(min_length=1, max_length=PACKAGES_MAX)]
Line = Annotated[int, Meta(ge=0, le=1_000_000, description="of the timeline")]
Steps = Annotated[tuple[StepTerms, ...], Meta(max_length=STEPS_MAX)]


class CustodyCommand(Command, frozen=True):
    """A command for the room of one shipment."""

    shipment: Id

    def room(self, actor: Actor) -> str:
        return shipment_room(self.shipment)


class PlanHandoffs(CustodyCommand, frozen=True, tag="custody.plan_handoffs"):
    """Draw up the chain of hand-overs, once the payment is held."""

    ROLES: ClassVar = HANDS

    sender: Id
    recipient: Recipient
    packages: Packages
    steps: Steps
    is_international: bool = False
    customs: Declaration | None = None
    """The declaration, if there is one already."""


class Replan(CustodyCommand, frozen=True, tag="custody.replan"):
    """Put other steps in the place of those that have not been scanned."""

    ROLES: ClassVar = OPS

    steps: Steps
    reason: Reason = ""


class DeclareCustoms(CustodyCommand, frozen=True, tag="custody.declare_customs"):
    """The sender or staff declare the contents of an international shipment (H10)."""

    ROLES: ClassVar = SIGNED_IN | {SYSTEM}

    declaration: Declaration


class CancelShipment(CustodyCommand, frozen=True, tag="custody.cancel_shipment"):
    """Call it off before anybody has picked it up. Staff give a reason."""

    ROLES: ClassVar = SIGNED_IN

    reason: Reason = ""


class ShowQr(CustodyCommand, frozen=True, tag="custody.show_qr"):
    """The code of a step as it is to be shown now; ask again every minute."""

    ROLES: ClassVar = LINKED

    step_seq: Seq
    version: Seq | None = None
    link: Link = ""


class ReissueQr(CustodyCommand, frozen=True, tag="custody.reissue_qr"):
    """A new version of a step's code; the old one is void."""

    ROLES: ClassVar = LINKED

    step_seq: Seq
    reason: Reason = ""
    link: Link = ""


class ExpireQr(CustodyCommand, frozen=True, tag="custody.expire_qr"):
    """End a code before its time."""

    ROLES: ClassVar = HANDS

    qr_id: QrId


class IssueLink(CustodyCommand, frozen=True, tag="custody.issue_link"):
    """Send the recipient a new link; the old one is void."""

    ROLES: ClassVar = HANDS


class ScanHandoff(Command, frozen=True, tag="custody.scan_handoff"):
    """Take the parcel over. Sent later, if there was no network (H12)."""

    ROLES: ClassVar = SIGNED_IN

    qr_token: Token
    device_at: Moment
    """When the device scanned, by its own clock."""
    scan_location_id: PlaceId = ""
    pos: Position | None = None
    shipment: Id | None = None
    """May be left out: the token says it."""
    device: Device | None = None

    def room(self, actor: Actor) -> str:
        return shipment_room(self.shipment or shipment_of(self.qr_token))


class RegisterDevice(Command, frozen=True, tag="custody.register_device"):
    """Give the key of a scanning device. From then on it signs its scans: what comes without its
    signature is flagged, and tells nothing about it (X2)."""

    ROLES: ClassVar = SIGNED_IN

    key_id: Id
    public_key: PublicKey

    def room(self, actor: Actor) -> str:
        return scanner_room(self.key_id)


class ReplaceDeviceKey(Command, frozen=True, tag="custody.replace_device_key"):
    """Give a device another key. The key of now signs `replace`, the key id and the new key, a line
    each: so nobody replaces it who has the account and not the device."""

    ROLES: ClassVar = SIGNED_IN

    key_id: Id
    public_key: PublicKey
    signature: Signature

    def room(self, actor: Actor) -> str:
        return scanner_room(self.key_id)


class RevokeDevice(Command, frozen=True, tag="custody.revoke_device"):
    """Take no more scans of a device, for ever: it was lost, or somebody else has its key. For its
    owner, and for staff, who say why."""

    ROLES: ClassVar = SIGNED_IN

    key_id: Id
    reason: Reason = ""

    def room(self, actor: Actor) -> str:
        return scanner_room(self.key_id)


class AddPhotos(CustodyCommand, frozen=True, tag="custody.add_photos"):
    """Evidence of a step that was scanned, 1 to 6 pictures that were uploaded before."""

    ROLES: ClassVar = SIGNED_IN

    step_seq: Seq
    photo_file_ids: FileIds
    sha256: Hashes


class RequestUpload(CustodyCommand, frozen=True, tag="custody.request_upload"):
    """Ask for a link by which a picture is uploaded without an account, good for ten minutes.
    The file can be named in commands that come with the recipient's link."""

    ROLES: ClassVar = LINKED

    link: Link = ""


class OpenPhoto(CustodyCommand, frozen=True, tag="custody.open_photo"):
    """Ask for a link to a photo that the shipment shows the caller, good for an hour."""

    ROLES: ClassVar = LINKED

    file: FileId
    link: Link = ""


class RecordTracking(CustodyCommand, frozen=True, tag="custody.record_tracking"):
    """The holder says where the parcel is."""

    ROLES: ClassVar = SIGNED_IN

    kind: MovementKind
    place_id: PlaceId
    note: Short = ""


class CorrectTracking(CustodyCommand, frozen=True, tag="custody.correct_tracking"):
    """Staff declare that a tracking event was wrong; it stays in the log (X1)."""

    ROLES: ClassVar = OPS

    number: Annotated[int, Meta(ge=1, le=10_000)]
    cause: ErrorReason
    reason: Reason = ""
    instead: Movement | None = None


class ConfirmReceipt(CustodyCommand, frozen=True, tag="custody.confirm_receipt"):
    """The recipient says that they have it."""

    ROLES: ClassVar = LINKED

    receiver_name: Name
    photo_file_ids: FileIds = ()
    sha256: Hashes = ()
    link: Link = ""


class EnterDeliveryCode(CustodyCommand, frozen=True, tag="custody.enter_delivery_code"):
    """The last carrier types the recipient's code, where a scan is not possible."""

    ROLES: ClassVar = SIGNED_IN

    code: Annotated[str, Meta(pattern=rf"^[0-9]{{4}}{END}", examples=["0042"])]


class ReportProblem(CustodyCommand, frozen=True, tag="custody.report_problem"):
    """A party says that something is wrong; damage needs a photo."""

    ROLES: ClassVar = LINKED

    kind: ProblemKind
    note: Annotated[str, Meta(max_length=1_000)] = ""
    photo_file_ids: FileIds = ()
    sha256: Hashes = ()
    weight_grams: Grams | None = None
    """What it weighs, for a MISMATCH (H11)."""
    link: Link = ""


class RateCarrier(CustodyCommand, frozen=True, tag="custody.rate_carrier"):
    """The sender or the recipient says how good the carrier was who took the parcel at this step,
    once it has arrived or come back."""

    ROLES: ClassVar = LINKED

    step_seq: Seq
    stars: Stars
    link: Link = ""


class StartReturn(CustodyCommand, frozen=True, tag="custody.start_return"):
    """Send it back to the sender: by these steps, or the way that it came."""

    ROLES: ClassVar = OPS

    reason: Reason = ""
    steps: Steps = ()


class ResolveCustody(CustodyCommand, frozen=True, tag="custody.resolve_custody"):
    """Decide a dispute."""

    ROLES: ClassVar = OPS

    outcome: Outcome
    reason: Reason = ""
    steps: Steps = ()
    """For RETURNING, or for IN_CUSTODY after a return had begun."""
    receiver_name: Annotated[str, Meta(max_length=200)] = ""
    """For DELIVERED: who has it."""


class GetCustody(CustodyCommand, frozen=True, tag="custody.get_custody"):
    """The shipment as the caller may see it."""

    ROLES: ClassVar = SIGNED_IN

    last_seq: Line = 0
    """Of the timeline only what comes after this line."""


class Track(CustodyCommand, frozen=True, tag="custody.track"):
    """The shipment as the recipient may see it, with the delivery code."""

    ROLES: ClassVar = LINKED

    link: Link = ""
    last_seq: Line = 0


class ExportEpcis(CustodyCommand, frozen=True, tag="custody.export_epcis"):
    """The custody log as an EPCIS 2.0 document, as far as the caller may see it (X1)."""

    ROLES: ClassVar = LINKED

    link: Link = ""
