"""A dispute freezes an escrow, and staff divide it (accounts 3, admin ADM-5 and ADM-13)."""

from engine.contract import Context, Decision
from engine.kernel.actor import CONCIERGE, STAFF
from engine.kernel.outcome import FORBIDDEN, Rejected
from engine.ledger.escrow import commands as c
from engine.ledger.escrow import events as e
from engine.ledger.escrow.codes import SPLIT_MISMATCH
from engine.ledger.escrow.postings import refund, release
from engine.ledger.escrow.refusals import (
    dispute_closed,
    is_party,
    not_disputed,
    not_held,
    own_matter,
    share_not_found,
)
from engine.ledger.escrow.stakes import stakes_in
from engine.ledger.escrow.state import UNPAID, Escrow, Share
from engine.ledger.escrow.terms import Paid, paid_in_full, paid_in_part
from engine.ledger.messages import DisputeEscrow
from engine.ledger.refusals import reason_required

MAY_DISPUTE = STAFF | {CONCIERGE}
"""Beside the parties."""


def open_dispute(state: Escrow, command: c.OpenDispute, ctx: Context) -> Decision:
    """By payer, payee, concierge or staff, while anything is held."""
    if state.status == "absent":
        return not_held(state, ctx) or ()
    if ctx.actor.role not in MAY_DISPUTE and not is_party(state, ctx.actor.user):
        return Rejected(FORBIDDEN, "only its parties and staff dispute an escrow")
    if state.status not in (*UNPAID, "held", "disputed"):
        return dispute_closed(state)
    if refusal := not_held(state, ctx):
        return refusal
    if not command.reason:
        return reason_required()
    return [e.EscrowDisputed(by=ctx.actor.user, reason=command.reason)]


def dispute_for_a_deal(state: Escrow, message: DisputeEscrow, ctx: Context) -> Decision:
    """The deal's room: no effect where nothing is held any more, or it is disputed."""
    if state.status in UNPAID:
        return not_held(state, ctx) or ()
    if state.status != "held":
        return ()
    return [e.EscrowDisputed(by=message.by, reason=message.reason)]


def resolve_dispute(state: Escrow, command: c.ResolveDispute, ctx: Context) -> Decision:
    """The parts sum to what is held; it is released, refunded or split."""
    refusal = own_matter(state, ctx) or not_disputed(state, ctx)
    if refusal:
        return refusal
    if not command.reason:
        return reason_required()
    awards = _awards(state, command)
    if isinstance(awards, Rejected):
        return awards
    paid = _paid(state, awards, command.to_payer)
    outcome: e.Outcome = "split"
    if not command.to_payer and len(paid) == len(state.open_shares):
        outcome = "released"
    elif not paid:
        outcome = "refunded"
    return [
        e.DisputeResolved(
            outcome=outcome,
            to_payees=paid,
            to_payer=command.to_payer,
            reason=command.reason,
            postings=(*release(state.terms, paid), *refund(state, command.to_payer, ctx.ledger)),
            frees=stakes_in(state.terms),
        )
    ]


def _awards(state: Escrow, command: c.ResolveDispute) -> dict[tuple[str, str], int] | Rejected:
    """What each open share is given of its part: not more than that, and all in all what is
    held."""
    parts = {share.held.key: share.held.part for share in state.open_shares}
    awards: dict[tuple[str, str], int] = {
        (award.payee, award.kind): award.amount for award in command.to_payees
    }
    if len(awards) < len(command.to_payees):
        return Rejected(SPLIT_MISMATCH, "a payee is named twice", {"field": "to_payees"})
    for (payee, kind), amount in awards.items():
        part = parts.get((payee, kind))
        if part is None:
            return share_not_found(payee)
        if amount > part:
            return Rejected(
                SPLIT_MISMATCH,
                f"{amount} for {payee}, and {part} is held for them",
                {"payee": payee, "held": part},
            )
    given = sum(awards.values()) + command.to_payer
    if given != state.held:
        return Rejected(
            SPLIT_MISMATCH,
            f"the parts make {given}, and {state.held} is held",
            {"given": given, "held": state.held},
        )
    return awards


def _paid(state: Escrow, awards: dict[tuple[str, str], int], to_payer: int) -> tuple[Paid, ...]:
    """A share with all of its part is paid as planned, its fee and the platform's portion
    included; one with less is scaled. Where a discount leaves a share no part at all, it is paid
    if nothing goes back to the payer."""

    def paid(share: Share) -> Paid | None:
        amount = awards.get(share.held.key, 0)
        if not share.held.payee:
            return None
        if amount == share.held.part and (amount or not to_payer):
            return paid_in_full(share.held)
        return paid_in_part(share.held, amount) if amount else None

    return tuple(made for share in state.open_shares if (made := paid(share)))
