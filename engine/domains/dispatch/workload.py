"""A maker of commands, plausible and not, from a source of chance that is handed in.

Mostly somebody does the next step of what an operator last saw of the zones: an order is paid,
offered, accepted, picked up and delivered. Now and then anybody does anything.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from engine.contract import Command, Dice, Stage
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.decide_delivery import code_of
from engine.domains.dispatch.geo import Place, units_north
from engine.domains.dispatch.terms import Mode, Neighbour, ShopApproval, zone_room
from engine.kernel.actor import ADMIN, DRIVER, SHOPKEEPER, SYSTEM, USER, Actor
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms

ZONES = ("z1", "z2")
CENTRES = {"z1": Place(65_000_000, 34_000_000), "z2": Place(65_300_000, 34_000_000)}
"""Two towns side by side, three kilometres apart."""
RADIUS_M = 3_000

Asked = tuple[Actor, Command]


class Turn(Struct, frozen=True):
    """Where a run stands when it asks for the next command."""

    stage: Stage
    zone: str
    order: str
    """One of those that are about."""
    shop: str
    driver: str
    customer: str
    staff: str
    jobs: Mapping[str, Any]
    """Of all zones, as last seen."""
    drivers: Mapping[str, Any]
    """Of the driver's zone."""

    @property
    def id(self) -> str:
        """The id that the command is to have."""
        return self.stage.id

    @property
    def job(self) -> Mapping[str, Any] | None:
        """The order's, if there is one yet."""
        return self.jobs.get(self.order)


Maker = Callable[[Dice, Turn], Asked]


def workload(dice: Dice, stage: Stage) -> Asked:
    """The domain's `contract.Workload`."""
    thing = dice.choice(stage.things)
    users = stage.people[USER]
    seen = {zone: stage.look(zone_room(zone)) for zone in ZONES}
    driver = dice.choice(stage.people.get(DRIVER) or users)
    home = _home_of(driver)
    turn = Turn(
        stage,
        ZONES[thing % len(ZONES)],
        f"d{thing}.{dice.randrange(0, ORDERS)}",
        f"s{thing}",
        driver,
        # The customer of an order is always the same one.
        users[thing % len(users)],
        dice.choice(stage.people[ADMIN]),
        {order: job for shown in seen.values() if shown for order, job in shown["jobs"].items()},
        (seen[home] or {"drivers": {}})["drivers"],
    )
    if seen[turn.zone] is None and dice.randrange(0, 4):
        return _create(dice, turn)
    if not dice.randrange(0, 16):
        return dice.choice(_ANYTHING)(dice, turn)
    if not dice.randrange(0, 3):
        return _appear(dice, turn)
    return _next(dice, turn)


ORDERS = 2
"""Of each thing."""


def _home_of(driver: str) -> str:
    """The zone that a driver works in."""
    return ZONES[sum(driver.encode()) % len(ZONES)]


def _next(dice: Dice, turn: Turn) -> Asked:
    """What the order needs."""
    job = turn.job
    if job is None:
        return _further(dice, turn)
    return dice.choice(_STEPS.get(job["status"], (_appear, _further)))(dice, turn)


def _create(_: Dice, turn: Turn) -> Asked:
    other = ZONES[1 - ZONES.index(turn.zone)]
    command = c.CreateZone(
        id=turn.id,
        zone=turn.zone,
        centre=CENTRES[turn.zone],
        radius_m=RADIUS_M,
        neighbours=(Neighbour(other, CENTRES[other], RADIUS_M),),
    )
    return Actor(turn.staff, ADMIN, "approved"), command


def _configure(dice: Dice, turn: Turn) -> Asked:
    modes: tuple[Mode, ...] = ("broadcast", "broadcast", "cascade", "batched")
    command = c.ConfigureZone(id=turn.id, zone=turn.zone, mode=dice.choice(modes))
    return Actor(turn.staff, ADMIN, "approved"), command


def _place(dice: Dice, turn: Turn) -> Place:
    """Somewhere in the zone."""
    centre = CENTRES[turn.zone]
    reach = units_north(RADIUS_M) // 2
    return Place(
        centre.lat + dice.randrange(-reach, reach), centre.lon + dice.randrange(-reach, reach)
    )


