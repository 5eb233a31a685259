"""How an account begins, is verified, and changes (identity 3, I5-I9)."""

from engine.contract import Context, Decision, Event
from engine.domains.identity import commands as c
from engine.domains.identity import events as e
from engine.domains.identity import otp
from engine.domains.identity.addresses import bad_phone
from engine.domains.identity.codes import PHONE_TAKEN
from engine.domains.identity.guards import not_found, shut
from engine.domains.identity.messages import Enrol, LetIn, Repeat, SendCode
from engine.domains.identity.sessions import granted, opened
from engine.domains.identity.state import Account, slot
from engine.domains.identity.terms import (
    OTP_LIFE_MS,
    ROLE_OF_KIND,
    VERIFY_WITHIN_MS,
    Channel,
    Device,
    email_key,
    phone_key,
    provider_key,
)
from engine.kernel.outcome import FORBIDDEN, INVALID_TRANSITION, Rejected


def enrol(state: Account, message: Enrol, ctx: Context) -> Decision:
    """Begin, with a code for each address that must be verified (I5)."""
    assert state.status == "absent", "identity: two accounts with one id"
    new = message.enrolment
    claims = (email_key(new.email), phone_key(new.phone)) if new.phone else (email_key(new.email),)
    events: list[Event] = [e.Registered(enrolment=new, claims=claims)]
    if new.purpose:
        for ahead, channel in enumerate(new.required):
            events.append(otp.requested(state, channel, new.purpose, ctx.now, ahead))
    return events


def repeat(state: Account, message: Repeat, ctx: Context) -> Decision:
    """The owner is told by letter. Where there is nothing to verify, codes that nobody can know
    are out for as long as those of a new account (I4)."""
    decoys: tuple[Channel, ...] = ()
    if state.status != "pending_verification" and message.channel == "email":
        decoys = ("email", "phone")
    return [
        e.RegistrationRepeated(
            channel=message.channel, decoys=decoys, expires_at=ctx.now + OTP_LIFE_MS
        )
    ]


def send_code(state: Account, message: SendCode, ctx: Context) -> Decision:
    """If there is anything to prove with it; else nothing, and the asker does not learn that."""
    channel, purpose = message.channel, message.purpose
    pending = state.status == "pending_verification"
    wanted = {
        "signup": pending and channel in state.required and channel not in state.verified,
        "login": channel == "email" and (pending or state.status in ("active", "suspended")),
        "step_up": False,
    }
    return [otp.requested(state, channel, purpose, ctx.now)] if wanted[purpose] else ()


def resend_own(state: Account, command: c.ResendOtp, ctx: Context) -> Decision:
    """Somebody signed in wants to prove an address of theirs (I9, step-up)."""
    if refusal := not_found(state) or shut(state):
        return refusal
    if ctx.actor.user != state.user:
        return Rejected(FORBIDDEN, "name the email address that the code is for")
    address = state.email if command.channel == "email" else state.phone
    if not address:
        return Rejected(
            INVALID_TRANSITION,
            f"the account has no {command.channel}",
            {"status": state.status, "command": "identity.resend_otp"},
        )
    refusal = otp.too_soon(state.asked.get(command.channel, ()), ctx.now)
    return refusal or [otp.requested(state, command.channel, "step_up", ctx.now)]


def verify_otp(state: Account, command: c.VerifyOtp, ctx: Context) -> Decision:
    """Right: the address is proved, and perhaps somebody is let in. Wrong: counted (I5-I7)."""
    channel, purpose = command.channel, command.purpose
    challenge = state.codes.get(slot(channel, purpose))
    if purpose == "step_up" and ctx.actor.user != state.user:
        # A stranger is not told that the account has such a code, nor that it is there (I4).
        challenge = None
    if refusal := otp.unusable(state, challenge, ctx.now):
        return refusal
    assert challenge is not None, "just looked at"
    if not otp.fits(state, channel, purpose, command.code, ctx):
        return otp.failed(challenge, channel, purpose)
    proved = e.ChannelVerified(channel=channel, purpose=purpose)
    if purpose == "step_up":
        return [proved]
    if state.status == "suspended" and (refusal := shut(state)):
        return refusal
    device = Device(command.device_type, command.device_fingerprint, command.user_agent)
    if state.status == "active":
        return [proved, *opened(state, device, ctx)]
    assert state.status == "pending_verification", "identity 3: a code for an account that is shut"
    if purpose == "login":
        return [*_begun(state, proved), *opened(state, device, ctx)]
    if set(state.required) <= {*state.verified, channel}:
        activated = e.UserActivated(role=ROLE_OF_KIND.get(state.kind, ""))
        return [proved, activated, *opened(state, device, ctx)]
    return [proved]


def _begun(state: Account, proved: e.ChannelVerified) -> list[Event]:
    """Whoever comes in by the address alone need not be who registered with it: nothing counts
    that was said then."""
    if not state.password_hash and not state.phone:
        return [proved, e.UserActivated()]
    frees = (phone_key(state.phone),) if state.phone else ()
    return [e.RegistrationRestarted(frees=frees), proved, e.UserActivated()]


def let_in(state: Account, message: LetIn, _: Context) -> Decision:
    """A provider has named this person, and the index has answered with this session."""
    events: list[Event] = []
    if message.provider not in state.providers:
        key = provider_key(message.provider, message.subject)
        events.append(
            e.ProviderLinked(provider=message.provider, subject=message.subject, claims=(key,))
        )
    if state.status == "pending_verification":
        events += _begun(state, e.ChannelVerified(channel="email"))
    return [*events, *granted(state, message.device, message.grant)]


def set_profile(state: Account, command: c.SetProfile, _: Context) -> Decision:
    """A name to be shown (identity 11)."""
    return (
        not_found(state)
        or shut(state)
        or [e.ProfileChanged(display_name=command.display_name.strip())]
    )


def add_phone(state: Account, command: c.AddPhone, ctx: Context) -> Decision:
    """Later than the account, but before bidding, selling or driving (I9)."""
    refusal = not_found(state) or shut(state) or bad_phone(command.phone, state.currency, ctx)
    if refusal:
        return refusal
    if "phone" in state.verified:
        return Rejected(
            INVALID_TRANSITION,
            "the account has a phone that is verified; ask support to change it",
            {"status": state.status, "command": "identity.add_phone"},
        )
    key = phone_key(command.phone)
    if ctx.claimed_by(key) not in (None, ctx.room):
        return Rejected(PHONE_TAKEN, "`phone` belongs to another account", {"field": "phone"})
    if refusal := otp.too_soon(state.asked.get("phone", ()), ctx.now):
        return refusal
    known = command.phone == state.phone
    added = e.PhoneAdded(
        phone=command.phone,
        verify_by=ctx.now + VERIFY_WITHIN_MS,
        claims=() if known else (key,),
        frees=(phone_key(state.phone),) if state.phone and not known else (),
    )
    return [added, otp.requested(state, "phone", "step_up", ctx.now)]
