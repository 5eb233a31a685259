"""How each event changes the state of an account. Nothing here can fail or ask."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.contract import Event
from engine.domains.identity import events as e
from engine.domains.identity.state import Account, Application, Challenge, Session, slot
from engine.domains.identity.terms import ACCOUNTS_LISTED, DEVICES_REMEMBERED, SESSIONS_REMEMBERED
from engine.kernel.time import HOUR, Millis


def on_enrolled(state: Account, event: e.Enrolled, at: Millis) -> None:
    state.registered = event.number
    state.latest = [*state.latest, event.enrolment.user][-ACCOUNTS_LISTED:]
    _remember_asked(state, event.asked, at)


def on_asked(state: Account, event: e.EnrolmentRepeated | e.CodeWanted, at: Millis) -> None:
    _remember_asked(state, event.asked, at)


def _remember_asked(state: Account, keys: Iterable[str], at: Millis) -> None:
    """The latest come last, so those that nobody needs any more stand in front."""
    for key in keys:
        times = [t for t in state.asked.pop(key, ()) if t > at - HOUR]
        state.asked[key] = [*times, at]
    while state.asked:
        oldest = next(iter(state.asked))
        if state.asked[oldest][-1] > at - HOUR:
            return
        del state.asked[oldest]


def on_vouched_for(_state: Account, _event: e.VouchedFor, _: Millis) -> None:
    """The person's own room remembers it."""


def on_admins(state: Account, event: e.AdminsChanged, _: Millis) -> None:
    if event.is_admin:
        state.admins.append(event.user)
    else:
        state.admins.remove(event.user)


def on_registered(state: Account, event: e.Registered, at: Millis) -> None:
    new = event.enrolment
    state.status = "pending_verification"
    state.user, state.email, state.phone = new.user, new.email, new.phone
    state.password_hash, state.kind = new.password_hash, new.kind
    state.display_name, state.currency = new.display_name, new.currency
    state.required, state.verify_by = new.required, new.verify_by
    state.created_at = at


def on_repeated(state: Account, event: e.RegistrationRepeated, _: Millis) -> None:
    for channel in event.decoys:
        state.codes[slot(channel, "signup")] = Challenge(0, event.expires_at)


def on_expired(state: Account, _event: e.RegistrationExpired, _: Millis) -> None:
    state.status = "expired"
    _forget(state)


def on_restarted(state: Account, _event: e.RegistrationRestarted, _: Millis) -> None:
    state.password_hash = state.phone = state.display_name = ""
    state.kind = "customer"
    state.required = ("email",)
    state.verified = [channel for channel in state.verified if channel != "phone"]
    state.codes.pop(slot("phone", "signup"), None)


def on_otp(state: Account, event: e.OtpRequested, at: Millis) -> None:
    state.codes[slot(event.channel, event.purpose)] = Challenge(event.serial, event.expires_at)
    state.codes_sent = event.serial
    if event.purpose == "step_up":
        _remember_asked(state, (event.channel,), at)


def on_otp_failed(state: Account, event: e.OtpFailed, at: Millis) -> None:
    state.codes[slot(event.channel, event.purpose)].tries = event.tries
    state.wrong_at = [*(t for t in state.wrong_at if t > at - HOUR), at]


def on_verified(state: Account, event: e.ChannelVerified, _: Millis) -> None:
    if event.channel not in state.verified:
        state.verified.append(event.channel)
    if event.channel == "phone":
        state.phone_verify_by = None
    if event.purpose:
        state.codes.pop(slot(event.channel, event.purpose), None)


def on_activated(state: Account, event: e.UserActivated, _: Millis) -> None:
    state.status = "active"
    if event.role:
        state.roles.append(event.role)


def on_linked(state: Account, event: e.ProviderLinked, _: Millis) -> None:
    state.providers[event.provider] = event.subject


def on_phone(state: Account, event: e.PhoneAdded, _: Millis) -> None:
    state.phone, state.phone_verify_by = event.phone, event.verify_by
    state.verified = [channel for channel in state.verified if channel != "phone"]


def on_phone_dropped(state: Account, _event: e.PhoneDropped, _: Millis) -> None:
    state.phone, state.phone_verify_by = "", None
    state.codes.pop(slot("phone", "step_up"), None)


def on_profile(state: Account, event: e.ProfileChanged, _: Millis) -> None:
    state.display_name = event.display_name


def on_rehashed(state: Account, event: e.PasswordRehashed, _: Millis) -> None:
    state.password_hash = event.password_hash


