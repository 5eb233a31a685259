"""Shops of the town, their customers, and orders: paid, accepted, brought to the door."""

import asyncio
from contextlib import AsyncExitStack

from runtime.demo import streets
from runtime.demo.client import Client, Feed
from runtime.demo.drivers import Driver
from runtime.demo.haggling import KEEPER, open_shop
from runtime.demo.stage import CURRENCY, NAIRA, Order, Stage

DRIVERS = 7
ORDERS_AT_ONCE = 4
COOK = "demo-cook"
DISHES = ("jollof rice", "suya", "pounded yam", "moi moi", "pepper soup", "fried plantain")
EATERS = ("Kemi", "Lanre", "Musa", "Ngozi", "Ola", "Peju", "Sade", "Tunde", "Uche", "Zainab")
FARE = 1_500 * NAIRA
STALL, KITCHEN = (3, 2), (11, 6)
"""Where the two shops are."""


class Town:
    """What the people of this cast have in common."""

    def __init__(self, stage: Stage, staff: Client) -> None:
        self.stage = stage
        self.staff = staff
        self.kitchen = f"kitchen-{stage.run}"
        self._doors: dict[str, Client] = {}

    async def code_of(self, order: str) -> str:
        """What the customer reads off the screen when the driver rings."""
        shown = await self._doors[order].must("dispatch.show_delivery_code", order=order)
        code: str = shown["code"]
        return code

    async def order_after_order(self) -> None:
        """What was haggled over if there is any, or else somebody is hungry."""
        while True:
            try:
                async with asyncio.timeout(self.stage.random.uniform(2, 8)):
                    order = await self.stage.orders.get()
            except TimeoutError:
                order = await self._meal()
            async with self.stage.enter(order.customer) as customer:
                await self._buy(customer, order)

    async def _meal(self) -> Order:
        pick = self.stage.random.choice
        user = f"{pick(EATERS).lower()}-{self.stage.new_id()}"
        price = self.stage.random.randrange(20, 90) * 100 * NAIRA
        await self.stage.fund(self.staff, user, price + FARE)
        return Order(user, pick(DISHES), price)

    async def _buy(self, customer: Client, order: Order) -> None:
        """Pay, and wait for it to arrive."""
        id_ = self.stage.new_id()
        await self._pay(customer, order, id_)
        self._doors[id_] = customer
        shop, corner = (self.stage.shop, STALL) if order.negotiation else (self.kitchen, KITCHEN)
        home = (
            self.stage.random.randrange(streets.AVENUES),
            self.stage.random.randrange(streets.STREETS),
        )
        await self.staff.must(
            "dispatch.order_paid",
            zone=self.stage.zone,
            order=id_,
            number=f"{order.what} for {_first_name(order.customer)}",
            shop=shop,
            customer=order.customer,
            pickup=streets.wire(streets.place_at(corner)),
            pickup_address=_address(corner),
            dropoff=streets.wire(streets.place_at(home)),
            dropoff_address=_address(home),
            currency=CURRENCY,
        )
        await _delivered(await customer.follow(f"delivery:{id_}"))
        del self._doors[id_]

    async def _pay(self, customer: Client, order: Order, id_: str) -> None:
        keeper = KEEPER if order.negotiation else COOK
        shares = [
            {"payee": keeper, "kind": "seller", "gross": order.price},
            # Whoever brings it is to have this; nobody knows yet who that will be.
            {"payee": "", "kind": "carrier", "gross": FARE},
        ]
        total = {"currency": CURRENCY, "total": order.price + FARE}
        escrow = f"order.{id_}"
        terms = {"payer": order.customer, "shares": shares, **total}
        await self.staff.must("escrow.open", escrow=escrow, **terms)
        if not order.negotiation:
            await customer.must("escrow.fund", escrow=escrow)
            return
        of = {"negotiation": order.negotiation, "order": id_}
        line = {"customer": order.customer, "product": order.product, "quantity": 1}
        await self.staff.must("negotiation.bind_order", token_jti=order.token_jti, **of, **line)
        await customer.must("escrow.fund", escrow=escrow)
        await self.staff.must("negotiation.order_paid", **of)


async def deliveries(stage: Stage) -> None:
    """Keep ORDERS_AT_ONCE orders on their way, until cancelled."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        staff = await stack.enter_async_context(stage.enter("demo-admin", "admin"))
        cook = await stack.enter_async_context(stage.enter(COOK, "shopkeeper"))
        keeper = await stack.enter_async_context(stage.enter(KEEPER, "shopkeeper"))
        town = Town(stage, staff)
        await open_shop(stage, cook, town.kitchen, "Iya Basira", _address(KITCHEN))
        middle = streets.wire(streets.centre())
        await staff.must(
            "dispatch.create_zone", zone=stage.zone, centre=middle, radius_m=streets.RADIUS_M
        )
        stage.playing[f"zone:{stage.zone}"] = "the town"
        for shopkeeper in (cook, keeper):
            feed = await shopkeeper.follow(f"user:{shopkeeper.user}")
            group.create_task(_mind_the_shop(stage, shopkeeper, feed))
        for number in range(DRIVERS):
            # A driver is online in one zone, and each run has its own.
            name = f"driver{number + 1}-{stage.run}"
            client = await stack.enter_async_context(stage.enter(name, "driver"))
            group.create_task(Driver(stage, client, town.code_of).run())
        for _ in range(ORDERS_AT_ONCE):
            group.create_task(town.order_after_order())
        await asyncio.Event().wait()


async def _mind_the_shop(stage: Stage, keeper: Client, feed: Feed) -> None:
    """Say yes to orders, and have the search repeated where there was no driver."""
    while True:
        message = await feed.get()
        if message["type"] != "event":
            continue
        data = message["data"]
        if message["event"] == "dispatch.approval_requested":
            await stage.pause(0.5, 2)
            await keeper.must("dispatch.shop_accept", order=data["order"])
        elif message["event"] == "dispatch.shop_notified" and data["code"] == "NO_DRIVER_FOUND":
            await stage.pause(3, 5)
            # By now somebody may have taken it.
            await keeper.ask("dispatch.retry_search", order=data["order"])


async def _delivered(feed: Feed) -> None:
    while True:
        message = await feed.get()
        said = message.get("state") or message.get("data") or {}
        if said.get("status") == "COMPLETED":
            return


def _first_name(user: str) -> str:
    return user.partition("-")[0].capitalize()


def _address(crossing: streets.Crossing) -> str:
    return f"Avenue {crossing[0] + 1}, Street {crossing[1] + 1}"
