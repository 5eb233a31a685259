"""How each event changes the state of a zone. Nothing here can fail or ask."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.contract import Event
from engine.domains.dispatch import events as e
from engine.domains.dispatch import evolve_drivers as drivers
from engine.domains.dispatch import evolve_search as search
from engine.domains.dispatch.evolve_drivers import driver_of, free_driver
from engine.domains.dispatch.evolve_search import stop_search
from engine.domains.dispatch.state import ENDED, Job, JobStatus, Zone
from engine.domains.dispatch.terms import FORGET_MS, LOCK_AT, LOCK_MS, SHOP_MS
from engine.kernel.time import Millis

Last = e.JobCancelled | e.OrderCompleted | e.PackageReturned
"""Events with which a job ends."""


def on_zone(state: Zone, event: e.ZoneCreated, _: Millis) -> None:
    state.zone, state.centre, state.radius_m = event.zone, event.centre, event.radius_m
    state.settings = event.settings


def on_configured(state: Zone, event: e.ZoneConfigured, _: Millis) -> None:
    state.settings = event.settings


def on_job(state: Zone, event: e.JobCreated, at: Millis) -> None:
    _forget(state, at)
    order = event.order.order
    state.job_count = event.job
    state.jobs[order] = Job(event.job, event.order, mode=event.order.mode)
    assert event.shop_due_at == at + SHOP_MS, "the shop has ten minutes"
    state.agenda.put("shop", order, event.shop_due_at)


def _forget(state: Zone, at: Millis) -> None:
    """Jobs that ended long ago leave with their offers."""
    while state.ended and state.ended[0][0] <= at - FORGET_MS:
        _, order = state.ended.pop(0)
        for offer in state.jobs.pop(order).offers:
            del state.offers[offer]


def on_accepted(state: Zone, event: e.OrderAccepted, _: Millis) -> None:
    state.jobs[event.order].status = "SEARCHING"
    state.agenda.drop("shop", event.order)


def on_cancelled(state: Zone, event: e.JobCancelled, at: Millis) -> None:
    job = state.jobs[event.order]
    assert not job.picked_up_at, "dispatch 3: cancelled after the pick-up"
    stop_search(state, job)
    _pay(job, "REFUNDED")
    _leave(state, event, "CANCELLED", at)


def _pay(job: Job, money: Any) -> None:
    assert not job.money, "dispatch INV-5: money was told twice where to go"
    job.money = money


def _leave(state: Zone, event: Last, status: JobStatus, at: Millis) -> None:
    """The job has ended, and whoever had it is free."""
    job = state.jobs[event.order]
    assert job.status not in ENDED, "a job ends once"
    if event.driver:
        del state.assigned[event.driver]
        if not event.driver_zone:
            free_driver(state, event.driver, event.order, at)
    for what in ("shop", "pickup", "delivery"):
        state.agenda.drop(what, event.order)
    job.status = status
    state.ended.append((at, event.order))


def on_assigned(state: Zone, event: e.DriverAssigned, at: Millis) -> None:
    job = state.jobs[event.order]
    assert job.status in ("SEARCHING", "UNASSIGNED"), "dispatch INV-1: the job has a driver"
    stop_search(state, job)
    job.status = "DRIVER_ASSIGNED"
    assert event.driver not in state.assigned, "dispatch INV-1: the driver has a job"
    state.assigned[event.driver] = event.order
    job.driver, job.driver_zone = event.driver, event.driver_zone
    job.driver_claim = event.claim
    if event.offer:
        search.end_offer(state, event.offer, "ACCEPTED")
    if not event.driver_zone:
        driver = driver_of(state, event.driver)
        assert driver.state == "AVAILABLE", "dispatch INV-1: the driver has a job"
        drivers.occupy(state, event.driver, event.order, at)
    state.agenda.put("pickup", event.order, event.pickup_by)


def on_released(state: Zone, event: e.DriverReleased, at: Millis) -> None:
    job = state.jobs[event.order]
    assert job.status == "DRIVER_ASSIGNED", "dispatch 3: released after the pick-up"
    del state.assigned[event.driver]
    if not event.driver_zone:
        free_driver(state, event.driver, event.order, at)
    for name in job.offers:
        if state.offers[name].state == "ACCEPTED":
            search.end_offer(state, name, "RETURNED")
    state.agenda.drop("pickup", event.order)
    job.status, job.wave = "SEARCHING", 0
    job.released.append(event.driver)
    job.driver = job.driver_zone = job.driver_claim = ""
    job.arrived = []


def on_arrived(state: Zone, event: e.DriverArrived, _: Millis) -> None:
    state.jobs[event.order].arrived.append(event.stop)


def on_picked_up(state: Zone, event: e.PackagePickedUp, at: Millis) -> None:
    job = state.jobs[event.order]
    assert job.status == "DRIVER_ASSIGNED", "dispatch INV-3: a state was skipped"
    job.status, job.picked_up_at = "OUT_FOR_DELIVERY", at
    state.agenda.drop("pickup", event.order)
    state.agenda.put("delivery", event.order, event.deliver_by)


def on_objected(_state: Zone, _event: e.PickupObjected, _: Millis) -> None:
    """Operators hear of it; the state stays (P2)."""


def on_reissued(state: Zone, event: e.CodeReissued, _: Millis) -> None:
    state.jobs[event.order].code_version = event.version


def on_code_rejected(state: Zone, event: e.DeliveryCodeRejected, _: Millis) -> None:
    job = state.jobs[event.order]
    assert event.attempt == job.code_attempts + 1, "dispatch INV-6: wrong codes are counted"
    job.code_attempts = event.attempt


def on_locked(state: Zone, event: e.CodeLocked, at: Millis) -> None:
    job = state.jobs[event.order]
    assert job.code_attempts >= LOCK_AT, "dispatch C4: locked too early"
    job.code_locked_until = event.until or 0
    assert event.until in (None, at + LOCK_MS), "dispatch C4: locked for another time"


def on_code_accepted(state: Zone, event: e.DeliveryCodeAccepted, _: Millis) -> None:
    state.jobs[event.order].proof = "CODE"


def on_overridden(state: Zone, event: e.DeliveryOverridden, _: Millis) -> None:
    state.jobs[event.order].proof = "OVERRIDE"


def on_completed(state: Zone, event: e.OrderCompleted, at: Millis) -> None:
    job = state.jobs[event.order]
    assert job.status == "OUT_FOR_DELIVERY", "dispatch INV-3: completed, not picked up"
    assert job.proof, "dispatch INV-4: completed without proof"
    _pay(job, "RELEASED")
    driver_of(state, event.driver).deliveries += 1
    _leave(state, event, "COMPLETED", at)


def on_failed(state: Zone, event: e.DeliveryFailed, _: Millis) -> None:
    state.jobs[event.order].status = "RETURNING"
    state.agenda.drop("delivery", event.order)


def on_returned(state: Zone, event: e.PackageReturned, at: Millis) -> None:
    job = state.jobs[event.order]
    assert job.status == "RETURNING", "dispatch 3: returned, not on its way back"
    _pay(job, "REFUNDED")
    _leave(state, event, "RETURNED", at)


def on_alert(state: Zone, event: e.OpsAlerted, _: Millis) -> None:
    """Each alert is given once. Of a driver's silence there may be another after the next ping."""
    match event.alert:
        case "NO_PICKUP":
            state.agenda.drop("pickup", event.order)
        case "NO_DELIVERY":
            state.agenda.drop("delivery", event.order)
        case "STALE_POSITION":
            state.agenda.drop("stale", event.driver)
        case "DRIVER_GONE":
            state.agenda.drop("away", event.driver)
        case "NO_DRIVER" | "PICKUP_OBJECTED":
            pass


EVOLVE: Mapping[type[Event], Callable[[Zone, Any, Millis], None]] = {
    e.ZoneCreated: on_zone,
    e.ZoneConfigured: on_configured,
    **drivers.EVOLVE,
    **search.EVOLVE,
    e.JobCreated: on_job,
    e.OrderAccepted: on_accepted,
    e.JobCancelled: on_cancelled,
    e.DriverAssigned: on_assigned,
    e.DriverReleased: on_released,
    e.DriverArrived: on_arrived,
    e.PackagePickedUp: on_picked_up,
    e.PickupObjected: on_objected,
    e.CodeReissued: on_reissued,
    e.DeliveryCodeRejected: on_code_rejected,
    e.CodeLocked: on_locked,
    e.DeliveryCodeAccepted: on_code_accepted,
    e.DeliveryOverridden: on_overridden,
    e.OrderCompleted: on_completed,
    e.DeliveryFailed: on_failed,
    e.PackageReturned: on_returned,
    e.OpsAlerted: on_alert,
}
