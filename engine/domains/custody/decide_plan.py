"""The plan: drawn up, changed, declared to customs, called off (custody 3, H8 to H10)."""

from engine.contract import Context, Decision, Event
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody import plan
from engine.domains.custody.guards import (
    entered,
    forbidden,
    no_reason,
    no_such_step,
    not_found,
    out_of_place,
    too_long,
)
from engine.domains.custody.state import Shipment, Step, carriers_of
from engine.domains.custody.terms import STEPS_MIN, Declaration
from engine.kernel.actor import SYSTEM
from engine.kernel.ids import split_room
from engine.kernel.outcome import Rejected
from engine.ledger.escrow.codes import ESCROW_NOT_HELD
from engine.ledger.escrow.state import is_held


def plan_handoffs(state: Shipment, command: c.PlanHandoffs, ctx: Context) -> Decision:
    """After the payment is held and the itinerary confirmed, not before (H9)."""
    if refusal := out_of_place(state, command):
        return refusal
    end: plan.Party = ("RECIPIENT", command.steps[-1].to_id if command.steps else "")
    steps = plan.chained(command.steps, ("SENDER", command.sender), end, STEPS_MIN)
    if isinstance(steps, Rejected):
        return steps
    if not is_held(ctx, "shipment", command.shipment):
        return Rejected(
            ESCROW_NOT_HELD,
            f"the money of shipment {command.shipment} is not held; it is paid first",
            {"shipment": command.shipment},
        )
    names = plan.names_of(steps, ctx)
    if isinstance(names, Rejected):
        return names
    planned = e.HandoffsPlanned(
        shipment=command.shipment,
        sender=command.sender,
        recipient=command.recipient,
        packages=command.packages,
        steps=steps,
        names=names,
        is_international=command.is_international,
        by=ctx.actor.user,
    )
    issued = plan.issue(state, steps, 1, ctx)
    events: list[Event] = [planned, *issued]
    if command.customs:
        events.append(_declared(command.customs, ctx))
    if command.customs or not command.is_international:
        events.append(plan.ready_first(issued, steps, ctx.now))
    return [*events, e.RecipientLinkIssued(version=1, by=ctx.actor.user)]


def _declared(declaration: Declaration, ctx: Context) -> e.CustomsDeclared:
    return e.CustomsDeclared(declaration=declaration, by=ctx.actor.user)


def declare_customs(state: Shipment, command: c.DeclareCustoms, ctx: Context) -> Decision:
    """An international shipment sets out when its contents are declared (H10)."""
    if refusal := not_found(state, command.shipment):
        return refusal
    if ctx.actor.role != SYSTEM and not ctx.actor.is_staff and ctx.actor.user != state.sender:
        return forbidden("the sender declares the contents, or staff do")
    if refusal := out_of_place(state, command) or too_long(state):
        return refusal
    if not state.is_international:
        return no_such_step("this shipment crosses no border")
    declared = _declared(command.declaration, ctx)
    step = state.current
    if state.customs or step is None or step.state != "PENDING":
        return [declared]
    return [declared, plan.ready(step, state.codes[step.qr_id], ctx.now, ctx.now)]


def replan(state: Shipment, command: c.Replan, ctx: Context) -> Decision:
    """Other steps from the holder on; what was scanned stays (custody 3)."""
    if refusal := out_of_place(state, command) or no_reason(command.reason) or too_long(state):
        return refusal
    return replanned(state, command.steps, command.reason, ctx)


def replanned(
    state: Shipment, asked: plan.Chain, reason: str, ctx: Context, *, is_again: bool = False
) -> list[Event] | Rejected:
    """The events that put other steps in place of those that were not scanned. `is_again`: a step
    that was scanned is given up, so nothing waits for its photos."""
    least = STEPS_MIN if state.holder[0] == "SENDER" else 1
    steps = plan.chained(asked, state.holder, ("RECIPIENT", state.recipient_id), least)
    if isinstance(steps, Rejected):
        return steps
    names = plan.names_of(steps, ctx)
    if isinstance(names, Rejected):
        return names
    first = first_free(state)
    issued = plan.issue(state, steps, first, ctx)
    before = carriers_of(tuple(step.terms for step in state.steps if step.seq >= first))
    events: list[Event] = [
        e.HandoffsReplanned(
            first_seq=first,
            steps=steps,
            names=names,
            reason=reason,
            by=ctx.actor.user,
            dropped=tuple(user for user in before if user not in carriers_of(steps)),
        ),
        *plan.revoked(state, "REPLANNED"),
        *issued,
    ]
    waits = not is_again and any(step.state == "SCANNED" for step in state.steps)
    if not waits and not customs_missing(state):
        events.append(plan.ready_first(issued, steps, ctx.now))
    return events


def first_free(state: Shipment) -> int:
    """The number of the first step that has not been scanned."""
    done = [step.seq for step in state.steps if _is_scanned(step)]
    return max(done, default=0) + 1


def _is_scanned(step: Step) -> bool:
    return step.state in ("SCANNED", "CONFIRMED", "FAILED")


def customs_missing(state: Shipment) -> bool:
    """Whether it may not set out yet (H10)."""
    return state.is_international and state.customs is None


def cancel_shipment(state: Shipment, command: c.CancelShipment, ctx: Context) -> Decision:
    """Before anybody has picked it up; the money goes back (H7)."""
    who = entered(state, command, ctx)
    if isinstance(who, Rejected):
        return who
    if who.is_staff and not who.is_sender and (refusal := no_reason(command.reason)):
        return refusal
    if not who.is_sender and not who.is_staff:
        return forbidden("only the sender and staff call a shipment off")
    cancelled = e.ShipmentCancelled(
        shipment=split_room(ctx.room)[1], by=ctx.actor.user, reason=command.reason
    )
    return [*plan.revoked(state, "CANCELLED"), cancelled]
