"""Evidence: photos, the recipient's word, the delivery code, and the proof (custody H1 to H5)."""

from hmac import compare_digest

from engine.contract import Context, Decision, Event, Noted
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody import photos as pictures
from engine.domains.custody import qr
from engine.domains.custody.codes import (
    DELIVERY_CODE_INVALID,
    DELIVERY_CODE_LOCKED,
    WRONG_SCANNER,
)
from engine.domains.custody.decide_qr import expired, not_ready
from engine.domains.custody.decide_scan import changed, confirmed
from engine.domains.custody.guards import (
    both_sides,
    entered,
    forbidden,
    kyc_missing,
    no_such_step,
)
from engine.domains.custody.state import Shipment, Step, step_of
from engine.domains.custody.terms import (
    CODE_LOCK_MS,
    CODE_TRIES,
    CODE_TRIES_MAX,
    Photo,
    ProofMethod,
)
from engine.kernel.outcome import Rejected


def add_photos(state: Shipment, command: c.AddPhotos, ctx: Context) -> Decision:
    """By the scanner or the giver of the step, after its scan (H1)."""
    who = entered(state, command, ctx)
    if isinstance(who, Rejected):
        return who
    step = step_of(state, command.step_seq)
    if step is None or who.user not in (step.scanner, step.terms.from_id):
        return forbidden("only the scanner and the giver of a step add its photos")
    if step.state == "FAILED":
        return no_such_step(f"step {step.seq} was given up, and takes no photos any more")
    if step.state not in ("SCANNED", "CONFIRMED"):
        return no_such_step(f"photos follow a scan, and step {step.seq} has none yet")
    if not command.photo_file_ids:
        return pictures.required("name 1 to 6 photos")
    photos = pictures.found(command, ctx)
    if isinstance(photos, Rejected):
        return photos
    if refusal := pictures.new_for(step, photos):
        return refusal
    added = _added(state, step, photos, who.user)
    if step.state == "CONFIRMED":
        return [added]
    if step.kind == "DELIVERY":
        assert state.recipient is not None, "a planned shipment has a recipient"
        return [added, *delivered(state, step, photos, state.recipient.name, ctx)]
    return [added, *confirmed(state, step, step.scanned_at, ctx)]


def _added(state: Shipment, step: Step, photos: tuple[Photo, ...], by: str) -> e.PhotosAdded:
    return e.PhotosAdded(
        step_seq=step.seq,
        photos=photos,
        taken_by=by,
        seen_by=pictures.seen_by(state, step),
        is_delivery=step.kind == "DELIVERY",
    )


def confirm_receipt(state: Shipment, command: c.ConfirmReceipt, ctx: Context) -> Decision:
    """The recipient's word is proof without a photo (H2)."""
    who = entered(state, command, ctx, command.link)
    if isinstance(who, Rejected):
        return who
    if not who.is_recipient:
        return forbidden("only the recipient confirms the receipt")
    step = state.current
    assert step is not None, "a delivery is being proved"
    if refusal := both_sides(step, who):
        return refusal
    photos = pictures.found(command, ctx)
    if isinstance(photos, Rejected):
        return photos
    if refusal := pictures.new_for(step, photos):
        return refusal
    added: list[Event] = [_added(state, step, photos, who.user)] if photos else []
    return [*added, *delivered(state, step, photos, command.receiver_name, ctx)]


def delivered(
    state: Shipment, step: Step, photos: tuple[Photo, ...], receiver: str, ctx: Context
) -> list[Event]:
    """One proof, and the recipient holds it (H2, H6)."""
    code = state.codes[step.qr_id]
    method: ProofMethod = "QR" if code.state == "USED" else "CODE"
    ids = tuple(photo.file_id for photo in (*step.photos, *photos))
    return [
        e.DeliveryProofRecorded(
            scan_id=step.scan_id,
            photo_ids=ids,
            receiver_name=receiver,
            method=method,
            carrier=step.terms.from_id,
        ),
        *confirmed(state, step, ctx.now, ctx),
        changed(step, step.terms.place_id, step.scan_id),
        *delivery_tracked(state, step.terms.place_id),
        e.ShipmentDelivered(shipment=state.shipment),
    ]


def delivery_tracked(state: Shipment, place_id: str) -> list[Event]:
    """The last line of the way."""
    return [
        e.TrackingRecorded(number=state.tracked + 1, kind="DELIVERED", place_id=place_id, holder="")
    ]


def enter_code(state: Shipment, command: c.EnterDeliveryCode, ctx: Context) -> Decision:
    """The backup at the last step (H5). A code that is asked for too early is no try."""
    who = entered(state, command, ctx)
    if isinstance(who, Rejected):
        return who
    step = state.steps[-1]
    if step.scanner != who.user:
        return Rejected(WRONG_SCANNER, "only the last carrier enters the delivery code")
    if step.state != "READY":
        return not_ready(state, step)
    if refusal := kyc_missing(ctx.actor.kyc) or _locked(state, ctx):
        return refusal
    code = state.codes[step.qr_id]
    if code.state != "ACTIVE":
        return expired(code)
    right = qr.delivery_code(ctx.vault, code.qr_id, code.version)
    if not compare_digest(right, command.code):
        return _wrong(state, ctx)
    return [
        e.BackupCodeAccepted(
            step_seq=step.seq, scan_id=f"{code.qr_id}.{code.version}.code", carrier=who.user
        ),
        e.QrRevoked(qr_id=code.qr_id, step_seq=step.seq, version=code.version, cause="CODE_USED"),
        e.TrackingRecorded(
            number=state.tracked + 1,
            kind="AT_RECIPIENT",
            place_id=step.terms.place_id,
            holder=who.user,
        ),
    ]


def _locked(state: Shipment, ctx: Context) -> Rejected | None:
    if state.wrong_codes >= CODE_TRIES_MAX:
        return Rejected(
            DELIVERY_CODE_LOCKED,
            "too many wrong codes; staff must decide",
            {"until": None, "attempts": state.wrong_codes},
        )
    if ctx.now < state.locked_until:
        return Rejected(
            DELIVERY_CODE_LOCKED,
            "too many wrong codes; wait, or scan the recipient's code",
            {"until": state.locked_until, "attempts": state.wrong_codes},
        )
    return None


def _wrong(state: Shipment, ctx: Context) -> Noted:
    """Counted for ever; locked at the fifth, and for good at the tenth."""
    attempt = state.wrong_codes + 1
    left = (CODE_TRIES if attempt <= CODE_TRIES else CODE_TRIES_MAX) - attempt
    events: list[Event] = [
        e.DeliveryCodeRejected(attempt=attempt, carrier=ctx.actor.user, tries_left=left)
    ]
    if attempt == CODE_TRIES:
        events.append(e.DeliveryCodeLocked(until=ctx.now + CODE_LOCK_MS))
    elif attempt >= CODE_TRIES_MAX:
        events.append(e.DeliveryCodeLocked(until=None))
    refusal = Rejected(
        DELIVERY_CODE_INVALID, "the code is wrong; ask the recipient again", {"tries_left": left}
    )
    return Noted(refusal, events)