def _spot(dice: Dice, turn: Turn) -> Place:
    """Where the driver waits: always at much the same place, for jumps are not believed."""
    centre = CENTRES[_home_of(turn.driver)]
    north = sum(turn.driver.encode()) % 7 * units_north(100)
    return Place(centre.lat + north + dice.randrange(0, units_north(30)), centre.lon)


def _driver(turn: Turn) -> Actor:
    return Actor(turn.driver, DRIVER, "approved")


def _courier(turn: Turn) -> Actor:
    """Who has the job of the order."""
    name = turn.job["driver"] if turn.job else None
    return Actor(name or turn.driver, DRIVER, "approved")


def _staff(turn: Turn) -> Actor:
    return Actor(turn.staff, ADMIN, "approved")


def _online(dice: Dice, turn: Turn) -> Asked:
    zone = _home_of(turn.driver) if dice.randrange(0, 12) else turn.zone
    return _driver(turn), c.GoOnline(id=turn.id, zone=zone, pos=_spot(dice, turn))


def _appear(dice: Dice, turn: Turn) -> Asked:
    """Whoever is seen online moves, others come online."""
    if turn.drivers.get(turn.driver, {"state": "OFFLINE"})["state"] == "OFFLINE":
        return _online(dice, turn)
    return _move(dice, turn)


def _offline(_: Dice, turn: Turn) -> Asked:
    return _driver(turn), c.GoOffline(id=turn.id)


def _move(dice: Dice, turn: Turn) -> Asked:
    zone = _home_of(turn.driver)
    return _driver(turn), c.UpdateLocation(id=turn.id, zone=zone, pos=_spot(dice, turn))


def _open_escrow(_: Dice, turn: Turn) -> Asked:
    """The order is drawn up; it is paid by a command of its own."""
    command = Open(
        id=turn.id,
        escrow=f"order.{turn.order}",
        payer=turn.customer,
        currency=turn.stage.currency,
        total=1_000,
        shares=(ShareTerms("shop-owner", "seller", 1_000),),
    )
    return Actor(turn.staff, ADMIN, "approved"), command


def _fund(_: Dice, turn: Turn) -> Asked:
    return Actor(turn.customer, USER, "approved"), Fund(id=turn.id, escrow=f"order.{turn.order}")


def _paid(dice: Dice, turn: Turn) -> Asked:
    approvals: tuple[ShopApproval, ...] = ("auto", "auto", "required")
    command = c.OrderPaid(
        id=turn.id,
        zone=turn.zone,
        order=turn.order,
        shop=turn.shop,
        customer=turn.customer,
        pickup=_place(dice, turn),
        pickup_address="1 Market Street",
        dropoff=_place(dice, turn),
        dropoff_address="2 Harbour Street",
        currency=turn.stage.currency,
        shop_approval=dice.choice(approvals),
    )
    return Actor(turn.staff, ADMIN, "approved"), command


def _further(dice: Dice, turn: Turn) -> Asked:
    """An order goes one step on: drawn up, paid, and told to the zone."""
    escrow = turn.stage.look(f"escrow:order.{turn.order}") or {"status": "absent"}
    steps = {"absent": _open_escrow, "funding": _fund}
    return steps.get(escrow["status"], _paid)(dice, turn)


def _answer(dice: Dice, turn: Turn) -> Asked:
    """Mostly an own offer is accepted."""
    offers = (turn.job or {"offers": {}})["offers"]
    found = [(name, offer["driver"]) for name, offer in offers.items()]
    offer, driver = dice.choice(found or [(f"1-1.{turn.zone}", turn.driver)])
    if not dice.randrange(0, 12):
        driver = turn.driver
    actor = Actor(driver, DRIVER, "approved")
    if dice.randrange(0, 8):
        return actor, c.AcceptOffer(id=turn.id, offer=offer)
    return actor, c.DeclineOffer(id=turn.id, offer=offer, reason="too far")


def _pick_up(dice: Dice, turn: Turn) -> Asked:
    commands: tuple[Command, ...] = (
        c.ArriveAtShop(id=turn.id, order=turn.order),
        c.ConfirmPickup(id=turn.id, order=turn.order),
        c.ConfirmPickup(id=turn.id, order=turn.order),
        c.EnterDeliveryCode(id=turn.id, code="0000", order=turn.order),
    )
    return _courier(turn), dice.choice(commands)


def _give_back(_: Dice, turn: Turn) -> Asked:
    return _courier(turn), c.ReleaseDriver(id=turn.id, order=turn.order, reason="a flat tyre")


