"""What identity causes elsewhere: word between its rooms, notices, and connections that end."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.contract import Context, Dismiss, Event, Notify, Reaction, Send
from engine.domains.identity import events as e
from engine.domains.identity import messages as m
from engine.domains.identity import notices as n
from engine.domains.identity.desk import DESK
from engine.domains.identity.profile import profile_room
from engine.domains.identity.state import Account
from engine.domains.identity.terms import APPEAL, INDEX, person_room
from engine.kernel.actor import ADMIN, DEALER, VERIFIED_SELLER

SELLERS = frozenset({DEALER, VERIFIED_SELLER})
"""Who may have live auctions (identity 6)."""


def react(state: Account, event: Event, _: Context) -> Iterable[Reaction]:
    """What this event causes in other rooms."""
    handler = _REACTIONS.get(type(event))
    return handler(state, event) if handler else ()


def _on_enrolled(_: Account, event: e.Enrolled) -> Iterable[Reaction]:
    return (Send(person_room(event.enrolment.user), m.Enrol(enrolment=event.enrolment)),)


def _on_repeated(_: Account, event: e.EnrolmentRepeated) -> Iterable[Reaction]:
    if not event.tell:
        return ()
    return (Send(person_room(event.user), m.Repeat(channel=event.channel)),)


def _on_code(_: Account, event: e.CodeWanted) -> Iterable[Reaction]:
    if not event.user:
        return ()
    message = m.SendCode(channel=event.channel, purpose=event.purpose)
    return (Send(person_room(event.user), message),)


def _on_vouched(_: Account, event: e.VouchedFor) -> Iterable[Reaction]:
    message = m.LetIn(
        provider=event.provider, subject=event.subject, device=event.device, grant=event.grant
    )
    return (Send(person_room(event.grant.user), message),)


def _on_activated(state: Account, _: e.UserActivated) -> Iterable[Reaction]:
    return (Notify(state.user, n.Welcomed()), _profile(state))


def _profile(state: Account) -> Send:
    is_active = state.status == "active"
    message = m.ShowProfile(display_name=state.display_name, is_active=is_active)
    return Send(profile_room(state.user), message)


def _on_profile(state: Account, _: e.ProfileChanged) -> Iterable[Reaction]:
    return (_profile(state),)


def _on_session(state: Account, event: e.SessionOpened) -> Iterable[Reaction]:
    if not event.is_unfamiliar:
        return ()
    seen = n.NewDevice(
        session=event.session,
        device_type=event.device.device_type,
        user_agent=event.device.user_agent,
    )
    return (Notify(state.user, seen),)


def _on_ended(state: Account, event: e.SessionEnded) -> Iterable[Reaction]:
    """Its connections end within a second (S3)."""
    gone = Dismiss(state.user, event.session, event.cause)
    if event.cause not in ("REPLACED", "FORCED", "REUSE_DETECTED"):
        return (gone,)
    told = n.SignedOut(session=event.session, cause=event.cause, reason=event.reason)
    return (gone, Notify(state.user, told))


def _on_submitted(state: Account, event: e.KycSubmitted) -> Iterable[Reaction]:
    waits = m.KycWaits(
        user=state.user, application=event.application, kind=event.kind, due_at=event.due_at
    )
    decided = n.KycDecided(application=event.application, kind=event.kind, state="pending")
    return (Send(DESK, waits), Notify(state.user, decided))


def _on_kyc_approved(state: Account, event: e.KycApproved) -> Iterable[Reaction]:
    decided = n.KycDecided(
        application=event.application,
        kind=event.kind,
        state="approved",
        documents_expire_at=event.documents_expire_at,
    )
    return (_done(state, event.application), Notify(state.user, decided))


def _done(state: Account, application: str) -> Send:
    return Send(DESK, m.KycDone(user=state.user, application=application))


def _on_kyc_rejected(state: Account, event: e.KycRejected) -> Iterable[Reaction]:
    decided = n.KycDecided(
        application=event.application, kind=event.kind, state="rejected", reason=event.reason
    )
    return (_done(state, event.application), Notify(state.user, decided))


def _on_overdue(state: Account, event: e.KycOverdue) -> Iterable[Reaction]:
    return (Send(DESK, m.KycLate(user=state.user, application=event.application)),)


def _on_lapsed(state: Account, event: e.KycLapsed) -> Iterable[Reaction]:
    decided = n.KycDecided(
        application=event.application,
        kind=event.kind,
        state="pending",
        reason="a document has expired; hand in a new one",
    )
    return (Notify(state.user, decided),)


def _on_granted(state: Account, event: e.RoleGranted) -> Iterable[Reaction]:
    yield Notify(state.user, n.RoleChanged(role=event.role, granted=True, reason=event.reason))
    if event.role == ADMIN:
        yield Send(INDEX, m.CountAdmin(user=state.user, is_admin=True))


def _on_revoked(state: Account, event: e.RoleRevoked) -> Iterable[Reaction]:
    """Connections end, for what they listen to may be nothing for them any more (J6)."""
    yield Notify(state.user, n.RoleChanged(role=event.role, granted=False, reason=event.reason))
    yield Dismiss(state.user, reason="ROLE_LOST")
    if event.role == ADMIN:
        yield Send(INDEX, m.CountAdmin(user=state.user, is_admin=False))


def _on_suspended(state: Account, event: e.UserSuspended) -> Iterable[Reaction]:
    """Connections end, those of outside tokens too; auctions of sellers go to managers (K7)."""
    yield Notify(state.user, n.AccountSuspended(reason=event.reason, appeal=APPEAL))
    yield Dismiss(state.user, reason="ACCOUNT_SUSPENDED")
    yield _profile(state)
    may_sell = bool(SELLERS.intersection(state.roles))
    yield Send(DESK, m.SellerSuspended(user=state.user, reason=event.reason, may_sell=may_sell))
    if ADMIN in state.roles:
        yield Send(INDEX, m.CountAdmin(user=state.user, is_admin=False))


def _on_reinstated(state: Account, event: e.UserReinstated) -> Iterable[Reaction]:
    yield Notify(state.user, n.AccountReinstated(reason=event.reason))
    yield Send(DESK, m.SellerBack(user=state.user))
    yield _profile(state)
    if ADMIN in state.roles:
        yield Send(INDEX, m.CountAdmin(user=state.user, is_admin=True))


def _on_closed(state: Account, event: e.UserClosed) -> Iterable[Reaction]:
    yield Dismiss(state.user, reason="ACCOUNT_CLOSED")
    yield from (_done(state, application) for application in event.withdrawn)
    yield Send(DESK, m.SellerBack(user=state.user))
    yield _profile(state)
    yield Send(INDEX, m.CountAdmin(user=state.user, is_admin=False))


_REACTIONS: Mapping[type[Event], Callable[[Account, Any], Iterable[Reaction]]] = {
    e.Enrolled: _on_enrolled,
    e.EnrolmentRepeated: _on_repeated,
    e.CodeWanted: _on_code,
    e.VouchedFor: _on_vouched,
    e.UserActivated: _on_activated,
    e.ProfileChanged: _on_profile,
    e.SessionOpened: _on_session,
    e.SessionEnded: _on_ended,
    e.KycSubmitted: _on_submitted,
    e.KycApproved: _on_kyc_approved,
    e.KycRejected: _on_kyc_rejected,
    e.KycOverdue: _on_overdue,
    e.KycLapsed: _on_lapsed,
    e.RoleGranted: _on_granted,
    e.RoleRevoked: _on_revoked,
    e.UserSuspended: _on_suspended,
    e.UserReinstated: _on_reinstated,
    e.UserClosed: _on_closed,
}
