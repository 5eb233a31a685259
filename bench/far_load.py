"""Bids through several doors into several markets, and what each kind of process spends on one.

An auction is bid in at one door: bids that went to one auction through two gateways would overtake
one another, and be too low."""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence

import uvloop
from msgspec import Struct

from bench.bidders import Bidder, Score
from bench.client import CommandRefused
from bench.gauge import cores_busy, cores_by_role, until
from bench.load import PERCENTILES, drain, open_loop, percentile, prepare, start
from bench.market import IN_FLIGHT, in_lanes
from bench.open_loop import Plan, Stand, stands_of
from bench.server import House


class FarLoad(Struct, frozen=True):
    """What is asked."""

    connections: int = 200
    auctions: int = 8
    """Over all markets and doors."""
    seconds: float = 2.0
    """Measured."""
    warmup: float = 0.5
    """Seconds before, under the same load."""
    pipeline: int = 1
    """Closed loop: bids under way for each connection."""
    rate: float = 0.0
    """Open loop, if above 0: bids a second in all."""
    markets: tuple[str, ...] = ("main",)


class FarLoaded(Struct, frozen=True):
    """What came of it."""

    per_second: float
    """Bids durable and acknowledged."""
    refused: int
    unanswered: int
    ms: dict[float, float]
    """Percentile -> latency, from when a bid was due."""
    us: dict[str, float]
    """Role -> processor time of its processes for each bid, microseconds."""
    load: float
    """Cores that this process kept busy."""


def run(doors: Sequence[House], load: FarLoad, roles: Mapping[str, Sequence[int]]) -> FarLoaded:
    """As `measure`, in a loop of its own."""
    return uvloop.run(measure(doors, load, roles))


async def measure(
    doors: Sequence[House], load: FarLoad, roles: Mapping[str, Sequence[int]]
) -> FarLoaded:
    """Bid. `roles`: the processes whose time is counted. Raises CommandRefused if the auctions
    cannot be prepared or no bid was accepted, and what ended a connection."""
    name = secrets.token_hex(4)
    stands = stands_of(doors, Plan(auctions=load.auctions, markets=load.markets), name)
    users = [f"{name}-{number}" for number in range(load.connections)]
    score = Score(0, 0)
    bidders = [_bidder(stands[n % len(stands)], user, score) for n, user in enumerate(users)]
    try:
        for market in load.markets:
            there = [stand for stand in stands if stand.market == market]
            lots = [stand.lot for stand in there]
            who = [user for user, b in zip(users, bidders, strict=True) if b.lot in lots]
            await prepare(there[0].home, name, who, lots)
        await in_lanes(IN_FLIGHT, bidders, Bidder.open)
        score.from_ns = time.monotonic_ns() + int(load.warmup * 1e9)
        score.until_ns = score.from_ns + int(load.seconds * 1e9)
        spending = asyncio.create_task(cores_by_role(roles, score.from_ns, score.until_ns))
        burdening = asyncio.create_task(cores_busy(0, score.from_ns, score.until_ns))
        await _bid(bidders, score, load)
        spent, own = await spending, await burdening
        for bidder in bidders:
            bidder.keep_going = False
        await drain(bidders, score)
        unanswered = sum(bidder.unanswered for bidder in bidders)
    finally:
        await in_lanes(IN_FLIGHT, bidders, Bidder.close)
    if score.problems:
        raise score.problems[0]
    if not score.accepted:
        raise CommandRefused(f"no bid was accepted in {load.seconds} s: {score.refused}")
    ordered = sorted(score.latencies_ms)
    return FarLoaded(
        per_second=score.per_second,
        refused=score.refused.total(),
        unanswered=unanswered,
        ms={percent: percentile(ordered, percent) for percent in PERCENTILES},
        us={role: cores / score.per_second * 1e6 for role, cores in spent.items()},
        load=own.load,
    )


def _bidder(stand: Stand, user: str, score: Score) -> Bidder:
    return Bidder(stand.home.url, stand.home.token(user), stand.lot, score)


async def _bid(bidders: list[Bidder], score: Score, load: FarLoad) -> None:
    if load.rate:
        await open_loop(bidders, score, load.rate, load.warmup)
    else:
        start(bidders, load.pipeline)
        await until(score.until_ns)