def _arrive(_: Dice, turn: Turn) -> Asked:
    return _courier(turn), c.ArriveAtCustomer(id=turn.id)


def _enter(dice: Dice, turn: Turn) -> Asked:
    """What the customer says, as often as not misheard."""
    code = f"{dice.randrange(0, 10_000):04d}"
    if turn.job and turn.stage.keys and dice.randrange(0, 2):
        code = code_of(turn.stage.keys, turn.order, turn.job["code_version"])
    order = dice.choice((None, turn.order))
    return _courier(turn), c.EnterDeliveryCode(id=turn.id, code=code, order=order)


def _ask(dice: Dice, turn: Turn) -> Asked:
    """A customer looks, has the code replaced, or wants out."""
    commands: tuple[Command, ...] = (
        c.TrackOrder(id=turn.id, order=turn.order),
        c.ReissueCode(id=turn.id, order=turn.order),
        c.CancelOrder(id=turn.id, order=turn.order),
    )
    return Actor(turn.customer, USER, "approved"), dice.choice(commands)


def _assign(_: Dice, turn: Turn) -> Asked:
    home = _home_of(turn.driver)
    zone = None if home == turn.zone else home
    command = c.AssignDriver(
        id=turn.id, order=turn.order, driver=turn.driver, driver_zone=zone, reason="it is late"
    )
    return _staff(turn), command


def _free(_: Dice, turn: Turn) -> Asked:
    command = c.FreeDriver(
        id=turn.id, zone=_home_of(turn.driver), driver=turn.driver, reason="that market is gone"
    )
    return _staff(turn), command


def _retry(_: Dice, turn: Turn) -> Asked:
    return _staff(turn), c.RetrySearch(id=turn.id, order=turn.order, ask_again=True)


def _fail(_: Dice, turn: Turn) -> Asked:
    return _staff(turn), c.FailDelivery(id=turn.id, order=turn.order, reason="nobody is there")


def _override(_: Dice, turn: Turn) -> Asked:
    command = c.OverrideDelivery(
        id=turn.id, order=turn.order, photo="f1", reason="a photo shows it"
    )
    return _staff(turn), command


def _call_off(dice: Dice, turn: Turn) -> Asked:
    command = c.CancelOrder(id=turn.id, order=turn.order, reason=dice.choice(("by request", "")))
    return _staff(turn), command


def _shop(turn: Turn) -> Actor:
    """The shop's owner, as far as anybody has looked."""
    shown = turn.stage.look(f"shop:{turn.shop}") or {}
    keepers = turn.stage.people.get(SHOPKEEPER) or [turn.staff]
    return Actor(shown.get("owner", keepers[0]), SHOPKEEPER, "approved")


def _returned(_: Dice, turn: Turn) -> Asked:
    return _shop(turn), c.ConfirmReturn(id=turn.id, order=turn.order)


def _reject(_: Dice, turn: Turn) -> Asked:
    return _shop(turn), c.ShopReject(id=turn.id, order=turn.order, reason="sold out")


def _accept(dice: Dice, turn: Turn) -> Asked:
    """The shop says yes, or the house for it."""
    people = turn.stage.people.get(SYSTEM)
    house = Actor(people[0] if people else turn.staff, SYSTEM)
    return dice.choice((house, _shop(turn))), c.ShopAccept(id=turn.id, order=turn.order)


_ANYTHING: tuple[Maker, ...] = (
    *(_create, _configure, _appear, _move, _offline, _further, _paid, _accept, _answer),
    *(_pick_up, _give_back, _arrive, _enter, _ask, _assign, _retry, _fail, _override),
    *(_call_off, _returned, _reject, _free),
)
_STEPS: Mapping[str, tuple[Maker, ...]] = {
    "PENDING_SHOP_APPROVAL": (*(_accept,) * 4, _reject, _ask),
    "SEARCHING": (*(_answer,) * 6, *(_appear,) * 4, _call_off),
    "UNASSIGNED": (_retry, _retry, _assign, _appear, _appear),
    "DRIVER_ASSIGNED": (*(_pick_up,) * 8, _give_back, _give_back, _ask),
    "OUT_FOR_DELIVERY": (*(_enter,) * 8, _arrive, _ask, _fail, _override),
    "RETURNING": (_returned,),
}
"""By the order's state, each as often as it stands here."""
