"""What a zone causes elsewhere: money, the delivery's room, neighbours, notices to people.

The state is the one after the whole decision, so what an event meant stands in the event.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from engine.contract import Context, Event, Notify, Reaction, Send, Shop
from engine.domains.dispatch import events as e
from engine.domains.dispatch import messages as m
from engine.domains.dispatch import notices as n
from engine.domains.dispatch.state import Job, Zone
from engine.domains.dispatch.terms import (
    ESCROW_KIND,
    as_known_to,
    at_zone,
    delivery_room,
    zone_of_offer,
    zone_room,
)
from engine.ledger.escrow.state import Escrow
from engine.ledger.escrow.terms import escrow_room
from engine.ledger.messages import NamePayee, RefundEscrow, ReleaseEscrow

Reactions = Iterable[Reaction]
Ended = Literal["COMPLETED", "RETURNED", "RELEASED", "CANCELLED"]


def react(state: Zone, event: Event, ctx: Context) -> Reactions:
    """What this event causes in other rooms."""
    handler = _REACTIONS.get(type(event))
    return handler(state, event, ctx) if handler else ()


# The parts.


def _update(order: str, status: str, note: str = "", **driver: Any) -> Send:
    """Tell the parties of the order."""
    return Send(delivery_room(order), m.UpdateDelivery(status=status, note=note, **driver))


def _shop_owner(job: Job, ctx: Context) -> str:
    shop = ctx.card(f"shop:{job.terms.shop}")
    return shop.owner if isinstance(shop, Shop) else ""


def _to_shop(job: Job, ctx: Context, status: str, code: str = "") -> list[Reaction]:
    owner = _shop_owner(job, ctx)
    notice = n.ShopNotified(order=job.terms.order, shop=job.terms.shop, status=status, code=code)
    return [Notify(owner, notice)] if owner else []


def _to_both(job: Job, ctx: Context, status: str) -> list[Reaction]:
    """Customer and shop hear of it, whether they follow the delivery or not."""
    return [*_to_customer(job, status), *_to_shop(job, ctx, status)]


def _to_customer(job: Job, status: str) -> list[Reaction]:
    terms = job.terms
    notice = n.OrderUpdated(order=terms.order, number=terms.number, status=status)
    return [Notify(terms.customer, notice)]


def _closed(state: Zone, ended: Sequence[e.EndedOffer], cause: Any, ctx: Context) -> list[Reaction]:
    return [
        _ended_offer(line.offer, line.driver, state.offers[line.offer].zone, cause, ctx)
        for line in ended
    ]


def _ended_offer(offer: str, driver: str, zone: str, cause: Any, ctx: Context) -> Notify:
    """A driver, whose zone is `zone` if not this one, hears that an offer has ended."""
    closed = n.OfferClosed(offer=as_known_to(offer, zone, ctx.home), cause=cause)
    return Notify(at_zone(driver, zone), closed)


def _give_back(driver: str, zone: str, claim: str) -> list[Reaction]:
    """A driver of another zone is needed no more."""
    message = m.ReleaseClaim(claim=claim, driver=driver)
    return [Send(zone_room(zone), message)] if zone else []


def _elsewhere(driver: str, offers: Iterable[str], *, is_offline: bool) -> list[Reaction]:
    """Offers of neighbours that a driver cannot accept any more."""
    by_zone: dict[str, list[str]] = {}
    for offer in offers:
        by_zone.setdefault(zone_of_offer(offer), []).append(offer)
    return [
        Send(
            zone_room(zone),
            m.OffersEnded(driver=driver, offers=tuple(ended), is_offline=is_offline),
        )
        for zone, ended in by_zone.items()
    ]


def _ended(event: Any, cause: Ended) -> list[Reaction]:
    """The driver of a job is free again."""
    if not event.driver:
        return []
    driver = at_zone(event.driver, event.driver_zone)
    told: list[Reaction] = [Notify(driver, n.JobEnded(order=event.order, cause=cause))]
    return told + _give_back(event.driver, event.driver_zone, event.claim)


def _pay_driver(job: Job, driver: str, ctx: Context) -> list[Reaction]:
    """If the escrow has a carrier's share that is nobody's, or whose driver gave the job back, it
    is this driver's."""
    room = escrow_room(ESCROW_KIND, job.terms.order)
    escrow = ctx.peek(room)
    shares = escrow.open_shares if isinstance(escrow, Escrow) else []
    for share in shares:
        held = share.held
        if held.kind == "carrier" and held.payee in ("", *job.released):
            named = NamePayee(kind="carrier", payee=driver, instead_of=held.payee)
            return [Send(room, named)] if held.payee != driver else []
    return []


