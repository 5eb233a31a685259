"""Bidders and watchers who behave as they should when the house fails them: they come back, at
whatever gateway, ask again with the same id, and resume where they were. All is written down."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from typing import Any

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException

from engine.kernel.limits import RESUME_EVENTS_MAX
from testkit.histories import Bid, Told, Watch

AGAIN = frozenset({"UNKNOWN", "UNAVAILABLE", "OVERLOADED"})
PATIENCE_S = 25.0
PAUSE_S = 0.05
CLOSED_IN_NO_ORDER = 1006
REPEATED = 20
"""Bids of each bidder that are sent once more in the end."""
INCREMENT = 5_000_000
"""More than any auction asks for, minor units."""

Gateways = Callable[[], Sequence[str]]
"""The websocket addresses that there are just now."""


class Bidder(Struct):
    """Somebody who bids."""

    user: str
    rooms: Sequence[str]
    market: str
    at_once: int
    under_way: dict[str, Bid] = {}
    """By id, in the order of their sending."""
    to_repeat: dict[str, Bid] = {}
    """Those of them that were answered with: ask again."""


class Crowd:
    """All of them. End with `stop`; then `watches` and `bids` are whole."""

    def __init__(self, gateways: Gateways, token: Callable[[str, str], str], dice: Random) -> None:
        """`token` makes one for a user of a role."""
        self.bids: list[Bid] = []
        self.watches: list[Watch] = []
        self.goodbyes: list[int] = []
        """After how long each of those who were told so was to come back, ms."""
        self.closes: Counter[int] = Counter()
        """How connections ended that nobody here has closed."""
        self._gateways = gateways
        self._token = token
        self._dice = dice
        # A user's ids are for ever, and the crowd before had the same users.
        self._run = f"{dice.getrandbits(32):08x}"
        self._amounts = count(10_000_000, INCREMENT)
        self._stopping = False
        self._accepted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def add_bidder(
        self, user: str, rooms: Sequence[str], market: str = "main", at_once: int = 1
    ) -> None:
        """Somebody who bids in these auctions, and has so many bids under way."""
        bidder = Bidder(user, rooms, market, at_once)
        self._tasks.append(asyncio.create_task(self._bid_on(bidder), name="bidder"))

    def add_watcher(self, user: str, role: str, room: str, market: str = "main") -> None:
        """Somebody who listens to a room all the time."""
        watch = Watch(f"{role} {user}", room, role)
        self.watches.append(watch)
        self._tasks.append(asyncio.create_task(self._watch_on(user, role, watch, market)))

    async def accepted(self) -> None:
        """Await the next accepted bid."""
        self._accepted.clear()
        async with asyncio.timeout(120):
            await self._accepted.wait()

    async def stop(self) -> None:
        """Let bidders come to an end with what they have sent."""
        self._stopping = True
        bidders = [task for task in self._tasks if task.get_name() == "bidder"]
        await asyncio.gather(*bidders)

    async def leave(self) -> None:
        """Everybody goes."""
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _bid_on(self, bidder: Bidder) -> None:
        while True:
            try:
                async with self._connected(bidder.user, "user", bidder.market) as socket:
                    await self._send(socket, bidder.under_way.values())
                    bidder.to_repeat.clear()
                    while await self._fill(socket, bidder):
                        await self._hear(socket, bidder)
                    await self._ask_once_more(socket, bidder.user)
                    return
            except (OSError, TimeoutError, WebSocketException):
                await asyncio.sleep(PAUSE_S)

    async def _fill(self, socket: ClientConnection, bidder: Bidder) -> bool:
        """Have as many bids under way as there should be. Returns whether there are any."""
        new: list[Bid] = []
        while not self._stopping and len(bidder.under_way) < bidder.at_once:
            room = self._dice.choice(bidder.rooms)
            id_ = f"{bidder.user}-{self._run}-{len(self.bids)}"
            bid = Bid(room, bidder.user, id_, next(self._amounts), time.monotonic())
            self.bids.append(bid)
            bidder.under_way[id_] = bid
            new.append(bid)
        await self._send(socket, new)
        return bool(bidder.under_way)

    async def _hear(self, socket: ClientConnection, bidder: Bidder) -> None:
        """Take the next answer. What has to be asked again is, when all else is answered."""
        async with asyncio.timeout(PATIENCE_S):
            reply = await self._next(socket)
        bid = bidder.under_way.get(reply.get("id", ""))
        if bid is None:
            return
        if reply["type"] == "error" and reply["code"] in AGAIN:
            bidder.to_repeat[bid.id] = bid
        else:
            self._settle(bid, reply)
            del bidder.under_way[bid.id]
            bidder.to_repeat.pop(bid.id, None)
        if bidder.to_repeat and len(bidder.to_repeat) == len(bidder.under_way):
            await asyncio.sleep(PAUSE_S)
            bidder.to_repeat.clear()
            await self._send(socket, bidder.under_way.values())

    async def _ask_once_more(self, socket: ClientConnection, user: str) -> None:
        """Send bids that were accepted long ago again, as a forgetful program would."""
        accepted = [bid for bid in self.bids if bid.seq and bid.user == user]
        for bid in self._dice.sample(accepted, min(len(accepted), REPEATED)):
            reply = await self._sent(socket, bid)
            while reply.get("code") in AGAIN:
                await asyncio.sleep(PAUSE_S)
                reply = await self._sent(socket, bid)
            bid.again = _proof(reply) if reply["type"] == "ok" else (0, 0, reply["code"])

    async def _sent(self, socket: ClientConnection, bid: Bid) -> dict[str, Any]:
        await self._send(socket, [bid])
        return await self._reply(socket, bid.id)

    async def _send(self, socket: ClientConnection, bids: Iterable[Bid]) -> None:
        for bid in bids:
            fields = {
                "auction": bid.room.partition(":")[2],
                "amount": bid.amount,
                "currency": "NGN",
            }
            await _say(socket, {"id": bid.id, "type": "auction.place_bid", **fields})

    def _settle(self, bid: Bid, reply: dict[str, Any]) -> None:
        """The answer is final."""
        bid.answered_s = time.monotonic()
        if reply["type"] == "ok":
            bid.seq, bid.at, bid.receipt = _proof(reply)
            self._accepted.set()
        else:
            bid.refused = reply["code"]
            bid.price = (reply.get("details") or {}).get("current_price")

    async def _watch_on(self, user: str, role: str, watch: Watch, market: str) -> None:
        epoch: str | None = None
        while True:
            try:
                async with self._connected(user, role, market) as socket:
                    known = watch.since + len(watch.told)
                    resume = {"after": known, "epoch": epoch} if epoch else {}
                    await _say(
                        socket, {"id": "w", "type": "subscribe", "room": watch.room, **resume}
                    )
                    reply = await self._reply(socket, "w")
                    if reply["type"] == "error":
                        await asyncio.sleep(PAUSE_S)
                        continue
                    watch = self._resumed(watch, reply)
                    epoch = reply["epoch"]
                    while True:
                        _tell(watch, await self._next(socket))
            except (OSError, TimeoutError, WebSocketException):
                await asyncio.sleep(PAUSE_S)

    def _resumed(self, watch: Watch, reply: dict[str, Any]) -> Watch:
        """The history that goes on from here."""
        seq, is_recovered = reply["result"]["seq"], reply["result"]["recovered"]
        if watch.epochs and not is_recovered:
            if seq - watch.since - len(watch.told) > RESUME_EVENTS_MAX:
                # So many are not told again, and what was told until then stands.
                watch.is_over = True
                watch = Watch(watch.name, watch.room, watch.viewer)
                self.watches.append(watch)
            else:
                watch.starts += 1
        watch.epochs.append(reply["epoch"])
        if not is_recovered:
            # What was told before a second snapshot may leave out events: that is a violation.
            watch.since, watch.told = seq, []
        return watch

    async def _reply(self, socket: ClientConnection, id_: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self._next(socket)
                if frame.get("id") == id_:
                    return frame

    async def _next(self, socket: ClientConnection) -> dict[str, Any]:
        """The next frame. Whoever is told to come back later does."""
        frame: dict[str, Any] = msgspec.json.decode(await socket.recv())
        if frame["type"] == "goodbye":
            after_ms = frame["reconnect_after_ms"]
            self.goodbyes.append(after_ms)
            await asyncio.sleep(after_ms / 1_000)
        return frame

    @asynccontextmanager
    async def _connected(
        self, user: str, role: str, market: str
    ) -> AsyncIterator[ClientConnection]:
        headers = {"Authorization": f"Bearer {self._token(user, role)}"} if role != "guest" else {}
        address = self._dice.choice(self._gateways())
        url = f"{address}?market={market}"
        try:
            async with connect(
                url, additional_headers=headers, proxy=None, open_timeout=PATIENCE_S
            ) as socket:
                yield socket
        except ConnectionClosed as end:
            self.closes[end.rcvd.code if end.rcvd else CLOSED_IN_NO_ORDER] += 1
            raise
        except InvalidHandshake as problem:
            raise OSError(str(problem)) from problem


def _proof(reply: dict[str, Any]) -> tuple[int, int, str]:
    return reply["seq"], reply["at"], reply["result"]["receipt"]


def _tell(watch: Watch, frame: dict[str, Any]) -> None:
    if frame["type"] == "event":
        watch.told.append(Told(frame["seq"], frame["at"], frame["event"], frame["data"]))


async def _say(socket: ClientConnection, frame: dict[str, Any]) -> None:
    await socket.send(msgspec.json.encode(frame).decode())
