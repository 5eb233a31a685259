"""A dealer who lists cars, and bidders who want them."""

import asyncio
from contextlib import AsyncExitStack

from engine.kernel.time import SECOND
from runtime.demo.client import Client, heard
from runtime.demo.stage import CURRENCY, NAIRA, Stage

MILLION = 1_000_000 * NAIRA
AUCTIONS_AT_ONCE = 8
BIDDERS = 20
BIDS_PER_S = 1.5
"""Of each bidder, on average."""
FUNDS = 20 * MILLION
SHOWN_AFTER_S = 6.0
CARS = (
    ("Toyota Corolla 2015", 6),
    ("Honda Accord 2013", 5),
    ("Lexus RX 350 2014", 11),
    ("Toyota Hilux 2018", 18),
    ("Mercedes C300 2012", 8),
    ("Kia Rio 2017", 4),
    ("Ford Explorer 2016", 9),
    ("Peugeot 508 2014", 4),
    ("Hyundai Elantra 2016", 5),
    ("Toyota Camry 2011", 4),
)


async def auctions(stage: Stage) -> None:
    """Keep AUCTIONS_AT_ONCE auctions going, with bidders in all of them, until cancelled."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        staff = await stack.enter_async_context(stage.enter("demo-admin", "admin"))
        dealer = await stack.enter_async_context(stage.enter("demo-dealer", "dealer"))
        for _ in range(AUCTIONS_AT_ONCE):
            group.create_task(_auction_after_auction(stage, dealer, staff))
        for number in range(BIDDERS):
            bidder = await stack.enter_async_context(stage.enter(f"bidder{number + 1:02}"))
            await stage.fund(staff, bidder.user, FUNDS)
            group.create_task(_bid_now_and_then(stage, bidder))
        # Tasks above use the lines that the stack would close.
        await asyncio.Event().wait()


async def _auction_after_auction(stage: Stage, dealer: Client, staff: Client) -> None:
    while True:
        auction = stage.new_id()
        room = f"auction:{auction}"
        car, millions = stage.random.choice(CARS)
        start_at = stage.now() + SECOND
        await dealer.must(
            "auction.create",
            auction=auction,
            vehicle=f"car-{auction}",
            kind="reserve",
            currency=CURRENCY,
            start_price=millions * MILLION // 2,
            reserve_price=millions * MILLION * 8 // 10,
            start_at=start_at,
            end_at=start_at + stage.random.randrange(40, 150) * SECOND,
            extension_window_ms=8 * SECOND,
            extension_ms=8 * SECOND,
        )
        feed = await staff.follow(room)
        await staff.must("auction.approve", auction=auction)
        stage.playing[room] = car
        await heard(feed, "auction.winner_declared", "auction.unsold")
        await staff.leave(room)
        await asyncio.sleep(SHOWN_AFTER_S)
        del stage.playing[room]


async def _bid_now_and_then(stage: Stage, bidder: Client) -> None:
    """Everybody has a price in mind for each car, and stops there."""
    limits: dict[str, int] = {}
    minimum: dict[str, int] = {}
    while True:
        await asyncio.sleep(stage.random.expovariate(BIDS_PER_S))
        on = stage.playing_in("auction")
        if not on:
            continue
        auction = stage.random.choice(on)
        worth = dict(CARS)[stage.playing[f"auction:{auction}"]] * MILLION
        limit = limits.setdefault(auction, int(worth * stage.random.uniform(0.6, 1.1)))
        amount = minimum.get(auction, worth // 2)
        if amount > limit:
            continue
        reply = await bidder.ask(
            "auction.place_bid", auction=auction, amount=amount, currency=CURRENCY
        )
        details = reply.get("details") or {}
        known = (reply.get("result") or {}).get("minimum_bid") or details.get("minimum")
        minimum[auction] = known or amount
