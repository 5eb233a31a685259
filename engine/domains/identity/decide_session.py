"""Logging in with a password, staying in, and going out (J1-J6, S1-S3)."""

from hmac import compare_digest

from engine.contract import Context, Decision, Event, Noted
from engine.domains.identity import commands as c
from engine.domains.identity import events as e
from engine.domains.identity import tokens
from engine.domains.identity.codes import (
    INVALID_CREDENTIALS,
    REFRESH_REUSED,
    SESSION_REVOKED,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
)
from engine.domains.identity.guards import no_reason, not_found, outranked, shut
from engine.domains.identity.sessions import ended, opened
from engine.domains.identity.state import Account
from engine.domains.identity.terms import NO_CURRENCY, Device
from engine.kernel.actor import Actor
from engine.kernel.outcome import Code, Rejected
from engine.kernel.outside import Ask, CheckPassword, PasswordChecked

ENDED_BY: dict[str, Code] = {"EXPIRED": TOKEN_EXPIRED, "REUSE_DETECTED": REFRESH_REUSED}
"""What is said of a refresh token whose session is over; of other causes SESSION_REVOKED."""


def prepare_login(state: Account, command: c.Login, _: Context) -> Ask:
    """Also where there is no account: the same work, so that time does not tell (I4)."""
    return CheckPassword(command.password, state.password_hash)


def login(state: Account, command: c.Login, ctx: Context) -> Decision:
    """Status is told only after a right secret (identity 8)."""
    checked = ctx.proof
    assert isinstance(checked, PasswordChecked), "a password is checked before it is believed"
    # Time has passed: the hash may have been replaced while this one was looked at.
    is_current = compare_digest(checked.hash.encode(), state.password_hash.encode())
    if not (checked.fits and is_current and state.password_hash):
        return Rejected(INVALID_CREDENTIALS, "email and password do not belong together")
    if refusal := shut(state):
        return refusal
    device = Device(command.device_type, command.device_fingerprint, command.user_agent)
    rehashed: list[Event] = []
    if checked.rehashed:
        rehashed = [e.PasswordRehashed(password_hash=checked.rehashed)]
    return [*rehashed, *opened(state, device, ctx)]


def refresh(state: Account, command: c.Refresh, ctx: Context) -> Decision:
    """The token that is good now is changed for the next; a used one ends the session (J5)."""
    said = tokens.read(command.refresh_token, ctx.vault) if command.refresh_token else None
    if said is None:
        return Rejected(TOKEN_INVALID, "this is no refresh token; log in again")
    if refusal := shut(state):
        return refusal
    session = state.sessions.get(said.session)
    if session is None:
        return _over(state.ended.get(said.session))
    if ctx.now >= session.expires_at:
        return _over("EXPIRED")
    if said.counter != session.counter:
        gone = e.SessionEnded(session=said.session, cause="REUSE_DETECTED")
        return Noted(_over("REUSE_DETECTED"), [gone])
    market = ctx.market(state.currency or NO_CURRENCY)
    return [
        e.SessionRefreshed(
            session=said.session,
            counter=session.counter + 1,
            access_until=ctx.now + market.access_ms,
            expires_at=ctx.now + market.refresh_ms,
        )
    ]


def _over(cause: str | None) -> Rejected:
    code = ENDED_BY.get(cause or "", SESSION_REVOKED)
    return Rejected(code, "the session has ended; log in again", {"cause": cause})


def logout(state: Account, command: c.Logout, ctx: Context) -> Decision:
    """One's own session; which, the access token says."""
    if refusal := not_found(state):
        return refusal
    session = command.session or ctx.actor.session
    if session not in state.sessions:
        return _no_session(session)
    return [e.SessionEnded(session=session, cause="LOGOUT")]


def force_logout(state: Account, command: c.ForceLogout, ctx: Context) -> Decision:
    """One session or all; connections end within a second (S3)."""
    refusal = not_found(state) or no_reason(command.reason) or outranked(state, ctx)
    if refusal:
        return refusal
    if command.session and command.session not in state.sessions:
        return _no_session(command.session)
    gone = ended(state, "FORCED", ctx.actor.user, command.reason)
    return [x for x in gone if command.session in ("", x.session)]


def _no_session(session: str) -> Rejected:
    return Rejected(SESSION_REVOKED, "there is no such open session", {"session": session})


def vouch(state: Account, actor: Actor) -> Actor | Rejected:
    """Who this is by now. The token is a hint; the account decides (J3, J6, INV-5)."""
    if state.status == "absent":
        return actor
    if refusal := shut(state):
        return refusal
    if actor.session and actor.session not in state.sessions:
        return Rejected(
            SESSION_REVOKED,
            "your session has ended; log in again",
            {"cause": state.ended.get(actor.session)},
        )
    return Actor(state.user, state.role, state.kyc, frozenset(state.side_roles), actor.session)
