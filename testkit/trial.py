"""People bid and watch in a cluster while somebody hurts it; then their histories are judged.

A round has auctions of its own, so that a long trial forgets what it has judged.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx
from msgspec import Struct

from persistence.shards import ShardTable
from testkit.client import Client, connected
from testkit.cluster import Cluster, Part
from testkit.crowd import Crowd
from testkit.histories import Room, Told, longest_gap, violations
from testkit.process import run

AUCTIONS = {"main": 4, "east": 3}
"""Markets, and how many auctions each has in a round."""
BIDDERS = 4
"""In each market."""
AT_ONCE = 24
"""Bids that each of them has under way."""
PAGE = 1_000
FUNDS = 10**15
"""Minor units: more than anybody can bid."""
PATIENCE_S = 60.0
VERIFIED_S = 600.0
"""A long trial leaves a long log."""
TICK_S = 0.05

Hurt = Callable[[Cluster, Random], Awaitable[None]]


class Served(Struct):
    """What the crowds of a round have got."""

    accepted: int = 0
    refused: int = 0
    per_second: list[int] = []
    """Commands that were answered in a second, for each second in which any were; ascending."""
    gaps: dict[str, float] = {}
    """What was done -> the longest time in which a market accepted nothing, seconds."""


class Trial:
    """A cluster on trial. One round after another: `opened`, then `hurt` as often as wanted, then
    `judge`."""

    def __init__(self, town: Cluster, dice: Random) -> None:
        self.town = town
        self.dice = dice
        self.served = Served()
        """Of this round."""
        self.crowds: dict[str, Crowd] = {}
        """Those of this round, by their market."""
        self.rounds = 0
        self._table = ShardTable(town.url)
        self._epochs: dict[str, int] = {}
        self._lies: list[str] = []

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """A round: auctions that run, people who bid and watch until the block ends."""
        self.rounds += 1
        self.served = Served()
        self.crowds = {market: await self._open(market) for market in AUCTIONS}
        try:
            await self.anybody_served()
            yield
        finally:
            for crowd in self.crowds.values():
                await crowd.leave()

    async def hurt(self, name: str, hurt: Hurt) -> tuple[float, float]:
        """Do it. When every market has accepted a bid afterwards, return the longest time in
        which one accepted none, and how much of it the machine did not run us, seconds."""
        since_s = time.monotonic()
        async with _stalls() as stalls:
            await hurt(self.town, self.dice)
            await self.anybody_served()
        until_s = time.monotonic()
        gaps = [longest_gap(crowd.bids, since_s, until_s) for crowd in self.crowds.values()]
        from_s, to_s = max(gaps, key=lambda gap: gap[1] - gap[0])
        gap_s = to_s - from_s
        self.served.gaps[name] = max(gap_s, self.served.gaps.get(name, 0.0))
        await self._look_at_epochs()
        return gap_s, sum(late_s for at_s, late_s in stalls if from_s < at_s < to_s)

    async def anybody_served(self) -> None:
        """Wait until every market has accepted a bid from now on."""
        await asyncio.gather(*(crowd.accepted() for crowd in self.crowds.values()))

    async def judge(self) -> list[str]:
        """End the round's load. Returns all that cannot be true of what its people were told."""
        await asyncio.gather(*(crowd.stop() for crowd in self.crowds.values()))
        bids = [bid for crowd in self.crowds.values() for bid in crowd.bids]
        self.served.accepted = sum(bool(bid.seq) for bid in bids)
        self.served.refused = sum(bool(bid.refused) for bid in bids)
        self.served.per_second = sorted(Counter(int(bid.answered_s) for bid in bids).values())
        found = list(self._lies)
        for market, crowd in self.crowds.items():
            rooms = [await events_of(self.town, market, room) for room in self._rooms(market)]
            await _told_all(crowd, rooms)
            found += [f"{market}: {lie}" for lie in violations(rooms, crowd.bids, crowd.watches)]
        return found

    async def close(self) -> None:
        """Let go of the database."""
        await self._table.close()

    def _rooms(self, market: str) -> list[str]:
        return [f"auction:r{self.rounds}a{number}" for number in range(AUCTIONS[market])]

    async def _open(self, market: str) -> Crowd:
        rooms = self._rooms(market)
        await _open_auctions(self.town, market, rooms, f"r{self.rounds}")
        crowd = Crowd(
            lambda: [part.websocket for part in self.town.gateways],
            self.town.token,
            Random(self.dice.random()),
        )
        for number in range(BIDDERS):
            crowd.add_bidder(f"u{number}", rooms, market, AT_ONCE)
        for room in rooms:
            crowd.add_watcher("boss", "admin", room, market)
            crowd.add_watcher("anyone", "guest", room, market)
            crowd.add_watcher("somebody", "guest", room, market)
        return crowd

    async def _look_at_epochs(self) -> None:
        """No shard may fall back to an owner that has been succeeded."""
        for row in (await self._table.overview()).shards:
            before = self._epochs.get(row.market, 0)
            if row.epoch < before:
                self._lies.append(f"{row.market}: epoch {row.epoch} came after {before}")
            self._epochs[row.market] = row.epoch


