"""How sessions are opened and ended (J1, S1)."""

from collections.abc import Sequence

from engine.contract import Context, Event
from engine.domains.identity import events as e
from engine.domains.identity.state import Account
from engine.domains.identity.terms import NO_CURRENCY, Device, EndCause, Grant


def next_session(state: Account) -> str:
    """The id of the session that is opened next. It need not be hard to guess: tokens are."""
    return f"s{state.sessions_opened + 1}"


def opened(state: Account, device: Device, ctx: Context) -> list[Event]:
    """A session; an older one of the same type of device ends (S1)."""
    market = ctx.market(state.currency or NO_CURRENCY)
    return opened_until(state, device, ctx.now + market.access_ms, ctx.now + market.refresh_ms)


def granted(state: Account, device: Device, grant: Grant) -> list[Event]:
    """A session on the terms that the index has answered with."""
    assert grant.session == next_session(state), "identity: a session was opened in between"
    return opened_until(state, device, grant.access_until, grant.refresh_until)


def opened_until(state: Account, device: Device, access_until: int, expires_at: int) -> list[Event]:
    replaced = [
        e.SessionEnded(session=session, cause="REPLACED")
        for session, found in state.sessions.items()
        if found.device.device_type == device.device_type
    ]
    is_new = bool(device.fingerprint) and device.fingerprint not in state.devices
    session = e.SessionOpened(
        session=next_session(state),
        device=device,
        access_until=access_until,
        expires_at=expires_at,
        is_new_device=is_new,
    )
    return [*replaced, session]


def ended(
    state: Account, cause: EndCause, by: str = "", reason: str = ""
) -> Sequence[e.SessionEnded]:
    """Every session ends."""
    return [
        e.SessionEnded(session=session, cause=cause, by=by, reason=reason)
        for session in state.sessions
    ]
