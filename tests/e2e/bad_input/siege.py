"""A server under bad input, and a bidder beside it who must not notice any of it.

What was accepted is kept as it was sent. At the end it is decided once more in a core of its own:
the state must be the one that the server's log makes, so nothing that was refused has left a trace.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from engine import snapshot
from engine.contract import Vault, Wake
from engine.core import Core, Outcome
from engine.kernel.actor import ADMIN, THE_HOUSE, USER, Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.record import Record
from engine.kernel.time import DAY
from engine.registry import build_registry, find_domains, union_of
from runtime.tokens import vault_of
from testkit.client import Client, Heard, connected
from testkit.process import Server
from tests.e2e.door import door_of
from tests.e2e.places import Place, sqlite_place

AUCTION = "calm"
ROOM = f"auction:{AUCTION}"
BIDDER, BOSS, STRANGER = "bidder", "boss", "ann"
PEOPLE = {
    BIDDER: Actor(BIDDER, USER, "approved"),
    BOSS: Actor(BOSS, ADMIN, "approved"),
    STRANGER: Actor(STRANGER, USER, "approved"),
}
PAUSE_S = 0.005
"""Between two bids: they go on all the time, and leave the cores to the tests."""
SLOW_S = 5.0
"""An answer that takes longer was held up by somebody else's bad input, not by a busy machine."""


class Bystander:
    """Bids without end, on a connection of its own, and listens on another."""

    def __init__(self, siege: "Siege", bidder: Client, listener: Client) -> None:
        self._siege = siege
        self._bidder = bidder
        self._listener = listener
        self._slowest_s = 0.0
        self._amount = 0
        self._stopping = False
        self._bidding = asyncio.create_task(self._bid_on())

    async def assert_well(self) -> None:
        """Bids are still taken, none since the last call was slow, and each was heard."""
        before = self._amount
        async with asyncio.timeout(4 * SLOW_S):
            while self._amount == before and not self._bidding.done():  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_S)
        if self._bidding.done():
            await self._bidding
        slowest_s, self._slowest_s = self._slowest_s, 0.0
        assert slowest_s < SLOW_S, f"somebody held the bidder up for {slowest_s:.2f} s"
        self._assert_nothing_else_heard()

    async def stop(self) -> None:
        """Bid no more; everything that was bid has been heard, once and in order."""
        self._stopping = True
        await self._bidding
        seq = self._siege.accepted[-1][2].seq
        if seq not in self._listener.seqs(ROOM):
            await self._listener.hear(room=ROOM, seq=seq)
        self._assert_nothing_else_heard()

    def _assert_nothing_else_heard(self) -> None:
        assert {m.type for m in self._bidder.unasked} == {"welcome"}
        seqs = self._listener.seqs(ROOM)
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "the feed has a gap"
        assert not self._listener.ended.done(), "the listener lost its connection"

    async def _bid_on(self) -> None:
        while not self._stopping:
            self._amount += 1
            bid = {"auction": AUCTION, "amount": self._amount, "currency": "USD"}
            started_s = time.perf_counter()
            await self._siege.must(self._bidder, BIDDER, "auction.place_bid", **bid)
            self._slowest_s = max(self._slowest_s, time.perf_counter() - started_s)
            await asyncio.sleep(PAUSE_S)


class Siege:
    """The server, and all that it has accepted."""

    def __init__(self, place: Place, server: Server) -> None:
        self.place = place
        self.server = server
        self.port = int(server.address.rpartition(":")[2])
        self.accepted: list[tuple[Actor, dict[str, Any], Heard]] = []
        self.bystander: Bystander | None = None

    async def must(self, client: Client, user: str, type_: str, **fields: Any) -> Heard:
        """Send a command that is accepted, and keep it."""
        reply = await client.must(type_, None, **fields)
        self.keep(user, {"id": reply.id, "type": type_} | fields, reply)
        return reply

    def keep(self, user: str, command: dict[str, Any], reply: Heard) -> None:
        """Note a command that has been accepted, as it was sent."""
        self.accepted.append((PEOPLE[user], command, reply))

    async def assert_well(self) -> None:
        """The server goes on, and so does the bystander."""
        assert self.bystander is not None, "the siege has begun"
        assert self.server.process.lives, self.server.process.err.text[-4_000:]
        await self.bystander.assert_well()

    async def open_auction(self, boss: Client) -> None:
        """An auction that is live for as long as the siege lasts, without a deposit."""
        async with door_of(self.server) as door:
            token = self.server.token(BOSS, ADMIN)
            now = await door.advance(token, 1)
            terms = {"vehicle": "v1", "kind": "timed", "currency": "USD", "deposit_bps": 0}
            terms |= {"start_price": 1, "increments": [[0, 1]]}
            times = {"start_at": now + 60_000, "end_at": now + DAY}
            await self.must(boss, BOSS, "auction.create", auction=AUCTION, **terms, **times)
            await self.must(boss, BOSS, "auction.approve", auction=AUCTION)
            await door.advance(token, 60_000)

    async def assert_sound(self) -> None:
        """The log verifies, and holds what was accepted and nothing else."""
        verified = await self.place.verify()
        assert verified.code == 0, verified.err
        records = await self.place.after(0)
        vault = vault_of(self.place.config, is_made=False)
        digest = snapshot.digest(twin(records, self.accepted, vault))
        assert f"digest   {digest}\n" in verified.out, verified.out


def twin(
    records: list[Record], accepted: list[tuple[Actor, dict[str, Any], Heard]], vault: Vault
) -> Core:
    """A core that has decided the accepted commands, in the order and at the times of the log,
    which gives nothing else: each record must come out of a command or of the one start."""
    registry = build_registry(find_domains())
    decode = msgspec.json.Decoder(union_of(registry.commands.values())).decode
    by_id = {(actor.user, sent["id"]): (actor, sent) for actor, sent, _ in accepted}
    core = Core(registry, dict(BUILT_IN), vault)
    while core.position < len(records):
        at = records[core.position].at
        answered = next(r for r in records[core.position :] if r.command_id or r.actor == "house")
        if answered.command_id:
            actor, sent = by_id.pop((answered.actor, answered.command_id))
            command = decode(msgspec.json.encode(sent))
            outcome = core.step(command, command.room(actor), actor, at)
        else:
            outcome = core.step(Wake(), answered.room, THE_HOUSE, at)
        assert isinstance(outcome, Outcome), f"{answered} was refused: {outcome}"
        assert outcome.applied, f"nothing came of {answered}"
    return core


@asynccontextmanager
async def besieged(data: Path) -> AsyncIterator[Siege]:
    """A server with its bystander, until the block ends; then all of it is looked over."""
    place = sqlite_place(data)
    async with place.serve("--test-clock") as server:
        siege = Siege(place, server)
        async with (
            connected(server.websocket, server.token(BOSS, ADMIN)) as boss,
            connected(server.websocket, server.token(BIDDER)) as bidder,
            connected(server.websocket) as listener,
        ):
            await siege.open_auction(boss)
            await listener.subscribe(ROOM)
            siege.bystander = Bystander(siege, bidder, listener)
            yield siege
            await siege.bystander.stop()
        server.process.stop()
        assert await server.process.ended() == 0
        assert "Traceback" not in server.process.err.text, server.process.err.text
    await siege.assert_sound()
