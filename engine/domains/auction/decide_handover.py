"""After the settlement: the vehicle is handed over, and its seller is paid (auction V1 and 12.10,
settlement 3).

The money lies in the sale's escrow. The winner's word releases it; three days after the seller has
said that it was delivered, silence does. Whoever disagrees disputes the escrow, and what staff
then decide of the money decides the sale.
"""

from engine.contract import Context, Decision, Event
from engine.domains.auction import commands as c
from engine.domains.auction import events as e
from engine.domains.auction.decide_settlement import not_theirs
from engine.domains.auction.guards import forbidden, no_such_step, out_of_place
from engine.domains.auction.state import Auction
from engine.kernel.actor import CONCIERGE
from engine.kernel.outcome import Rejected
from engine.ledger.escrow.codes import ESCROW_DISPUTED
from engine.ledger.messages import EscrowDisputed, EscrowRefunded, EscrowReleased, EscrowResolved


def report_delivery(state: Auction, command: c.ReportDelivery, ctx: Context) -> Decision:
    """By the seller, or whoever has seen it; from now on silence is a yes."""
    actor = ctx.actor
    if refusal := out_of_place(state, command):
        return refusal
    if not actor.is_staff and actor.role != CONCIERGE and actor.user != state.terms.seller:
        return forbidden("only its seller, a concierge or staff say that it was delivered")
    if refusal := _not_open(state, command):
        return refusal
    window_ms = ctx.market(state.terms.currency).handover_window_ms
    return [e.DeliveryReported(by=actor.user, proof=command.proof, confirm_by=ctx.now + window_ms)]


def confirm_handover(state: Auction, command: c.ConfirmHandover, ctx: Context) -> Decision:
    """The winner has the vehicle, be it reported or not."""
    if refusal := not_theirs(state, command, ctx) or _not_open(state, command):
        return refusal
    return [e.HandedOver(cause="WINNER")]


def _not_open(state: Auction, command: c.AuctionCommand) -> Rejected | None:
    """None as long as nothing is decided."""
    if state.handover == "disputed":
        return Rejected(ESCROW_DISPUTED, "the money is frozen by a dispute; staff resolve it first")
    if state.handover in ("done", "undone"):
        return no_such_step(state, command, f"the hand-over is {state.handover}")
    return None


def handover_due(state: Auction, ctx: Context) -> Decision:
    """Nobody has said no in time (settlement 3)."""
    if state.handover_due_at is None or ctx.now < state.handover_due_at:
        return ()
    return [e.HandedOver(cause="TIME")]


def escrow_disputed(state: Auction, message: EscrowDisputed, _: Context) -> Decision:
    """Silence is no yes any more."""
    return [e.HandoverDisputed(reason=message.reason)] if is_open(state) else ()


def escrow_resolved(state: Auction, message: EscrowResolved, _: Context) -> Decision:
    """Staff have decided whose the money is."""
    return _decided(state, message.outcome == "refunded", message.reason)


def escrow_released(state: Auction, _: EscrowReleased, __: Context) -> Decision:
    """By staff; what the auction itself has released is an echo."""
    return _decided(state, False, "")


def escrow_refunded(state: Auction, _: EscrowRefunded, __: Context) -> Decision:
    """By staff: the sale is undone, and the vehicle stays with its seller."""
    return _decided(state, True, "")


def _decided(state: Auction, is_undone: bool, reason: str) -> list[Event]:
    if not is_open(state):
        return []
    return [e.SaleUndone(reason=reason)] if is_undone else [e.HandedOver(cause="STAFF")]


def is_open(state: Auction) -> bool:
    """Whether the vehicle is still to be handed over."""
    return state.status == "settled" and state.handover not in ("done", "undone")
