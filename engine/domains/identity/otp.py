"""One-time codes: made, limited and compared (I5-I8)."""

from collections.abc import Sequence
from hmac import compare_digest

from engine.contract import Context, Noted, Vault
from engine.domains.identity import events as e
from engine.domains.identity.codes import OTP_EXPIRED, OTP_INVALID, OTP_LOCKED, OTP_TOO_SOON
from engine.domains.identity.state import Account, Challenge, slot
from engine.domains.identity.terms import (
    OTP_DIGITS,
    OTP_GAP_MS,
    OTP_LIFE_MS,
    OTP_PER_HOUR,
    OTP_TRIES_MAX,
    OTP_WRONG_PER_HOUR,
    Channel,
    Purpose,
)
from engine.kernel.outcome import Rejected
from engine.kernel.time import HOUR, MINUTE, SECOND, Millis


def digits(user: str, channel: Channel, purpose: Purpose, serial: int, vault: Vault) -> str:
    """The code with this serial. It is stored nowhere (I6)."""
    mac = vault.mac("otp", f"{user}:{channel}:{purpose}:{serial}")
    return str(int.from_bytes(mac[:8]) % 10**OTP_DIGITS).zfill(OTP_DIGITS)


def requested(
    state: Account, channel: Channel, purpose: Purpose, now: Millis, ahead: int = 0
) -> e.OtpRequested:
    """The next code; `ahead`: how many others the same decision has asked for before."""
    serial = state.codes_sent + 1 + ahead
    return e.OtpRequested(
        channel=channel, purpose=purpose, serial=serial, expires_at=now + OTP_LIFE_MS
    )


def too_soon(asked: Sequence[Millis], now: Millis) -> Rejected | None:
    """One a minute, five an hour (I8)."""
    lately = [t for t in asked if t > now - HOUR]
    wait_until = lately[-1] + OTP_GAP_MS if lately else now
    if len(lately) >= OTP_PER_HOUR:
        wait_until = max(wait_until, lately[-OTP_PER_HOUR] + HOUR)
    if wait_until <= now:
        return None
    return Rejected(
        OTP_TOO_SOON,
        f"a code was sent not long ago; ask again in {in_words(wait_until - now)}",
        {"retry_at": wait_until, "retry_after_ms": wait_until - now},
    )


def in_words(wait_ms: Millis) -> str:
    """So long, at least, for a person to read."""
    if wait_ms < 2 * MINUTE:
        return f"{-(-wait_ms // SECOND)} seconds"
    return f"{-(-wait_ms // MINUTE)} minutes"


def unusable(state: Account, challenge: Challenge | None, now: Millis) -> Rejected | None:
    """No code can be typed here now."""
    if challenge is None:
        # The first words of a stranger are answered alike, whoever they name (I4).
        return _wrong(OTP_TRIES_MAX - 1)
    lately = [t for t in state.wrong_at if t > now - HOUR]
    if len(lately) >= OTP_WRONG_PER_HOUR:
        until = lately[-OTP_WRONG_PER_HOUR] + HOUR
        return Rejected(
            OTP_LOCKED,
            f"too many wrong codes; try again in {in_words(until - now)}",
            {"retry_at": until, "retry_after_ms": until - now},
        )
    if challenge.tries >= OTP_TRIES_MAX:
        return Rejected(OTP_LOCKED, "too many wrong tries: this code is void; ask for another")
    if now >= challenge.expires_at:
        return Rejected(
            OTP_EXPIRED,
            "the code was good for ten minutes; ask for another",
            {"expired_at": challenge.expires_at},
        )
    return None


def fits(state: Account, channel: Channel, purpose: Purpose, typed: str, ctx: Context) -> bool:
    """Whether this is the code. The comparison takes as long for any wrong one."""
    serial = state.codes[slot(channel, purpose)].serial
    expected = digits(state.user, channel, purpose, serial, ctx.vault)
    return compare_digest(typed.encode(), expected.encode()) and serial > 0


def failed(challenge: Challenge, channel: Channel, purpose: Purpose) -> Noted:
    """Refused, and one try less: the tries would be free if it were not written down (I7)."""
    tries = challenge.tries + 1
    event = e.OtpFailed(channel=channel, purpose=purpose, tries=tries)
    return Noted(_wrong(OTP_TRIES_MAX - tries), [event])


def _wrong(tries_left: int) -> Rejected:
    return Rejected(OTP_INVALID, "this is not the code that was sent", {"tries_left": tries_left})
