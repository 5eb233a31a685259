"""The invariants of custody 9 that a state can show, by number."""

from itertools import pairwise

from engine.domains.custody.events import TrackingRecorded
from engine.domains.custody.state import TERMINAL, Shipment


def check(state: Shipment) -> None:
    """Assert all of them."""
    if state.status == "ABSENT":
        assert not state.holders, "custody INV-1: a holder without a shipment"
        return
    _check_holders(state)
    _check_steps(state)
    _check_end(state)


def _check_holders(state: Shipment) -> None:
    assert state.holders, "custody INV-1: nobody holds it"
    for earlier, later in pairwise(state.holders):
        assert earlier.until == later.since, "custody INV-1: the history of holders has a gap"
        assert later.since >= earlier.since, "custody INV-1: time goes back"
    assert state.holders[-1].until is None, "custody INV-1: the last interval has an end"
    assert state.holders[0].party_type == "SENDER", "custody INV-2: the sender has it first"
    by_step = {held.step_seq: held for held in state.holders[1:]}
    for step in state.steps:
        held = by_step.get(step.seq)
        if held is not None and step.state in ("SCANNED", "CONFIRMED"):
            receiver = (held.party_type, held.party_id)
            assert receiver == step.terms.receiver, "custody INV-2: held by somebody else"
        elif step.state == "CONFIRMED":
            raise AssertionError(f"custody INV-2: step {step.seq} is done and changed no holder")


def _check_steps(state: Shipment) -> None:
    active: dict[int, int] = {}
    for code in state.codes.values():
        if code.state == "ACTIVE":
            active[code.step_seq] = active.get(code.step_seq, 0) + 1
    assert all(count == 1 for count in active.values()), "custody INV-3: two active codes"
    assert len(active) <= 1, "custody INV-3: two steps are open"
    scans = [step.scan_id for step in state.steps if step.scan_id]
    assert len(scans) == len(set(scans)), "custody INV-3: one scan for two steps"
    begun = False
    for step in state.steps:
        done = step.state in ("CONFIRMED", "FAILED")
        assert not (done and begun), f"custody INV-4: step {step.seq} is before its turn"
        begun = begun or not done


def _check_end(state: Shipment) -> None:
    delivered = state.status == "DELIVERED"
    assert delivered == (state.proof is not None), "custody INV-5: delivered, and no proof"
    assert delivered == (state.holder[0] == "RECIPIENT"), "custody INV-5: who has it?"
    if delivered and state.proof and state.proof.method != "OVERRIDE":
        assert state.steps[-1].state == "CONFIRMED", "custody INV-5: the last step is open"
    assert (state.status in TERMINAL) == (state.ended_at is not None), "custody 3: an end"
    tracked = [x.event.number for x in state.history if isinstance(x.event, TrackingRecorded)]
    assert tracked == list(range(1, state.tracked + 1)), "custody INV-8: tracking events"
