"""A zone as operators see it, and what its commands answer (dispatch 10).

Nobody else looks into a zone: parties of an order listen in `delivery:{order}`, drivers to their
own feed. No delivery code is here either (invariant 7).
"""

from collections.abc import Sequence
from typing import Any

from engine.contract import Context, Event, fields_of
from engine.domains.dispatch import commands as c
from engine.domains.dispatch import events as e
from engine.domains.dispatch.pings import STAFF, TAKEN, judge
from engine.domains.dispatch.state import Driver, Job, Offer, Zone, positions_of
from engine.domains.dispatch.terms import local_offer
from engine.kernel.actor import STAFF as STAFF_ROLES
from engine.kernel.actor import SYSTEM


def audience(_: Zone, ctx: Context) -> str:
    """Operators and the house."""
    return STAFF if ctx.actor.has(STAFF_ROLES | {SYSTEM}) else ""


def show(_: Zone, event: Event, __: str) -> Any:
    """Operators see all of it; the code is in no event."""
    return fields_of(event)


def view(state: Zone, ctx: Context) -> Any:
    """The snapshot; None if nobody has created the zone."""
    if not state.zone:
        return None
    fixes = positions_of(ctx).fixes
    return {
        "zone": state.zone,
        "centre": state.centre,
        "radius_m": state.radius_m,
        "settings": state.settings,
        "drivers": {
            name: _driver(driver) | {"last_pos_at": fixes[name].at if name in fixes else None}
            for name, driver in sorted(state.drivers.items())
        },
        "jobs": {order: _job(state, job) for order, job in sorted(state.jobs.items())},
        "batch": state.batch,
    }


def _driver(driver: Driver) -> dict[str, Any]:
    return {
        "state": driver.state,
        "pos": driver.pos if driver.pos_at else None,
        "rating": driver.rating,
        "order": driver.order or None,
        "order_zone": driver.order_zone or None,
        "offers": driver.open,
        "is_away": driver.is_away,
        "declines": driver.declines,
        "deliveries": driver.deliveries,
        "flags": driver.flags,
    }


def _job(state: Zone, job: Job) -> dict[str, Any]:
    return {
        "order": job.terms,
        "status": job.status,
        "mode": job.mode,
        "wave": job.wave,
        "driver": job.driver or None,
        "driver_zone": job.driver_zone or None,
        "claiming": job.claim.driver if job.claim else None,
        "offers": {name: _offer(state.offers[name]) for name in job.offers},
        "declined": job.declined,
        "released": job.released,
        "code_attempts": job.code_attempts,
        "code_locked_until": job.code_locked_until or None,
        "code_version": job.code_version,
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "driver": offer.driver,
        "distance_m": offer.distance_m,
        "expires_at": offer.expires_at,
        "state": offer.state,
    }


def result(state: Zone, command: Any, events: Sequence[Event], ctx: Context) -> Any:
    """The reply: where it stands now."""
    match command:
        case c.UpdateLocation():
            note = judge(state, command, ctx).note
            return {"taken": note == TAKEN, "note": note or None}
        case c.GoOnline() | c.GoOffline():
            driver = state.drivers[ctx.actor.user]
            return {"zone": state.zone, "driver": ctx.actor.user, "state": driver.state}
        case c.EnterDeliveryCode():
            done = next(event for event in events if isinstance(event, e.OrderCompleted))
            return _order_result(state, done.order)
        case c.ShowDeliveryCode() | c.ReissueCode():
            return {"order": command.order, "version": state.jobs[command.order].code_version}
        case c.AcceptOffer() | c.DeclineOffer():
            return _offer_result(state, command)
        case c.CreateZone() | c.ConfigureZone() | c.RateDriver() | c.FreeDriver():
            return {"zone": state.zone}
        case c.ArriveAtCustomer() if command.order is None:
            return _order_result(state, state.assigned[ctx.actor.user])
    return _order_result(state, command.order)


def _order_result(state: Zone, order: str) -> dict[str, Any]:
    job = state.jobs[order]
    return {
        "order": order,
        "zone": state.zone,
        "status": job.status,
        "driver": job.driver or None,
    }


def _offer_result(state: Zone, command: c.AcceptOffer | c.DeclineOffer) -> dict[str, Any]:
    """`assigned`, `claiming` or `declined`."""
    offer = state.offers[local_offer(command.offer)]
    words = {"ACCEPTED": "assigned", "CLAIMING": "claiming", "DECLINED": "declined"}
    shown = {"offer": command.offer, "zone": state.zone, "status": words[offer.state]}
    return shown | ({"order": offer.order} if offer.state == "ACCEPTED" else {})
