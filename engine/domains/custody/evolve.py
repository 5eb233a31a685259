"""How each event changes the state of a shipment. Nothing here can fail or ask."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.contract import Event
from engine.domains.custody import events as e
from engine.domains.custody.state import (
    Entry,
    Interval,
    Proof,
    Qr,
    RejectedScan,
    Shipment,
    Step,
    carriers_of,
    step_of,
    tried_by,
)
from engine.domains.custody.terms import (
    BAD_TOKENS_MS,
    ONLINE_MS,
    PROOF_MS,
    REJECTED_KEPT,
    StepTerms,
)
from engine.kernel.time import Millis


def _step(state: Shipment, seq: int) -> Step:
    step = step_of(state, seq)
    assert step is not None, f"{state.shipment} has no step {seq}"
    return step


def on_planned(state: Shipment, event: e.HandoffsPlanned, at: Millis) -> None:
    state.status = "AWAITING_PICKUP"
    state.shipment, state.sender = event.shipment, event.sender
    state.recipient, state.packages = event.recipient, event.packages
    state.recipient_id = event.steps[-1].to_id
    state.is_international = event.is_international
    state.moved_at = at
    place = event.steps[0].place_id
    state.holders = [Interval("SENDER", event.sender, at, place_id=place)]
    _extend(state, event.steps, 1, event.names)


def _extend(
    state: Shipment, steps: tuple[StepTerms, ...], first: int, names: dict[str, str]
) -> None:
    """New steps stand behind those that were scanned; the others are gone."""
    state.steps = [step for step in state.steps if step.seq < first]
    for seq, terms in enumerate(steps, start=first):
        assert terms.kind is not None, "a step in the log has its kind"
        state.steps.append(Step(seq, terms, terms.kind))
    for user, name in names.items():
        state.names.setdefault(user, name)
    for user in carriers_of(steps):
        if user not in state.carriers:
            state.carriers.append(user)


def on_replanned(state: Shipment, event: e.HandoffsReplanned, _: Millis) -> None:
    _extend(state, event.steps, event.first_seq, event.names)


def on_return(state: Shipment, event: e.ReturnStarted, _: Millis) -> None:
    state.status = "RETURNING"
    state.proof_due_at = None
    _extend(state, event.steps, event.first_seq, event.names)


def on_issued(state: Shipment, event: e.QrIssued, _: Millis) -> None:
    known = state.codes.get(event.qr_id)
    if known is None:
        qr = Qr(event.qr_id, event.step_seq, event.version, event.token_hash)
        state.codes[event.qr_id] = qr
        _step(state, event.step_seq).qr_id = event.qr_id
        return
    known.version, known.token_hash = event.version, event.token_hash
    known.state, known.is_withdrawn = "ISSUED", False
    known.reissues += 1


def on_ready(state: Shipment, event: e.StepReady, _: Millis) -> None:
    step, qr = _step(state, event.step_seq), state.codes[event.qr_id]
    step.state = "READY"
    qr.state = "ACTIVE"
    qr.active_from, qr.expires_at = event.active_from, event.expires_at


def on_scanned(state: Shipment, event: e.HandoffScanned, at: Millis) -> None:
    state.codes[event.qr_id].state = "USED"
    moment = event.device_at if event.lateness_ms > ONLINE_MS else at
    _scan(state, event.step_seq, event.scan_id, at, moment)


def on_code_accepted(state: Shipment, event: e.BackupCodeAccepted, at: Millis) -> None:
    _scan(state, event.step_seq, event.scan_id, at, at)


def _scan(state: Shipment, step_seq: int, scan_id: str, at: Millis, moment: Millis) -> None:
    step = _step(state, step_seq)
    step.state, step.scan_id, step.scanned_at = "SCANNED", scan_id, moment
    state.scans += 1
    if step.kind == "DELIVERY":
        state.status = "DELIVERY_PENDING_PROOF"
        state.proof_due_at = at + PROOF_MS


def on_confirmed(state: Shipment, event: e.StepConfirmed, _: Millis) -> None:
    _step(state, event.step_seq).state = "CONFIRMED"


def on_failed(state: Shipment, event: e.StepFailed, _: Millis) -> None:
    _step(state, event.step_seq).state = "FAILED"


def on_changed(state: Shipment, event: e.CustodyChanged, at: Millis) -> None:
    state.holders[-1].until = at
    state.holders.append(
        Interval(
            event.to_type,
            event.to_id,
            at,
            step_seq=event.step_seq,
            place_id=event.place_id,
            scan_id=event.scan_id,
        )
    )
    if state.status == "AWAITING_PICKUP":
        state.status = "IN_CUSTODY"


def on_rejected(state: Shipment, event: e.ScanRejected, at: Millis) -> None:
    state.rejected.append(RejectedScan(at, event))
    if len(state.rejected) > REJECTED_KEPT:
        del state.rejected[0]
    if event.code == "QR_INVALID":
        tries = dict(state.bad_tokens)
        for who in tried_by(event.scanner, event.device):
            tries[who] = [*tries.get(who, ()), at]
        # Tries of more than an hour ago count for nothing, and are let go.
        recent = {one: [t for t in times if t > at - BAD_TOKENS_MS] for one, times in tries.items()}
        state.bad_tokens = {one: times for one, times in recent.items() if times}


def on_flagged(state: Shipment, event: e.ScanFlagged, _: Millis) -> None:
    known = state.flagged.get(event.scan_id, ())
    state.flagged[event.scan_id] = tuple(dict.fromkeys((*known, *event.flags)))


def on_photos(state: Shipment, event: e.PhotosAdded, _: Millis) -> None:
    _step(state, event.step_seq).photos.extend(event.photos)


def on_tracking(state: Shipment, event: e.TrackingRecorded, at: Millis) -> None:
    state.tracked = event.number
    state.moved_at = at
    state.is_still = False


def on_code_rejected(state: Shipment, event: e.DeliveryCodeRejected, _: Millis) -> None:
    state.wrong_codes = event.attempt


def on_code_locked(state: Shipment, event: e.DeliveryCodeLocked, _: Millis) -> None:
    state.locked_until = event.until or 0


def on_proof(state: Shipment, event: e.DeliveryProofRecorded, at: Millis) -> None:
    state.proof = Proof(event.scan_id, event.photo_ids, event.receiver_name, event.method, at)
    state.proof_due_at = None


def on_disputed(state: Shipment, _event: e.CustodyDisputed, _: Millis) -> None:
    state.disputed_from = state.status
    state.status = "DISPUTED"
    state.proof_due_at = None


def on_resolved(state: Shipment, event: e.CustodyResolved, at: Millis) -> None:
    state.reason = event.reason
    if event.outcome == "IN_CUSTODY":
        untouched = len(state.holders) == 1
        state.status = "AWAITING_PICKUP" if untouched else "IN_CUSTODY"
    elif event.outcome == "LOST":
        _end(state, "LOST", at)


def _end(state: Shipment, status: Any, at: Millis) -> None:
    state.status = status
    state.ended_at = at


def on_delivered(state: Shipment, _event: e.ShipmentDelivered, at: Millis) -> None:
    _end(state, "DELIVERED", at)


def on_returned(state: Shipment, _event: e.ShipmentReturned, at: Millis) -> None:
    _end(state, "RETURNED", at)


def on_cancelled(state: Shipment, event: e.ShipmentCancelled, at: Millis) -> None:
    state.reason = event.reason
    _end(state, "CANCELLED", at)


def on_expired(state: Shipment, event: e.QrExpired, at: Millis) -> None:
    code = state.codes[event.qr_id]
    code.state, code.is_withdrawn = "EXPIRED", event.cause == "BY_HAND"
    code.expires_at = min(code.expires_at, at)


def on_revoked(state: Shipment, event: e.QrRevoked, _: Millis) -> None:
    state.codes[event.qr_id].state = "REVOKED"


def on_customs(state: Shipment, event: e.CustomsDeclared, _: Millis) -> None:
    state.customs = event.declaration


def on_link(state: Shipment, event: e.RecipientLinkIssued, _: Millis) -> None:
    state.link_version = event.version


def on_late(state: Shipment, event: e.HandoffLate, _: Millis) -> None:
    _step(state, event.step_seq).is_late = True


def on_still(state: Shipment, _event: e.NoMovement, _: Millis) -> None:
    state.is_still = True


def on_rated(state: Shipment, event: e.CarrierRated, _: Millis) -> None:
    state.rated.append(f"{event.by}:{event.carrier}")


def on_told(_state: Shipment, _event: Event, _: Millis) -> None:
    """A line of the timeline, and nothing else."""


Change = Callable[[Shipment, Any, Millis], None]


def _told(change: Change) -> Change:
    """An event of which the timeline tells, too."""

    def apply(state: Shipment, event: Any, at: Millis) -> None:
        change(state, event, at)
        state.history.append(Entry(at, event))

    return apply


EVOLVE: Mapping[type[Event], Change] = {
    e.HandoffsPlanned: _told(on_planned),
    e.QrIssued: on_issued,
    e.StepReady: on_ready,
    e.HandoffScanned: _told(on_scanned),
    e.ScanRejected: on_rejected,
    e.ScanFlagged: on_flagged,
    e.CustodyChanged: _told(on_changed),
    e.StepConfirmed: on_confirmed,
    e.StepFailed: on_failed,
    e.PhotosAdded: _told(on_photos),
    e.TrackingRecorded: _told(on_tracking),
    e.TrackingCorrected: _told(on_told),
    e.BackupCodeAccepted: _told(on_code_accepted),
    e.DeliveryCodeRejected: on_code_rejected,
    e.DeliveryCodeLocked: on_code_locked,
    e.DeliveryProofRecorded: _told(on_proof),
    e.ShipmentDelivered: _told(on_delivered),
    e.ShipmentReturned: _told(on_returned),
    e.ShipmentCancelled: _told(on_cancelled),
    e.ProblemReported: _told(on_told),
    e.CustodyDisputed: _told(on_disputed),
    e.CustodyResolved: _told(on_resolved),
    e.ReturnStarted: _told(on_return),
    e.HandoffsReplanned: _told(on_replanned),
    e.QrExpired: on_expired,
    e.QrRevoked: on_revoked,
    e.CustomsDeclared: _told(on_customs),
    e.RecipientLinkIssued: on_link,
    e.CarrierRated: on_rated,
    e.HandoffLate: _told(on_late),
    e.NoMovement: _told(on_still),
}
