"""One day of a delivery zone, played through the engine in virtual time: the same orders, the same
drivers, the same moods, once for each way to match them.

Who hears an offer thinks it over for a few seconds and then accepts or declines; what they decide
about an order is the same in every mode. Drivers wait where their last job has ended, in a straight
line from everywhere. Nothing depends on how fast the machine is.
"""

import random
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

import msgspec
from msgspec import Struct

from bench.town import CENTRE, ZONE, scattered
from engine.contract import Command
from engine.core import Core
from engine.domains.dispatch import commands as c
from engine.domains.dispatch.decide_delivery import code_of
from engine.domains.dispatch.geo import Place, between_m
from engine.domains.dispatch.terms import Mode
from engine.kernel.actor import DRIVER, MANAGER, SYSTEM, Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.time import HOUR, MINUTE, SECOND, Millis
from engine.ledger.commands import ProviderEvent
from engine.ledger.escrow.commands import Open
from engine.ledger.escrow.terms import ShareTerms
from engine.registry import build_registry, find_domains
from engine.sequencer import Accepted, Heard, Remembered, Sequencer
from testkit.world import vault

OPENING: Millis = 1_700_000_000_000
SEED = 2026
RADIUS_M = 5_000
SPEED_M_S = 6
PING_MS = 50 * SECOND
"""Of drivers who wait: often enough to be asked (dispatch D1)."""
DOOR_MS = 2 * MINUTE
"""At the customer's."""
THINKING_MS = (3 * SECOND, 15 * SECOND)
WILLING = 0.8
"""Of all offers, so many are accepted by those who hear them."""
CALM, LUNCH, DINNER = 1, 3, 4
RUSH = {2: LUNCH, 3: LUNCH, 8: DINNER, 9: DINNER, 10: DINNER}
"""Hours after the opening in which so many times more is ordered."""
CURRENCY = "USD"
PRICE = 10_00
CUSTOMER = "customer"


class Day(Struct, frozen=True):
    """How much is played."""

    hours: int = 12
    drivers: int = 60
    orders: int = 500


class Quality(Struct, frozen=True):
    """What came of a day."""

    orders: int
    unassigned: int
    """For whom nobody was found."""
    pickup_m: float
    """Mean way of a driver to the pick-up, metres."""
    assigned_s: float
    """Mean wait from the payment until a driver has accepted."""
    picked_up_s: float
    """Mean wait from the payment until the driver is at the pick-up."""
    offers: float
    """Mean number of drivers who were disturbed for an order."""


class Order(Struct):
    """One order, and how it went."""

    name: str
    at: Millis
    pickup: Place
    dropoff: Place
    pickup_m: int = 0
    offers: int = 0
    assigned_at: Millis = 0
    picked_up_at: Millis = 0


class Courier(Struct):
    """One driver."""

    actor: Actor
    place: Place
    is_free: bool = True


class Frame(Struct):
    """An event of a private feed."""

    event: str
    data: dict[str, Any] = {}


def run(mode: Mode, day: Day) -> Quality:
    """Play the day in one mode. Gives the same figures each time."""
    return _Town(mode, day).play()


