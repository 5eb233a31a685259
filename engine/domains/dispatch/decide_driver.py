"""Drivers come, move and go (dispatch 3, T3-T5, X4, X5)."""

from engine.contract import Context, Decision, Event, Presence, presence_key
from engine.domains.dispatch import commands as c
from engine.domains.dispatch import events as e
from engine.domains.dispatch.codes import DRIVER_BUSY
from engine.domains.dispatch.geo import Place, distance_m
from engine.domains.dispatch.guards import (
    find_driver,
    impossible,
    no_such_step,
    no_zone,
    not_approved,
    other_zone,
    zone_mismatch,
)
from engine.domains.dispatch.pings import JUMP, believed, device_time, is_jump, judge
from engine.domains.dispatch.search import withdraw
from engine.domains.dispatch.state import Driver, Zone, positions_of
from engine.domains.dispatch.terms import (
    GATHER_MS,
    GONE_MS,
    LOG_MS,
    LOGGED_TOGETHER_MAX,
    driver_key,
)
from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis


def go_online(state: Zone, command: c.GoOnline, ctx: Context) -> Decision:
    """OFFLINE -> AVAILABLE, in one zone only (X5). To go offline is no way to jump unseen."""
    user = ctx.actor.user
    refusal = no_zone(state, ctx) or not_approved(ctx)
    if refusal:
        return refusal
    if elsewhere := other_zone(driver_key(user), ctx):
        return zone_mismatch(elsewhere)
    if refusal := impossible(command.pos, command.device_at, ctx):
        return refusal
    driver = state.drivers.get(user)
    if driver is not None and driver.state != "OFFLINE":
        return no_such_step(driver.state, command)
    device_at = device_time(command, ctx)
    claims = (driver_key(user), presence_key(user, ctx.room))
    came = e.DriverOnline(driver=user, pos=command.pos, device_at=device_at, claims=claims)
    if driver is None or not is_jump(driver.pos, driver.pos_at, command.pos, ctx.now):
        return [came]
    return [came, *_flagged(driver, command, ctx)]


def go_offline(state: Zone, command: c.GoOffline, ctx: Context) -> Decision:
    """Only when not BUSY; open offers go back."""
    driver = find_driver(state, ctx)
    if isinstance(driver, Rejected):
        return driver
    if driver.state == "BUSY":
        return Rejected(DRIVER_BUSY, "you have a job; finish it or give it back first")
    return leaves(state, ctx.actor.user, driver, ctx, "OWN")


def leaves(
    state: Zone, name: str, driver: Driver, ctx: Context, cause: e.OfflineCause
) -> list[Event]:
    """A driver goes offline; the zone they were in is free again, and so are their offers."""
    return [
        *withdraw(state, name, ctx, "OFFLINE"),
        e.DriverOffline(
            driver=name,
            cause=cause,
            elsewhere=elsewhere_of(driver, ctx.now),
            frees=(driver_key(name), presence_key(name, ctx.room)),
        ),
    ]


def elsewhere_of(driver: Driver, now: Millis) -> tuple[str, ...]:
    """Offers of neighbours that the driver could still accept."""
    return tuple(offer for offer, expires_at in driver.elsewhere if expires_at > now)


def update_location(state: Zone, command: c.UpdateLocation, ctx: Context) -> Decision:
    """Most pings leave no event: they change the soft state only (T3)."""
    driver = find_driver(state, ctx)
    if isinstance(driver, Rejected):
        return driver
    if driver.state == "AVAILABLE" and (refusal := not_approved(ctx)):
        return refusal
    if refusal := impossible(command.pos, command.device_at, ctx):
        return refusal
    verdict = judge(state, command, ctx)
    if verdict.note == JUMP:
        return _flagged(driver, command, ctx)
    return _logged(state, command if verdict.is_news else None, ctx)


def _logged(state: Zone, own: c.UpdateLocation | None, ctx: Context) -> list[Event]:
    """Whoever pings when the time has come has the news of all drivers written down together. A
    record for each would be most of what a ping costs."""
    if ctx.now < state.logged_at + GATHER_MS:
        return []
    positions = positions_of(ctx)
    found = {name: positions.fixes[name] for name in positions.news}
    lines = [
        e.Logged(name, Place(fix.lat, fix.lon), fix.device_at, fix.at)
        for name, fix in found.items()
        if own is None or name != ctx.actor.user
    ]
    if own is not None:
        lines.append(e.Logged(ctx.actor.user, own.pos, device_time(own, ctx), ctx.now))
    return [
        e.LocationsLogged(positions=tuple(lines[at : at + LOGGED_TOGETHER_MAX]))
        for at in range(0, len(lines), LOGGED_TOGETHER_MAX)
    ]


def _flagged(driver: Driver, command: c.GoOnline | c.UpdateLocation, ctx: Context) -> list[Event]:
    """Operators see it, though not each time (T5)."""
    if driver.flags and ctx.now - driver.flagged_at < LOG_MS:
        return []
    user, new = ctx.actor.user, command.pos
    old, at, _ = believed(positions_of(ctx).fixes.get(user), driver)
    return [
        e.DriverFlagged(
            driver=user,
            pos=new,
            jump_m=distance_m(old.lat, old.lon, new.lat, new.lon),
            within_ms=ctx.now - at,
        )
    ]


def presence(state: Zone, message: Presence, ctx: Context) -> Decision:
    """The dead-man's switch is set, or reset (X4)."""
    driver = state.drivers.get(message.user)
    if driver is None or driver.state == "OFFLINE" or message.online != driver.is_away:
        return ()
    if message.online:
        return [e.DriverBack(driver=message.user)]
    return [e.DriverAway(driver=message.user, until=ctx.now + GONE_MS)]
