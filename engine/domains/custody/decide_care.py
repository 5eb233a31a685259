"""On the way: tracking and its corrections, problems, disputes, returns (custody 3, H7, H11)."""

from collections.abc import Mapping

from engine.contract import Context, Decision, Event
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody import photos as pictures
from engine.domains.custody import plan
from engine.domains.custody.decide_plan import first_free, replanned
from engine.domains.custody.decide_proof import delivery_tracked
from engine.domains.custody.guards import (
    Caller,
    entered,
    forbidden,
    no_reason,
    no_such_step,
    not_found,
    out_of_place,
    too_long,
)
from engine.domains.custody.state import Shipment, Step
from engine.domains.custody.terms import TRACKING_MAX, WEIGHT_PERCENT, Photo, ProblemKind
from engine.kernel.outcome import MALFORMED, OVERLOADED, Rejected

_DISPUTES: Mapping[ProblemKind, e.DisputeCause] = {
    "DAMAGE": "DAMAGE",
    "LOSS": "LOSS",
    "MISMATCH": "MISMATCH",
}
"""Problems that stop everything; the others are only told."""


def record_tracking(state: Shipment, command: c.RecordTracking, ctx: Context) -> Decision:
    """The holder says where it is."""
    who = entered(state, command, ctx)
    if isinstance(who, Rejected):
        return who
    if who.user != state.holder[1]:
        return forbidden("only whoever holds the parcel says where it is")
    if state.tracked >= TRACKING_MAX:
        return Rejected(
            OVERLOADED, f"at most {TRACKING_MAX} tracking events", {"limit": TRACKING_MAX}
        )
    tracked = e.TrackingRecorded(
        number=state.tracked + 1,
        kind=command.kind,
        place_id=command.place_id,
        holder=ctx.actor.user,
        note=command.note,
    )
    return [tracked]


def correct_tracking(state: Shipment, command: c.CorrectTracking, ctx: Context) -> Decision:
    """A wrong statement stays; what was so is appended (invariant 8, X1)."""
    if refusal := not_found(state, command.shipment) or no_reason(command.reason):
        return refusal
    if refusal := too_long(state):
        return refusal
    wrong = next(
        (
            entry
            for entry in state.history
            if isinstance(entry.event, e.TrackingRecorded) and entry.event.number == command.number
        ),
        None,
    )
    is_corrected = any(
        isinstance(entry.event, e.TrackingCorrected) and entry.event.number == command.number
        for entry in state.history
    )
    if wrong is None or is_corrected:
        return no_such_step(f"there is no tracking event {command.number} to be corrected")
    assert isinstance(wrong.event, e.TrackingRecorded), "just looked at"
    holder, instead = wrong.event.holder, command.instead
    number = state.tracked + 1 if instead else 0
    events: list[Event] = [
        e.TrackingCorrected(
            number=command.number,
            cause=command.cause,
            holder=holder,
            note=command.reason,
            by=ctx.actor.user,
            replaced_by=number,
        )
    ]
    if instead:
        events.append(
            e.TrackingRecorded(
                number=number,
                kind=instead.kind,
                place_id=instead.place_id,
                holder=holder,
                happened_at=wrong.event.happened_at or wrong.at,
            )
        )
    return events


def report_problem(state: Shipment, command: c.ReportProblem, ctx: Context) -> Decision:
    """Damage, loss and mismatch stop everything until staff decide."""
    who = entered(state, command, ctx, command.link)
    if isinstance(who, Rejected):
        return who
    if refusal := too_long(state):
        return refusal
    if not _may_report(state, who):
        return forbidden("only those who have it, give it or are to have it report a problem")
    photos = pictures.found(command, ctx)
    if isinstance(photos, Rejected):
        return photos
    if command.kind == "DAMAGE" and not photos:
        return pictures.required("damage must be seen on at least one photo")
    if refusal := _weight(state, command):
        return refusal
    return _reported(command, photos, who.user)


def _may_report(state: Shipment, who: Caller) -> bool:
    if who.is_staff or who.is_recipient or who.is_sender or who.user == state.holder[1]:
        return True
    step = state.current
    return step is not None and who.user in (step.terms.from_id, step.terms.to_id)


def _weight(state: Shipment, command: c.ReportProblem) -> Rejected | None:
    """H11: only a difference of more than a tenth is one."""
    if command.kind != "MISMATCH" or command.weight_grams is None:
        return None
    declared = sum(package.weight_grams for package in state.packages)
    if abs(command.weight_grams - declared) * 100 > declared * WEIGHT_PERCENT:
        return None
    return Rejected(
        MALFORMED,
        f"`weight_grams`: {command.weight_grams} is within {WEIGHT_PERCENT} % of the {declared} "
        "declared; report what differs by more",
        {"field": "weight_grams", "declared_grams": declared},
    )