class _Town:
    """The engine, and everybody who talks to it."""

    def __init__(self, mode: Mode, day: Day) -> None:
        self._vault = vault()
        self._sequencer = Sequencer(
            Core(build_registry(find_domains()), dict(BUILT_IN), self._vault),
            lambda room: ("owner",) if room.startswith("user:driver") else (),
            Remembered(),
        )
        self._ids = count(1)
        self._agenda: list[tuple[Millis, int, Callable[[], None]]] = []
        self._now = OPENING
        self._ends_at = OPENING + day.hours * HOUR
        self._accepted = False
        self._orders = {order.name: order for order in orders_of(day)}
        self._by_pickup = {order.pickup: order for order in self._orders.values()}
        self._couriers = {
            f"driver{number}": Courier(Actor(f"driver{number}", DRIVER, "approved"), place)
            for number, place in enumerate(scattered(day.drivers, SEED, RADIUS_M))
        }
        self._house = Actor("house", SYSTEM)
        create = c.CreateZone(id=self._id(), zone=ZONE, centre=CENTRE, radius_m=RADIUS_M, mode=mode)
        self._must(Actor("manager", MANAGER, "approved"), create)

    def play(self) -> Quality:
        """From the opening until everything ordered has been picked up."""
        for courier in self._couriers.values():
            online = c.GoOnline(id=self._id(), zone=ZONE, pos=courier.place)
            self._must(courier.actor, online)
            self._later(self._now + PING_MS, self._pinging(courier))
        for order in self._orders.values():
            self._later(order.at, self._ordering(order))
        while self._agenda:
            self._next()
        return quality_of(list(self._orders.values()))

    # What people do.

    def _pinging(self, courier: Courier) -> Callable[[], None]:
        def ping() -> None:
            if courier.is_free:
                self._ask(courier.actor, c.UpdateLocation(id=self._id(), pos=courier.place))
            if self._now < self._ends_at + HOUR:
                self._later(self._now + PING_MS, ping)

        return ping

    def _ordering(self, order: Order) -> Callable[[], None]:
        def pay() -> None:
            self._must(self._house, self._escrow_opened(order))
            self._must(self._house, self._captured(order))
            self._must(self._house, self._order_paid(order))

        return pay

    def _escrow_opened(self, order: Order) -> Open:
        return Open(
            id=self._id(),
            escrow=f"order.{order.name}",
            payer=CUSTOMER,
            currency=CURRENCY,
            total=PRICE,
            shares=(ShareTerms("owner", "seller", PRICE),),
        )

    def _captured(self, order: Order) -> ProviderEvent:
        return ProviderEvent(
            id=self._id(),
            provider="bench",
            payment=order.name,
            kind="captured",
            user=CUSTOMER,
            amount=PRICE,
            currency=CURRENCY,
            purpose=f"escrow:order.{order.name}",
        )

    def _order_paid(self, order: Order) -> c.OrderPaid:
        return c.OrderPaid(
            id=self._id(),
            zone=ZONE,
            order=order.name,
            shop="shop",
            customer=CUSTOMER,
            pickup=order.pickup,
            pickup_address="1 Market Street",
            dropoff=order.dropoff,
            dropoff_address="2 Harbour Street",
            currency=CURRENCY,
            shop_approval="auto",
        )

    def _hears(self, courier: Courier, data: dict[str, Any]) -> None:
        """A driver hears of a job, and will answer."""
        order = self._by_pickup[Place(**data["pickup"])]
        order.offers += 1
        mood = random.Random(f"{SEED} {courier.actor.user} {order.name}")
        thinking_ms, is_willing = mood.randint(*THINKING_MS), mood.random() < WILLING
        answer = c.AcceptOffer if is_willing else c.DeclineOffer
        command = answer(id=self._id(), offer=data["offer"])

        def say() -> None:
            if self._ask(courier.actor, command) and is_willing:
                self._drives(courier, order)

        self._later(self._now + thinking_ms, say)

    def _drives(self, courier: Courier, order: Order) -> None:
        """To the pick-up and to the door."""
        courier.is_free = False
        order.assigned_at = self._now
        order.pickup_m = between_m(courier.place, order.pickup)
        order.picked_up_at = self._now + order.pickup_m * SECOND // SPEED_M_S
        trip_ms = between_m(order.pickup, order.dropoff) * SECOND // SPEED_M_S

        def pick_up() -> None:
            self._must(courier.actor, c.ConfirmPickup(id=self._id(), order=order.name))

        def deliver() -> None:
            code = code_of(self._vault, order.name, 1)
            self._must(courier.actor, c.EnterDeliveryCode(id=self._id(), code=code))
            courier.place, courier.is_free = order.dropoff, True
            self._must(courier.actor, c.UpdateLocation(id=self._id(), pos=courier.place))

        self._later(order.picked_up_at, pick_up)
        self._later(order.picked_up_at + trip_ms + DOOR_MS, deliver)

    # The engine.

    def _later(self, at: Millis, what: Callable[[], None]) -> None:
        heappush(self._agenda, (at, next(self._ids), what))

    def _id(self) -> str:
        return str(next(self._ids))

    def _next(self) -> None:
        """The one thing that comes first: a timer of the engine, or what somebody does."""
        at, _, what = self._agenda[0]
        due = self._sequencer.next_due
        if due is not None and due <= at:
            self._now = max(due, self._now)
            self._sequencer.tick(self._now)
            self._commit()
            return
        heappop(self._agenda)
        self._now = at
        what()

    def _must(self, actor: Actor, command: Command) -> None:
        assert self._ask(actor, command), f"nothing else happens to {actor.user}: {command}"

    def _ask(self, actor: Actor, command: Command) -> bool:
        """Whether it was accepted."""
        self._accepted = False
        self._sequencer.submit(command, actor, None, self._now)
        self._commit()
        return self._accepted

    def _commit(self) -> None:
        sequencer = self._sequencer
        while sequencer.next_batch():
            sequencer.committed()
        for output in sequencer.take_outputs():
            if isinstance(output, Accepted):
                self._accepted = True
            elif isinstance(output, Heard):
                self._told(output)

    def _told(self, heard: Heard) -> None:
        frame = _decode(heard.frame)
        if frame.event == "dispatch.offer_made":
            self._hears(self._couriers[heard.room.partition(":")[2]], frame.data)


def orders_of(day: Day) -> list[Order]:
    """The day's orders, more of them at noon and in the evening, each from another place."""
    dice = random.Random(SEED)
    hours = range(day.hours)
    weights = [RUSH.get(hour, CALM) for hour in hours]
    drawn = dice.choices(hours, weights, k=day.orders)
    times = sorted(OPENING + hour * HOUR + dice.randrange(HOUR) for hour in drawn)
    places = scattered(2 * day.orders, SEED + 1, RADIUS_M)
    ways = zip(places[: day.orders], places[day.orders :], strict=True)
    found = [
        Order(f"order{number}", at, pickup, dropoff)
        for number, (at, (pickup, dropoff)) in enumerate(zip(times, ways, strict=True))
    ]
    assert len({order.pickup for order in found}) == day.orders, "a pick-up tells its order"
    return found


def quality_of(orders: list[Order]) -> Quality:
    """Means over the orders that found a driver."""
    done = [order for order in orders if order.assigned_at]
    assert done, "somebody finds a driver"

    def mean(values: list[int]) -> float:
        return sum(values) / len(values)

    return Quality(
        orders=len(orders),
        unassigned=len(orders) - len(done),
        pickup_m=mean([order.pickup_m for order in done]),
        assigned_s=mean([order.assigned_at - order.at for order in done]) / SECOND,
        picked_up_s=mean([order.picked_up_at - order.at for order in done]) / SECOND,
        offers=mean([order.offers for order in orders]),
    )


_decode = msgspec.json.Decoder(Frame).decode
