"""Letters that events call for: codes, warnings, welcomes, decisions (I4, I5, identity 9)."""

from collections.abc import Iterable

from engine.contract import Context, Event
from engine.domains.identity import events as e
from engine.domains.identity.otp import digits
from engine.domains.identity.state import Account
from engine.domains.identity.terms import APPEAL, OTP_LIFE_MS, Channel
from engine.kernel.outside import Errand, Letter
from engine.kernel.time import MINUTE

CHANNELS: dict[Channel, str] = {"email": "email", "phone": "sms"}
MINUTES = str(OTP_LIFE_MS // MINUTE)


def errands(state: Account, event: Event, ctx: Context) -> Iterable[Errand]:
    """Made of the event and of addresses, which an account keeps until it is closed."""
    match event:
        case e.OtpRequested():
            code = digits(state.user, event.channel, event.purpose, event.serial, ctx.vault)
            fields = {"code": code, "minutes": MINUTES}
            yield from _to(state, event.channel, "otp", fields, event.expires_at)
        case e.RegistrationRepeated():
            yield from _to(state, event.channel, "already_registered", {}, event.expires_at)
        case e.UserActivated():
            yield from _to(state, "email", "welcome", {})
        case e.KycApproved():
            yield from _to(state, "email", "kyc_approved", {"kind": event.kind})
        case e.KycRejected():
            fields = {"kind": event.kind, "reason": event.reason}
            yield from _to(state, "email", "kyc_rejected", fields)
        case e.UserSuspended():
            fields = {"reason": event.reason, "appeal": APPEAL}
            yield from _to(state, "email", "account_suspended", fields)
        case e.SessionOpened() if event.is_unfamiliar:
            fields = {"device": event.device.device_type}
            yield from _to(state, "email", "new_device", fields)


def _to(
    state: Account, channel: Channel, template: str, fields: dict[str, str], expires_at: int = 0
) -> Iterable[Errand]:
    address = state.email if channel == "email" else state.phone
    if address:
        yield Letter(CHANNELS[channel], address, template, fields, expires_at)
