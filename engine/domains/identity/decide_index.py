"""What the one writer of all addresses decides (I1, I4, I9).

Each of these answers in the same words and with one event, whether or not the address is known.
"""

from engine.contract import Context, Decision, Event
from engine.domains.identity import commands as c
from engine.domains.identity import events as e
from engine.domains.identity.addresses import bad_email, bad_phone, tidy, weak_password
from engine.domains.identity.codes import EMAIL_TAKEN, OAUTH_FAILED, PHONE_TAKEN
from engine.domains.identity.decide_account import resend_own
from engine.domains.identity.guards import shut
from engine.domains.identity.messages import CountAdmin
from engine.domains.identity.otp import too_soon
from engine.domains.identity.sessions import next_session
from engine.domains.identity.state import Account
from engine.domains.identity.terms import (
    NO_CURRENCY,
    VERIFY_WITHIN_MS,
    Channel,
    Device,
    Enrolment,
    Grant,
    email_key,
    phone_key,
    provider_key,
)
from engine.kernel.ids import split_room
from engine.kernel.outcome import Rejected
from engine.kernel.outside import Ask, CheckIdToken, HashPassword, IdTokenChecked


def asked_key(channel: Channel, email: str) -> str:
    """By what the limits of I8 are counted: the address that was named, known or not."""
    return f"{channel}|{email}"


def prepare_register(_: Account, command: c.Register, ctx: Context) -> Ask | None:
    """Hash the password, for known and unknown addresses alike (I3, I4)."""
    return None if _bad_form(command, ctx) else HashPassword(command.password)


def _bad_form(command: c.Register, ctx: Context) -> Rejected | None:
    return (
        bad_email(tidy(command.email))
        or bad_phone(command.phone, command.currency, ctx)
        or weak_password(command.password)
    )


def register(state: Account, command: c.Register, ctx: Context) -> Decision:
    """A new account, or a letter to whoever has one (I1-I5)."""
    if refusal := _bad_form(command, ctx):
        return refusal
    email = tidy(command.email)
    keys: dict[Channel, str] = {"email": email_key(email), "phone": phone_key(command.phone)}
    for channel, key in keys.items():
        if holder := ctx.claimed_by(key):
            return _repeated(state, command, channel, holder, ctx)
    assert isinstance(ctx.proof, str), "a password is hashed before its account begins"
    enrolment = Enrolment(
        user=_next_user(state, ctx),
        email=email,
        phone=command.phone,
        password_hash=ctx.proof,
        kind=command.account_kind,
        display_name=command.display_name,
        currency=command.currency or NO_CURRENCY,
        required=("email", "phone"),
        purpose="signup",
        verify_by=ctx.now + VERIFY_WITHIN_MS,
    )
    asked = (asked_key("email", email), asked_key("phone", email))
    return [e.Enrolled(number=state.registered + 1, enrolment=enrolment, asked=asked)]


def _repeated(
    state: Account, command: c.Register, channel: Channel, holder: str, ctx: Context
) -> Decision:
    if ctx.market(command.currency or NO_CURRENCY).tells_taken:
        code = EMAIL_TAKEN if channel == "email" else PHONE_TAKEN
        return Rejected(code, f"`{channel}` has an account; log in", {"field": channel})
    email = tidy(command.email)
    # The owner of a phone is not to be flooded through many addresses.
    told = asked_key("email", email) if channel == "email" else phone_key(command.phone)
    tell = too_soon(state.asked.get(told, ()), ctx.now) is None
    keys = {asked_key("email", email), asked_key("phone", email), told}
    user = split_room(holder)[1]
    return [
        e.EnrolmentRepeated(
            user=user, channel=channel, tell=tell, asked=tuple(sorted(keys)) if tell else ()
        )
    ]


def _next_user(state: Account, ctx: Context) -> str:
    """Nobody can guess how many accounts there are, nor another's id."""
    return "u" + ctx.vault.mac("user-id", str(state.registered + 1))[:8].hex()


