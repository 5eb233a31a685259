"""What the benches need before they bid: money in wallets, and live auctions."""

from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from bench.client import Client
from engine.kernel.time import DAY, Millis

DRAWING_UP_MS = 500
"""From the creation of an auction to its start: it must be approved before."""

IN_FLIGHT = 64
"""Commands of one connection that are under way at a time."""

Item = TypeVar("Item")


class Sale(Struct, frozen=True):
    """An auction to be held, amounts in minor units."""

    auction: str
    currency: str
    start_price: int
    increments: tuple[tuple[int, int], ...]


async def in_lanes(
    lanes: int, items: Iterable[Item], work: Callable[[Item], Awaitable[None]]
) -> None:
    """Do `work` on every item, so many at a time, in order of arrival. Raises what the first
    failure raises, and lets the others go no further."""
    waiting = iter(items)

    async def lane() -> None:
        for item in waiting:
            await work(item)

    try:
        async with TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(lane())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def fill_wallets(
    admin: Client, amounts: Mapping[str, int], currency: str, reference: str
) -> None:
    """Deposit to each user the amount in minor units. Raises CommandRefused."""

    async def deposit(wallet: tuple[str, int]) -> None:
        user, amount = wallet
        fields: dict[str, Any] = {"user": user, "amount": amount, "currency": currency}
        await admin.must("ledger.deposit", **fields, reference=reference)

    await in_lanes(IN_FLIGHT, amounts.items(), deposit)


async def open_sales(manager: Client, sales: Iterable[Sale]) -> None:
    """Create and approve auctions that last a day; return when all are live. Their end moves
    for no bid. Raises CommandRefused."""
    starts: dict[str, Millis] = {}

    async def draw_up(sale: Sale) -> None:
        start_at = manager.house_now_ms() + DRAWING_UP_MS
        await manager.must("auction.create", **draft(sale, start_at, DAY))
        await manager.must("auction.approve", auction=sale.auction)
        starts[sale.auction] = start_at

    await in_lanes(IN_FLIGHT, sales, draw_up)
    if starts:
        # The house fires due timers in order, so the last to start finds the others live.
        await _live(manager, max(starts, key=lambda auction: starts[auction]))


def draft(sale: Sale, start_at: Millis, lasts_ms: Millis) -> dict[str, Any]:
    """What `auction.create` is told of a sale."""
    return {
        "auction": sale.auction,
        "vehicle": sale.auction,
        "kind": "timed",
        "currency": sale.currency,
        "start_price": sale.start_price,
        "increments": sale.increments,
        "start_at": start_at,
        "end_at": start_at + lasts_ms,
        "extension_window_ms": 0,
    }


async def _live(manager: Client, auction: str) -> None:
    room = room_of(auction)
    state = await manager.subscribe(room)
    if state["status"] != "live":
        while (await manager.hear()).event != "auction.started":
            pass
    await manager.unsubscribe(room)


def room_of(auction: str) -> str:
    """The room of an auction (PROTOCOL, replies)."""
    return f"auction:{auction}"
