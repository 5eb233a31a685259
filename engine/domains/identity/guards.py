"""Questions that several decisions ask first, and the refusals that answer them."""

from engine.contract import Command, Context, tag_of
from engine.domains.identity.codes import (
    ACCOUNT_CLOSED,
    ACCOUNT_NOT_FOUND,
    ACCOUNT_NOT_VERIFIED,
    ACCOUNT_SUSPENDED,
    LAST_ADMIN,
    SELF_APPROVAL,
)
from engine.domains.identity.state import Account
from engine.domains.identity.terms import APPEAL, INDEX, LADDER, Status
from engine.kernel.actor import ADMIN
from engine.kernel.outcome import FORBIDDEN, INVALID_TRANSITION, REASON_REQUIRED, Rejected

OPEN: tuple[Status, ...] = ("active", "suspended")


def not_found(state: Account) -> Rejected | None:
    """Nobody has this account; users of an outside issuer have none here."""
    if state.status not in ("absent", "expired"):
        return None
    return Rejected(ACCOUNT_NOT_FOUND, "there is no such account; check the field `user`")


def not_in(state: Account, command: Command, *allowed: Status) -> Rejected | None:
    """A row that is missing in identity 3."""
    if state.status in allowed:
        return None
    tag = tag_of(type(command))
    return not_found(state) or Rejected(
        INVALID_TRANSITION,
        f"{tag} is not possible while the account is {state.status}",
        {"status": state.status, "command": tag},
    )


def shut(state: Account) -> Rejected | None:
    """Nothing is taken from this person, whoever they can prove to be (INV-5)."""
    if state.status == "suspended":
        return Rejected(
            ACCOUNT_SUSPENDED,
            f"the account is suspended: {state.suspension}. To appeal, {APPEAL}",
            {"reason": state.suspension, "appeal": APPEAL},
        )
    if state.status == "closed":
        return Rejected(ACCOUNT_CLOSED, "the account was closed; register anew")
    if state.status in ("pending_verification", "expired"):
        missing = [channel for channel in state.required if channel not in state.verified]
        return Rejected(
            ACCOUNT_NOT_VERIFIED,
            f"type the codes that were sent to your {' and '.join(missing) or 'address'} first",
            {"missing": missing},
        )
    return None


def no_reason(reason: str) -> Rejected | None:
    """Staff must say why (R2)."""
    if reason.strip():
        return None
    return Rejected(
        REASON_REQUIRED, "`reason` must say why; it is kept with the act", {"field": "reason"}
    )


def own(state: Account, ctx: Context) -> Rejected | None:
    """Nobody decides about themselves (INV-7)."""
    if ctx.actor.user != state.user:
        return None
    return Rejected(SELF_APPROVAL, "it is your own account: somebody else must decide")


def outranked(state: Account, ctx: Context) -> Rejected | None:
    """Nobody acts against a higher role (identity 3)."""
    if _rank({state.role}) <= _rank({ctx.actor.role, *ctx.actor.also}):
        return None
    return Rejected(FORBIDDEN, f"the account has the role {state.role}, which is above yours")


def _rank(roles: set[str]) -> int:
    return max((LADDER.index(role) for role in roles if role in LADDER), default=0)


def last_admin(state: Account, ctx: Context) -> Rejected | None:
    """At least one admin exists (INV-8)."""
    if ADMIN not in state.roles or state.status != "active":
        return None
    index = ctx.peek(INDEX)
    if isinstance(index, Account) and set(index.admins) - {state.user}:
        return None
    return Rejected(LAST_ADMIN, "this is the last admin; make somebody else an admin first")
