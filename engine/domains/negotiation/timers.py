"""What happens by itself (negotiation 6)."""

from engine.contract import Context, Decision, Wake
from engine.domains.negotiation import events as e
from engine.domains.negotiation.agreement import expired
from engine.domains.negotiation.figures import IDLE_MS
from engine.domains.negotiation.state import HAGGLING, Negotiation
from engine.kernel.time import Millis


def due(state: Negotiation, _now: Millis) -> Millis | None:
    """IdleDue while they haggle, LockDue while a price waits for its order."""
    if state.status in HAGGLING:
        return state.moved_at + IDLE_MS
    return state.lock_expires_at if state.status == "accepted" else None


def wake(state: Negotiation, _: Wake, ctx: Context) -> Decision:
    """The one thing that is due."""
    moment = due(state, ctx.now)
    if moment is None or ctx.now < moment:
        return ()
    cause: e.ExpiryCause = "LOCK" if state.status == "accepted" else "IDLE"
    return [expired(state, cause)]
