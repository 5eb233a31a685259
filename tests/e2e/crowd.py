"""Many bidders at once in one auction, and listeners who keep count: what a crash must not harm.

Every bidder keeps several bids under way. Each bid is a step above the last that anybody sent, so
amounts are unique and tell bids apart in the log. What was answered is kept with the bid; what
was not stays open, to be asked for again with the same id.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import Struct

from engine.kernel.time import DAY
from testkit.client import Client, Heard, connected
from testkit.process import Server
from tests.e2e.door import door_of
from tests.e2e.places import Place

AUCTION = "hot"
ROOM = f"auction:{AUCTION}"
FIRST_AMOUNT = 10_000
FUNDS = 10_000_000
BIDDERS = 16
UNDER_WAY = 8
TRY_AGAIN = ("UNKNOWN", "UNAVAILABLE")
"""Answers that leave it open what became of a bid."""


class Bid(Struct):
    """One bid, and its answer: None as long as it is not known."""

    user: str
    id: str
    amount: int
    answer: Heard | None = None


class Follower:
    """Somebody who listens to a room over all interruptions."""

    def __init__(self, room: str, user: str = "") -> None:
        self.room = room
        self.user = user
        self.seqs: list[int] = []
        """Of every event heard, as it came."""
        self._client: Client | None = None
        self._epoch: str | None = None

    async def listen(self, client: Client) -> None:
        """Begin, or go on from where the last connection ended."""
        self._client = client
        after = self.seqs[-1] if self.seqs else 0
        reply = await client.subscribe(self.room, after, self._epoch)
        assert reply.result["recovered"], "the log is the same, and has all that was missed"
        self._epoch = reply.epoch

    async def caught_up(self, seq: int) -> None:
        """Await the event with this seq."""
        assert self._client is not None, "listen first"
        if seq not in self._client.seqs(self.room):
            await self._client.hear(room=self.room, seq=seq)

    def rest(self) -> None:
        """The connection is gone: take down what it heard."""
        assert self._client is not None, "listen first"
        self.seqs += self._client.seqs(self.room)
        self._client = None


class Crowd:
    """Bidders and followers, who outlive the servers that they talk to."""

    def __init__(self, prefix: str = "bidder") -> None:
        self.users = [f"{prefix}{number}" for number in range(BIDDERS)]
        self.bids: list[Bid] = []
        self.followers = [
            Follower(ROOM),
            # Becomes a participant by the first bid, in the midst of the stream.
            Follower(ROOM, self.users[0]),
            Follower(f"user:{self.users[1]}", self.users[1]),
        ]
        self.clients: dict[str, Client] = {}
        self._next_amount = FIRST_AMOUNT
        self._then: Callable[[], object] = lambda: None
        self._until_then = 0
        self._resting = False

    @property
    def acknowledged(self) -> list[Bid]:
        """Bids that were answered with ok."""
        return [bid for bid in self.bids if bid.answer and bid.answer.ok]

    @property
    def open(self) -> list[Bid]:
        """Bids of which it is not known what became of them."""
        return [bid for bid in self.bids if bid.answer is None or bid.answer.code in TRY_AGAIN]

    @asynccontextmanager
    async def at(self, server: Server) -> AsyncIterator[None]:
        """Everybody connects, and the followers listen, until the block ends."""
        async with AsyncExitStack() as stack:
            for user in self.users:
                token = server.token(user)
                client = await stack.enter_async_context(connected(server.websocket, token))
                self.clients[user] = client
            for follower in self.followers:
                token = server.token(follower.user) if follower.user else ""
                client = await stack.enter_async_context(connected(server.websocket, token))
                await follower.listen(client)
                stack.callback(follower.rest)
            yield

    async def bid(self, acknowledged: int, then: Callable[[], object]) -> None:
        """Bid with all hands; at this many acknowledgements do `then`, in that very moment, and
        bid on. Returns when no bid is under way any more: after `rest`, or when every connection
        has been told to try again later or has ended."""
        self._until_then, self._then, self._resting = acknowledged, then, False
        async with asyncio.TaskGroup() as group:
            for user in self.users:
                for _ in range(UNDER_WAY):
                    group.create_task(self._bid_on(user))

    async def flood(self, bids: int) -> list[Bid]:
        """Let the last user send so many bids without waiting for any answer; then await them
        all. Returns these bids."""
        user = self.users[-1]
        amounts = range(self._next_amount, self._next_amount + bids)
        sent = [Bid(user, f"flood-{amount}", amount) for amount in amounts]
        self.bids += sent
        pending = [await self._send(bid) for bid in sent]
        for bid, answer in zip(sent, pending, strict=True):
            bid.answer = await answer
        self._next_amount += bids
        return sent

    def rest(self) -> None:
        """No new bids, please."""
        self._resting = True

    async def catch_up(self, server: Server) -> None:
        """Await that every follower has heard all that has happened until now."""
        async with door_of(server) as door:
            for follower in self.followers:
                history = await door.history(follower.room, server.token("boss", "admin"))
                await follower.caught_up(len(history))

    async def ask_again(self) -> list[tuple[Bid, Heard]]:
        """Send every open bid again, with its id; returns each with the answer."""
        asked = self.open
        pending = [await self._send(bid) for bid in asked]
        answers: list[tuple[Bid, Heard]] = []
        for bid, reply in zip(asked, pending, strict=True):
            bid.answer = await reply
            assert bid.answer is not None, "the connection ended"
            self._learn(bid.answer)
            answers.append((bid, bid.answer))
        return answers

    async def _bid_on(self, user: str) -> None:
        while not self._resting:
            bid = Bid(user, f"{user}-{len(self.bids)}", self._next_amount)
            self._next_amount += 1
            self.bids.append(bid)
            bid.answer = await (await self._send(bid))
            if bid.answer is None or bid.answer.code in TRY_AGAIN:
                return
            self._learn(bid.answer)
            if bid.answer.ok:
                self._until_then -= 1
                if self._until_then == 0:
                    self._then()

    async def _send(self, bid: Bid) -> "asyncio.Future[Heard | None]":
        return await self.clients[bid.user].send(
            "auction.place_bid", bid.id, auction=AUCTION, amount=bid.amount, currency="USD"
        )

    def _learn(self, answer: Heard) -> None:
        """From what an accepted bid and BID_TOO_LOW tell of the least next bid."""
        facts = answer.result if answer.ok else answer.details
        known = facts.get("minimum_bid") or facts.get("minimum") or 0
        self._next_amount = max(self._next_amount, known)


async def open_hot_auction(server: Server, users: list[str]) -> None:
    """An auction that moves in steps of one, ends in a day, and is live; money for everybody."""
    boss = server.token("boss", "admin")
    async with door_of(server) as door, connected(server.websocket, boss) as client:
        for user in users:
            deposit = {"user": user, "amount": FUNDS, "currency": "USD", "reference": "r1"}
            await client.must("ledger.deposit", None, **deposit)
        now = await door.advance(boss, 1)
        await client.must(
            "auction.create",
            auction=AUCTION,
            vehicle="v1",
            kind="timed",
            currency="USD",
            start_price=FIRST_AMOUNT,
            increments=[[0, 1]],
            start_at=now + 10_000,
            end_at=now + DAY,
        )
        await client.must("auction.approve", auction=AUCTION)
        await door.advance(boss, 10_000)
        assert (await door.room(ROOM))["status"] == "live"


async def assert_nothing_lost(place: Place, server: Server, crowd: Crowd) -> None:
    """Every acknowledged bid is in the log once, in order, under its receipt; nothing else is;
    and every follower has heard every event once. The crowd has left."""
    assert not crowd.open, "ask again first"
    boss = server.token("boss", "admin")
    async with door_of(server) as door:
        history = await door.history(ROOM, boss)
        assert [frame["seq"] for frame in history] == list(range(1, len(history) + 1))
        placed = [
            (f["data"]["bidder"], f["data"]["bid"], f["seq"], f["at"])
            for f in history
            if f["event"] == "auction.bid_placed"
        ]
        acknowledged = sorted(
            (bid.user, bid.amount, answer.seq, answer.at)
            for bid in crowd.acknowledged
            if (answer := bid.answer) is not None
        )
        assert sorted(placed) == acknowledged
        hashes = {record.seq: record.hash for record in await place.records(ROOM)}
        for bid in crowd.acknowledged:
            assert bid.answer is not None
            assert hashes[bid.answer.seq] == bid.answer.result["receipt"]
        for follower in crowd.followers:
            length = len(await door.history(follower.room, boss))
            assert follower.seqs == list(range(1, length + 1))
