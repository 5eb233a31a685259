"""A market stall where customers haggle: for two things with the house, for one with the keeper."""

import asyncio
from contextlib import AsyncExitStack

from msgspec import Struct

from runtime.demo.client import Client, Feed, heard
from runtime.demo.stage import CURRENCY, NAIRA, Order, Stage

TABLES = 3
KEEPER = "demo-keeper"
FUNDS_OF_LIST = 2
"""A customer brings so many times the list price."""
CUSTOMERS = ("Ada", "Bayo", "Chidi", "Dupe", "Emeka", "Funmi", "Gbenga", "Hauwa", "Ify", "Jide")
WORDS = (
    "That is too much.",
    "My last word!",
    "For a neighbour?",
    "It has a scratch.",
    "Cash, now.",
)
SHOWN_AFTER_S = 4.0


class Product(Struct, frozen=True):
    """What is for sale; the least that its shop would take is a secret between shop and house."""

    product: str
    name: str
    list_price: int
    min_price: int
    by_hand: bool = False


PRODUCTS = (
    Product("fan", "a standing fan", 45_000 * NAIRA, 36_000 * NAIRA),
    Product("cloth", "six yards of lace", 80_000 * NAIRA, 60_000 * NAIRA),
    Product("radio", "an old radio", 30_000 * NAIRA, 22_000 * NAIRA, by_hand=True),
)


async def open_shop(stage: Stage, keeper: Client, shop: str, name: str, address: str) -> None:
    """A shop with its papers, approved."""
    sign = {"name": name, "address": address, "category": "market"}
    papers = [{"kind": kind, "file": f"{kind}-{shop}"} for kind in ("ID_PROOF", "LICENCE")]
    await keeper.must("shop.create", shop=shop, **sign)
    await keeper.must("shop.upload_docs", shop=shop, files=papers)
    async with stage.enter("demo-admin", "admin") as staff:
        await staff.must("shop.approve", shop=shop)


async def haggling(stage: Stage) -> None:
    """Keep TABLES negotiations going until cancelled; what is agreed becomes an order."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        keeper = await stack.enter_async_context(stage.enter(KEEPER, "shopkeeper"))
        staff = await stack.enter_async_context(stage.enter("demo-admin", "admin"))
        await open_shop(stage, keeper, stage.shop, "Mama Nkechi", "3 Market Street")
        for product in PRODUCTS:
            await keeper.must(
                "negotiation.set_terms",
                shop=stage.shop,
                product=product.product,
                list_price=product.list_price,
                min_price=product.min_price,
                currency=CURRENCY,
                auto_negotiate=not product.by_hand,
            )
        group.create_task(_answer(stage, keeper, await keeper.follow(f"user:{KEEPER}")))
        for number in range(TABLES):
            group.create_task(_customer_after_customer(stage, staff, number))
        await asyncio.Event().wait()


async def _answer(stage: Stage, keeper: Client, feed: Feed) -> None:
    """The keeper thinks about each offer for what is sold by hand, and meets it half way."""
    by_hand = next(product for product in PRODUCTS if product.by_hand)
    asks: dict[str, int] = {}
    while True:
        offer = (await heard(feed, "negotiation.offer_received"))["data"]
        await stage.pause(1, 2.5)
        negotiation, price = offer["negotiation"], offer["price"]
        ask = (asks.get(negotiation, by_hand.list_price) + price) // 2
        if price >= by_hand.min_price or ask <= price:
            said = {"offer_seq": offer["offer_seq"], "text": "All right, it is yours."}
            reply = await keeper.ask("negotiation.shop_accept", negotiation=negotiation, **said)
        else:
            asks[negotiation] = max(ask, by_hand.min_price)
            said = {"price": asks[negotiation], "text": "It was my father's."}
            reply = await keeper.ask("negotiation.shop_counter", negotiation=negotiation, **said)
        if reply["type"] == "ok" and reply["result"]["status"] != "countered":
            asks.pop(negotiation, None)


async def _customer_after_customer(stage: Stage, staff: Client, table: int) -> None:
    for number in range(table, 1_000_000, TABLES):
        await stage.pause(0.2, 2)
        # A customer may open three negotiations a day, so everybody comes once.
        name = CUSTOMERS[number % len(CUSTOMERS)]
        product = PRODUCTS[number % len(PRODUCTS)]
        async with stage.enter(f"{name.lower()}-{stage.new_id()}") as customer:
            await stage.fund(staff, customer.user, product.list_price * FUNDS_OF_LIST)
            await _haggle(stage, customer, name, product, staff)


async def _haggle(
    stage: Stage, customer: Client, name: str, product: Product, staff: Client
) -> None:
    negotiation = stage.new_id()
    room = f"negotiation:{negotiation}"
    await customer.must(
        "negotiation.open", negotiation=negotiation, shop=stage.shop, product=product.product
    )
    feed = await customer.follow(room)
    stage.playing[room] = f"{name} wants {product.name}"
    final = await _to_the_end(stage, customer, negotiation, product, feed)
    await stage.pause(SHOWN_AFTER_S, SHOWN_AFTER_S)
    del stage.playing[room]
    # With so much to bring, the shop takes no more orders; the price is the customer's for a day.
    if final and not stage.orders.full():
        state = await staff.must("negotiation.get", negotiation=negotiation)
        order = Order(
            customer.user, product.name, final, negotiation, product.product, state["token_jti"]
        )
        stage.orders.put_nowait(order)


async def _to_the_end(
    stage: Stage, customer: Client, negotiation: str, product: Product, feed: Feed
) -> int:
    """Rising offers, up to the limit that the customer has in mind. The price, 0 without one."""
    limit = int(product.list_price * stage.random.uniform(0.8, 0.98))
    price = int(product.list_price * stage.random.uniform(0.55, 0.7))
    while True:
        await stage.pause(1.5, 3.5)
        offer = {"price": _round(price), "text": stage.random.choice(WORDS)}
        await customer.must(
            "negotiation.make_offer", negotiation=negotiation, currency=CURRENCY, **offer
        )
        answer = await heard(
            feed, "negotiation.counter_offered", "negotiation.accepted", "negotiation.rejected"
        )
        if answer["event"] == "negotiation.rejected":
            return 0
        if answer["event"] == "negotiation.accepted":
            return int(answer["data"]["final_price"])
        ask = answer["data"]["ask"]
        if ask <= limit:
            await stage.pause(1, 2)
            taken = {"negotiation": negotiation, "expected_ask": ask}
            await customer.must("negotiation.accept_ask", **taken)
            return int(ask)
        price = (price + min(ask, limit)) // 2


def _round(price: int) -> int:
    return price // (100 * NAIRA) * (100 * NAIRA)
