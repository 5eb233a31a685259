"""The rooms `delivery:{order}`: where the parties of an order follow it (dispatch T1, T2, 10).

A follower: it decides nothing, and is told by the zone of the order. Events say how the delivery
stands and name nobody, for a feed's past is shown for ever. Who may know whose name, address or
position depends on how it stands now, so that is in the snapshot only.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from engine.contract import Context, Decision, Domain, Event, Person, Shop, fields_of
from engine.domains.dispatch.codes import ORDER_NOT_FOUND
from engine.domains.dispatch.commands import TrackOrder
from engine.domains.dispatch.geo import Place, between_m
from engine.domains.dispatch.index import Fix, Positions
from engine.domains.dispatch.messages import OpenDelivery, UpdateDelivery
from engine.domains.dispatch.pings import CUSTOMER, STAFF
from engine.domains.dispatch.terms import DELIVERY_DOMAIN, PROMISE_MS, Order, zone_room
from engine.kernel.actor import STAFF as STAFF_ROLES
from engine.kernel.actor import SYSTEM
from engine.kernel.outcome import FORBIDDEN, Rejected
from engine.kernel.time import MINUTE, Millis

SHOP = "shop"
DRIVER = "driver"

ON_THE_WAY = ("DRIVER_ASSIGNED", "OUT_FOR_DELIVERY")
"""From the assignment to the completion: names and addresses are shown to whom they concern."""
NOT_FOR_ALL = ("NO_DRIVER_FOUND", "DRIVER_RELEASED")
"""Words of the timeline for shop and operators only."""

MS_PER_M = 200
"""A driver's pace for the estimate: 18 km/h."""
AT_THE_SHOP_MS = 3 * MINUTE


class DeliveryOpened(Event, frozen=True, tag="delivery.opened"):
    """A paid order waits for its shop."""

    order: Order
    zone: str


class StatusUpdated(Event, frozen=True, tag="delivery.status_updated"):
    """How it stands now."""

    status: str
    note: str = ""
    driver: str = ""
    driver_zone: str = ""
    rating: int | None = None
    left_by: str = ""
    """The driver who has it no more."""


class Line(Struct, frozen=True):
    """A step of the timeline."""

    status: str
    at: Millis
    note: str


class Delivery(Struct):
    """The state of a room `delivery:{order}`."""

    order: Order | None = None
    zone: str = ""
    status: str = ""
    timeline: list[Line] = []
    accepted_at: Millis = 0
    driver: str = ""
    driver_zone: str = ""
    """Where the driver is online."""
    rating: int | None = None


def _open(state: Delivery, message: OpenDelivery, _: Context) -> Decision:
    return [] if state.order else [DeliveryOpened(order=message.order, zone=message.zone)]


def _update(state: Delivery, message: UpdateDelivery, _: Context) -> Decision:
    if state.order is None:
        return ()
    return [
        StatusUpdated(
            status=message.status,
            note=message.note,
            driver=message.driver,
            driver_zone=message.driver_zone,
            rating=message.rating,
            left_by=message.left_by,
        )
    ]


def _track(state: Delivery, command: TrackOrder, ctx: Context) -> Decision:
    """Anybody may ask; the parties are answered."""
    if state.order is None:
        return Rejected(
            ORDER_NOT_FOUND, f"there is no delivery of {command.order!r}", {"order": command.order}
        )
    if not _audience(state, ctx):
        return Rejected(FORBIDDEN, "this is for the parties of the order")
    return ()


def _on_opened(state: Delivery, event: DeliveryOpened, at: Millis) -> None:
    state.order, state.zone = event.order, event.zone
    state.status = "PENDING_SHOP_APPROVAL"
    state.timeline.append(Line(state.status, at, ""))


def _on_updated(state: Delivery, event: StatusUpdated, at: Millis) -> None:
    state.status = event.status
    state.timeline.append(Line(event.status, at, event.note))
    if event.status == "ACCEPTED_BY_SHOP" and not state.accepted_at:
        state.accepted_at = at
    if event.driver:
        state.driver, state.driver_zone = event.driver, event.driver_zone
        state.rating = event.rating
    if event.left_by:
        state.driver, state.driver_zone, state.rating = "", "", None


def _audience(state: Delivery, ctx: Context) -> str:
    """Which party the actor is; nobody else may look."""
    actor = ctx.actor
    if actor.has(STAFF_ROLES | {SYSTEM}):
        return STAFF
    if not actor.user or state.order is None:
        return ""
    if actor.user == state.order.customer:
        return CUSTOMER
    if actor.user == state.driver:
        return DRIVER
    shop = ctx.card(f"shop:{state.order.shop}")
    return SHOP if isinstance(shop, Shop) and shop.owner == actor.user else ""


