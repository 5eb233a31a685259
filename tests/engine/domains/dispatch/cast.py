"""The people of these tests, the town they live in, and the commands that they send."""

from typing import Any

import msgspec

from engine.contract import Command
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.decide_delivery import code_of
from engine.domains.dispatch.geo import Place, units_north
from engine.domains.dispatch.state import Job, Zone
from engine.domains.dispatch.terms import zone_room
from engine.kernel.actor import ADMIN, DRIVER, MANAGER, SHOPKEEPER, SYSTEM, USER, Actor
from engine.kernel.time import SECOND
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms
from testkit.house import House
from testkit.world import vault

BOSS = Actor("boss", ADMIN, "approved")
MOD = Actor("mod", MANAGER, "approved")
HOOK = Actor("webhook.orders", SYSTEM)
CUSTOMER = Actor("carla", USER, "approved")
KEEPER = Actor("keeper", SHOPKEEPER, "approved")
RIVAL = Actor("rival", SHOPKEEPER, "approved")
ANN = Actor("ann", DRIVER, "approved")
BEN = Actor("ben", DRIVER, "approved")
CAT = Actor("cat", DRIVER, "approved")
NEW = Actor("new", DRIVER, "pending")
STRANGER = Actor("stranger", USER, "approved")

ROOM = zone_room("z1")
CENTRE = Place(65_000_000, 34_000_000)
PICKUP = CENTRE
DROPOFF = Place(65_000_000 + units_north(2_000), 34_000_000)
DELIVERY = "delivery:o1"
ESCROW = "escrow:order.o1"
TOTAL = 10_000


def north(metres: int, of: Place = PICKUP) -> Place:
    """A point so far north of another."""
    return Place(of.lat + units_north(metres), of.lon)


def create_zone(zone: str = "z1", **changes: Any) -> c.CreateZone:
    fields: dict[str, Any] = {"centre": CENTRE, "radius_m": 20_000}
    return c.CreateZone(id="c", zone=zone, **(fields | changes))


def online(pos: Place = PICKUP, zone: str = "z1", **changes: Any) -> c.GoOnline:
    return c.GoOnline(id="c", zone=zone, pos=pos, **changes)


def offline(zone: str | None = None) -> c.GoOffline:
    return c.GoOffline(id="c", zone=zone)


def ping(pos: Place = PICKUP, **changes: Any) -> c.UpdateLocation:
    return c.UpdateLocation(id="c", pos=pos, **changes)


def rate(driver: Actor, rating: int, zone: str = "z1") -> c.RateDriver:
    return c.RateDriver(id="c", zone=zone, driver=driver.user, rating=rating)


def paid(order: str = "o1", zone: str = "z1", **changes: Any) -> c.OrderPaid:
    fields: dict[str, Any] = {
        "shop": "s1",
        "customer": CUSTOMER.user,
        "pickup": PICKUP,
        "pickup_address": "1 Market Street",
        "dropoff": DROPOFF,
        "dropoff_address": "2 Harbour Street",
        "dropoff_area": "Harbour",
        "currency": "NGN",
    }
    return c.OrderPaid(id="c", zone=zone, order=order, **(fields | changes))


def accept_order(order: str = "o1", **changes: Any) -> c.ShopAccept:
    return c.ShopAccept(id="c", order=order, **changes)


def reject_order(order: str = "o1", reason: str = "sold out") -> c.ShopReject:
    return c.ShopReject(id="c", order=order, reason=reason)


def cancel(order: str = "o1", reason: str = "changed my mind") -> c.CancelOrder:
    return c.CancelOrder(id="c", order=order, reason=reason)


def take(offer: str) -> c.AcceptOffer:
    return c.AcceptOffer(id="c", offer=offer)


def decline(offer: str, reason: str = "too far") -> c.DeclineOffer:
    return c.DeclineOffer(id="c", offer=offer, reason=reason)


def at_shop(order: str = "o1", **changes: Any) -> c.ArriveAtShop:
    return c.ArriveAtShop(id="c", order=order, **changes)


def pick_up(order: str = "o1", **changes: Any) -> c.ConfirmPickup:
    return c.ConfirmPickup(id="c", order=order, **changes)


def objection(reason: str = "the wrong bag") -> c.ObjectPickup:
    return c.ObjectPickup(id="c", order="o1", reason=reason)


def at_door(order: str | None = None) -> c.ArriveAtCustomer:
    return c.ArriveAtCustomer(id="c", order=order)


def code(digits: str, order: str | None = None) -> c.EnterDeliveryCode:
    return c.EnterDeliveryCode(id="c", code=digits, order=order)


def show_code(order: str = "o1") -> c.ShowDeliveryCode:
    return c.ShowDeliveryCode(id="c", order=order)


def reissue(order: str = "o1") -> c.ReissueCode:
    return c.ReissueCode(id="c", order=order)


