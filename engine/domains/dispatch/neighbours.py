"""Between zones: asking for drivers, claiming them, giving them back (dispatch 1, Home).

A driver's own zone decides who has the driver, and the job's zone who has the job. Neither looks
into the other. Whatever comes late or again has no effect, or is given back.
"""

from typing import Literal

from engine.contract import Context, Decision, Event
from engine.domains.dispatch import events as e
from engine.domains.dispatch import messages as m
from engine.domains.dispatch.decide_driver import elsewhere_of
from engine.domains.dispatch.decide_offer import assigned_from_neighbour
from engine.domains.dispatch.decide_staff import released
from engine.domains.dispatch.search import gathered, is_left_without, move_on, near, withdraw
from engine.domains.dispatch.state import WITH_DRIVER, Claim, Job, Zone
from engine.domains.dispatch.terms import as_known_to, job_key, local_offer


def find_drivers(state: Zone, message: m.FindDrivers, ctx: Context) -> Decision:
    """A neighbour looks for drivers: our nearest."""
    excluded = dict.fromkeys(message.excluded, _DECLINED)
    found, left_out = near(state, message.pickup, message.radius_m, ctx, excluded)
    zone = as_known_to(state.zone, message.zone, ctx.home)
    return [
        e.NeighbourAnswered(
            order=message.order,
            search=message.search,
            zone=message.zone,
            found=tuple(e.Candidate(x.driver, x.distance_m, x.rating, zone) for x in found),
            left_out=tuple(left_out),
        )
    ]


_DECLINED: e.LeftOutReason = "DECLINED"


def drivers_found(state: Zone, message: m.DriversFound, ctx: Context) -> Decision:
    """A neighbour's answer, if it is still waited for. The last one sends the offers."""
    job = state.jobs.get(message.order)
    if job is None or job.search != message.search or message.zone not in job.asked:
        return ()
    received = e.CandidatesReceived(
        order=message.order, search=message.search, zone=message.zone, found=message.found
    )
    if len(job.asked) > 1 or job.mode == "batched":
        return [received]
    return [received, *gathered(state, job, ctx, message.found)]


def offers_made(state: Zone, message: m.OffersMade, ctx: Context) -> Decision:
    """Our drivers have offers of a neighbour. Of those who are busy or gone it is told at once."""
    events: list[Event] = []
    for name, offer in message.offers:
        if name in state.drivers:
            events.append(
                e.NeighbourOffered(driver=name, offer=offer, expires_at=message.expires_at)
            )
    return events


def offers_ended(state: Zone, message: m.OffersEnded, ctx: Context) -> Decision:
    """A neighbour's driver is busy or gone: their offers go back (D6, X4)."""
    events: list[Event] = []
    cause: Literal["OFFLINE", "BUSY"] = "OFFLINE" if message.is_offline else "BUSY"
    for name in dict.fromkeys(local_offer(offer) for offer in message.offers):
        offer = state.offers.get(name)
        if offer is None or offer.state != "OPEN" or offer.driver != message.driver:
            continue
        job = state.jobs[offer.order]
        ended = (e.EndedOffer(name, message.driver),)
        events.append(e.OffersReturned(order=offer.order, offers=ended, cause=cause))
        if is_left_without(job, name):
            events += move_on(state, job, ctx, {message.driver: cause})
    return events


def claim_driver(state: Zone, message: m.ClaimDriver, ctx: Context) -> Decision:
    """Yes, if the driver is available; the same question gets the same yes again."""
    name = message.driver
    driver = state.drivers.get(name)
    cause: e.ClaimCause | None = None
    if driver is None or driver.state == "OFFLINE":
        cause = "DRIVER_NOT_ELIGIBLE"
    elif driver.state == "BUSY" and (driver.claim, driver.order_zone) != (
        message.claim,
        message.zone,
    ):
        cause = "DRIVER_BUSY"
    elsewhere = elsewhere_of(driver, ctx.now) if driver and not cause else ()
    answer = e.ClaimAnswered(
        order=message.order,
        claim=message.claim,
        driver=name,
        zone=message.zone,
        granted=cause is None,
        cause=cause or "",
        elsewhere=elsewhere,
    )
    if cause is not None or (driver and driver.state == "BUSY"):
        return [answer]
    return [answer, *withdraw(state, name, ctx, "BUSY")]


def driver_claimed(state: Zone, message: m.DriverClaimed, ctx: Context) -> Decision:
    """A yes. If nobody waits for it any more, the driver is given back."""
    job = state.jobs.get(message.order)
    claim = _pending(job, message.claim) if job else None
    if job is not None and claim is not None:
        if ctx.claimed_by(job_key(claim.driver)):
            # Who is online in two markets may have got a job of this one meanwhile.
            return claim_failed(state, job, claim, "DRIVER_BUSY", ctx)
        return assigned_from_neighbour(state, job, ctx, message.rating)
    if job is not None and job.driver_claim == message.claim and not job.money:
        return ()
    return [
        e.ClaimReturned(
            order=message.order,
            claim=message.claim,
            driver=message.driver,
            driver_zone=message.zone,
        )
    ]


def claim_refused(state: Zone, message: m.ClaimRefused, ctx: Context) -> Decision:
    """A no: the search goes on with whoever is left."""
    job = state.jobs.get(message.order)
    claim = _pending(job, message.claim) if job else None
    if job is None or claim is None:
        return ()
    return claim_failed(state, job, claim, message.cause, ctx)


def _pending(job: Job, claim: str) -> Claim | None:
    return job.claim if job.claim is not None and job.claim.id == claim else None


def claim_failed(
    state: Zone, job: Job, claim: Claim, cause: e.ClaimCause, ctx: Context
) -> list[Event]:
    """The driver is not to be had. Those who still have an offer may take it again."""
    failed = e.ClaimFailed(
        order=job.terms.order,
        claim=claim.id,
        driver=claim.driver,
        driver_zone=claim.zone,
        cause=cause,
        offer=claim.offer,
    )
    if claim.cause == "MANUAL" or job.open:
        return [failed]
    return [failed, *move_on(state, job, ctx, {claim.driver: "BUSY"})]


def confirm_claim(state: Zone, message: m.ConfirmClaim, _: Context) -> Decision:
    """The neighbour has assigned our driver: the customer may see where they are (T4)."""
    driver = state.drivers.get(message.driver)
    if driver is None or driver.claim != message.claim or driver.is_shown == message.is_shown:
        return ()
    return [e.ClaimConfirmed(claim=message.claim, driver=message.driver, is_shown=message.is_shown)]


def release_claim(state: Zone, message: m.ReleaseClaim, _: Context) -> Decision:
    """The neighbour needs our driver no more; a claim that does not stand has no effect."""
    driver = state.drivers.get(message.driver)
    if driver is None or driver.claim != message.claim:
        return ()
    return [e.ClaimReleased(claim=message.claim, driver=message.driver)]


def revoke_claim(state: Zone, message: m.RevokeClaim, ctx: Context) -> Decision:
    """The driver's own market did not hear from us, and has taken them back. Who has the package
    already is not replaced: operators must look after it."""
    job = state.jobs.get(message.order)
    if job is None:
        return ()
    if claim := _pending(job, message.claim):
        return claim_failed(state, job, claim, "DRIVER_NOT_ELIGIBLE", ctx)
    if job.driver_claim != message.claim or job.status not in WITH_DRIVER:
        return ()
    if job.status == "DRIVER_ASSIGNED":
        return released(state, job, message.by, message.reason, ctx)
    note, driver = message.reason, message.driver
    return [e.OpsAlerted(alert="DRIVER_GONE", order=message.order, driver=driver, note=note)]