def _refund(order: str, reason: str) -> Send:
    return Send(escrow_room(ESCROW_KIND, order), RefundEscrow(reason=reason))


# One for each event.


def _on_created(state: Zone, event: e.JobCreated, ctx: Context) -> Reactions:
    terms = event.order
    opened = Send(delivery_room(terms.order), m.OpenDelivery(order=terms, zone=state.zone))
    job = state.jobs[terms.order]
    owner = _shop_owner(job, ctx)
    if not owner or job.status != "PENDING_SHOP_APPROVAL":
        return (opened,)
    asked = n.ApprovalRequested(order=terms.order, shop=terms.shop, due_at=event.shop_due_at)
    return (opened, Notify(owner, asked))


def _on_accepted(state: Zone, event: e.OrderAccepted, _: Context) -> Reactions:
    status = "ACCEPTED_BY_SHOP"
    return [_update(event.order, status), *_to_customer(state.jobs[event.order], status)]


def _on_cancelled(state: Zone, event: e.JobCancelled, ctx: Context) -> Reactions:
    """The customer's money goes back, once (invariant 5)."""
    job = state.jobs[event.order]
    return [
        _refund(event.order, event.reason or event.cause),
        _update(event.order, "CANCELLED", event.cause),
        *_to_both(job, ctx, "CANCELLED"),
        *_ended(event, "CANCELLED"),
    ]


def _on_opened(state: Zone, event: e.SearchOpened, ctx: Context) -> Reactions:
    return [
        Send(
            zone_room(zone),
            m.FindDrivers(
                zone=as_known_to(state.zone, zone, ctx.home),
                order=event.order,
                search=event.search,
                pickup=state.jobs[event.order].terms.pickup,
                radius_m=event.radius_m,
                excluded=event.excluded,
            ),
        )
        for zone in event.asked
    ]


def _on_neighbour(state: Zone, event: e.NeighbourAnswered, ctx: Context) -> Reactions:
    message = m.DriversFound(
        zone=as_known_to(state.zone, event.zone, ctx.home),
        order=event.order,
        search=event.search,
        found=event.found,
    )
    return (Send(zone_room(event.zone), message),)


def _on_sent(state: Zone, event: e.OffersSent, ctx: Context) -> Reactions:
    terms = state.jobs[event.order].terms
    told: list[Reaction] = []
    abroad: dict[str, list[tuple[str, str]]] = {}
    for line in event.offers:
        offer = as_known_to(line.offer, line.zone, ctx.home)
        notice = n.OfferMade(
            offer=offer,
            zone=as_known_to(state.zone, line.zone, ctx.home),
            shop=terms.shop,
            pickup=terms.pickup,
            pickup_address=terms.pickup_address,
            distance_m=line.distance_m,
            trip_m=terms.trip_m,
            area=terms.dropoff_area,
            wave=event.wave,
            expires_at=event.expires_at,
        )
        told.append(Notify(at_zone(line.driver, line.zone), notice))
        if line.zone:
            abroad.setdefault(line.zone, []).append((line.driver, offer))
    for zone, lines in abroad.items():
        asker = as_known_to(state.zone, zone, ctx.home)
        message = m.OffersMade(zone=asker, offers=tuple(lines), expires_at=event.expires_at)
        told.append(Send(zone_room(zone), message))
    return told


def _on_expired(state: Zone, event: e.OffersExpired, ctx: Context) -> Reactions:
    return _closed(state, event.offers, "EXPIRED", ctx)


def _on_returned(state: Zone, event: e.OffersReturned, ctx: Context) -> Reactions:
    return _closed(state, event.offers, event.cause, ctx)


