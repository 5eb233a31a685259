"""A town with a delivery zone, over the wire: its shop, its drivers, and orders that are paid."""

from typing import Any, Protocol

from engine.domains.dispatch import events as e
from engine.domains.dispatch.geo import Place, units_north
from engine.domains.dispatch.terms import (
    CASCADE_MS,
    LOCK_AT,
    NO_DELIVERY_MS,
    NO_PICKUP_MS,
    OFFER_MS,
    SHOP_MS,
    STALE_MS,
)
from engine.kernel.time import SECOND
from tests.e2e.walk import BOSS, Walk

KEEPER = "kit"
CUSTOMER = "cleo"
DAN, DEB, DOT = "dan", "deb", "dot"
FAR = "fay"
"""Drives in the neighbour zone."""
TOTAL = 10_00
CENTRE = Place(65_000_000, 34_000_000)
NEIGHBOUR = 12_000
"""So many metres north of the centre lies the other zone's."""
RADIUS_M = 8_000

JOBS = (
    *("plain", "wrong", "fail", "slow", "none", "abroad", "batch", "line", "spare", "second"),
    *("third", "silent", "refused", "regret"),
)
ROOMS = (
    "zone:z1",
    "zone:z2",
    *(f"delivery:{job}" for job in JOBS),
    *(f"user:{name}" for name in (KEEPER, CUSTOMER, DAN, DEB, DOT, FAR)),
)
UNREACHABLE = {
    "dispatch.claim_returned",
    "dispatch.claim_revoked",
    "dispatch.offer_open_again",
}
"""Inside one process a neighbour answers in the same step, so nobody gives up waiting and nobody
comes second meanwhile. tests/engine/domains/dispatch/test_neighbours.py has two processes, and
test_markets.py two markets."""

CAUSES = {
    ("dispatch.ops_alerted", "alert"): e.Alert,
    ("dispatch.job_cancelled", "cause"): e.CancelCause,
    ("dispatch.driver_offline", "cause"): e.OfflineCause,
    ("dispatch.driver_assigned", "cause"): e.AssignCause,
    ("dispatch.offers_returned", "cause"): e.ReturnCause,
    ("dispatch.driver_arrived", "stop"): e.Stop,
}
"""Fields that have a fixed number of words: each of these is reached."""


class Refused(Protocol):
    """What takes note of refusals."""

    heard: set[str]

    async def no(self, code: str, user: str, type_: str, /, **fields: Any) -> None: ...


def north(metres: int) -> dict[str, int]:
    """A place so far north of the centre, as the wire has it."""
    return {"lat": CENTRE.lat + units_north(metres), "lon": CENTRE.lon}


async def open_town(walk: Walk, **settings: Any) -> None:
    """Two zones that know each other, and a shop."""
    for zone, other, metres in (("z1", "z2", 0), ("z2", "z1", NEIGHBOUR)):
        neighbour = {"zone": other, "centre": north(NEIGHBOUR - metres), "radius_m": RADIUS_M}
        circle = {"centre": north(metres), "radius_m": RADIUS_M, "neighbours": [neighbour]}
        await walk.must(BOSS, "dispatch.create_zone", zone=zone, **circle, **settings)
    address = {"name": "Bread", "address": "1 Market Street", "category": "food"}
    await walk.must(KEEPER, "shop.create", shop="bread", **address)


async def online(walk: Walk, driver: str, metres: int = 0, zone: str = "z1") -> None:
    """A driver wants offers, so far north of the shop."""
    await walk.must(driver, "dispatch.go_online", zone=zone, pos=north(metres))


async def ping(walk: Walk, driver: str, metres: int = 0) -> Any:
    """A driver says where they are; the result."""
    return (await walk.must(driver, "dispatch.update_location", pos=north(metres))).result


async def paid(walk: Walk, order: str, **terms: Any) -> None:
    """An order is paid into escrow, and its zone is told. The shop says yes at once, unless the
    terms say otherwise."""
    share = {"payee": KEEPER, "kind": "seller", "gross": TOTAL}
    plan = {"payer": CUSTOMER, "currency": "USD", "total": TOTAL, "shares": [share]}
    await walk.must("robot", "escrow.open", escrow=f"order.{order}", **plan)
    await walk.capture(CUSTOMER, TOTAL, f"escrow:order.{order}")
    await walk.must("robot", "dispatch.order_paid", **order_terms(order) | terms)