@asynccontextmanager
async def _stalls() -> AsyncIterator[list[tuple[float, float]]]:
    """When, and for how long, this process was not run when it could have been, seconds."""
    found: list[tuple[float, float]] = []

    async def look() -> None:
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(TICK_S)
            if (late_s := time.monotonic() - began_s - TICK_S) > TICK_S:
                found.append((began_s, late_s))

    looking = asyncio.create_task(look())
    try:
        yield found
    finally:
        looking.cancel()


async def verified(town: Cluster) -> str:
    """What `outcry verify` finds wrong with the logs of all markets: "" if nothing."""
    command = ("verify", "--postgres", town.url, "--data", str(town.data))
    finished = await run(*command, within_s=VERIFIED_S)
    return "" if finished.code == 0 else finished.out + finished.err


async def writer_of(town: Cluster, market: str) -> Part:
    """The engine that serves a market just now, as it says itself. Raises TimeoutError."""
    return await _engine_that(town.engines, lambda said: said["served"].get(market))


async def standby_of(town: Cluster, market: str) -> Part:
    """The engine that stands ready to take a market over. Raises TimeoutError."""
    return await _engine_that(town.engines, lambda said: market in said["standby"])


async def events_of(town: Cluster, market: str, name: str) -> Room:
    """The whole history of a room, as staff may read it."""
    headers = {"Authorization": f"Bearer {town.token('boss', 'admin')}"}
    events: list[Told] = []
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE_S) as http:
        while True:
            url = f"{town.gateways[0].address}/v1/rooms/{name}/events"
            query: dict[str, str | int] = {"market": market, "after": len(events), "limit": PAGE}
            answer = await http.get(url, params=query)
            assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
            page = answer.json()["events"]
            if not page:
                return Room(name, events)
            events += [Told(e["seq"], e["at"], e["event"], e["data"]) for e in page]


async def _engine_that(engines: Sequence[Part], says: Callable[[dict[str, Any]], object]) -> Part:
    async with httpx.AsyncClient(timeout=1) as http, asyncio.timeout(PATIENCE_S):
        while True:
            for part in engines:
                try:
                    said = (await http.get(f"{part.address}/readyz")).json()
                except httpx.HTTPError:
                    continue
                if says(said):
                    return part
            await asyncio.sleep(0.1)


async def another_writer(town: Cluster, market: str, part: Part) -> None:
    """Wait until the market is served by another engine than this. Raises TimeoutError."""
    others = [other for other in town.engines if other is not part]
    await _engine_that(others, lambda said: said["served"].get(market))


async def _told_all(crowd: Crowd, rooms: Sequence[Room]) -> None:
    """Wait until watchers have been told the last event. Raises TimeoutError."""
    heads = {room.name: len(room.events) for room in rooms}
    async with asyncio.timeout(PATIENCE_S):
        while any(  # noqa: ASYNC110 - it is told to many, one by one
            watch.since + len(watch.told) < heads[watch.room]
            for watch in crowd.watches
            if not watch.is_over
        ):
            await asyncio.sleep(0.05)


async def _open_auctions(town: Cluster, market: str, rooms: Sequence[str], round_: str) -> None:
    """Deposits for everybody, and running auctions."""
    url = f"{town.gateways[0].websocket}?market={market}"
    async with connected(url, town.token("boss", "admin")) as boss:
        for number in range(BIDDERS):
            funds = {"user": f"u{number}", "amount": FUNDS, "currency": "NGN"}
            await _must(boss, "ledger.deposit", **funds, reference=f"{round_}-{number}")
        for room in rooms:
            now_ms = int(time.time() * 1_000)
            await _must(
                boss,
                "auction.create",
                auction=room.partition(":")[2],
                vehicle=room.replace(":", "-"),
                seller="sel",
                kind="timed",
                currency="NGN",
                start_price=100_000,
                # Approved before that, also where the machine has more to do.
                start_at=now_ms + 2_500,
                end_at=now_ms + 3_600_000,
            )
            await _must(boss, "auction.approve", auction=room.partition(":")[2])


async def _must(client: Client, type_: str, **fields: Any) -> None:
    reply = await client.ask(type_, **fields)
    assert reply.ok, reply
