"""What operators do to a job, and what they and others may (dispatch 3)."""

from engine.contract import Context, Decision, Event
from engine.domains.dispatch import commands as c
from engine.domains.dispatch import events as e
from engine.domains.dispatch.codes import DRIVER_BUSY, NO_DRIVER_FOUND
from engine.domains.dispatch.decide_delivery import completed
from engine.domains.dispatch.decide_offer import assigned, claim_asked
from engine.domains.dispatch.guards import (
    find_job,
    forbidden,
    is_ops,
    no_reason,
    no_such_step,
    not_eligible,
    not_the_driver,
    not_the_shop,
    other_zone,
    out_of_place,
)
from engine.domains.dispatch.search import excluded_from, waves_from
from engine.domains.dispatch.state import Job, Zone
from engine.domains.dispatch.terms import driver_key, job_key
from engine.kernel.ids import MARKET_MARK, split_address
from engine.kernel.outcome import Rejected


def retry(state: Zone, command: c.RetrySearch, ctx: Context) -> Decision:
    """From the first wave on. If nobody at all is there, nothing happens."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    refusal = None if is_ops(ctx) else not_the_shop(job, ctx)
    if refusal := refusal or out_of_place(job, command):
        return refusal
    if job.claim is not None:
        return no_such_step("UNASSIGNED, and a driver is being asked for", command)
    if command.ask_again and not is_ops(ctx):
        return forbidden("who has declined is asked again by operators only (`ask_again`)")
    excluded = excluded_from(job, ask_again=command.ask_again)
    found = waves_from(state, job, 1, ctx, excluded)
    if any(isinstance(event, e.NoDriverFound) for event in found):
        return Rejected(NO_DRIVER_FOUND, "nobody is near who could be asked; try again later")
    by, again = ctx.actor.user, command.ask_again
    return [e.SearchRetried(order=command.order, by=by, ask_again=again), *found]


def assign(state: Zone, command: c.AssignDriver, ctx: Context) -> Decision:
    """To somebody who is available, here or in the zone that is named."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    if refusal := out_of_place(job, command) or no_reason(command.reason):
        return refusal
    if job.claim is not None:
        return Rejected(DRIVER_BUSY, "another driver is being asked for; wait for the answer")
    if command.driver == job.terms.customer:
        return not_eligible("this driver is the customer, and knows the code")
    if ctx.claimed_by(job_key(command.driver)):
        return Rejected(DRIVER_BUSY, "this driver has a job")
    driver = state.drivers.get(command.driver)
    if driver is None or driver.state == "OFFLINE":
        zone = _zone_of(command, ctx)
        if zone in ("", state.zone):
            return not_eligible("this driver is offline")
        return [claim_asked(job, command.driver, zone, "MANUAL", ctx, reason=command.reason)]
    if driver.state == "BUSY":
        return Rejected(DRIVER_BUSY, "this driver has a job")
    return assigned(state, job, command.driver, "MANUAL", ctx, reason=command.reason)


def _zone_of(command: c.AssignDriver, ctx: Context) -> str:
    """Where a driver is online who is not online here; empty if nobody knows."""
    if command.driver_zone is None:
        return other_zone(driver_key(command.driver), ctx)
    zone, market = split_address(command.driver_zone)
    return zone if market == ctx.home else command.driver_zone


def release(state: Zone, command: c.ReleaseDriver, ctx: Context) -> Decision:
    """Before the pick-up; the search begins anew, without that driver."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    refusal = None if is_ops(ctx) else not_the_driver(job, ctx)
    if refusal := refusal or out_of_place(job, command) or no_reason(command.reason):
        return refusal
    return released(state, job, ctx.actor.user, command.reason, ctx)


def released(state: Zone, job: Job, by: str, reason: str, ctx: Context) -> list[Event]:
    """The driver has the job no more, and is not asked for it again."""
    gone = e.DriverReleased(
        order=job.terms.order,
        driver=job.driver,
        reason=reason,
        by=by,
        driver_zone=job.driver_zone,
        claim=job.driver_claim,
        frees=(job_key(job.driver),),
    )
    excluded = excluded_from(job, {job.driver: "RELEASED"})
    return [gone, *waves_from(state, job, 1, ctx, excluded)]


def free_driver(state: Zone, command: c.FreeDriver, ctx: Context) -> Decision:
    """Only from another market: in this one there is a job that can be released."""
    driver = state.drivers.get(command.driver)
    if driver is None:
        return not_eligible("this driver is unknown here")
    if refusal := no_reason(command.reason):
        return refusal
    if MARKET_MARK not in driver.order_zone:
        return no_such_step(f"{driver.state}, and no other market has the driver", command)
    return [
        e.ClaimRevoked(
            claim=driver.claim,
            driver=command.driver,
            zone=driver.order_zone,
            order=driver.order,
            by=ctx.actor.user,
            reason=command.reason,
        )
    ]


def override(state: Zone, command: c.OverrideDelivery, ctx: Context) -> Decision:
    """Delivered without the code: operators answer for it, with a photo."""
    job = _in_hand(state, command, ctx)
    if isinstance(job, Rejected):
        return job
    overridden = e.DeliveryOverridden(
        order=command.order, by=ctx.actor.user, reason=command.reason, photo=command.photo
    )
    return [overridden, completed(job)]


def fail(state: Zone, command: c.FailDelivery, ctx: Context) -> Decision:
    """Back to the shop. The driver keeps the job until the shop has the package."""
    job = _in_hand(state, command, ctx)
    if isinstance(job, Rejected):
        return job
    return [e.DeliveryFailed(order=command.order, by=ctx.actor.user, reason=command.reason)]


def _in_hand(
    state: Zone, command: c.OverrideDelivery | c.FailDelivery, ctx: Context
) -> Job | Rejected:
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    return out_of_place(job, command) or no_reason(command.reason) or job


def confirm_return(state: Zone, command: c.ConfirmReturn, ctx: Context) -> Decision:
    """The shop has it back; the customer's money goes back."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    if refusal := not_the_shop(job, ctx) or out_of_place(job, command):
        return refusal
    events: list[Event] = [
        e.PackageReturned(
            order=command.order,
            driver=job.driver,
            driver_zone=job.driver_zone,
            claim=job.driver_claim,
            frees=(job_key(job.driver),),
        )
    ]
    return events
