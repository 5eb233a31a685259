"""Carriers are rated by those whose parcel they had (custody 10: name and rating of the holder)."""

from engine.contract import Context, Decision
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody.guards import entered, forbidden, no_such_step
from engine.domains.custody.state import Shipment, step_of
from engine.domains.custody.terms import CARRIERS, LINK_MS, Rater
from engine.kernel.outcome import Rejected


def rate_carrier(state: Shipment, command: c.RateCarrier, ctx: Context) -> Decision:
    """Once by the sender and once by the recipient, for as long as the recipient's link is good.
    Nobody rates themselves: a sender may have been a carrier, too."""
    who = entered(state, command, ctx, command.link)
    if isinstance(who, Rejected):
        return who
    if not (who.is_sender or who.is_recipient):
        return forbidden("only the sender and the recipient rate carriers")
    assert state.ended_at is not None, "it has arrived, or come back"
    if ctx.now >= state.ended_at + LINK_MS:
        return no_such_step("too long ago: carriers are rated within seven days")
    step = step_of(state, command.step_seq)
    if step is None or step.terms.to_party_type not in CARRIERS or not step.scan_id:
        return no_such_step(f"no carrier took the parcel at step {command.step_seq}")
    carrier, by = step.terms.to_id, _rater(is_sender=who.is_sender)
    if carrier == who.user:
        return forbidden("nobody rates themselves")
    if f"{by}:{carrier}" in state.rated:
        return no_such_step("you have rated this carrier")
    return [e.CarrierRated(step_seq=step.seq, carrier=carrier, stars=command.stars, by=by)]


def _rater(*, is_sender: bool) -> Rater:
    return "SENDER" if is_sender else "RECIPIENT"
