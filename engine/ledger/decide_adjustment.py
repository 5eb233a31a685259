"""Wallets changed by hand: alone up to the market's limit, above it by two persons (P12)."""

from engine.contract import Context, Decision, fields_of
from engine.kernel.outcome import MALFORMED, Rejected
from engine.kernel.posting import Transfer
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.accounts import ADJUSTMENTS, SEES_EVERY_WALLET, wallet
from engine.ledger.codes import ADJUSTMENT_NOT_FOUND, INSUFFICIENT_FUNDS, SECOND_PERSON_REQUIRED
from engine.ledger.refusals import insufficient, reason_required
from engine.ledger.state import Journal


def adjust(state: Journal, command: c.Adjust, ctx: Context) -> Decision:
    """P12; above the market's limit only proposed, for a second person (accounts 4, rule 16)."""
    if not command.amount:
        return Rejected(MALFORMED, "amount must not be 0", {"field": "amount"})
    if not command.reason:
        return reason_required()
    if refusal := _cannot_bear(command.user, command.amount, command.currency, ctx):
        return refusal
    proposal = e.AdjustmentProposed(
        adjustment=f"j{state.made + 1}",
        user=command.user,
        amount=command.amount,
        currency=command.currency,
        reason=command.reason,
        proposed_by=ctx.actor.user,
    )
    if abs(command.amount) > ctx.market(command.currency).adjustment_alone_max:
        return [proposal]
    return [_adjusted(proposal, ctx)]


def approve_adjustment(state: Journal, command: c.ApproveAdjustment, ctx: Context) -> Decision:
    """Two persons: the one who proposed cannot approve (accounts 4)."""
    proposal = state.proposals.get(command.adjustment)
    if proposal is None:
        return _not_found(command.adjustment)
    if proposal.proposed_by == ctx.actor.user:
        return Rejected(
            SECOND_PERSON_REQUIRED, "an adjustment this large is approved by another person"
        )
    if refusal := _cannot_bear(proposal.user, proposal.amount, proposal.currency, ctx):
        return refusal
    return [_adjusted(proposal, ctx)]


def refuse_adjustment(state: Journal, command: c.RefuseAdjustment, _: Context) -> Decision:
    """A proposal ends without effect."""
    if command.adjustment not in state.proposals:
        return _not_found(command.adjustment)
    if not command.reason:
        return reason_required()
    return [e.AdjustmentRefused(adjustment=command.adjustment, reason=command.reason)]


def _cannot_bear(user: str, amount: int, currency: str, ctx: Context) -> Rejected | None:
    """Refuse what would go below zero after holds, without telling a manager what there is:
    managers adjust wallets that they may not see (accounts 11)."""
    available = ctx.ledger.available(user, currency)
    if amount + available >= 0:
        return None
    if ctx.actor.role in SEES_EVERY_WALLET:
        return insufficient(-amount, available)
    message = f"amount needs {-amount} available, and the wallet has less"
    return Rejected(INSUFFICIENT_FUNDS, message, {"required": -amount})


def _adjusted(proposal: e.AdjustmentProposed, ctx: Context) -> e.Adjusted:
    account = wallet(proposal.user)
    debit, credit = (ADJUSTMENTS, account) if proposal.amount > 0 else (account, ADJUSTMENTS)
    amount, currency, id_ = abs(proposal.amount), proposal.currency, proposal.adjustment
    before = ctx.ledger.balance(account, currency)
    return e.Adjusted(
        **fields_of(proposal),
        approved_by=ctx.actor.user,
        balance_before=before,
        balance_after=before + proposal.amount,
        postings=(Transfer(debit, credit, amount, currency, "manual_adjustment", id_),),
    )


def _not_found(id_: str) -> Rejected:
    return Rejected(
        ADJUSTMENT_NOT_FOUND, f"no open adjustment {id_!r} in this currency", {"adjustment": id_}
    )
