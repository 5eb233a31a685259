"""The people of the demo: a dealer who lists cars, and bidders who want them.

All of them are ordinary clients: they hold a websocket, have a token, and know what the wire
tells them.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from engine.kernel.time import SECOND, Millis

CURRENCY = "NGN"
NAIRA = 100
MILLION = 1_000_000 * NAIRA
STEP = 50_000 * NAIRA
AUCTIONS_AT_ONCE = 8
BIDDERS = 24
FUNDS = 20 * MILLION
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

Token = Callable[[str, str], str]
"""(user, role) -> a token."""


class Client:
    """One websocket: sends commands, keeps what each feed last said."""

    def __init__(self, socket: ClientConnection, user: str) -> None:
        self.user = user
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._socket = socket
        self._sent = 0
        self._run = f"{time.time_ns():x}"
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def ask(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Send a command and await its reply."""
        self._sent += 1
        id_ = f"{self._run}-{self._sent}"
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[id_] = reply
        await self._socket.send(
            msgspec.json.encode({"id": id_, "type": type_, **fields}), text=True
        )
        return await reply

    async def listen(self) -> None:
        """Take in whatever comes, until the connection ends."""
        async for text in self._socket:
            message = msgspec.json.decode(text)
            kind = message["type"]
            if kind in ("ok", "error"):
                reply = self._replies.pop(message["id"], None)
                if reply and not reply.done():
                    reply.set_result(message)
            elif kind == "snapshot":
                self.snapshots[message["room"]] = message["state"]
            elif kind == "event":
                self.events.put_nowait(message)


class DemoMarket:
    """Keeps AUCTIONS_AT_ONCE auctions going, with bidders in all of them."""

    def __init__(self, url: str, token: Token, now: Callable[[], Millis]) -> None:
        self._url = url
        self._token = token
        self._now = now
        self._random = random.Random(7)
        self._made = 0
        self._run = f"{int(time.time()):x}"
        self.live: dict[str, str] = {}
        """Auction id -> car, of those that are on."""

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as group:
            staff = await self._connect("demo-admin", "admin", group)
            dealer = await self._connect("demo-dealer", "dealer", group)
            for number in range(BIDDERS):
                bidder = await self._connect(f"bidder{number + 1:02}", "user", group)
                await staff.ask(
                    "ledger.deposit",
                    user=bidder.user,
                    amount=FUNDS,
                    currency=CURRENCY,
                    reference=f"demo-{self._run}",
                )
                group.create_task(self._bid_now_and_then(bidder))
            for _ in range(AUCTIONS_AT_ONCE):
                group.create_task(self._auction_after_auction(dealer, staff))

    async def _connect(self, user: str, role: str, group: asyncio.TaskGroup) -> Client:
        headers = {"Authorization": f"Bearer {self._token(user, role)}"}
        socket = await connect(self._url, additional_headers=headers, compression=None)
        client = Client(socket, user)
        group.create_task(client.listen())
        return client

    async def _auction_after_auction(self, dealer: Client, staff: Client) -> None:
        while True:
            self._made += 1
            auction = f"{self._run}-{self._made}"
            car, millions = self._random.choice(CARS)
            start, end = 1 * SECOND, self._random.randrange(40, 150) * SECOND
            now = self._now()
            await dealer.ask(
                "auction.create",
                auction=auction,
                vehicle=f"car-{auction}",
                kind="reserve",
                currency=CURRENCY,
                start_price=millions * MILLION // 2,
                reserve_price=millions * MILLION * 8 // 10,
                start_at=now + start,
                end_at=now + start + end,
                extension_window_ms=8 * SECOND,
                extension_ms=8 * SECOND,
            )
            await staff.ask("auction.approve", auction=auction)
            self.live[auction] = car
            await self._closed(auction, staff)
            await asyncio.sleep(6)
            del self.live[auction]

    async def _closed(self, auction: str, staff: Client) -> None:
        """Await the end, asking the room now and then, as a page without a feed would."""
        while True:
            await asyncio.sleep(1)
            room = f"auction:{auction}"
            reply = await staff.ask("subscribe", room=room)
            if reply["type"] != "ok":
                return
            await staff.ask("unsubscribe", room=room)
            status = staff.snapshots.pop(room, {}).get("status")
            if status not in ("draft", "scheduled", "live", None):
                return

    async def _bid_now_and_then(self, bidder: Client) -> None:
        """Everybody has a price in mind for each car, and stops there."""
        limits: dict[str, int] = {}
        minimum: dict[str, int] = {}
        while True:
            await asyncio.sleep(self._random.expovariate(2.0))
            if not self.live:
                continue
            auction = self._random.choice(list(self.live))
            worth = dict(CARS)[self.live[auction]] * MILLION
            limit = limits.setdefault(auction, int(worth * self._random.uniform(0.6, 1.1)))
            amount = minimum.get(auction, worth // 2)
            if amount > limit:
                continue
            reply = await bidder.ask(
                "auction.place_bid", auction=auction, amount=amount, currency=CURRENCY
            )
            details = reply.get("details") or {}
            known = (reply.get("result") or {}).get("minimum_bid") or details.get("minimum")
            minimum[auction] = known or amount
