"""Orders come, are accepted by their shop, or called off (dispatch 3)."""

from engine.contract import Context, Decision, Event, Person, Shop
from engine.domains.dispatch import commands as c
from engine.domains.dispatch import events as e
from engine.domains.dispatch.geo import between_m
from engine.domains.dispatch.guards import (
    find_job,
    forbidden,
    impossible,
    is_ops,
    is_shop_owner,
    no_reason,
    no_such_step,
    no_zone,
    not_the_shop,
    other_zone,
    out_of_place,
    zone_mismatch,
)
from engine.domains.dispatch.search import excluded_from, others_of, waves_from
from engine.domains.dispatch.state import Job, Zone
from engine.domains.dispatch.terms import (
    ESCROW_KIND,
    OBJECTION_MS,
    SHOP_MS,
    Order,
    ShopApproval,
    job_key,
    order_key,
)
from engine.kernel.actor import SYSTEM
from engine.kernel.ids import room_name
from engine.kernel.outcome import Rejected
from engine.ledger.escrow.codes import ESCROW_NOT_HELD
from engine.ledger.escrow.state import is_held


def order_paid(state: Zone, command: c.OrderPaid, ctx: Context) -> Decision:
    """A job, if the money is held; it lives in the zone of its pick-up for life."""
    if refusal := no_zone(state, ctx):
        return refusal
    if elsewhere := other_zone(order_key(command.order), ctx):
        return zone_mismatch(elsewhere)
    if ctx.claimed_by(order_key(command.order)):
        return no_such_step("created", command)
    pickup, dropoff = command.pickup, command.dropoff
    if refusal := (
        impossible(pickup, None, ctx, "pickup") or impossible(dropoff, None, ctx, "dropoff")
    ):
        return refusal
    if between_m(state.centre, command.pickup) > state.radius_m:
        return zone_mismatch(_home_of(state, command))
    if not is_held(ctx, ESCROW_KIND, command.order):
        return Rejected(
            ESCROW_NOT_HELD,
            f"no money is held for order {command.order!r}; it is paid first",
            {"order": command.order},
        )
    created = e.JobCreated(
        job=state.job_count + 1,
        order=_terms(state, command),
        shop_due_at=ctx.now + SHOP_MS,
        claims=(order_key(command.order),),
    )
    if _approval(command, ctx) == "required":
        return [created]
    return [
        created,
        *_accepted(state, Job(created.job, created.order, mode=created.order.mode), ctx),
    ]


def _approval(command: c.OrderPaid, ctx: Context) -> ShopApproval:
    """As the order says, or else as its shop has set (FUL-10); a suspended shop must look, and one
    whose owner is suspended (identity K7)."""
    if command.shop_approval is not None:
        return command.shop_approval
    shop = ctx.card(room_name("shop", command.shop))
    if not isinstance(shop, Shop) or not shop.is_active or not shop.auto_accept:
        return "required"
    owner = ctx.card(room_name("identity", shop.owner))
    return "required" if isinstance(owner, Person) and not owner.is_active else "auto"


def _home_of(state: Zone, command: c.OrderPaid) -> str:
    """The neighbour that the pick-up lies in; empty if none does."""
    inside = (
        n.address
        for n in state.settings.neighbours
        if between_m(n.centre, command.pickup) <= n.radius_m
    )
    return next(inside, "")


def _terms(state: Zone, command: c.OrderPaid) -> Order:
    return Order(
        order=command.order,
        number=command.number or command.order,
        shop=command.shop,
        customer=command.customer,
        pickup=command.pickup,
        pickup_address=command.pickup_address,
        dropoff=command.dropoff,
        dropoff_address=command.dropoff_address,
        dropoff_area=command.dropoff_area,
        currency=command.currency,
        priority=command.priority,
        mode=command.mode or state.settings.mode,
        trip_m=between_m(command.pickup, command.dropoff),
    )


def shop_accept(state: Zone, command: c.ShopAccept, ctx: Context) -> Decision:
    """The search starts now, not at the payment (D8)."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    if ctx.actor.role != SYSTEM and (refusal := not_the_shop(job, ctx)):
        return refusal
    return out_of_place(job, command) or _accepted(state, job, ctx)


def _accepted(state: Zone, job: Job, ctx: Context) -> list[Event]:
    accepted = e.OrderAccepted(order=job.terms.order)
    return [accepted, *waves_from(state, job, 1, ctx, excluded_from(job))]


def shop_reject(state: Zone, command: c.ShopReject, ctx: Context) -> Decision:
    """The customer's money goes back."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    if refusal := not_the_shop(job, ctx) or out_of_place(job, command):
        return refusal
    return cancelled(state, job, "SHOP_REJECTED", command.reason)


def cancel(state: Zone, command: c.CancelOrder, ctx: Context) -> Decision:
    """Before the pick-up: the customer until the shop's yes, the shop, operators."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    cause = _canceller(job, ctx)
    if isinstance(cause, Rejected):
        return cause
    if refusal := out_of_place(job, command):
        return refusal
    if cause == "CUSTOMER" and job.status != "PENDING_SHOP_APPROVAL":
        return no_such_step(job.status, command)
    if cause == "OPS" and (refusal := no_reason(command.reason)):
        return refusal
    return cancelled(state, job, cause, command.reason)


def _canceller(job: Job, ctx: Context) -> e.CancelCause | Rejected:
    if is_ops(ctx):
        return "OPS"
    if ctx.actor.user == job.terms.customer:
        return "CUSTOMER"
    if is_shop_owner(job, ctx):
        return "SHOP"
    return forbidden("this is for the customer, the shop and operators")


def cancelled(state: Zone, job: Job, cause: e.CancelCause, reason: str = "") -> list[Event]:
    """Open offers end, a claim under way is given back, and whoever had the job is free."""
    order, events = job.terms.order, list[Event]()
    if open_ := others_of(state, job):
        events.append(e.OffersReturned(order=order, offers=open_, cause="CANCELLED"))
    if claim := job.claim:
        events.append(
            e.ClaimReturned(
                order=order,
                claim=claim.id,
                driver=claim.driver,
                driver_zone=claim.zone,
                offer=claim.offer,
            )
        )
    events.append(
        e.JobCancelled(
            order=order,
            cause=cause,
            reason=reason,
            driver=job.driver,
            driver_zone=job.driver_zone,
            claim=job.driver_claim,
            frees=(job_key(job.driver),) if job.driver else (),
        )
    )
    return events


def object_pickup(state: Zone, command: c.ObjectPickup, ctx: Context) -> Decision:
    """Within five minutes; operators are alerted, and the state stays (P2)."""
    job = find_job(state, command.order, ctx)
    if isinstance(job, Rejected):
        return job
    if refusal := not_the_shop(job, ctx) or out_of_place(job, command):
        return refusal
    if ctx.now > job.picked_up_at + OBJECTION_MS:
        return no_such_step("OUT_FOR_DELIVERY for more than five minutes", command)
    objected = e.PickupObjected(order=command.order, reason=command.reason)
    alert = e.OpsAlerted(
        alert="PICKUP_OBJECTED", order=command.order, driver=job.driver, note=command.reason
    )
    return [objected, alert]