def order_terms(order: str) -> dict[str, Any]:
    """What the zone is told of an order."""
    return {
        "zone": "z1",
        "order": order,
        "shop": "bread",
        "customer": CUSTOMER,
        "pickup": north(0),
        "pickup_address": "1 Market Street",
        "dropoff": north(2_000),
        "dropoff_address": "2 Harbour Street",
        "currency": "USD",
        "shop_approval": "auto",
    }


async def job(walk: Walk, order: str) -> Any:
    """How an operator sees the job."""
    return (await walk.door.room("zone:z1", walk.token(BOSS)))["jobs"][order]


async def offer(walk: Walk, order: str, driver: str) -> str:
    """The latest offer of an order to a driver."""
    offers = (await job(walk, order))["offers"]
    found = [name for name, line in offers.items() if line["driver"] == driver]
    assert found, f"{driver} has no offer of {order}"
    return max(found, key=lambda name: int(name.partition(".")[0].partition("-")[2]))


async def take(walk: Walk, order: str, driver: str) -> Any:
    """A driver accepts an offer that is still open; the result."""
    name = await offer(walk, order, driver)
    return (await walk.must(driver, "dispatch.accept_offer", offer=name)).result


async def right_code(walk: Walk, order: str) -> str:
    """What the customer reads off the screen."""
    shown = await walk.must(CUSTOMER, "dispatch.show_delivery_code", order=order)
    found: str = shown.result["code"]
    return found


async def wrong_code(walk: Walk, order: str) -> str:
    """Some other digits."""
    return f"{(int(await right_code(walk, order)) + 1) % 10_000:04d}"


async def override(walk: Walk, order: str) -> None:
    """Operators end a delivery."""
    why = {"photo": "photo1", "reason": "no phone at hand"}
    await walk.must(BOSS, "dispatch.override_delivery", order=order, **why)


# Every event.


async def deliveries(walk: Walk) -> None:
    """All that can become of an order, and of a driver."""
    await open_town(walk)
    await drivers_come_and_go(walk)
    await the_plain_way(walk)
    await wrong_codes(walk)
    await a_failed_delivery(walk)
    await a_slow_driver(walk)
    await nobody_is_there(walk)
    await over_the_border(walk)
    await other_modes(walk)
    await offers_go_back(walk)
    await orders_end_early(walk)


async def drivers_come_and_go(walk: Walk) -> None:
    """Moves, a jump, a lost connection that comes back, and one that does not."""
    await walk.must(BOSS, "dispatch.rate_driver", zone="z1", driver=DAN, rating=480)
    await online(walk, DAN)
    await walk.advance(5 * SECOND)
    await ping(walk, DAN, 150)
    await walk.advance(5 * SECOND)
    await ping(walk, DAN, 9_000)
    ear = await walk.client(BOSS)
    await ear.subscribe("zone:z1")
    await walk.leave(DAN)
    await ear.hear(event="dispatch.driver_away")
    await walk.must(DAN, "ping")
    await ear.hear(event="dispatch.driver_back")
    await walk.leave(DAN)
    await ear.hear(event="dispatch.driver_away")
    await walk.advance(31 * SECOND)
    await ear.hear(event="dispatch.driver_offline")


async def the_plain_way(walk: Walk) -> None:
    """Two are asked, one is first; the shop objects to the pick-up, and the code is right."""
    await online(walk, DAN)
    await online(walk, DEB, 100)
    await paid(walk, "plain", shop_approval="required")
    await walk.must(KEEPER, "dispatch.shop_accept", order="plain")
    await take(walk, "plain", DAN)
    await walk.must(DAN, "dispatch.arrive_at_shop", order="plain")
    await walk.must(DAN, "dispatch.confirm_pickup", order="plain")
    await walk.must(KEEPER, "dispatch.object_pickup", order="plain", reason="the wrong bag")
    await walk.must(DAN, "dispatch.arrive_at_customer")
    code = await right_code(walk, "plain")
    await walk.must(DAN, "dispatch.enter_delivery_code", code=code)