def _on_taken(state: Zone, event: e.OffersTaken, ctx: Context) -> Reactions:
    return _closed(state, event.offers, "TAKEN", ctx)


def _on_nobody(state: Zone, event: e.NoDriverFound, ctx: Context) -> Reactions:
    told = _to_shop(state.jobs[event.order], ctx, "UNASSIGNED", "NO_DRIVER_FOUND")
    return [_update(event.order, "ACCEPTED_BY_SHOP", "NO_DRIVER_FOUND"), *told]


def _on_claim_asked(state: Zone, event: e.ClaimAsked, ctx: Context) -> Reactions:
    message = m.ClaimDriver(
        zone=as_known_to(state.zone, event.driver_zone, ctx.home),
        order=event.order,
        claim=event.claim,
        driver=event.driver,
    )
    return (Send(zone_room(event.driver_zone), message),)


def _on_claim_failed(state: Zone, event: e.ClaimFailed, ctx: Context) -> Reactions:
    """The driver hears why. Those who still have an offer hear that it is theirs to take."""
    told = _give_back(event.driver, event.driver_zone, event.claim)
    if event.offer:
        cause = "DRIVER_BUSY" if event.cause == "DRIVER_BUSY" else "CLAIM_REFUSED"
        told.append(_ended_offer(event.offer, event.driver, event.driver_zone, cause, ctx))
    for name in state.jobs[event.order].open:
        offer = state.offers[name]
        again = n.OfferOpenAgain(
            offer=as_known_to(name, offer.zone, ctx.home), expires_at=offer.expires_at
        )
        told.append(Notify(at_zone(offer.driver, offer.zone), again))
    return told


def _on_claim_returned(_: Zone, event: e.ClaimReturned, ctx: Context) -> Reactions:
    told = _give_back(event.driver, event.driver_zone, event.claim)
    if event.offer:
        told.append(_ended_offer(event.offer, event.driver, event.driver_zone, "CANCELLED", ctx))
    return told


def _on_claim_answered(state: Zone, event: e.ClaimAnswered, ctx: Context) -> Reactions:
    room = zone_room(event.zone)
    zone = as_known_to(state.zone, event.zone, ctx.home)
    about = {"order": event.order, "claim": event.claim, "driver": event.driver}
    if not event.granted:
        cause: Any = event.cause
        return (Send(room, m.ClaimRefused(zone=zone, cause=cause, **about)),)
    rating = state.drivers[event.driver].rating
    told: list[Reaction] = [Send(room, m.DriverClaimed(zone=zone, rating=rating, **about))]
    return told + _elsewhere(event.driver, event.elsewhere, is_offline=False)


def _on_claim_revoked(_: Zone, event: e.ClaimRevoked, __: Context) -> Reactions:
    message = m.RevokeClaim(
        order=event.order,
        claim=event.claim,
        driver=event.driver,
        by=event.by,
        reason=event.reason,
    )
    ended = n.JobEnded(order=event.order, cause="RELEASED")
    return (Send(zone_room(event.zone), message), Notify(event.driver, ended))


def _on_neighbour_offered(state: Zone, event: e.NeighbourOffered, _: Context) -> Reactions:
    """Who is not to be had any more gives the offer back at once."""
    driver = state.drivers[event.driver]
    if driver.state == "AVAILABLE":
        return ()
    return _elsewhere(event.driver, [event.offer], is_offline=driver.state == "OFFLINE")


def _on_offline(_: Zone, event: e.DriverOffline, __: Context) -> Reactions:
    return _elsewhere(event.driver, event.elsewhere, is_offline=True)


