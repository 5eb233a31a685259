"""Refusals that several commands of an escrow share."""

from engine.contract import Context
from engine.kernel.outcome import FORBIDDEN, Rejected
from engine.ledger.escrow.codes import (
    DISPUTE_CLOSED,
    ESCROW_DISPUTED,
    ESCROW_NOT_FOUND,
    ESCROW_NOT_HELD,
    SHARE_NOT_FOUND,
)
from engine.ledger.escrow.state import UNPAID, Escrow, Share


def is_party(state: Escrow, user: str) -> bool:
    """Whether the user pays or is to be paid."""
    return user == state.terms.payer or any(user == s.payee for s in state.terms.shares)


def not_found(room: str) -> Rejected:
    return Rejected(ESCROW_NOT_FOUND, f"{room} has not been opened")


def own_matter(state: Escrow, ctx: Context) -> Rejected | None:
    """Nobody judges a deal of their own (admin ADM-5)."""
    if is_party(state, ctx.actor.user):
        return Rejected(FORBIDDEN, "you are a party of this deal; another person decides it")
    return None


def not_held(state: Escrow, ctx: Context) -> Rejected | None:
    """None if money is in it and nobody disputes it."""
    if state.status == "held":
        return None
    if state.status == "absent":
        return not_found(ctx.room)
    if state.status == "disputed":
        return Rejected(
            ESCROW_DISPUTED, "the money is frozen by a dispute; a manager resolves it first"
        )
    return Rejected(
        ESCROW_NOT_HELD,
        f"nothing is held here: the escrow is {state.status}",
        {"status": state.status},
    )


def not_disputed(state: Escrow, ctx: Context) -> Rejected | None:
    """None if there is a dispute to resolve."""
    if state.status == "disputed":
        return None
    if state.status not in (*UNPAID, "held"):
        return dispute_closed(state)
    if state.status == "held":
        return Rejected(ESCROW_NOT_HELD, "nobody disputes this escrow", {"status": state.status})
    return not_held(state, ctx)


def dispute_closed(state: Escrow) -> Rejected:
    """All of it has gone out; there is nothing left to dispute (accounts 12.8)."""
    return Rejected(DISPUTE_CLOSED, f"the escrow is {state.status}; nothing is left to dispute")


def share_not_found(payee: str) -> Rejected:
    return Rejected(SHARE_NOT_FOUND, f"no open share of {payee} in this escrow", {"payee": payee})


def chosen(state: Escrow, payee: str | None) -> list[Share] | Rejected:
    """The open shares of this payee, perhaps none any more, or all. Refused if there never was
    one for them."""
    if not payee:
        return state.open_shares
    if all(share.held.payee != payee for share in state.shares):
        return share_not_found(payee)
    return [share for share in state.open_shares if share.held.payee == payee]