def _regroups(_: Delivery, event: Event) -> Iterable[str]:
    """The driver who has it now, or has it no more."""
    if not isinstance(event, StatusUpdated):
        return ()
    return [user for user in (event.driver, event.left_by) if user]


def _show(_: Delivery, event: Event, viewer: str) -> Any:
    """Status and note. Names and addresses stand in the snapshot, as long as they may be known."""
    if viewer == STAFF:
        return fields_of(event)
    if isinstance(event, StatusUpdated):
        return {"status": event.status, "note": _note(event.note, viewer)}
    return {"status": "PENDING_SHOP_APPROVAL", "note": None}


def _note(note: str, viewer: str) -> str | None:
    hidden = note in NOT_FOR_ALL and viewer not in (SHOP, STAFF)
    return None if hidden else note or None


def _view(state: Delivery, ctx: Context) -> Any:
    """The tracking reply (T2), for each party what they may know (dispatch 10)."""
    order = state.order
    if order is None:
        return None
    viewer = _audience(state, ctx)
    shown: dict[str, Any] = {
        "order": order.order,
        "number": order.number,
        "shop": order.shop,
        "status": state.status,
        "timeline": [_line(line, viewer) for line in state.timeline],
        "priority": order.priority,
        "pickup": order.pickup,
        "pickup_address": order.pickup_address,
        "eta": _eta(state, order, ctx),
        "promise": [state.accepted_at + ms for ms in PROMISE_MS] if state.accepted_at else None,
        "driver": _driver(state, ctx, viewer),
    }
    if viewer != DRIVER or state.status in ON_THE_WAY:
        shown |= {"dropoff": order.dropoff, "dropoff_address": order.dropoff_address}
        if viewer != SHOP:
            shown["customer_phone"] = _person(ctx, order.customer).phone or None
    if viewer == STAFF:
        shown |= {"customer": order.customer, "zone": state.zone, "driver_id": state.driver}
    return shown


def _line(line: Line, viewer: str) -> dict[str, Any]:
    return {"status": line.status, "at": line.at, "note": _note(line.note, viewer)}


def _driver(state: Delivery, ctx: Context, viewer: str) -> dict[str, Any] | None:
    """Name, phone, rating and place; to the shop name and place. None while nobody is assigned,
    and to the parties no more when it is over (T4)."""
    if not state.driver or (viewer != STAFF and state.status not in ON_THE_WAY):
        return None
    person = _person(ctx, state.driver)
    fix = _fix(state, ctx)
    shown: dict[str, Any] = {
        "name": person.display_name or None,
        "pos": Place(fix.lat, fix.lon) if fix else None,
        "pos_at": fix.at if fix else None,
    }
    if viewer != SHOP:
        shown |= {"phone": person.phone or None, "rating": state.rating}
    return shown


def _person(ctx: Context, user: str) -> Person:
    found = ctx.card(f"identity:{user}")
    return found if isinstance(found, Person) else Person("", is_active=True)


def _fix(state: Delivery, ctx: Context) -> Fix | None:
    """The driver's position, as long as it is shared and its zone is of this shard."""
    if state.status not in ON_THE_WAY:
        return None
    positions = ctx.soft_of(zone_room(state.driver_zone))
    return positions.fixes.get(state.driver) if isinstance(positions, Positions) else None


def _eta(state: Delivery, order: Order, ctx: Context) -> Millis | None:
    """When it should be there, as far as the driver's position tells."""
    fix = _fix(state, ctx)
    if fix is None:
        return None
    here = Place(fix.lat, fix.lon)
    if state.status == "OUT_FOR_DELIVERY":
        return ctx.now + between_m(here, order.dropoff) * MS_PER_M
    way_m = between_m(here, order.pickup) + order.trip_m
    return ctx.now + way_m * MS_PER_M + AT_THE_SHOP_MS


def _result(state: Delivery, _: Any, __: Sequence[Event], ctx: Context) -> Any:
    return _view(state, ctx)


def _check(state: Delivery) -> None:
    if state.order is None:
        assert not state.timeline, "dispatch T2: a timeline of nothing"
        return
    assert state.timeline[-1].status == state.status, "dispatch T2: the timeline ends elsewhere"
    assert state.status not in ON_THE_WAY or state.driver, "dispatch INV-1: nobody brings it"


DELIVERY = Domain(
    name=DELIVERY_DOMAIN,
    summary="How a delivery stands, for the customer, the shop, the driver and operators.",
    initial=Delivery,
    decide={OpenDelivery: _open, UpdateDelivery: _update, TrackOrder: _track},
    evolve={DeliveryOpened: _on_opened, StatusUpdated: _on_updated},
    audience=_audience,
    regroups=_regroups,
    show=_show,
    view=_view,
    result=_result,
    check=_check,
    codes=(ORDER_NOT_FOUND,),
)
