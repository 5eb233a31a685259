"""What falls due: registrations, sessions, reviews, documents (identity 7)."""

from collections.abc import Iterator

from engine.contract import Context, Decision, Event, Wake
from engine.domains.identity import events as e
from engine.domains.identity.decide_kyc import lost_roles
from engine.domains.identity.state import Account, Application, claims_of
from engine.domains.identity.terms import phone_key
from engine.kernel.time import Millis


def due(state: Account, _: Millis) -> Millis | None:
    """The first of them."""
    return min(_moments(state), default=None)


def _moments(state: Account) -> Iterator[Millis]:
    if state.status == "pending_verification":
        yield state.verify_by
    if state.phone_verify_by is not None:
        yield state.phone_verify_by
    for session in state.sessions.values():
        yield session.expires_at
    for found in state.applications.values():
        if found.due_at is not None and not found.overdue:
            yield found.due_at
    for expires_at in state.approvals.values():
        if expires_at is not None:
            yield expires_at


def wake(state: Account, _: Wake, ctx: Context) -> Decision:
    """Everything that is due by now."""
    if state.status == "pending_verification" and state.verify_by <= ctx.now:
        return [e.RegistrationExpired(frees=claims_of(state))]
    events: list[Event] = [
        e.SessionEnded(session=session, cause="EXPIRED")
        for session, found in state.sessions.items()
        if found.expires_at <= ctx.now
    ]
    if state.phone_verify_by is not None and state.phone_verify_by <= ctx.now:
        events.append(e.PhoneDropped(frees=(phone_key(state.phone),)))
    late = [x for x in state.applications.values() if _is_late(x, ctx.now)]
    events += [e.KycOverdue(application=x.application, kind=x.kind) for x in late]
    return events + _lapsed(state, ctx.now)


def _is_late(found: Application, now: Millis) -> bool:
    return found.due_at is not None and not found.overdue and found.due_at <= now


def _lapsed(state: Account, now: Millis) -> list[Event]:
    """Documents expire one kind at a time, each with the roles that hang on it (K1, INV-3)."""
    for kind, expires_at in state.approvals.items():
        if expires_at is not None and expires_at <= now:
            found = state.applications[kind]
            lapsed = e.KycLapsed(application=found.application, kind=found.kind)
            return [lapsed, *lost_roles(state, found.kind)]
    return []
