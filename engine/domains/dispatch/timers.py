"""What happens by itself (dispatch 6)."""

from collections.abc import Callable, Mapping

from engine.contract import Context, Decision, Event, Wake
from engine.domains.dispatch import events as e
from engine.domains.dispatch.batch import batch_due
from engine.domains.dispatch.decide_driver import leaves
from engine.domains.dispatch.decide_order import cancelled
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.index import Fix
from engine.domains.dispatch.neighbours import claim_failed
from engine.domains.dispatch.search import gathered, move_on, others_of
from engine.domains.dispatch.state import Zone, positions_of
from engine.domains.dispatch.terms import STALE_MS
from engine.kernel.time import Millis


def due(state: Zone, _: Millis) -> Millis | None:
    """When the zone next wants to be woken."""
    first = state.agenda.next
    return first[0] if first else None


def wake(state: Zone, _wake: Wake, ctx: Context) -> Decision:
    """The one thing that is due. What else is due by then gets a wake of its own."""
    first = state.agenda.next
    if first is None or first[0] > ctx.now:
        return ()
    _, what, about = first
    return _DUE[what](state, about, ctx)


def _shop(state: Zone, order: str, _: Context) -> Decision:
    return cancelled(state, state.jobs[order], "SHOP_SILENT")


def _search(state: Zone, order: str, ctx: Context) -> Decision:
    """A wave has waited for its neighbours, or its offers have expired."""
    job = state.jobs[order]
    if job.gathers:
        return gathered(state, job, ctx)
    expired = e.OffersExpired(order=order, wave=job.wave, offers=others_of(state, job))
    return [expired] if job.claim else [expired, *move_on(state, job, ctx)]


def _claim(state: Zone, order: str, ctx: Context) -> Decision:
    """The neighbour does not answer. Should it have said yes, it is told to forget it."""
    job = state.jobs[order]
    assert job.claim is not None, "a claim that is waited for"
    return claim_failed(state, job, job.claim, "TIMEOUT", ctx)


def _pickup(state: Zone, order: str, _: Context) -> Decision:
    driver = state.jobs[order].driver
    return [e.OpsAlerted(alert="NO_PICKUP", order=order, driver=driver)]


def _delivery(state: Zone, order: str, _: Context) -> Decision:
    driver = state.jobs[order].driver
    return [e.OpsAlerted(alert="NO_DELIVERY", order=order, driver=driver)]


def _away(state: Zone, name: str, ctx: Context) -> Decision:
    """The dead-man's switch (X4)."""
    driver = state.drivers[name]
    if driver.state == "BUSY":
        return [e.OpsAlerted(alert="DRIVER_GONE", order=driver.order, driver=name)]
    return leaves(state, name, driver, ctx, "GONE")


def _stale(state: Zone, name: str, ctx: Context) -> Decision:
    """Five minutes without a ping from a busy driver, of pings that are in no log too."""
    driver = state.drivers[name]
    fix: Fix | None = positions_of(ctx).fixes.get(name)
    if fix is not None and fix.at > driver.pos_at and fix.at + STALE_MS > ctx.now:
        logged: Event = e.LocationLogged(
            driver=name, pos=Place(fix.lat, fix.lon), device_at=fix.device_at, taken_at=fix.at
        )
        return [logged]
    return [e.OpsAlerted(alert="STALE_POSITION", order=driver.order, driver=name)]


_DUE: Mapping[str, Callable[[Zone, str, Context], Decision]] = {
    "shop": _shop,
    "search": _search,
    "claim": _claim,
    "pickup": _pickup,
    "delivery": _delivery,
    "away": _away,
    "stale": _stale,
    "batch": batch_due,
}