def _reported(command: c.ReportProblem, photos: tuple[Photo, ...], by: str) -> list[Event]:
    events: list[Event] = [
        e.ProblemReported(
            kind=command.kind,
            note=command.note,
            by=by,
            photos=photos,
            weight_grams=command.weight_grams,
        )
    ]
    if cause := _DISPUTES.get(command.kind):
        events.append(e.CustodyDisputed(cause=cause, by=by))
    return events


def start_return(state: Shipment, command: c.StartReturn, ctx: Context) -> Decision:
    """Back to the sender, along the way that it came or along other steps."""
    if refusal := out_of_place(state, command) or no_reason(command.reason):
        return refusal
    return returning(state, command.steps, command.reason, ctx)


def returning(
    state: Shipment, asked: plan.Chain, reason: str, ctx: Context
) -> list[Event] | Rejected:
    """The steps of the way back, with codes of their own."""
    if state.holder[0] == "SENDER":
        return no_such_step("the sender has it; call the shipment off instead")
    chain = asked or plan.way_back(state)
    steps = plan.chained(chain, state.holder, ("SENDER", state.sender), 1)
    if isinstance(steps, Rejected):
        return steps
    names = plan.names_of(steps, ctx) if asked else {}
    if isinstance(names, Rejected):
        return names
    first = first_free(state)
    issued = plan.issue(state, steps, first, ctx)
    return [
        e.ReturnStarted(
            first_seq=first, steps=steps, names=names, reason=reason, by=ctx.actor.user
        ),
        *given_up(state),
        *plan.revoked(state, "RETURNING"),
        *issued,
        plan.ready_first(issued, steps, ctx.now),
    ]


def given_up(state: Shipment) -> list[Event]:
    """A step that was scanned and never confirmed is passed over (invariant 4)."""
    return [
        e.StepFailed(
            step_seq=step.seq,
            cause="NO_PROOF" if step.kind == "DELIVERY" else "NO_PHOTOS",
            giver=step.terms.from_id,
            receiver=step.terms.to_id,
        )
        for step in state.steps
        if step.state == "SCANNED"
    ]


def resolve_custody(state: Shipment, command: c.ResolveCustody, ctx: Context) -> Decision:
    """The one way out of a dispute (invariant 9)."""
    if refusal := out_of_place(state, command) or no_reason(command.reason):
        return refusal
    follows = _FOLLOWS[command.outcome](state, command, ctx)
    if isinstance(follows, Rejected):
        return follows
    resolved = e.CustodyResolved(
        shipment=state.shipment,
        outcome=command.outcome,
        reason=command.reason,
        by=ctx.actor.user,
    )
    return [resolved, *follows]


def _goes_on(state: Shipment, command: c.ResolveCustody, ctx: Context) -> list[Event] | Rejected:
    """As it was, or by other steps. A delivery without proof is made again."""
    failed = given_up(state) if state.steps[-1].state == "SCANNED" else []
    if state.disputed_from == "RETURNING" and not command.steps:
        return no_such_step("it was on its way back; give the steps to the recipient")
    if not command.steps and not failed:
        return []
    steps = command.steps or (state.steps[-1].terms,)
    replacing = replanned(state, steps, command.reason, ctx, is_again=bool(failed))
    return replacing if isinstance(replacing, Rejected) else [*failed, *replacing]


def _goes_back(state: Shipment, command: c.ResolveCustody, ctx: Context) -> list[Event] | Rejected:
    return returning(state, command.steps, command.reason, ctx)


def _was_delivered(
    state: Shipment, command: c.ResolveCustody, ctx: Context
) -> list[Event] | Rejected:
    """Staff have seen proof elsewhere (invariant 5)."""
    assert state.recipient is not None, "a planned shipment has a recipient"
    holder_type, holder = state.holder
    last = state.holders[-1]
    final = state.steps[-1]
    scan_id = final.scan_id if final.state == "SCANNED" else ""
    return [
        *plan.revoked(state, "ENDED"),
        e.DeliveryProofRecorded(
            scan_id=scan_id,
            photo_ids=tuple(photo.file_id for photo in final.photos),
            receiver_name=command.receiver_name or state.recipient.name,
            method="OVERRIDE",
            carrier=holder,
        ),
        e.CustodyChanged(
            step_seq=final.seq,
            from_type=holder_type,
            from_id=holder,
            to_type="RECIPIENT",
            to_id=state.recipient_id,
            place_id=last.place_id,
            scan_id=scan_id,
        ),
        *(_confirmed(final) if final.state == "SCANNED" else ()),
        *delivery_tracked(state, last.place_id),
        e.ShipmentDelivered(shipment=state.shipment),
    ]


def _confirmed(step: Step) -> tuple[Event]:
    terms = step.terms
    return (e.StepConfirmed(step_seq=step.seq, giver=terms.from_id, receiver=terms.to_id),)


def _was_lost(state: Shipment, _command: c.ResolveCustody, _ctx: Context) -> list[Event]:
    return plan.revoked(state, "ENDED")


_FOLLOWS = {
    "IN_CUSTODY": _goes_on,
    "RETURNING": _goes_back,
    "DELIVERED": _was_delivered,
    "LOST": _was_lost,
}
