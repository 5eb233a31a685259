"""What staff do to an account, and how it is closed (identity 3, K4, K7). It all needs a reason."""

from engine.contract import Context, Decision
from engine.domains.identity import commands as c
from engine.domains.identity import events as e
from engine.domains.identity.codes import ACCOUNT_HAS_FUNDS, ROLE_NEEDS_KYC
from engine.domains.identity.guards import (
    OPEN,
    last_admin,
    no_reason,
    not_in,
    outranked,
    own,
)
from engine.domains.identity.sessions import ended
from engine.domains.identity.state import Account, claims_of
from engine.domains.identity.terms import ROOMS_TOLD
from engine.kernel.actor import ADMIN, DEALER
from engine.kernel.outcome import FORBIDDEN, INVALID_TRANSITION, Rejected


def suspend(state: Account, command: c.Suspend, ctx: Context) -> Decision:
    """All sessions end, and nothing more is taken. Bids that lead stay binding (K7)."""
    refusal = (
        not_in(state, command, "active")
        or no_reason(command.reason)
        or own(state, ctx)
        or outranked(state, ctx)
        or last_admin(state, ctx)
    )
    if refusal:
        return refusal
    by, reason = ctx.actor.user, command.reason
    return [e.UserSuspended(by=by, reason=reason), *ended(state, "SUSPENDED", by, reason)]


def reinstate(state: Account, command: c.Reinstate, ctx: Context) -> Decision:
    """They may log in again."""
    refusal = not_in(state, command, "suspended") or no_reason(command.reason) or own(state, ctx)
    return refusal or [e.UserReinstated(by=ctx.actor.user, reason=command.reason)]


def grant_role(state: Account, command: c.GrantRole, ctx: Context) -> Decision:
    """By somebody else; a dealer only with KYC approved (K4)."""
    refusal = not_in(state, command, "active") or no_reason(command.reason) or own(state, ctx)
    if refusal:
        return refusal
    if command.role in state.roles:
        return _no_change(state, command, f"the account has the role {command.role} already")
    if command.role == DEALER and state.kyc != "approved":
        return Rejected(
            ROLE_NEEDS_KYC,
            f"a dealer's documents must be approved; KYC is {state.kyc}",
            {"kyc": state.kyc},
        )
    return [e.RoleGranted(role=command.role, by=ctx.actor.user, reason=command.reason)]


def revoke_role(state: Account, command: c.RevokeRole, ctx: Context) -> Decision:
    """By somebody else; the last admin stays (INV-8)."""
    refusal = not_in(state, command, *OPEN) or no_reason(command.reason) or own(state, ctx)
    if refusal:
        return refusal
    if command.role not in state.roles:
        return _no_change(state, command, f"the account has no role {command.role}")
    if command.role == ADMIN and (refusal := last_admin(state, ctx)):
        return refusal
    return [e.RoleRevoked(role=command.role, by=ctx.actor.user, reason=command.reason)]


def _no_change(state: Account, command: c.GrantRole | c.RevokeRole, why: str) -> Rejected:
    details = {"roles": state.roles, "role": command.role}
    return Rejected(INVALID_TRANSITION, why, details)


def close(state: Account, command: c.CloseAccount, ctx: Context) -> Decision:
    """By its owner, or by an admin with a reason; kept without address and name (INV-9)."""
    if command.user and ctx.actor.user != command.user:
        if not ctx.actor.has(c.ADMIN_ONLY):
            return Rejected(FORBIDDEN, "only an admin closes the account of another")
        if refusal := no_reason(command.reason):
            return refusal
    refusal = not_in(state, command, *OPEN) or last_admin(state, ctx) or _has_funds(state, ctx)
    if refusal:
        return refusal
    by, reason = ctx.actor.user, command.reason
    waiting = [x.application for x in state.applications.values() if x.due_at is not None]
    closed = e.UserClosed(by=by, reason=reason, withdrawn=tuple(waiting), frees=claims_of(state))
    return [*ended(state, "CLOSED", by, reason), closed]


def _has_funds(state: Account, ctx: Context) -> Rejected | None:
    """No holds, no escrow, wallet 0, and nothing that the house owes (identity 3). Nor a sale under
    way: its money would come to nobody."""
    ledger, user = ctx.ledger, state.user
    wallets = ledger.wallets(user)
    in_the_way = [w.currency for w in wallets if w.balance or w.held]
    in_the_way += [w.currency for w in wallets if ledger.has_locked_deposit(user, w.currency)]
    in_the_way += [owed.currency for owed in ledger.payables(user)]
    open_rooms = ctx.stakes_of(user)
    if not in_the_way and not open_rooms:
        return None
    return Rejected(
        ACCOUNT_HAS_FUNDS,
        "withdraw what is yours, and wait until holds and deals are settled",
        {"currencies": sorted(set(in_the_way)), "rooms": open_rooms[:ROOMS_TOLD]},
    )
