"""People who walk through a house over the wire: each on a websocket of their own, with a token."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex
from typing import Any

from engine.kernel.time import HOUR, MINUTE, Millis
from testkit.client import Client, Heard, connected
from testkit.process import Server
from tests.e2e.door import Door, door_of

BOSS = "boss"
ROLES = {
    BOSS: "admin",
    "meg": "manager",
    "dora": "dealer",
    "kim": "shopkeeper",
    "hal": "shopkeeper",
    "robot": "system",
    "kit": "shopkeeper",
    **dict.fromkeys(("dan", "deb", "dot", "fay"), "driver"),
}
"""Everybody else is a user."""
POOR = "poor"
"""Has not shown any documents."""
GUEST = ""


class Walk:
    """One server, its door, and whoever has come in so far."""

    def __init__(self, server: Server, door: Door, stack: AsyncExitStack) -> None:
        self.server = server
        self.door = door
        self._stack = stack
        self._clients: dict[str, Client] = {}

    def token(self, user: str) -> str:
        """What shows who this is; a guest has none."""
        kyc = "none" if user == POOR else "approved"
        return self.server.token(user, ROLES.get(user, "user"), kyc) if user else ""

    async def client(self, user: str) -> Client:
        """This person's connection; they come in when first asked for."""
        if user not in self._clients:
            coming = connected(self.server.websocket, self.token(user))
            self._clients[user] = await self._stack.enter_async_context(coming)
        return self._clients[user]

    async def come_in(self, user: str, token: str) -> Client:
        """This person's connection, with a token that the house itself has given."""
        coming = connected(self.server.websocket, token)
        self._clients[user] = await self._stack.enter_async_context(coming)
        return self._clients[user]

    async def leave(self, user: str) -> None:
        """This person hangs up."""
        await self._clients.pop(user).close()

    async def ask(self, user: str, type_: str, /, **fields: Any) -> Heard:
        """Somebody asks; the reply, be it yes or no."""
        return await (await self.client(user)).ask(type_, **fields)

    async def must(self, user: str, type_: str, /, **fields: Any) -> Heard:
        """Somebody asks, and is not refused."""
        return await (await self.client(user)).must(type_, **fields)

    async def advance(self, ms: Millis) -> Millis:
        """Let time pass; return the house's time."""
        return await self.door.advance(self.token(BOSS), ms)

    async def fund(self, *users: str, amount: int = 1_000_00) -> None:
        """Money for everybody."""
        for user in users:
            await self.must(BOSS, "ledger.deposit", user=user, reference="r1", **usd(amount))

    async def draft(self, auction: str, **terms: Any) -> Heard:
        """Draw an auction up: it is to start in a minute, and to last an hour."""
        return await self.must("dora", "auction.create", **await self.plan(auction, **terms))

    async def plan(self, auction: str, **terms: Any) -> dict[str, Any]:
        """The fields of a command that draws an auction up."""
        now = await self.advance(0)
        usual = {"vehicle": f"v-{auction}", "kind": "timed", "currency": "USD", "start_price": 100}
        times = {"start_at": now + MINUTE, "end_at": now + MINUTE + HOUR}
        return {"auction": auction} | usual | times | terms

    async def open(self, auction: str, **terms: Any) -> None:
        """Have an auction drawn up, approved and started."""
        await self.draft(auction, **terms)
        await self.must(BOSS, "auction.approve", auction=auction)
        await self.advance(MINUTE)

    async def open_many(self, count: int, group: str) -> None:
        """Have so many lots of a group started, all at once."""
        boss = await self.client(BOSS)
        plan = await self.plan("", group=group)
        pending = []
        for number in range(count):
            lot = {"auction": f"lot{number}", "vehicle": f"v{number}"}
            pending.append(await boss.send("auction.create", **plan | lot))
            pending.append(await boss.send("auction.approve", auction=lot["auction"]))
        for reply in pending:
            heard = await reply
            assert heard is not None, "the connection ended"
            assert heard.ok, heard
        await self.advance(MINUTE)

    async def bid(self, user: str, auction: str, amount: int) -> Heard:
        """A bid that is taken."""
        return await self.must(user, "auction.place_bid", auction=auction, **usd(amount))

    async def set_maximum(self, user: str, auction: str, amount: int, **switch: int) -> Heard:
        """A maximum that is taken, perhaps with a dead-man's switch."""
        fields = {"auction": auction, "max_amount": amount, "currency": "USD"} | switch
        return await self.must(user, "auction.set_max_bid", **fields)

    async def end(self, auction: str) -> None:
        """Have it ended by hand; whoever leads wins."""
        await self.must(BOSS, "auction.force_end", auction=auction, reason="it is late")

    async def capture(self, payer: str, amount: int, purpose: str, **changes: Any) -> Heard:
        """A provider says that somebody has paid."""
        # Unique over all servers that a log has had.
        payment = {"provider": "sandbox", "payment": token_hex(8), "kind": "captured"}
        fields = payment | usd(amount) | {"user": payer, "purpose": purpose} | changes
        return await self.must("robot", "ledger.provider_event", **fields)

    async def status(self, auction: str) -> str:
        """The state of an auction, as anybody sees it."""
        found: str = (await self.door.room(f"auction:{auction}"))["status"]
        return found


def usd(amount: int) -> dict[str, Any]:
    """An amount of US cents, as most commands have it."""
    return {"amount": amount, "currency": "USD"}


@asynccontextmanager
async def walking(server: Server) -> AsyncIterator[Walk]:
    """A walk, until the block ends and everybody leaves."""
    async with door_of(server) as door, AsyncExitStack() as stack:
        yield Walk(server, door, stack)
