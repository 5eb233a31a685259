"""What happens by itself: codes end, proof is missing, alerts (custody 6)."""

from engine.contract import Context, Decision, Wake
from engine.domains.custody import events as e
from engine.domains.custody.decide_qr import expiry
from engine.domains.custody.state import Shipment, Step
from engine.domains.custody.terms import LATE_AFTER_MS, STILL_MS
from engine.kernel.time import Millis


def due(state: Shipment, _now: Millis) -> Millis | None:
    """When the shipment next wants to be woken."""
    if state.status == "DELIVERY_PENDING_PROOF":
        return state.proof_due_at
    if state.status not in ("AWAITING_PICKUP", "IN_CUSTODY", "RETURNING"):
        return None
    moments = [_still_at(state), _late_at(state.upcoming)]
    if step := state.current:
        moments.append(_qr_due(state, step))
    return min((moment for moment in moments if moment is not None), default=None)


def _qr_due(state: Shipment, step: Step) -> Millis | None:
    code = state.codes[step.qr_id]
    return code.expires_at if code.state == "ACTIVE" else None


def _late_at(step: Step | None) -> Millis | None:
    if step is None or step.is_late or step.terms.planned_at is None:
        return None
    return step.terms.planned_at + LATE_AFTER_MS


def _still_at(state: Shipment) -> Millis | None:
    if state.status != "IN_CUSTODY" or state.is_still:
        return None
    return state.moved_at + STILL_MS


def wake(state: Shipment, _: Wake, ctx: Context) -> Decision:
    """The one thing that is due. What else is due by then gets a wake of its own."""
    if state.status == "DELIVERY_PENDING_PROOF":
        late = state.proof_due_at is not None and state.proof_due_at <= ctx.now
        return [e.CustodyDisputed(cause="NO_PROOF")] if late else ()
    if due(state, ctx.now) is None:
        return ()
    step = state.current
    if step and _is_past(_qr_due(state, step), ctx):
        return [expiry(state.codes[step.qr_id], "TIME")]
    upcoming = state.upcoming
    if upcoming and _is_past(_late_at(upcoming), ctx):
        return [_late(upcoming)]
    if _is_past(_still_at(state), ctx):
        return [e.NoMovement(since=state.moved_at, holder=state.holder[1])]
    return ()


def _is_past(moment: Millis | None, ctx: Context) -> bool:
    return moment is not None and moment <= ctx.now


def _late(step: Step) -> e.HandoffLate:
    assert step.terms.planned_at is not None, "only a planned time can pass"
    return e.HandoffLate(
        step_seq=step.seq,
        planned_at=step.terms.planned_at,
        giver=step.terms.from_id,
        receiver=step.terms.to_id,
    )