def start_email_login(state: Account, command: c.StartEmailLogin, ctx: Context) -> Decision:
    """A code for the known; an account and a code for the unknown (I9)."""
    email = tidy(command.email)
    key = asked_key("email", email)
    if refusal := bad_email(email) or too_soon(state.asked.get(key, ()), ctx.now):
        return refusal
    if holder := ctx.claimed_by(email_key(email)):
        user = split_room(holder)[1]
        return [e.CodeWanted(user=user, channel="email", purpose="login", asked=(key,))]
    enrolment = Enrolment(
        user=_next_user(state, ctx),
        email=email,
        currency=command.currency or NO_CURRENCY,
        purpose="login",
        verify_by=ctx.now + VERIFY_WITHIN_MS,
    )
    return [e.Enrolled(number=state.registered + 1, enrolment=enrolment, asked=(key,))]


def resend_otp(state: Account, command: c.ResendOtp, ctx: Context) -> Decision:
    """Another code, if there is somebody to send it to: the answer does not tell (I8). Who is
    signed in and names no address asks their own room."""
    if not command.email:
        return resend_own(state, command, ctx)
    email = tidy(command.email)
    key = asked_key(command.channel, email)
    if refusal := bad_email(email) or too_soon(state.asked.get(key, ()), ctx.now):
        return refusal
    holder = ctx.claimed_by(email_key(email))
    if holder is None and (command.channel, command.purpose) == ("email", "login"):
        # As if it were asked for the first time: else wrong codes, which count for an account
        # alone, would tell that there is none (I4).
        return start_email_login(state, c.StartEmailLogin(id=command.id, email=email), ctx)
    user = split_room(holder)[1] if holder else ""
    return [e.CodeWanted(user=user, channel=command.channel, purpose=command.purpose, asked=(key,))]


def prepare_oauth(_: Account, command: c.OAuthLogin, __: Context) -> Ask:
    """Have the provider's signature looked at."""
    return CheckIdToken(command.provider, command.id_token)


def oauth_login(state: Account, command: c.OAuthLogin, ctx: Context) -> Decision:
    """Whoever the provider vouches for is let in, and has an account from now on."""
    named = ctx.proof
    email = tidy(named.email) if isinstance(named, IdTokenChecked) else ""
    if not isinstance(named, IdTokenChecked) or not named.email_verified or bad_email(email):
        return Rejected(
            OAUTH_FAILED,
            f"{command.provider} does not vouch for you; log in there once more",
            {"provider": command.provider},
        )
    holder = ctx.claimed_by(provider_key(command.provider, named.subject))
    person = ctx.peek(holder or ctx.claimed_by(email_key(email)) or "")
    begun: list[Event] = []
    if not isinstance(person, Account):
        person = Account(user=_next_user(state, ctx), currency=command.currency or NO_CURRENCY)
        begun = [_enrolled(state, person, email, ctx)]
    elif person.status == "suspended" and (refusal := shut(person)):
        return refusal
    return [
        *begun,
        e.VouchedFor(
            provider=command.provider,
            subject=named.subject,
            email=email,
            device=Device(command.device_type, command.device_fingerprint, command.user_agent),
            grant=_grant(person, ctx),
        ),
    ]


def _enrolled(state: Account, person: Account, email: str, ctx: Context) -> e.Enrolled:
    enrolment = Enrolment(
        user=person.user,
        email=email,
        currency=person.currency,
        verify_by=ctx.now + VERIFY_WITHIN_MS,
    )
    return e.Enrolled(number=state.registered + 1, enrolment=enrolment)


def _grant(person: Account, ctx: Context) -> Grant:
    market = ctx.market(person.currency or NO_CURRENCY)
    return Grant(
        person.user,
        next_session(person),
        0,
        person.role,
        person.side_roles,
        person.kyc,
        ctx.now + market.access_ms,
        ctx.now + market.refresh_ms,
    )


def count_admin(state: Account, message: CountAdmin, _: Context) -> Decision:
    """Who the admins are, so that the last one stays (INV-8)."""
    if (message.user in state.admins) == message.is_admin:
        return ()
    return [e.AdminsChanged(user=message.user, is_admin=message.is_admin)]
