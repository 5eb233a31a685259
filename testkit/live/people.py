"""A dealer and bidders for a market of a live cluster. They lose nothing when a process dies: they
come back at whatever gateway there is, and ask again with the same id until there is an answer."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from testkit.crowd import AGAIN

AUCTIONS = 4
"""Going on at once in each market."""
AUCTION_S = (30.0, 60.0)
LEFT_S = 5.0
"""Nobody bids in the last seconds, for that would extend the auction."""
FUNDS = 10**13
START_MS = 1_000
START_PRICE = 1_000_000_00
CURRENCY = "NGN"
PAUSE_S = 0.1
PATIENCE_S = 10.0

Gateways = Callable[[], Sequence[str]]
"""The websocket addresses of the gateways that live."""


class Person:
    """Somebody with a line to the house, mended whenever it breaks."""

    def __init__(self, user: str, token: str, market: str, gateways: Gateways) -> None:
        self.user = user
        self._market = market
        self._gateways = gateways
        self._headers = {"Authorization": f"Bearer {token}"}
        # A user's ids are unique over all runs.
        self._run = secrets.token_hex(4)
        self._asked = 0
        self._socket: ClientConnection | None = None

    async def ask(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The final reply to a command, be it yes or no, however long that takes."""
        self._asked += 1
        id_ = f"{self._run}-{self._asked}"
        text = msgspec.json.encode({"id": id_, "type": type_, **fields}).decode()
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    reply = await self._say(id_, text)
            except (OSError, TimeoutError, WebSocketException):
                await self.leave()
            else:
                if reply.get("code") not in AGAIN:
                    return reply
            await asyncio.sleep(PAUSE_S)

    async def leave(self) -> None:
        """Hang up."""
        socket, self._socket = self._socket, None
        if socket:
            socket.transport.abort()
            await socket.wait_closed()

    async def _say(self, id_: str, text: str) -> dict[str, Any]:
        if self._socket is None:
            living = self._gateways()
            if not living:
                raise ConnectionRefusedError("no gateway lives")
            url = f"{secrets.choice(living)}?market={self._market}"
            self._socket = await connect(
                url, additional_headers=self._headers, compression=None, proxy=None
            )
        await self._socket.send(text)
        while True:
            frame: dict[str, Any] = msgspec.json.decode(await self._socket.recv())
            if frame.get("id") == id_:
                return frame


class Town:
    """The people of one market."""

    def __init__(
        self,
        enter: Callable[[str, str], Person],
        bidders: int,
        bids_per_s: float,
        accepted: Callable[[], None],
    ) -> None:
        """`enter` makes a person of a user and a role; `accepted` is told of each accepted bid;
        `bids_per_s` are those of all together."""
        self._accepted = accepted
        self._pace = bids_per_s / bidders
        self._dice = Random()
        self._run = secrets.token_hex(2)
        self._numbers = count(1)
        self._minimum: dict[str, int] = {}
        """Auctions in which one may bid, and the least bid that will do."""
        self._staff = [enter("boss", "admin") for _ in range(AUCTIONS)]
        self._bidders = [enter(f"bidder{number:02}", "user") for number in range(1, bidders + 1)]

    async def live(self) -> None:
        """Auctions and bids until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for bidder in self._bidders:
                    await self._fund(bidder)
                    group.create_task(self._bid_now_and_then(bidder))
                for staff in self._staff:
                    group.create_task(self._auction_after_auction(staff))
        finally:
            for person in (*self._staff, *self._bidders):
                await person.leave()

    async def _fund(self, bidder: Person) -> None:
        money = {"user": bidder.user, "amount": FUNDS, "currency": CURRENCY}
        reference = f"{self._run}-{bidder.user}"
        await self._staff[0].ask("ledger.deposit", reference=reference, **money)

    async def _auction_after_auction(self, staff: Person) -> None:
        while True:
            auction = f"{self._run}-{next(self._numbers)}"
            lasts_s = self._dice.uniform(*AUCTION_S)
            start_at = time.time_ns() // 1_000_000 + START_MS
            await staff.ask(
                "auction.create",
                auction=auction,
                vehicle=f"car-{auction}",
                seller="seller",
                kind="timed",
                currency=CURRENCY,
                start_price=START_PRICE,
                start_at=start_at,
                end_at=start_at + int(lasts_s * 1_000),
                extension_window_ms=int(LEFT_S * 1_000),
                extension_ms=int(LEFT_S * 1_000),
            )
            await staff.ask("auction.approve", auction=auction)
            await asyncio.sleep(START_MS / 1_000)
            self._minimum[auction] = START_PRICE
            await asyncio.sleep(lasts_s - LEFT_S)
            del self._minimum[auction]

    async def _bid_now_and_then(self, bidder: Person) -> None:
        while True:
            await asyncio.sleep(self._dice.expovariate(self._pace))
            if not self._minimum:
                continue
            auction = self._dice.choice(list(self._minimum))
            amount = self._minimum[auction]
            reply = await bidder.ask(
                "auction.place_bid", auction=auction, amount=amount, currency=CURRENCY
            )
            if reply["type"] == "ok":
                self._accepted()
            known = reply.get("result") or reply.get("details") or {}
            minimum = known.get("minimum_bid") or known.get("minimum") or amount
            if auction in self._minimum:
                self._minimum[auction] = max(minimum, self._minimum[auction])
