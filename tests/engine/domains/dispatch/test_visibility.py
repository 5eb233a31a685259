"""Who may see what (dispatch 10, T1, T2)."""

from typing import Any

import msgspec
import pytest

from engine.contract import Context, Person
from engine.domains.dispatch.terms import PING_MS, PROMISE_MS
from engine.kernel.actor import ANYONE, Actor
from engine.kernel.time import MINUTE
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    BOSS,
    CUSTOMER,
    DELIVERY,
    DROPOFF,
    HOOK,
    KEEPER,
    MOD,
    RIVAL,
    ROOM,
    STRANGER,
    assigned,
    at_door,
    at_shop,
    code,
    decline,
    keep_fresh,
    north,
    offer_to,
    online,
    ordered,
    out_for_delivery,
    override,
    pick_up,
    ping,
    rate,
    release,
    right_code,
    searching,
    take,
    track,
    unassigned,
)

PARTIES = {CUSTOMER: "customer", KEEPER: "shop", ANN: "driver", MOD: "staff", HOOK: "staff"}


def said(value: object) -> str:
    """As it stands on the wire."""
    return msgspec.json.encode(value).decode()


def test_a_zone_is_for_operators(house: House) -> None:
    """Drivers, offers and who declined: nobody else."""
    searching(house, ANN)
    for actor in (CUSTOMER, KEEPER, ANN, STRANGER, ANYONE):
        assert house.audience(actor, ROOM) == ""
    for actor in (MOD, BOSS, HOOK):
        assert house.audience(actor, ROOM) == "staff"
    view = house.view(MOD, ROOM)
    assert view["drivers"]["ann"]["offers"] == [offer_to(house, ANN)]
    assert view["jobs"]["o1"]["offers"][offer_to(house, ANN)]["distance_m"] == 0


def test_a_zone_that_nobody_has_created_is_not_there(house: House) -> None:
    """No snapshot."""
    domain = house.core.rooms[ROOM].domain
    assert domain.view(domain.initial(), house.core.context("zone:zz", MOD)) is None
    domain = house.core.registry.domains["delivery"]
    assert domain.view(domain.initial(), house.core.context("delivery:zz", MOD)) is None


def test_classes_of_a_delivery(house: House) -> None:
    """The parties and operators; the driver from the assignment on, until they give it back."""
    ordered(house)
    assert house.audience(ANN, DELIVERY) == ""
    assigned(house, order="o2")
    for actor, expected in PARTIES.items():
        assert house.audience(actor, "delivery:o2") == expected
    for actor in (RIVAL, BEN, STRANGER, ANYONE, Actor("", "user")):
        assert house.audience(actor, "delivery:o2") == ""
    house.given((ANN, release("o2")))
    assert house.audience(ANN, "delivery:o2") == ""


def test_the_timeline_tells_of_each_stop(house: House) -> None:
    """T2: each step with its state, in order; to arrive changes the state at neither end."""
    assigned(house).given((ANN, at_shop()), (ANN, pick_up()), (ANN, at_door()))
    house.given((ANN, code(right_code())))
    lines = house.view(CUSTOMER, DELIVERY)["timeline"]
    assert [(line["status"], line["note"]) for line in lines] == [
        ("PENDING_SHOP_APPROVAL", None),
        ("ACCEPTED_BY_SHOP", None),
        ("DRIVER_ASSIGNED", None),
        ("DRIVER_ASSIGNED", "ARRIVED_PICKUP"),
        ("OUT_FOR_DELIVERY", None),
        ("OUT_FOR_DELIVERY", "ARRIVED_DROPOFF"),
        ("COMPLETED", None),
    ]


def test_a_promise_is_kept_whoever_brings_it(house: House) -> None:
    """F2: from the shop's yes, also when a driver gives the job back later."""
    assigned(house)
    promise = house.view(CUSTOMER, DELIVERY)["promise"]
    house.advance(MINUTE).given((ANN, release()))
    assert house.view(CUSTOMER, DELIVERY)["promise"] == promise


def test_only_parties_track(house: House) -> None:
    """TrackOrder: the snapshot, for the parties."""
    assigned(house)
    house.when(CUSTOMER, track()).then_nothing_happened()
    assert house.result == house.view(CUSTOMER, DELIVERY)
    house.when(STRANGER, track()).then_rejected("FORBIDDEN")
    house.when(CUSTOMER, track("o9")).then_rejected("ORDER_NOT_FOUND", order="o9")


def test_the_tracking_reply(house: House) -> None:
    """T2: null while nobody is assigned; then name, phone, rating, position and ETA."""
    house.given((BOSS, rate(ANN, 480)))
    view = ordered(house).view(CUSTOMER, DELIVERY)
    assert (view["order"], view["number"], view["driver"], view["eta"]) == ("o1", "o1", None, None)
    assert view["promise"] is None
    searching(house, ANN, order="o2")
    accepted_at = house.now
    house.advance(1).given((ANN, take(offer_to(house, ANN, "o2"))))
    view = house.view(CUSTOMER, "delivery:o2")
    assert view["driver"]["rating"] == 480
    assert view["driver"]["pos"] == {"lat": north(0).lat, "lon": north(0).lon}
    assert {"name", "phone", "pos_at"} <= view["driver"].keys()
    assert view["promise"] == [accepted_at + ms for ms in PROMISE_MS]
    assert view["eta"] == house.now + 2_000 * 200 + 3 * MINUTE
    house.given((ANN, pick_up("o2"))).advance(PING_MS).given((ANN, ping(north(200))))
    assert house.view(CUSTOMER, "delivery:o2")["eta"] == house.now + 1_800 * 200


