"""Customers who haggle with a shop: each opens a negotiation, makes five offers, and agrees with
the last. The house answers by itself."""

import secrets
from contextlib import AsyncExitStack
from functools import partial

import uvloop
from msgspec import Struct

from bench.client import Client, connected
from bench.server import House
from bench.steady import Steady, Tally, together

LIST, LEAST = 150_00, 130_00
OFFERS = (100_00, 105_00, 110_00, 115_00, LEAST)
"""The most that one negotiation may have; the last is enough."""
CURRENCY = "USD"
PRICES = {"list_price": LIST, "min_price": LEAST, "currency": CURRENCY}
PAPERS = ("ID_PROOF", "LICENCE")
SIGN = {"name": "Fans", "address": "1 Market Road", "category": "fans"}


class Haggling(Struct, frozen=True):
    """What is asked."""

    customers: int = 100
    each: int = 12
    """Negotiations of a customer, one after another, each over another product."""


def run(house: House, plan: Haggling) -> Steady:
    """As `measure`, in a loop of its own."""
    return uvloop.run(measure(house, plan))


async def measure(house: House, plan: Haggling) -> Steady:
    """One round, with a shop and customers of its own. Raises CommandRefused, ConnectionEnded."""
    shop = secrets.token_hex(4)
    async with AsyncExitStack() as stack:

        async def enter(user: str, role: str = "user") -> Client:
            return await stack.enter_async_context(connected(house.url, house.token(user, role)))

        admin, keeper = await enter("bench-admin", "admin"), await enter(shop, "shopkeeper")
        await open_shop(admin, keeper, shop, plan.each)
        customers = [await enter(f"{shop}-{number}") for number in range(plan.customers)]
        return await together(
            house.pid, [partial(_haggle_over_all, plan.each, shop, one) for one in customers]
        )


async def open_shop(admin: Client, keeper: Client, shop: str, products: int) -> None:
    """A shop that is approved, and the terms of so many products. Raises CommandRefused."""
    await keeper.must("shop.create", shop=shop, **SIGN)
    await keeper.must("shop.upload_docs", shop=shop, files=papers(shop))
    await admin.must("shop.approve", shop=shop)
    for number in range(products):
        await keeper.must("negotiation.set_terms", shop=shop, product=f"p{number}", **PRICES)


def papers(shop: str) -> list[dict[str, str]]:
    """What a shop shows before it is approved."""
    return [{"kind": kind, "file": f"{kind}-{shop}"} for kind in PAPERS]


async def _haggle_over_all(products: int, shop: str, customer: Client, tally: Tally) -> None:
    for number in range(products):
        await haggle(tally, customer, shop, f"p{number}")


async def haggle(tally: Tally, customer: Client, shop: str, product: str) -> None:
    """One negotiation from its opening to the agreement."""
    negotiation = secrets.token_hex(8)
    about = {"negotiation": negotiation, "shop": shop, "product": product}
    await tally.must(customer, "negotiation.open", **about)
    statuses = []
    for price in OFFERS:
        offer = {"negotiation": negotiation, "price": price, "currency": CURRENCY}
        reply = await tally.must(customer, "negotiation.make_offer", **offer)
        statuses.append(reply.result["status"])
    assert statuses[-1] == "accepted", f"the last offer is enough: {statuses}"
