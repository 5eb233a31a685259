"""Positions as they come: which are believed, and who hears of them (dispatch T3-T5, X7)."""

from collections.abc import Iterable

from engine.contract import Context, Soft
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.geo import Place, is_nearer
from engine.domains.dispatch.index import Fix, Positions, Verdict
from engine.domains.dispatch.state import Driver, Zone, positions_of
from engine.domains.dispatch.terms import (
    LOG_M,
    LOG_MS,
    PING_EARLY_MS,
    SPEED_MAX_M_S,
    delivery_room,
)
from engine.kernel.ids import MARKET_MARK
from engine.kernel.time import Millis

TAKEN = ""
TOO_SOON = "TOO_SOON"
OLDER = "OLDER"
JUMP = "JUMP"

CUSTOMER = "customer"
STAFF = "staff"


def device_time(command: c.GoOnline | c.UpdateLocation, ctx: Context) -> Millis:
    """When the device was there: now, if it does not say."""
    return ctx.now if command.device_at is None else command.device_at


def judge(state: Zone, command: c.UpdateLocation, ctx: Context) -> Verdict:
    """Whether a position is believed, and if not, why: the note that its sender gets."""
    positions, user, now = positions_of(ctx), ctx.actor.user, ctx.now
    known = positions.verdict
    if known and known.ping is command and known.driver == user and known.at == now:
        return known
    driver = state.drivers[user]
    note = _doubt(positions.fixes.get(user), driver, command, ctx)
    is_news = note == TAKEN and _is_news(driver, command.pos, now)
    positions.verdict = Verdict(command, user, now, note, is_news)
    return positions.verdict


def _doubt(fix: Fix | None, driver: Driver, command: c.UpdateLocation, ctx: Context) -> str:
    pos, now = command.pos, ctx.now
    if fix is not None and now < fix.due_at - PING_EARLY_MS:
        return TOO_SOON
    here, at, earlier = believed(fix, driver)
    if device_time(command, ctx) < earlier:
        return OLDER
    return JUMP if is_jump(here, at, pos, now) else TAKEN


def is_jump(old: Place | Fix, old_at: Millis, new: Place, now: Millis) -> bool:
    """Whether nobody can have come from one place to the other (T5)."""
    reach_m = SPEED_MAX_M_S * (now - old_at) // 1_000
    return not is_nearer(old.lat, old.lon, new.lat, new.lon, reach_m + 1)


def believed(fix: Fix | None, driver: Driver) -> tuple[Place | Fix, Millis, Millis]:
    """What a ping is compared with: the latest position that was believed, when it came, and when
    the device was there. After a restart, the latest that was logged."""
    if fix is None:
        return driver.pos, driver.pos_at, driver.device_at
    return fix, fix.at, fix.device_at


def _is_news(driver: Driver, pos: Place, at: Millis) -> bool:
    """Each 30 s or 100 m (T3)."""
    old = driver.pos
    return at - driver.pos_at >= LOG_MS or not is_nearer(old.lat, old.lon, pos.lat, pos.lon, LOG_M)


def came_online(soft: Positions, state: Zone, command: c.GoOnline, ctx: Context) -> Iterable[Soft]:
    """The first position of a driver."""
    soft.survey(state.centre, state.radius_m)
    soft.put(ctx.actor.user, command.pos, ctx.now, device_time(command, ctx))
    return (_for_staff(ctx, ctx.actor.user, command),)


def went_offline(soft: Positions, _: Zone, __: c.GoOffline, ctx: Context) -> Iterable[Soft]:
    """The driver is nowhere."""
    soft.remove(ctx.actor.user)
    return ()


def moved(soft: Positions, state: Zone, command: c.UpdateLocation, ctx: Context) -> Iterable[Soft]:
    """A position that is believed replaces the one before; those who may see it are told."""
    verdict = judge(state, command, ctx)
    if soft.logged_at != state.logged_at:
        _drop_logged(soft, state)
    if verdict.note != TAKEN:
        return ()
    user, driver = ctx.actor.user, state.drivers[ctx.actor.user]
    soft.survey(state.centre, state.radius_m)
    soft.forget(ctx.now)
    soft.put(user, command.pos, ctx.now, device_time(command, ctx))
    if verdict.is_news and driver.pos_at < ctx.now:
        soft.news[user] = None
    told = [_for_staff(ctx, user, command)]
    if is_shared(state, driver):
        data = {"pos": command.pos, "at": ctx.now}
        room = delivery_room(driver.order)
        told.append(Soft(room, CUSTOMER, "position", "delivery.location_updated", data))
    return told


def _drop_logged(soft: Positions, state: Zone) -> None:
    soft.logged_at = state.logged_at
    for name in tuple(soft.news):
        if state.drivers[name].pos_at >= soft.fixes[name].at:
            del soft.news[name]


def is_shared(state: Zone, driver: Driver) -> bool:
    """From the assignment to the completion, and not on the way back to the shop (T4). Not with
    another market: a delivery here may have the same name."""
    if not driver.order or not driver.is_shown or MARKET_MARK in driver.order_zone:
        return False
    job = state.jobs.get(driver.order) if not driver.order_zone else None
    return job is None or job.status in ("DRIVER_ASSIGNED", "OUT_FOR_DELIVERY")


def _for_staff(ctx: Context, user: str, command: c.GoOnline | c.UpdateLocation) -> Soft:
    data = {"driver": user, "pos": command.pos, "at": ctx.now}
    return Soft(ctx.room, STAFF, user, "dispatch.driver_moved", data)
