"""Who may see what of an account (identity 11).

Five classes: `owner`, `admin`, `manager`, `concierge`, and nobody else: what others may know stands
in `profile:{user}`. Password hashes, codes and tokens are shown to nobody.
"""

from collections.abc import Sequence
from typing import Any

from engine.contract import Context, Event, fields_of
from engine.domains.identity import commands as c
from engine.domains.identity import events as e
from engine.domains.identity.state import Account, Application, grant_of
from engine.kernel.actor import ADMIN, CONCIERGE, MANAGER

OWNER = "owner"
READERS = (OWNER, ADMIN)
"""Those who may open documents (K5)."""
LISTERS = (OWNER, MANAGER, ADMIN)
"""Those who see sessions."""

SESSIONS = (e.SessionOpened, e.SessionRefreshed, e.SessionEnded)
FOR_NOBODY = (e.PasswordRehashed,)


def audience(state: Account, ctx: Context) -> str:
    """The class of viewer that the actor is here. The index is for admins."""
    actor = ctx.actor
    if actor.user and actor.user == state.user:
        return OWNER
    for role in (ADMIN, MANAGER, CONCIERGE):
        if actor.has(frozenset({role})) and (state.user or role == ADMIN):
            return role
    return ""


def view(state: Account, ctx: Context) -> Any:
    """The snapshot for the actor; None if there is no such account."""
    viewer = audience(state, ctx)
    if state.status == "absent":
        return _index(state) if state.registered else None
    shown: dict[str, Any] = {
        "user": state.user,
        "status": state.status,
        "email": state.email or None,
        "phone": state.phone or None,
        "verified": state.verified,
        "required": state.required,
        "kind": state.kind,
        "display_name": state.display_name,
        "role": state.role,
        "also": state.side_roles,
        "kyc": state.kyc,
        "dealer_pending": _is_dealer_pending(state),
        "created_at": state.created_at,
        "last_login_at": state.last_login_at,
        "suspension": state.suspension or None,
    }
    if viewer in LISTERS:
        shown["sessions"] = [
            {
                "session": session,
                "device_type": found.device.device_type,
                "device_fingerprint": found.device.fingerprint,
                "user_agent": found.device.user_agent,
                "opened_at": found.opened_at,
                "expires_at": found.expires_at,
            }
            for session, found in state.sessions.items()
        ]
    shown["applications"] = [_application(found, viewer) for found in state.applications.values()]
    return shown


def _index(state: Account) -> dict[str, Any]:
    """How many there are, who came last, and who may do everything."""
    return {"accounts": state.registered, "latest": state.latest, "admins": state.admins}


def _is_dealer_pending(state: Account) -> bool:
    """An application as a dealer is being looked at (identity 3)."""
    found = state.applications.get("dealer")
    return found is not None and found.state == "pending" and not found.lapsed


def _application(found: Application, viewer: str) -> dict[str, Any]:
    """How it stands; with its documents for the owner and admins."""
    shown: dict[str, Any] = {
        "application": found.application,
        "kind": found.kind,
        "state": found.state,
        "submitted_at": found.submitted_at,
        "lapsed": found.lapsed,
    }
    if viewer != CONCIERGE:
        shown |= {"due_at": found.due_at, "overdue": found.overdue}
        shown["reason"] = found.reason or None
    if viewer in READERS:
        shown |= {"files": found.files, "form": found.form}
    if viewer in (MANAGER, ADMIN):
        shown["reviewer"] = found.reviewer or None
    return shown


def show(_: Account, event: Event, viewer: str) -> Any:
    """The wire's `data` of an event for this class."""
    if isinstance(event, FOR_NOBODY):
        return {}
    if isinstance(event, e.Enrolled | e.Registered):
        return _enrolment(event)
    shown = fields_of(event)
    if isinstance(event, SESSIONS):
        shown = shown if viewer in LISTERS else {}
    elif isinstance(event, e.ProviderLinked):
        shown = {"provider": event.provider}
    elif isinstance(event, e.DocumentOpened):
        return shown if viewer in READERS else {}
    elif isinstance(event, e.KycSubmitted) and viewer not in READERS:
        shown = {name: shown[name] for name in ("application", "kind", "due_at")}
    elif isinstance(event, e.KycRejected) and viewer not in READERS:
        del shown["illegible"]
    if viewer == OWNER:
        shown.pop("by", None)
    return shown


def _enrolment(event: e.Enrolled | e.Registered) -> Any:
    new = event.enrolment
    return {
        "user": new.user,
        "email": new.email,
        "phone": new.phone or None,
        "kind": new.kind,
        "display_name": new.display_name,
        "required": new.required,
    }


def result(state: Account, command: Any, events: Sequence[Event], ctx: Context) -> Any:
    """The reply. What is `granted` becomes tokens on its way out."""
    match command:
        case c.Register():
            return {"status": "pending_verification", "verify": ["email", "phone"]}
        case c.StartEmailLogin() | c.ResendOtp():
            return {"sent": True}
        case c.OAuthLogin():
            return _granted(state, events)
        case c.VerifyOtp() | c.Login() | c.Refresh():
            return {"status": state.status} | _granted(state, events)
        case c.Logout():
            ended = command.session or ctx.actor.session
            return {"session": ended, "session_ended": ended == ctx.actor.session}
        case c.OpenDocument():
            return {"until": fields_of(events[-1])["until"]}
        case c.SubmitKyc():
            found = state.applications[command.kind]
            return {"application": found.application, "due_at": found.due_at}
    return {"user": state.user, "status": state.status, "role": state.role, "kyc": state.kyc}


def _granted(state: Account, events: Sequence[Event]) -> dict[str, Any]:
    match events[-1]:
        case e.SessionOpened(session=session) | e.SessionRefreshed(session=session):
            return {"granted": grant_of(state, session)}
        case e.VouchedFor(grant=grant):
            return {"granted": grant}
    return {}
