"""Positions as they come: which are believed, and who hears of them (dispatch T3-T5, X7)."""

from collections.abc import Iterable

from engine.contract import Context, Soft
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.geo import distance_m
from engine.domains.dispatch.index import Positions
from engine.domains.dispatch.state import Driver, Zone, positions_of
from engine.domains.dispatch.terms import PING_MS, SPEED_MAX_M_S, delivery_room
from engine.kernel.ids import MARKET_MARK

TAKEN = ""
TOO_SOON = "TOO_SOON"
OLDER = "OLDER"
JUMP = "JUMP"

CUSTOMER = "customer"
STAFF = "staff"


def judge(state: Zone, command: c.UpdateLocation, ctx: Context) -> str:
    """Whether a position is believed, and if not, why: the note that its sender gets.

    It is compared with the latest that was believed; after a restart with the latest logged."""
    user = ctx.actor.user
    driver = state.drivers[user]
    device_at = ctx.now if command.device_at is None else command.device_at
    if (driver.pos_at, driver.device_at) == (ctx.now, device_at) and driver.pos == command.pos:
        return TAKEN
    fix = positions_of(ctx).fixes.get(user)
    if fix is None:
        old = (driver.pos.lat, driver.pos.lon, driver.pos_at, driver.device_at)
    else:
        old = (fix.lat, fix.lon, fix.at, fix.device_at)
        if ctx.now - fix.at < PING_MS:
            return TOO_SOON
    lat, lon, at, earlier = old
    if device_at < earlier:
        return OLDER
    far = distance_m(lat, lon, command.pos.lat, command.pos.lon)
    return JUMP if far * 1_000 > SPEED_MAX_M_S * (ctx.now - at) else TAKEN


def came_online(soft: Positions, state: Zone, command: c.GoOnline, ctx: Context) -> Iterable[Soft]:
    """The first position of a driver."""
    device_at = ctx.now if command.device_at is None else command.device_at
    soft.survey(state.centre, state.radius_m)
    soft.put(ctx.actor.user, command.pos, ctx.now, device_at)
    return (_for_staff(ctx, ctx.actor.user, command),)


def went_offline(soft: Positions, _: Zone, __: c.GoOffline, ctx: Context) -> Iterable[Soft]:
    """The driver is nowhere."""
    soft.remove(ctx.actor.user)
    return ()


def moved(soft: Positions, state: Zone, command: c.UpdateLocation, ctx: Context) -> Iterable[Soft]:
    """A position that is believed replaces the one before; those who may see it are told."""
    if judge(state, command, ctx) != TAKEN:
        return ()
    user = ctx.actor.user
    device_at = ctx.now if command.device_at is None else command.device_at
    soft.survey(state.centre, state.radius_m)
    soft.forget(ctx.now)
    soft.put(user, command.pos, ctx.now, device_at)
    told = [_for_staff(ctx, user, command)]
    driver = state.drivers[user]
    if is_shared(state, driver):
        data = {"pos": command.pos, "at": ctx.now}
        room = delivery_room(driver.order)
        told.append(Soft(room, CUSTOMER, "position", "delivery.location_updated", data))
    return told


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
