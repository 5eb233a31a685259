"""The demo's running table, made of what a subscriber hears and of nothing else."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from websockets.asyncio.client import connect

from engine.kernel.time import SECOND, Millis
from runtime.demo_market import CURRENCY, NAIRA, Client

RATE_WINDOW_S = 5.0
LOOK_FOR_NEW_S = 0.5
CLOSING_SOON_MS = 15 * SECOND


class Lot:
    """One auction as the feed has told it."""

    def __init__(self, auction: str, car: str) -> None:
        self.auction = auction
        self.car = car
        self.facts: dict[str, Any] = {}

    def left(self, now: Millis) -> str:
        """Time left, or what became of it."""
        status = str(self.facts.get("status", "…"))
        if status != "live":
            return status.replace("_", " ")
        seconds = max(0, self.facts["end_at"] - now) // SECOND
        return f"{seconds // 60}:{seconds % 60:02}"


class Watch:
    """Somebody who listens to every auction of the demo."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self.lots: dict[str, Lot] = {}
        self._heard: deque[tuple[float, bool]] = deque()

    async def run(self, live: Mapping[str, str]) -> None:
        """Listen to whatever is live, until cancelled."""
        headers = {"Authorization": f"Bearer {self._token}"}
        socket = await connect(self._url, additional_headers=headers, compression=None)
        client = Client(socket, "demo-watcher")
        async with asyncio.TaskGroup() as group:
            group.create_task(client.listen())
            group.create_task(self._hear(client))
            while True:
                await self._follow(client, live)
                await asyncio.sleep(LOOK_FOR_NEW_S)

    def rates(self) -> tuple[float, float]:
        """Bids and events a second, over the last seconds."""
        horizon = time.monotonic() - RATE_WINDOW_S
        while self._heard and self._heard[0][0] < horizon:
            self._heard.popleft()
        bids = sum(is_bid for _, is_bid in self._heard)
        return bids / RATE_WINDOW_S, len(self._heard) / RATE_WINDOW_S

    async def _follow(self, client: Client, live: Mapping[str, str]) -> None:
        for auction, car in live.items():
            if auction in self.lots:
                continue
            self.lots[auction] = Lot(auction, car)
            await client.ask("subscribe", room=f"auction:{auction}")
        for auction in [a for a in self.lots if a not in live]:
            del self.lots[auction]
            await client.ask("unsubscribe", room=f"auction:{auction}")
        for room, state in client.snapshots.items():
            lot = self.lots.get(room.removeprefix("auction:"))
            if lot:
                lot.facts |= state
        client.snapshots.clear()

    async def _hear(self, client: Client) -> None:
        while True:
            message = await client.events.get()
            is_bid = message["event"] == "auction.bid_placed"
            self._heard.append((time.monotonic(), is_bid))
            lot = self.lots.get(message["room"].removeprefix("auction:"))
            if lot is None:
                continue
            data = message["data"]
            if is_bid:
                lot.facts["current_price"] = data["amount"]
            lot.facts |= {k: v for k, v in data.items() if k in _FOLLOWED}
            lot.facts["status"] = _STATUS.get(message["event"], lot.facts.get("status", "live"))


_FOLLOWED = frozenset({"end_at", "leader", "bid_count", "reserve_met", "hammer_price", "winner"})
_STATUS = {
    "auction.started": "live",
    "auction.winner_declared": "sold",
    "auction.unsold": "unsold",
}


def render(watch: Watch, now: Millis) -> Table:
    """The table for a terminal."""
    bids, events = watch.rates()
    table = Table(title=f"{bids:.1f} bids/s   {events:.1f} events/s", title_justify="left")
    for name, justify in (
        ("auction", "left"),
        ("car", "left"),
        (f"price {CURRENCY}", "right"),
        ("leader", "left"),
        ("bids", "right"),
        ("reserve", "left"),
        ("time left", "right"),
    ):
        table.add_column(name, justify="left" if justify == "left" else "right")
    for lot in _by_end(watch):
        facts = lot.facts
        style = ""
        if facts.get("status") == "live" and facts["end_at"] - now < CLOSING_SOON_MS:
            style = "bold yellow"
        elif facts.get("status") == "sold":
            style = "green"
        table.add_row(*_cells(lot, now), style=style)
    return table


def plain_lines(watch: Watch, now: Millis) -> Iterator[str]:
    """The same for a pipe."""
    bids, events = watch.rates()
    yield f"-- {bids:.1f} bids/s, {events:.1f} events/s"
    for lot in _by_end(watch):
        yield "  ".join(_cells(lot, now))


def _by_end(watch: Watch) -> list[Lot]:
    return sorted(watch.lots.values(), key=lambda lot: (lot.facts.get("end_at", 0), lot.auction))


def _cells(lot: Lot, now: Millis) -> tuple[str, ...]:
    facts = lot.facts
    price = facts.get("current_price")
    return (
        lot.auction,
        lot.car,
        f"{price // NAIRA:,}" if price else "-",
        str(facts.get("leader") or "-"),
        str(facts.get("bid_count", 0)),
        "met" if facts.get("reserve_met") else "not met",
        lot.left(now),
    )
