"""Money leaves an escrow: to the payees, or back to the payer (accounts P8, P9, P11).

What a deal's room sends may come again, or after a dispute: then it has no effect, for a share
goes out once. The same by hand is refused, so that whoever asked knows.
"""

from engine.contract import Context, Decision, LedgerReader
from engine.kernel.outcome import Rejected
from engine.ledger.escrow import commands as c
from engine.ledger.escrow import events as e
from engine.ledger.escrow.codes import ESCROW_NOT_HELD
from engine.ledger.escrow.postings import refund, release
from engine.ledger.escrow.refusals import chosen, not_held, own_matter
from engine.ledger.escrow.stakes import stakes_in
from engine.ledger.escrow.state import UNPAID, Escrow, Share
from engine.ledger.escrow.terms import paid_in_full
from engine.ledger.messages import RefundEscrow, ReleaseEscrow
from engine.ledger.refusals import reason_required


def release_by_hand(state: Escrow, command: c.Release, ctx: Context) -> Decision:
    """Staff, where the deal's room does not."""
    refusal = own_matter(state, ctx) or not_held(state, ctx)
    if refusal:
        return refusal
    if not command.reason:
        return reason_required()
    shares = chosen(state, command.payee)
    if isinstance(shares, Rejected):
        return shares
    shares = _named(shares)
    if not shares:
        return _gone(command.payee)
    return [_released(state, shares, command.reason)]


def release_for_a_deal(state: Escrow, message: ReleaseEscrow, ctx: Context) -> Decision:
    """The deal, or a payee's part of it, is done (section 5, release triggers)."""
    if state.status in UNPAID:
        return not_held(state, ctx) or ()
    shares = chosen(state, message.payee)
    if isinstance(shares, Rejected):
        return shares
    shares = _named(shares)
    if state.status != "held" or not shares:
        return ()
    return [_released(state, shares, message.cause)]


def _released(state: Escrow, shares: list[Share], cause: str) -> e.EscrowReleased:
    paid = tuple(paid_in_full(share.held) for share in shares)
    is_last = len(shares) == len(state.open_shares)
    return e.EscrowReleased(
        shares=paid,
        cause=cause,
        is_last=is_last,
        postings=release(state.terms, paid),
        frees=stakes_in(state.terms) if is_last else (),
    )


def refund_by_hand(state: Escrow, command: c.Refund, ctx: Context) -> Decision:
    """Staff, where the deal's room does not. What is not paid yet is cancelled."""
    if refusal := own_matter(state, ctx):
        return refusal
    if state.status != "funding" and (refusal := not_held(state, ctx)):
        return refusal
    if not command.reason:
        return reason_required()
    if state.status == "funding":
        return [_cancelled(state, command.reason)]
    shares = chosen(state, command.payee)
    if isinstance(shares, Rejected):
        return shares
    if not shares:
        return _gone(command.payee)
    return [_refunded(state, shares, command.reason, ctx.ledger)]


def refund_for_a_deal(state: Escrow, message: RefundEscrow, ctx: Context) -> Decision:
    """The deal was called off before hand-over."""
    if state.status == "absent":
        return not_held(state, ctx) or ()
    if state.status == "funding":
        return [_cancelled(state, message.reason)]
    if state.status in UNPAID:
        return ()
    shares = chosen(state, message.payee)
    if isinstance(shares, Rejected):
        return shares
    if state.status != "held" or not shares:
        return ()
    return [_refunded(state, shares, message.reason, ctx.ledger)]


def _refunded(
    state: Escrow, shares: list[Share], reason: str, ledger: LedgerReader
) -> e.EscrowRefunded:
    amount = sum(share.held.part for share in shares)
    is_last = len(shares) == len(state.open_shares)
    return e.EscrowRefunded(
        amount=amount,
        shares=tuple(share.held for share in shares),
        reason=reason,
        is_last=is_last,
        postings=refund(state, amount, ledger),
        frees=stakes_in(state.terms) if is_last else (),
    )


def _cancelled(state: Escrow, reason: str) -> e.EscrowLapsed:
    return e.EscrowLapsed(cause="CANCELLED", reason=reason, frees=stakes_in(state.terms))


def _named(shares: list[Share]) -> list[Share]:
    """Those that somebody can be paid for; the others wait for a name."""
    return [share for share in shares if share.held.payee]


def _gone(payee: str | None) -> Rejected:
    """By hand, a share that has gone out is refused, and one that is nobody's."""
    whose = payee or "anybody"
    return Rejected(ESCROW_NOT_HELD, f"there is no open share of {whose}", {"payee": payee})