def on_session(state: Account, event: e.SessionOpened, at: Millis) -> None:
    state.sessions_opened += 1
    state.last_login_at = at
    state.sessions[event.session] = Session(event.device, at, event.access_until, event.expires_at)
    if event.is_new_device:
        state.devices = [*state.devices, event.device.fingerprint][-DEVICES_REMEMBERED:]


def on_refreshed(state: Account, event: e.SessionRefreshed, _: Millis) -> None:
    session = state.sessions[event.session]
    session.counter, session.expires_at = event.counter, event.expires_at
    session.access_until = event.access_until


def on_ended(state: Account, event: e.SessionEnded, _: Millis) -> None:
    del state.sessions[event.session]
    state.ended[event.session] = event.cause
    while len(state.ended) > SESSIONS_REMEMBERED:
        del state.ended[next(iter(state.ended))]


def on_submitted(state: Account, event: e.KycSubmitted, at: Millis) -> None:
    state.applications_made += 1
    state.applications[event.kind] = Application(
        application=event.application,
        kind=event.kind,
        files={found.kind: found.file for found in event.files},
        form=event.form,
        submitted_at=at,
        due_at=event.due_at,
    )


def on_approved(state: Account, event: e.KycApproved, _: Millis) -> None:
    found = state.applications[event.kind]
    found.state, found.reviewer, found.reason = "approved", event.by, ""
    found.due_at = None
    state.approvals[event.kind] = event.documents_expire_at


def on_rejected(state: Account, event: e.KycRejected, _: Millis) -> None:
    found = state.applications[event.kind]
    found.state, found.reviewer, found.reason = "rejected", event.by, event.reason
    found.due_at = None
    state.illegible += event.illegible


def on_overdue(state: Account, event: e.KycOverdue, _: Millis) -> None:
    state.applications[event.kind].overdue = True


def on_lapsed(state: Account, event: e.KycLapsed, _: Millis) -> None:
    del state.approvals[event.kind]
    found = state.applications[event.kind]
    if found.state == "approved":
        found.state, found.lapsed = "pending", True


def on_opened(_state: Account, _event: e.DocumentOpened, _: Millis) -> None:
    """Who has looked stands in the log; nothing follows from it."""


def on_granted(state: Account, event: e.RoleGranted, _: Millis) -> None:
    state.roles.append(event.role)


def on_revoked(state: Account, event: e.RoleRevoked, _: Millis) -> None:
    state.roles.remove(event.role)


def on_suspended(state: Account, event: e.UserSuspended, _: Millis) -> None:
    state.status, state.suspension = "suspended", event.reason


def on_reinstated(state: Account, _event: e.UserReinstated, _: Millis) -> None:
    state.status, state.suspension = "active", ""


def on_closed(state: Account, _event: e.UserClosed, _: Millis) -> None:
    state.status, state.suspension = "closed", ""
    state.roles = []
    _forget(state)


def _forget(state: Account) -> None:
    """What names the person goes; that there was one stays (INV-9)."""
    state.email = state.phone = state.password_hash = state.display_name = ""
    state.providers, state.codes, state.devices = {}, {}, []
    state.applications, state.approvals, state.illegible = {}, {}, []
    state.phone_verify_by = None


EVOLVE: Mapping[type[Event], Callable[[Account, Any, Millis], None]] = {
    e.Enrolled: on_enrolled,
    e.EnrolmentRepeated: on_asked,
    e.CodeWanted: on_asked,
    e.VouchedFor: on_vouched_for,
    e.AdminsChanged: on_admins,
    e.Registered: on_registered,
    e.RegistrationRepeated: on_repeated,
    e.RegistrationExpired: on_expired,
    e.RegistrationRestarted: on_restarted,
    e.OtpRequested: on_otp,
    e.OtpFailed: on_otp_failed,
    e.ChannelVerified: on_verified,
    e.UserActivated: on_activated,
    e.ProviderLinked: on_linked,
    e.PhoneAdded: on_phone,
    e.PhoneDropped: on_phone_dropped,
    e.ProfileChanged: on_profile,
    e.PasswordRehashed: on_rehashed,
    e.SessionOpened: on_session,
    e.SessionRefreshed: on_refreshed,
    e.SessionEnded: on_ended,
    e.KycSubmitted: on_submitted,
    e.KycApproved: on_approved,
    e.KycRejected: on_rejected,
    e.KycOverdue: on_overdue,
    e.KycLapsed: on_lapsed,
    e.DocumentOpened: on_opened,
    e.RoleGranted: on_granted,
    e.RoleRevoked: on_revoked,
    e.UserSuspended: on_suspended,
    e.UserReinstated: on_reinstated,
    e.UserClosed: on_closed,
}
