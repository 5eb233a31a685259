"""Jobs offered and assigned: paid orders come to a zone, the nearest ten drivers hear of each, and
those who are nearest accept at once. All on websockets.

A closed loop: so many orders are under way, and the next is sent when one is assigned. Only the
zone's part is measured; the money was held before. Should all who accepted have been given other
jobs meanwhile, the next of the ten accepts.
"""

import asyncio
import secrets
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from bench.client import Client
from bench.fleet import Driver, Fleet, FleetFailed, Message
from bench.gauge import CpuClock, Stopwatch
from bench.load import percentile
from bench.market import IN_FLIGHT, in_lanes
from bench.town import ZONE, scattered
from engine.domains.dispatch.geo import Place

SEED = 11
CURRENCY = "USD"
PRICE = 10_00
CUSTOMERS = 100
PERCENTILES = (50.0, 99.0)
STUCK_S = 20.0
"""After so long without an assignment the measurement is given up."""


class Jobs(Struct, frozen=True):
    """What is asked."""

    jobs: int = 600
    """Of a round."""
    under_way: int = 64
    accepting: int = 3
    """Drivers who accept each job at once."""


class Assigned(Struct, frozen=True):
    """What came of it."""

    per_second: float
    """Jobs offered and assigned."""
    cpu_ms: float
    """Processor time for each job, of what is charged."""
    offered_ms: dict[float, float]
    """Percentile -> from the order until a driver has heard of it; empty if nobody is told."""
    assigned_ms: dict[float, float]
    """Percentile -> from the order until its driver knows that it is theirs."""
    refused: Counter[str] = field(default_factory=Counter)
    """Answers to those who were not first."""


class Race(Struct):
    """One job, and those who want it."""

    sent_ns: int
    offered_ns: int = 0
    won_ns: int = 0
    running: int = 0
    """Acceptances that are not answered."""
    refused: int = 0
    spare: list[tuple[Driver, str]] = []


class Dispatcher:
    """Sends the orders of a round, and sees to it that drivers accept them."""

    def __init__(self, house: Client, orders: Sequence[dict[str, Any]], known: int, plan: Jobs):
        """`known`: jobs that the zone has had before."""
        self._house = house
        self._orders = iter(orders)
        self._known = known
        self._plan = plan
        self._races: dict[int, Race] = {}
        self._won = 0
        self._progress = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self.refused: Counter[str] = Counter()

    @property
    def races(self) -> list[Race]:
        """Of every job."""
        return list(self._races.values())

    async def run(self, fleet: Fleet) -> None:
        """Until every job has its driver. Raises FleetFailed, CommandRefused."""
        fleet.offers = self
        try:
            async with self._tasks:
                for _ in range(self._plan.under_way):
                    self._tasks.create_task(self._order())
                await self._all_assigned()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            fleet.offers = None

    async def _all_assigned(self) -> None:
        while self._won < self._plan.jobs or any(race.running for race in self.races):
            self._progress.clear()
            try:
                async with asyncio.timeout(STUCK_S):
                    await self._progress.wait()
            except TimeoutError:
                raise FleetFailed(f"only {self._won:,} jobs found a driver") from None

    def offered(self, driver: Driver, offer: str) -> None:
        """A driver has heard of a job. The number of an offer says how near the driver is."""
        job, _, number = offer.partition(".")[0].partition("-")
        race = self._races[int(job)]
        race.offered_ns = race.offered_ns or time.monotonic_ns()
        if int(number) <= self._plan.accepting:
            self._accept(race, driver, offer)
        else:
            race.spare.append((driver, offer))
            self._ask_another(race)

    def answered(self, driver: Driver, offer: str, message: Message) -> None:
        """The first is told yes, the others are told no."""
        race = self._races[int(offer.partition("-")[0])]
        race.running -= 1
        if message.type == "ok":
            assert not race.won_ns, "a job is assigned once"
            race.won_ns = time.monotonic_ns()
            self._won += 1
            self._tasks.create_task(self._order())
        else:
            race.refused += 1
            self.refused[message.code] += 1
            self._ask_another(race)
        self._progress.set()

    def _ask_another(self, race: Race) -> None:
        """Everybody who wanted it has another job."""
        if race.spare and race.refused and not race.running and not race.won_ns:
            self._accept(race, *race.spare.pop(0))

    def _accept(self, race: Race, driver: Driver, offer: str) -> None:
        race.running += 1
        driver.accept(offer)

    async def _order(self) -> None:
        order = next(self._orders, None)
        if order is None:
            return
        # Jobs are numbered in the order in which they come, and all come by this connection.
        self._races[self._known + len(self._races) + 1] = Race(time.monotonic_ns())
        await self._house.must("dispatch.order_paid", **order)


async def measure(
    house: Client, fleet: Fleet, known: int, plan: Jobs, clocks: Sequence[CpuClock]
) -> Assigned:
    """One round. `house` speaks as the house itself. Raises FleetFailed, CommandRefused."""
    orders = [terms(place, dropoff) for place, dropoff in places_of(plan.jobs, known)]
    await in_lanes(IN_FLIGHT, orders, lambda order: pay(house, order))
    dispatcher = Dispatcher(house, orders, known, plan)
    watch = Stopwatch(clocks)
    await dispatcher.run(fleet)
    seconds, cpu_s = watch.stop()
    races = dispatcher.races
    return Assigned(
        per_second=plan.jobs / seconds,
        cpu_ms=cpu_s / plan.jobs * 1e3,
        offered_ms=in_ms(race.offered_ns - race.sent_ns for race in races),
        assigned_ms=in_ms(race.won_ns - race.sent_ns for race in races),
        refused=dispatcher.refused,
    )


def places_of(jobs: int, known: int) -> list[tuple[Place, Place]]:
    """From where to where; other ones in each round."""
    found = scattered(2 * jobs, SEED + known)
    return list(zip(found[:jobs], found[jobs:], strict=True))


def terms(pickup: Place, dropoff: Place) -> dict[str, Any]:
    """What the zone is told of an order. Its shop has said yes."""
    order = secrets.token_hex(8)
    return {
        "zone": ZONE,
        "order": order,
        "shop": "shop",
        "customer": f"customer-{int(order, 16) % CUSTOMERS}",
        "pickup": pickup,
        "pickup_address": "1 Market Street",
        "dropoff": dropoff,
        "dropoff_address": "2 Harbour Street",
        "currency": CURRENCY,
        "shop_approval": "auto",
    }


async def pay(house: Client, order: dict[str, Any]) -> None:
    """The money of an order is held. Raises CommandRefused."""
    for type_, fields in payment(order):
        await house.must(type_, **fields)


def payment(order: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The commands with which the money of an order comes into escrow."""
    escrow, payer = f"order.{order['order']}", order["customer"]
    share = {"payee": "owner", "kind": "seller", "gross": PRICE}
    plan = {"payer": payer, "currency": CURRENCY, "total": PRICE, "shares": [share]}
    captured = {
        "provider": "bench",
        "payment": order["order"],
        "kind": "captured",
        "user": payer,
        "amount": PRICE,
        "currency": CURRENCY,
        "purpose": f"escrow:{escrow}",
    }
    return ("escrow.open", {"escrow": escrow, **plan}), ("ledger.provider_event", captured)


def in_ms(nanoseconds: Any) -> dict[float, float]:
    """Percentiles of durations."""
    ordered = sorted(array("d", (value / 1e6 for value in nanoseconds)))
    return {percent: percentile(ordered, percent) for percent in PERCENTILES}
