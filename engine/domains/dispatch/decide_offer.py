"""Who gets the job (dispatch D3-D6)."""

from engine.contract import Context, Decision, Event
from engine.domains.dispatch import commands as c
from engine.domains.dispatch import events as e
from engine.domains.dispatch.codes import (
    DRIVER_BUSY,
    OFFER_EXPIRED,
    OFFER_NOT_YOURS,
    ORDER_TAKEN,
)
from engine.domains.dispatch.decide_driver import elsewhere_of
from engine.domains.dispatch.guards import no_such_step, not_approved, not_eligible
from engine.domains.dispatch.search import is_left_without, move_on, others_of, withdraw
from engine.domains.dispatch.state import WITH_DRIVER, Job, Offer, Zone
from engine.domains.dispatch.terms import CLAIM_WAIT_MS, NO_PICKUP_MS, job_key, local_offer
from engine.kernel.outcome import Rejected


def accept(state: Zone, command: c.AcceptOffer, ctx: Context) -> Decision:
    """The first in sequence wins (D3); the assignment never expires by itself (D4)."""
    offer = _own(state, command, ctx)
    if isinstance(offer, Rejected):
        return offer
    job = state.jobs[offer.order]
    refusal = not_approved(ctx) or _too_late(state, job, offer, command, ctx)
    if refusal:
        return refusal
    if ctx.claimed_by(job_key(offer.driver)):
        # As a driver of another zone, which says no itself, or of another market, which cannot.
        return _busy()
    name = local_offer(command.offer)
    if offer.zone:
        return [claim_asked(job, offer.driver, offer.zone, "OFFER", ctx, name)]
    return assigned(state, job, offer.driver, "OFFER", ctx, name)


def _own(state: Zone, command: c.OfferCommand, ctx: Context) -> Offer | Rejected:
    offer = state.offers.get(local_offer(command.offer))
    if offer is not None and offer.driver == ctx.actor.user:
        return offer
    return Rejected(OFFER_NOT_YOURS, f"nobody has made you an offer {command.offer!r}")


def _busy() -> Rejected:
    return Rejected(DRIVER_BUSY, "you have a job; one at a time")


def _too_late(
    state: Zone, job: Job, offer: Offer, command: c.OfferCommand, ctx: Context
) -> Rejected | None:
    """Dispatch D3, D5, D6, in the order in which they are told."""
    if offer.state in ("ACCEPTED", "CLAIMING"):
        return no_such_step(f"{offer.state} by you", command)
    if job.claim is not None or job.status in (*WITH_DRIVER, "COMPLETED", "RETURNED"):
        return Rejected(ORDER_TAKEN, "another driver was first", {"order": offer.order})
    driver = state.drivers[offer.driver]
    if not offer.zone and driver.state == "BUSY":
        return _busy()
    if offer.state == "DECLINED":
        return no_such_step("DECLINED by you", command)
    if offer.state != "OPEN" or ctx.now >= offer.expires_at or job.status != "SEARCHING":
        return Rejected(
            OFFER_EXPIRED,
            f"the offer ended at {offer.expires_at}, or was called off before",
            {"expires_at": offer.expires_at},
        )
    if not offer.zone and driver.state == "OFFLINE":
        return not_eligible("you are offline; go online first")
    return None


def assigned(
    state: Zone,
    job: Job,
    name: str,
    cause: e.AssignCause,
    ctx: Context,
    offer: str = "",
    reason: str = "",
) -> list[Event]:
    """A driver of this zone has the job. All other offers of the job, and of the driver, end."""
    driver = state.drivers[name]
    assert driver.state == "AVAILABLE", "dispatch INV-1: looked at before"
    order = job.terms.order
    events: list[Event] = [
        e.DriverAssigned(
            order=order,
            driver=name,
            cause=cause,
            offer=offer,
            reason=reason,
            pickup_by=ctx.now + NO_PICKUP_MS,
            elsewhere=elsewhere_of(driver, ctx.now),
            claims=(job_key(name),),
        )
    ]
    return [*events, *_taken(state, job, offer), *withdraw(state, name, ctx, "BUSY", but=offer)]


def _taken(state: Zone, job: Job, offer: str) -> list[Event]:
    others = others_of(state, job, but=offer)
    return [e.OffersTaken(order=job.terms.order, offers=others)] if others else []


def assigned_from_neighbour(state: Zone, job: Job, ctx: Context, rating: int | None) -> list[Event]:
    """The driver's own zone has said yes."""
    claim = job.claim
    assert claim is not None, "looked at before"
    events: list[Event] = [
        e.DriverAssigned(
            order=job.terms.order,
            driver=claim.driver,
            cause=claim.cause,
            offer=claim.offer,
            driver_zone=claim.zone,
            claim=claim.id,
            reason=claim.reason,
            rating=rating,
            pickup_by=ctx.now + NO_PICKUP_MS,
            claims=(job_key(claim.driver),),
        )
    ]
    taken = _taken(state, job, claim.offer)
    return [*events, *taken, *withdraw(state, claim.driver, ctx, "BUSY", but=claim.offer)]


def claim_asked(
    job: Job,
    driver: str,
    zone: str,
    cause: e.AssignCause,
    ctx: Context,
    offer: str = "",
    reason: str = "",
) -> e.ClaimAsked:
    """Ask the driver's own zone; nobody is assigned before it says yes.

    The claim has a name that no other one ever has, in no market: two markets may have an order of
    the same id, and want the same driver for it."""
    return e.ClaimAsked(
        order=job.terms.order,
        claim=f"{ctx.home}/{job.terms.order}/{job.claims + 1}",
        driver=driver,
        driver_zone=zone,
        until=ctx.now + CLAIM_WAIT_MS,
        cause=cause,
        offer=offer,
        reason=reason,
    )


def decline(state: Zone, command: c.DeclineOffer, ctx: Context) -> Decision:
    """The driver is not asked again for this job (D7, X6)."""
    offer = _own(state, command, ctx)
    if isinstance(offer, Rejected):
        return offer
    job = state.jobs[offer.order]
    if refusal := _too_late(state, job, offer, command, ctx):
        return refusal
    name = local_offer(command.offer)
    declined = e.OfferDeclined(
        order=offer.order, offer=name, driver=offer.driver, reason=command.reason
    )
    if is_left_without(job, name):
        return [declined, *move_on(state, job, ctx, {offer.driver: "DECLINED"})]
    return [declined]