class Known:
    """A context in which people have given name and phone."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    def card(self, room: str) -> Any:
        if not room.startswith("identity:"):
            return self._ctx.card(room)
        user = room.removeprefix("identity:")
        return Person(user.title(), is_active=True, phone=f"phone of {user}")


def test_names_and_phones_are_for_whom_they_concern(house: House) -> None:
    """Dispatch 10: the customer and the driver of a delivery may call each other, the shop knows
    the driver's name and nobody's phone."""
    out_for_delivery(house)
    domain, state = house.core.rooms[DELIVERY].domain, house.state(DELIVERY)
    views = {
        who: domain.view(state, Known(house.core.context(DELIVERY, who)))
        for who in (CUSTOMER, ANN, KEEPER)
    }
    assert {view["driver"]["name"] for view in views.values()} == {"Ann"}
    assert views[CUSTOMER]["driver"]["phone"] == "phone of ann"
    assert views[ANN]["customer_phone"] == "phone of carla"
    assert "phone of" not in said(views[KEEPER])


def test_the_driver_is_shown_until_the_completion(house: House) -> None:
    """T4: not before, not after; the shop sees name and position, no phone, no rating."""
    out_for_delivery(house)
    assert set(house.view(KEEPER, DELIVERY)["driver"]) == {"name", "pos", "pos_at"}
    assert "phone" in house.view(CUSTOMER, DELIVERY)["driver"]
    house.given((ANN, code(right_code())))
    for actor in (CUSTOMER, KEEPER, ANN):
        assert house.view(actor, DELIVERY)["driver"] is None
    assert house.view(MOD, DELIVERY)["driver_id"] == "ann"


def test_the_address_is_shown_to_the_driver_while_on_the_way(house: House) -> None:
    """Customer address and phone: to the driver from DRIVER_ASSIGNED to COMPLETED; to the shop
    without the phone."""
    out_for_delivery(house)
    view = house.view(ANN, DELIVERY)
    assert view["dropoff_address"] == "2 Harbour Street"
    assert "customer_phone" in view
    assert "customer_phone" not in house.view(KEEPER, DELIVERY)
    house.given((MOD, override()))
    assert "2 Harbour Street" not in said(house.view(ANN, DELIVERY))
    assert "2 Harbour Street" in said(house.view(CUSTOMER, DELIVERY))


def test_who_is_only_asked_learns_area_and_distance(house: House) -> None:
    """An offer has the shop's address, and of the customer's the area."""
    searching(house, ANN)
    heard = said(house.history(ANN, "user:ann"))
    assert "1 Market Street" in heard
    assert "Harbour" in heard
    for secret in ("2 Harbour Street", str(DROPOFF.lat), CUSTOMER.user):
        assert secret not in heard


def test_who_else_was_asked_is_for_operators(house: House) -> None:
    """Neither customer, shop nor driver learns who was offered the job, or declined it."""
    house.given((BEN, online()))
    searching(house, ANN).given((BEN, decline(offer_to(house, BEN), "too heavy")))
    house.given((ANN, take(offer_to(house, ANN))))
    for actor in (CUSTOMER, KEEPER, ANN):
        seen = said([house.view(actor, DELIVERY), house.history(actor, DELIVERY)])
        assert "ben" not in seen
        assert "too heavy" not in seen
    assert "too heavy" in said(house.history(MOD, ROOM))


def test_no_driver_found_is_for_shop_and_operators(house: House) -> None:
    """NO_DRIVER_FOUND: the customer sees an accepted order."""
    unassigned(house)
    assert "NO_DRIVER_FOUND" in said(house.view(KEEPER, DELIVERY))
    assert "NO_DRIVER_FOUND" in said(house.history(KEEPER, DELIVERY))
    for actor in (CUSTOMER,):
        seen = said([house.view(actor, DELIVERY), house.history(actor, DELIVERY)])
        assert "NO_DRIVER_FOUND" not in seen
    assert house.view(CUSTOMER, DELIVERY)["status"] == "ACCEPTED_BY_SHOP"


@pytest.mark.parametrize("actor", [CUSTOMER, KEEPER, ANN], ids=lambda actor: actor.user)
def test_events_name_nobody(house: House, actor: Actor) -> None:
    """A feed's past is shown for ever, so it holds a status and a note, and no driver."""
    out_for_delivery(house)
    for data in house.history(actor, DELIVERY):
        assert data.keys() == {"status", "note"}


def test_events_are_shown_alike_now_and_later(house: House) -> None:
    """What each party was shown as it happened is what history says."""
    searching(house, ANN)
    before = {actor: house.history(actor, DELIVERY) for actor in (CUSTOMER, KEEPER)}
    house.given((ANN, take(offer_to(house, ANN))), (ANN, pick_up()), (ANN, code(right_code())))
    keep_fresh(house, MINUTE)
    for actor, seen in before.items():
        assert house.history(actor, DELIVERY)[: len(seen)] == seen


def test_no_payload_holds_the_code(house: House) -> None:
    """Invariant 7: to driver and shop neither in feeds nor in snapshots; nor to operators."""
    out_for_delivery(house)
    rooms = (DELIVERY, ROOM, "user:ann", "user:keeper")
    for actor in (ANN, KEEPER, MOD):
        for room in rooms:
            if house.audience(actor, room):
                seen = said([house.view(actor, room), house.history(actor, room)])
                assert f'"{right_code()}"' not in seen