async def wrong_codes(walk: Walk) -> None:
    """One gives the job back, the other types five wrong codes, and operators end it."""
    await paid(walk, "wrong")
    await take(walk, "wrong", DAN)
    why = {"reason": "a flat tyre"}
    await walk.must(DAN, "dispatch.release_driver", order="wrong", **why)
    await take(walk, "wrong", DEB)
    await walk.must(DEB, "dispatch.confirm_pickup", order="wrong")
    await walk.must(CUSTOMER, "dispatch.reissue_code", order="wrong")
    digits = await wrong_code(walk, "wrong")
    for _ in range(LOCK_AT):
        refused = await walk.ask(DEB, "dispatch.enter_delivery_code", code=digits)
        assert refused.code == "DELIVERY_CODE_INVALID"
    await override(walk, "wrong")


async def a_failed_delivery(walk: Walk) -> None:
    """Nobody opens; the package goes back to the shop."""
    await paid(walk, "fail")
    declined = await offer(walk, "fail", DEB)
    await walk.must(DEB, "dispatch.decline_offer", offer=declined, reason="too far")
    await take(walk, "fail", DAN)
    await walk.must(DAN, "dispatch.confirm_pickup", order="fail")
    await walk.must(BOSS, "dispatch.fail_delivery", order="fail", reason="nobody at home")
    await walk.must(KEEPER, "dispatch.confirm_return", order="fail")


async def a_slow_driver(walk: Walk) -> None:
    """Late at the shop, silent, gone, and late at the door: operators hear of all of it."""
    await paid(walk, "slow")
    await take(walk, "slow", DAN)
    # Heard of once more, which is written down when it is the last that was heard.
    await walk.advance(5 * SECOND)
    await ping(walk, DAN)
    await walk.advance(STALE_MS)
    await walk.advance(NO_PICKUP_MS)
    await walk.must(DAN, "dispatch.confirm_pickup", order="slow")
    ear = await walk.client(BOSS)
    await walk.leave(DAN)
    await ear.hear(event="dispatch.driver_away")
    await walk.advance(31 * SECOND)
    await walk.advance(NO_DELIVERY_MS)
    await override(walk, "slow")
    await walk.must(DEB, "dispatch.go_offline")


async def nobody_is_there(walk: Walk) -> None:
    """UNASSIGNED; a retry that expires; and an operator who has somebody on the phone."""
    await walk.must(DAN, "ping")
    await paid(walk, "none")
    await ping(walk, DAN)
    await walk.must(KEEPER, "dispatch.retry_search", order="none")
    await walk.advance(3 * OFFER_MS)
    call = {"order": "none", "reason": "by phone"}
    unknown = {"driver": "nobody", "driver_zone": "z2"}
    await walk.must(BOSS, "dispatch.assign_driver", **call, **unknown)
    await walk.must(BOSS, "dispatch.assign_driver", **call, driver=DAN)
    await walk.must(BOSS, "dispatch.cancel_order", order="none", reason="the shop has burnt down")


async def over_the_border(walk: Walk) -> None:
    """A driver of the neighbour zone is asked, claimed, and given back."""
    await online(walk, FAR, 4_000, "z2")
    await paid(walk, "abroad")
    assert (await take(walk, "abroad", FAR))["status"] == "claiming"
    await walk.must(FAR, "dispatch.confirm_pickup", order="abroad")
    await override(walk, "abroad")
    await walk.must(FAR, "dispatch.go_offline")


async def other_modes(walk: Walk) -> None:
    """Batched, and one after the other."""
    await walk.must(BOSS, "dispatch.configure_zone", zone="z1", mode="batched")
    await walk.advance(5 * SECOND)
    await ping(walk, DAN)
    await paid(walk, "batch")
    await walk.advance(2 * SECOND)
    await take(walk, "batch", DAN)
    await walk.must(BOSS, "dispatch.cancel_order", order="batch", reason="by request")
    await online(walk, DOT, 300)
    await paid(walk, "line", mode="cascade")
    await walk.advance(CASCADE_MS)
    await take(walk, "line", DOT)
    await walk.must(KEEPER, "dispatch.cancel_order", order="line")


