"""A maker of commands, plausible and not, from a source of chance that is handed in.

Mostly people do what suits the zone as an operator last saw it: drivers answer the offers that they
have, couriers deliver the jobs that they have. Now and then anybody does anything.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from engine.contract import Command, Dice, Stage
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.geo import Place, units_north
from engine.domains.dispatch.terms import Mode, Neighbour, ShopApproval, zone_room
from engine.kernel.actor import ADMIN, DRIVER, SYSTEM, USER, Actor
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms

ZONES = ("z1", "z2")
CENTRES = {"z1": Place(65_000_000, 34_000_000), "z2": Place(65_800_000, 34_000_000)}
"""Two towns side by side, nine kilometres apart."""
RADIUS_M = 6_000

Asked = tuple[Actor, Command]


class Turn(Struct, frozen=True):
    """Where a run stands when it asks for the next command."""

    stage: Stage
    zone: str
    order: str
    """One of those that are about."""
    driver: str
    customer: str
    staff: str
    jobs: Mapping[str, Any]
    """Of the zone, as last seen."""
    drivers: Mapping[str, Any]
    offers: Sequence[tuple[str, str]]
    """Those that were open then, and whose they were."""

    @property
    def id(self) -> str:
        """The id that the command is to have."""
        return self.stage.id


Maker = Callable[[Dice, Turn], Asked]


def workload(dice: Dice, stage: Stage) -> Asked:
    """The domain's `contract.Workload`."""
    thing = dice.choice(stage.things)
    users = stage.people[USER]
    drivers = stage.people.get(DRIVER) or users
    zone = dice.choice((*ZONES, ZONES[0], ZONES[0]))
    seen = stage.look(zone_room(zone))
    shown = seen or {"jobs": {}, "drivers": {}}
    turn = Turn(
        stage,
        zone,
        f"d{thing}",
        dice.choice(drivers),
        # The customer of an order is always the same one.
        users[thing % len(users)],
        dice.choice(stage.people[ADMIN]),
        shown["jobs"],
        shown["drivers"],
        [
            (name, offer["driver"])
            for job in shown["jobs"].values()
            for name, offer in job["offers"].items()
            if offer["state"] == "OPEN"
        ],
    )
    if seen is None and dice.randrange(0, 4):
        return _create(dice, turn)
    return dice.choice(_MAKERS)(dice, turn)


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
    centre = CENTRES[turn.zone]
    north = sum(turn.driver.encode()) % 7 * units_north(400)
    return Place(centre.lat + north + dice.randrange(0, units_north(30)), centre.lon)


def _driver(turn: Turn) -> Actor:
    return Actor(turn.driver, DRIVER, "approved")


def _online(dice: Dice, turn: Turn) -> Asked:
    return _driver(turn), c.GoOnline(id=turn.id, zone=turn.zone, pos=_spot(dice, turn))


def _appear(dice: Dice, turn: Turn) -> Asked:
    """Whoever is seen online moves, others come online."""
    if turn.drivers.get(turn.driver, {"state": "OFFLINE"})["state"] == "OFFLINE":
        return _online(dice, turn)
    return _move(dice, turn)


def _offline(_: Dice, turn: Turn) -> Asked:
    return _driver(turn), c.GoOffline(id=turn.id)


def _move(dice: Dice, turn: Turn) -> Asked:
    return _driver(turn), c.UpdateLocation(id=turn.id, zone=turn.zone, pos=_spot(dice, turn))


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
        shop="shop1",
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
    offer, driver = dice.choice(turn.offers or (("1-1." + turn.zone, turn.driver),))
    if not dice.randrange(0, 8):
        driver = turn.driver
    actor = Actor(driver, DRIVER, "approved")
    if dice.randrange(0, 5):
        return actor, c.AcceptOffer(id=turn.id, offer=offer)
    return actor, c.DeclineOffer(id=turn.id, offer=offer, reason="too far")


def _deliver(dice: Dice, turn: Turn) -> Asked:
    """A courier at work; the code is a guess, and nearly always wrong."""
    running = [(order, job["driver"]) for order, job in turn.jobs.items() if job["driver"]]
    order, driver = dice.choice(running or ((turn.order, turn.driver),))
    commands: tuple[Command, ...] = (
        c.ArriveAtShop(id=turn.id, order=order),
        c.ConfirmPickup(id=turn.id, order=order),
        c.ConfirmPickup(id=turn.id, order=order),
        c.ArriveAtCustomer(id=turn.id),
        c.EnterDeliveryCode(id=turn.id, code=f"{dice.randrange(0, 10_000):04d}"),
        c.EnterDeliveryCode(id=turn.id, code=f"{dice.randrange(0, 10_000):04d}", order=order),
        c.ReleaseDriver(id=turn.id, order=order, reason="a flat tyre"),
    )
    return Actor(driver, DRIVER, "approved"), dice.choice(commands)


def _ask(dice: Dice, turn: Turn) -> Asked:
    """A customer looks, has the code replaced, or wants out."""
    commands: tuple[Command, ...] = (
        c.TrackOrder(id=turn.id, order=turn.order),
        c.ReissueCode(id=turn.id, order=turn.order),
        c.CancelOrder(id=turn.id, order=turn.order),
    )
    return Actor(turn.customer, USER, "approved"), dice.choice(commands)


def _interfere(dice: Dice, turn: Turn) -> Asked:
    id_, reason = turn.id, dice.choice(("by request", "by request", ""))
    order = dice.choice(tuple(turn.jobs) or (turn.order,))
    if order in turn.jobs and turn.jobs[order]["status"] == "OUT_FOR_DELIVERY":
        ends: tuple[Command, ...] = (
            c.OverrideDelivery(id=id_, order=order, photo="f1", reason=reason),
            c.OverrideDelivery(id=id_, order=order, photo="f1", reason=reason),
            c.FailDelivery(id=id_, order=order, reason=reason),
        )
        return Actor(turn.staff, ADMIN, "approved"), dice.choice(ends)
    commands: tuple[Command, ...] = (
        c.AssignDriver(id=id_, order=order, driver=turn.driver, reason=reason),
        c.RetrySearch(id=id_, order=order, ask_again=True),
        c.ReleaseDriver(id=id_, order=order, reason=reason),
        c.OverrideDelivery(id=id_, order=order, photo="f1", reason=reason),
        c.CancelOrder(id=id_, order=order, reason=reason),
    )
    return Actor(turn.staff, ADMIN, "approved"), dice.choice(commands)


def _accept(_: Dice, turn: Turn) -> Asked:
    """The house says yes for the shop."""
    people = turn.stage.people.get(SYSTEM)
    user = people[0] if people else turn.staff
    return Actor(user, SYSTEM), c.ShopAccept(id=turn.id, order=turn.order)


_MAKERS: tuple[Maker, ...] = (
    _create,
    _configure,
    *(_appear,) * 6,
    _move,
    _offline,
    *(_further,) * 8,
    _paid,
    _accept,
    *(_answer,) * 6,
    *(_deliver,) * 5,
    _ask,
    *(_interfere,) * 2,
)
"""Each as often as it stands here."""