def release(order: str = "o1", reason: str = "a flat tyre") -> c.ReleaseDriver:
    return c.ReleaseDriver(id="c", order=order, reason=reason)


def free(driver: Actor, reason: str = "main is gone") -> c.FreeDriver:
    return c.FreeDriver(id="c", zone="z1", driver=driver.user, reason=reason)


def retry(order: str = "o1", **changes: Any) -> c.RetrySearch:
    return c.RetrySearch(id="c", order=order, **changes)


def assign(driver: Actor, order: str = "o1", reason: str = "by phone", **changes: Any) -> Command:
    return c.AssignDriver(id="c", order=order, driver=driver.user, reason=reason, **changes)


def override(reason: str = "no phone at hand", order: str = "o1") -> c.OverrideDelivery:
    return c.OverrideDelivery(id="c", order=order, photo="photo1", reason=reason)


def fail(reason: str = "nobody at home", order: str = "o1") -> c.FailDelivery:
    return c.FailDelivery(id="c", order=order, reason=reason)


def returned(order: str = "o1") -> c.ConfirmReturn:
    return c.ConfirmReturn(id="c", order=order)


def track(order: str = "o1") -> c.TrackOrder:
    return c.TrackOrder(id="c", order=order)


def right_code(version: int = 1, order: str = "o1") -> str:
    """What the customer would read out."""
    return code_of(vault(), order, version)


def wrong_code(version: int = 1, order: str = "o1") -> str:
    """Some other four digits."""
    return f"{(int(right_code(version, order)) + 1) % 10_000:04d}"


def convert(house: House, fields: dict[str, Any]) -> Command:
    """A command of another domain, as it stands on the wire."""
    return msgspec.convert({"id": "c"} | fields, house.core.registry.commands[fields["type"]])


def town(house: House, **settings: Any) -> House:
    """Zone z1, and a shop s1 whose owner is KEEPER."""
    house.given((BOSS, create_zone(**settings)))
    shop = {"type": "shop.create", "shop": "s1", "name": "Bread", "category": "food"}
    return house.given((KEEPER, convert(house, shop | {"address": "1 Market Street"})))


def held(house: House, order: str = "o1", fee: int = 0, carrier: str = "") -> House:
    """The money of an order is in escrow; `fee` of it is the carrier's, or of whoever brings it."""
    house.deposit(CUSTOMER.user, TOTAL)
    shares = [ShareTerms(KEEPER.user, "seller", TOTAL - fee)]
    if fee:
        shares.append(ShareTerms(carrier, "carrier", fee))
    opened = Open(
        id="c",
        escrow=f"order.{order}",
        payer=CUSTOMER.user,
        currency="NGN",
        total=TOTAL,
        shares=tuple(shares),
    )
    return house.given((BOSS, opened), (CUSTOMER, Fund(id="c", escrow=f"order.{order}")))


def ordered(house: House, order: str = "o1", **terms: Any) -> House:
    """An order waits for its shop."""
    return held(house, order).given((HOOK, paid(order, **terms)))


def searching(house: House, *drivers: Actor, order: str = "o1", **terms: Any) -> House:
    """These drivers are at the shop, and have an offer of the order if they may."""
    for driver in drivers:
        house.given((driver, online()))
    return ordered(house, order, **terms).given((KEEPER, accept_order(order)))


def assigned(house: House, driver: Actor = ANN, order: str = "o1", **terms: Any) -> House:
    """The driver has the job."""
    searching(house, driver, order=order, **terms)
    return house.given((driver, take(offer_to(house, driver, order))))


def out_for_delivery(house: House, driver: Actor = ANN, order: str = "o1") -> House:
    """The driver has the package."""
    return assigned(house, driver, order).given((driver, pick_up(order)))


def unassigned(house: House) -> House:
    """Nobody was there to be asked."""
    return searching(house)


def zone_of(house: House, room: str = ROOM) -> Zone:
    found = house.state(room)
    assert isinstance(found, Zone)
    return found


def job_of(house: House, order: str = "o1", room: str = ROOM) -> Job:
    return zone_of(house, room).jobs[order]


def offer_to(house: House, driver: Actor, order: str = "o1", room: str = ROOM) -> str:
    """The latest offer of an order to a driver."""
    state = zone_of(house, room)
    mine = [n for n in state.jobs[order].offers if state.offers[n].driver == driver.user]
    assert mine, f"{driver.user} has no offer"
    return mine[-1]


def asked(house: House, order: str = "o1", room: str = ROOM) -> set[str]:
    """Who has an open offer."""
    state = zone_of(house, room)
    return {state.offers[name].driver for name in state.jobs[order].open}


def keep_fresh(house: House, ms: int, *drivers: tuple[Actor, Place]) -> House:
    """Let time pass while drivers ping every ten seconds."""
    end = house.now + ms
    while house.now < end:
        house.advance(min(10 * SECOND, end - house.now))
        for driver, pos in drivers:
            house.when(driver, ping(pos)).then_accepted()
    return house