def _on_assigned(state: Zone, event: e.DriverAssigned, ctx: Context) -> Reactions:
    job = state.jobs[event.order]
    notice = n.JobAssigned(
        order=event.order,
        zone=as_known_to(state.zone, event.driver_zone, ctx.home),
        pickup=job.terms.pickup,
        pickup_address=job.terms.pickup_address,
    )
    told: list[Reaction] = [
        _update(
            event.order,
            "DRIVER_ASSIGNED",
            driver=event.driver,
            driver_zone=event.driver_zone or state.zone,
            rating=event.rating if event.driver_zone else state.drivers[event.driver].rating,
        ),
        Notify(at_zone(event.driver, event.driver_zone), notice),
        *_to_both(job, ctx, "DRIVER_ASSIGNED"),
    ]
    told += _pay_driver(job, event.driver, ctx)
    if event.driver_zone:
        confirmed = m.ConfirmClaim(claim=event.claim, driver=event.driver)
        told.append(Send(zone_room(event.driver_zone), confirmed))
    return told + _elsewhere(event.driver, event.elsewhere, is_offline=False)


def _on_released(state: Zone, event: e.DriverReleased, ctx: Context) -> Reactions:
    """Who had heard of a driver hears that there is none."""
    status = "ACCEPTED_BY_SHOP"
    return [
        _update(event.order, status, "DRIVER_RELEASED", left_by=event.driver),
        *_to_both(state.jobs[event.order], ctx, status),
        *_ended(event, "RELEASED"),
    ]


def _on_arrived(_: Zone, event: e.DriverArrived, __: Context) -> Reactions:
    status = "DRIVER_ASSIGNED" if event.stop == "PICKUP" else "OUT_FOR_DELIVERY"
    return (_update(event.order, status, f"ARRIVED_{event.stop}"),)


def _on_picked_up(state: Zone, event: e.PackagePickedUp, ctx: Context) -> Reactions:
    """The shop sees it at once (P2)."""
    status = "OUT_FOR_DELIVERY"
    return [_update(event.order, status), *_to_both(state.jobs[event.order], ctx, status)]


def _on_completed(state: Zone, event: e.OrderCompleted, ctx: Context) -> Reactions:
    """The shop's share leaves the escrow, once (F1, invariant 5)."""
    return [
        Send(escrow_room(ESCROW_KIND, event.order), ReleaseEscrow(cause="DELIVERED")),
        _update(event.order, "COMPLETED"),
        *_to_both(state.jobs[event.order], ctx, "COMPLETED"),
        *_ended(event, "COMPLETED"),
    ]


def _on_failed(state: Zone, event: e.DeliveryFailed, ctx: Context) -> Reactions:
    """The customer sees the driver no more (T4)."""
    job = state.jobs[event.order]
    told: list[Reaction] = [_update(event.order, "RETURNING"), *_to_both(job, ctx, "RETURNING")]
    if job.driver_zone:
        hidden = m.ConfirmClaim(claim=job.driver_claim, driver=job.driver, is_shown=False)
        told.append(Send(zone_room(job.driver_zone), hidden))
    return told


def _on_package_returned(state: Zone, event: e.PackageReturned, ctx: Context) -> Reactions:
    return [
        _refund(event.order, "RETURNED"),
        _update(event.order, "RETURNED"),
        *_to_both(state.jobs[event.order], ctx, "RETURNED"),
        *_ended(event, "RETURNED"),
    ]


_REACTIONS: Mapping[type[Event], Callable[[Zone, Any, Context], Reactions]] = {
    e.JobCreated: _on_created,
    e.OrderAccepted: _on_accepted,
    e.JobCancelled: _on_cancelled,
    e.SearchOpened: _on_opened,
    e.NeighbourAnswered: _on_neighbour,
    e.OffersSent: _on_sent,
    e.OffersExpired: _on_expired,
    e.OffersReturned: _on_returned,
    e.OffersTaken: _on_taken,
    e.NoDriverFound: _on_nobody,
    e.ClaimAsked: _on_claim_asked,
    e.ClaimFailed: _on_claim_failed,
    e.ClaimReturned: _on_claim_returned,
    e.ClaimAnswered: _on_claim_answered,
    e.ClaimRevoked: _on_claim_revoked,
    e.NeighbourOffered: _on_neighbour_offered,
    e.DriverOffline: _on_offline,
    e.DriverAssigned: _on_assigned,
    e.DriverReleased: _on_released,
    e.DriverArrived: _on_arrived,
    e.PackagePickedUp: _on_picked_up,
    e.OrderCompleted: _on_completed,
    e.DeliveryFailed: _on_failed,
    e.PackageReturned: _on_package_returned,
}