async def offers_go_back(walk: Walk) -> None:
    """One driver leaves, another takes another job, and an order is called off."""
    await ping(walk, DAN)
    await paid(walk, "spare", mode="broadcast")
    await walk.must(DOT, "dispatch.go_offline")
    await paid(walk, "second", mode="broadcast")
    await take(walk, "second", DAN)
    await online(walk, DEB)
    await paid(walk, "third", mode="broadcast")
    await walk.must(BOSS, "dispatch.cancel_order", order="third", reason="by request")


async def orders_end_early(walk: Walk) -> None:
    """The shop does not answer, or says no; the customer does not want it any more."""
    for order in ("silent", "refused", "regret"):
        await paid(walk, order, shop_approval="required")
    await walk.must(KEEPER, "dispatch.shop_reject", order="refused", reason="sold out")
    await walk.must(CUSTOMER, "dispatch.cancel_order", order="regret")
    await walk.advance(SHOP_MS)


# Every code.


async def codes_of_dispatch(walk: Walk, refusals: Refused) -> None:
    """All refusals of zones and deliveries."""
    await open_town(walk)
    await codes_of_orders(walk, refusals)
    await codes_of_offers(walk, refusals)
    await codes_of_the_door(walk, refusals)


async def codes_of_orders(walk: Walk, refusals: Refused) -> None:
    no = refusals.no
    await no("ESCROW_NOT_HELD", "robot", "dispatch.order_paid", **order_terms("plain"))
    await no("ORDER_NOT_FOUND", KEEPER, "dispatch.shop_accept", order="nothing")
    await no("ORDER_NOT_FOUND", CUSTOMER, "dispatch.track_order", order="nothing")
    circle = {"centre": north(0), "radius_m": RADIUS_M}
    await walk.must(BOSS, "dispatch.create_zone", zone="z3", **circle)
    await paid(walk, "lonely", zone="z3")
    await no("NO_DRIVER_FOUND", KEEPER, "dispatch.retry_search", order="lonely")
    await paid(walk, "plain")
    wrong_zone = {"order": "plain", "zone": "z2"}
    await no("ZONE_MISMATCH", KEEPER, "dispatch.retry_search", **wrong_zone)


async def codes_of_offers(walk: Walk, refusals: Refused) -> None:
    no = refusals.no
    nowhere = {"zone": "z1", "pos": {"lat": 2_000_000_000, "lon": 0}}
    await no("LOCATION_INVALID", DAN, "dispatch.go_online", **nowhere)
    await no("DRIVER_NOT_ELIGIBLE", DAN, "dispatch.go_offline")
    await online(walk, DAN)
    await online(walk, DEB)
    await walk.must(KEEPER, "dispatch.retry_search", order="plain")
    mine, other = [await offer(walk, "plain", who) for who in (DAN, DEB)]
    await no("OFFER_NOT_YOURS", DAN, "dispatch.accept_offer", offer=other)
    await walk.advance(OFFER_MS)
    await no("OFFER_EXPIRED", DAN, "dispatch.accept_offer", offer=mine)
    await take(walk, "plain", DAN)
    late = await offer(walk, "plain", DEB)
    await no("ORDER_TAKEN", DEB, "dispatch.accept_offer", offer=late)
    await no("DRIVER_BUSY", DAN, "dispatch.go_offline")


async def codes_of_the_door(walk: Walk, refusals: Refused) -> None:
    no, enter = refusals.no, "dispatch.enter_delivery_code"
    await no("NOT_ASSIGNED_DRIVER", DEB, enter, order="plain", code="0000")
    await no("ORDER_ID_MISMATCH", DAN, "dispatch.arrive_at_shop", order="another")
    await no("NOT_PICKED_UP", DAN, enter, code="0000")
    await walk.must(DAN, "dispatch.confirm_pickup", order="plain")
    for _ in range(3):
        await walk.must(CUSTOMER, "dispatch.reissue_code", order="plain")
    await no("CODE_REISSUE_LIMIT", CUSTOMER, "dispatch.reissue_code", order="plain")
    digits = await wrong_code(walk, "plain")
    for _ in range(LOCK_AT):
        await no("DELIVERY_CODE_INVALID", DAN, enter, code=digits)
    await no("DELIVERY_CODE_LOCKED", DAN, enter, code=await right_code(walk, "plain"))
