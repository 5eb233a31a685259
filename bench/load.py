"""Durable bids a second, and how long each took, through a running server.

    python -m bench.load [--connections 200] [--auctions 1] [--seconds 10]
                         [--pipeline 1 | --rate 5000] [--url ... --data ...]

Closed loop (the default): each connection keeps `--pipeline` bids under way, and sends the next
when one is answered. Open loop (`--rate`): bids fall due at a fixed rate, whatever the server does,
and a latency counts from the moment the bid was due, not from when it could be sent: a server that
stalls is charged for everyone who had to wait (coordinated omission).
"""

import argparse
import asyncio
import math
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence

import uvloop
from msgspec import Struct

from bench.bidders import STEP, Bidder, Lot, Score
from bench.client import CommandRefused, ConnectionEnded, connected
from bench.gauge import Cores, cores_busy
from bench.market import IN_FLIGHT, Sale, fill_wallets, in_lanes, open_sales
from bench.meter import Meter
from bench.server import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    House,
    ServerError,
    add_house_flags,
    house_of,
)
from bench.wire import WireError

CURRENCY = "USD"
START_PRICE = 100
WALLET = 10**12
"""Cents for each bidder: more than any deposit of a run."""

PACE_S = 0.001
"""How often the open loop looks what is due."""

DRAIN_LOOK_S = 0.01
DRAIN_LOOKS = 1_000
"""How long the answers to the last bids are awaited: so many looks, so many seconds apart."""

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)

ECHOED = "auction.place_bid"
"""The type of a bid that comes back as it was sent."""


class Load(Struct, frozen=True):
    """What is asked of the server."""

    connections: int = 200
    auctions: int = 1
    seconds: float = 10.0
    """Measured."""
    warmup: float = 1.0
    """Seconds before, under the same load."""
    pipeline: int = 1
    """Closed loop: bids under way for each connection."""
    rate: float = 0.0
    """Open loop, if above 0: bids a second in all."""
    echo: bool = False
    """The other side is no house: it sends every bid back."""


class Loaded(Struct, frozen=True):
    """What came of it."""

    per_second: float
    """Bids durable and acknowledged; for an echo, messages."""
    refused: Counter[str]
    """By code, in all."""
    unanswered: int
    ms: dict[float, float]
    """Percentile -> latency."""
    cores: Cores

    @property
    def server_us(self) -> float:
        """The server's processor time for each bid, microseconds."""
        return self.cores.server / self.per_second * 1e6


def run(house: House, load: Load) -> Loaded:
    """As `measure`, in a loop of its own and without a word."""
    return uvloop.run(measure(house, load, quiet=True))


async def measure(house: House, load: Load, *, quiet: bool = False) -> Loaded:
    """Run the load. Raises CommandRefused if the auctions cannot be prepared, and what ended a
    connection."""
    name = secrets.token_hex(4)
    users = [f"{name}-{number}" for number in range(load.connections)]
    lots = [Lot(f"{name}-{number}", CURRENCY, START_PRICE) for number in range(load.auctions)]
    score = Score(0, 0, ECHOED if load.echo else "ok")
    bidders = [
        Bidder(house.url, house.token(user), lots[number % len(lots)], score)
        for number, user in enumerate(users)
    ]
    try:
        await in_lanes(IN_FLIGHT, bidders, Bidder.open)
        if not load.echo:
            await prepare(house, name, users, lots)
        cores = await _bid(house, bidders, score, load, quiet=quiet)
        await drain(bidders, score)
        unanswered = sum(bidder.unanswered for bidder in bidders)
    finally:
        await in_lanes(IN_FLIGHT, bidders, Bidder.close)
    if score.problems:
        raise score.problems[0]
    if not score.accepted:
        raise CommandRefused(f"no bid was accepted in {load.seconds} s: {score.refused}")
    return loaded(score, unanswered, cores)


async def _bid(
    house: House, bidders: list[Bidder], score: Score, load: Load, *, quiet: bool
) -> Cores:
    score.from_ns = time.monotonic_ns() + int(load.warmup * 1e9)
    score.until_ns = score.from_ns + int(load.seconds * 1e9)
    watching = asyncio.create_task(cores_busy(house.pid, score.from_ns, score.until_ns))
    showing = asyncio.create_task(_show(score, load.seconds, quiet=quiet))
    if load.rate:
        await open_loop(bidders, score, load.rate, load.warmup)
    else:
        start(bidders, load.pipeline)
    await showing
    for bidder in bidders:
        bidder.keep_going = False
    return await watching


async def prepare(house: House, name: str, users: Sequence[str], lots: Sequence[Lot]) -> None:
    """Fill the wallets, and open the auctions. Raises CommandRefused."""
    sales = [Sale(lot.auction, CURRENCY, START_PRICE, ((0, STEP),)) for lot in lots]
    async with (
        connected(house.url, house.token("bench-admin", "admin")) as admin,
        connected(house.url, house.token("bench-manager", "manager")) as manager,
    ):
        opening = asyncio.create_task(open_sales(manager, sales))
        await fill_wallets(admin, dict.fromkeys(users, WALLET), CURRENCY, name)
        await opening


def start(bidders: Sequence[Bidder], pipeline: int) -> None:
    """Begin the closed loop."""
    for bidder in bidders:
        bidder.keep_going = True
        for _ in range(pipeline):
            bidder.bid(time.monotonic_ns())
        bidder.flush()


async def _show(score: Score, seconds: float, *, quiet: bool) -> None:
    """Wait until the time is over or a connection has ended, and show how it goes by."""
    meter = Meter("seconds", round(seconds))
    begun_ns = score.from_ns
    while (now_ns := time.monotonic_ns()) < score.until_ns and not score.problems:
        if now_ns - begun_ns >= 1e9 and not quiet:
            meter.add()
            begun_ns += 10**9
        await asyncio.sleep(min(0.05, (score.until_ns - now_ns) / 1e9))
    if not quiet:
        meter.end()


async def open_loop(bidders: Sequence[Bidder], score: Score, rate: float, warmup_s: float) -> None:
    """Let bids fall due at this rate, from the warm-up on until the end of what is measured."""
    begun_ns = score.from_ns - int(warmup_s * 1e9)
    between_ns = 1e9 / rate
    sent = 0
    while (now_ns := time.monotonic_ns()) < score.until_ns and not score.problems:
        due = int((now_ns - begun_ns) / between_ns) + 1
        # What is late goes out in order, connection after connection, or a bid would be
        # overtaken by the next round's and be too low.
        each = math.ceil((due - sent) / len(bidders))
        for first in range(sent, due, each or 1):
            bidder = bidders[first // each % len(bidders)]
            for number in range(first, min(first + each, due)):
                bidder.bid(begun_ns + int(number * between_ns))
            bidder.flush()
        sent = due
        await asyncio.sleep(PACE_S)


async def drain(bidders: Sequence[Bidder], score: Score) -> None:
    """Wait for the last answers, but not for ever, nor for those of a connection that is gone."""
    for _ in range(DRAIN_LOOKS):
        if score.problems or not any(bidder.unanswered for bidder in bidders):
            return
        await asyncio.sleep(DRAIN_LOOK_S)


def loaded(score: Score, unanswered: int, cores: Cores) -> Loaded:
    """What the score comes to."""
    ordered = sorted(score.latencies_ms)
    ms = {p: percentile(ordered, p) for p in PERCENTILES} if ordered else {}
    return Loaded(score.per_second, score.refused, unanswered, ms, cores)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The least value that `percent` of the ordered values do not exceed (nearest rank)."""
    assert ordered, "there is something to rank"
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def table(found: Loaded, load: Load) -> str:
    """The result, for people."""
    how = f"{load.rate:,.0f} a second" if load.rate else f"pipeline {load.pipeline}"
    lines = [
        f"{load.connections:,} connections, {load.auctions:,} auctions, {how}, {load.seconds:g} s",
        f"{found.per_second:>12,.0f}  bids a second, durable and acknowledged",
        *(f"{count:>12,}  refused: {code}" for code, count in found.refused.most_common()),
        f"{found.unanswered:>12,}  never answered",
        *(f"{ms:>12,.2f}  ms p{percent:g}" for percent, ms in found.ms.items()),
        f"{found.cores.load:>12,.2f}  cores of this process",
    ]
    if found.cores.server:
        lines.append(f"{found.cores.server:>12,.2f}  cores of the server")
        lines.append(f"{found.server_us:>12,.1f}  us of the server for each bid")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Measure, print, and return the exit code: 1 if bids were never answered, 2 if there was no
    measurement."""
    arguments = _parser().parse_args(argv)
    load = Load(**{name: getattr(arguments, name) for name in _FLAGS})
    try:
        found = uvloop.run(_run(arguments, load))
    except (ServerError, CommandRefused, ConnectionEnded, WireError, OSError) as no:
        print(f"load: {no}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    print(table(found, load))
    return 1 if found.unanswered else 0


async def _run(arguments: argparse.Namespace, load: Load) -> Loaded:
    async with house_of(arguments) as house:
        return await measure(house, load)


_FLAGS = ("connections", "auctions", "seconds", "warmup", "pipeline", "rate")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.load", description=(__doc__ or "").partition("\n")[0]
    )
    add_house_flags(parser)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--auctions", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0, help="measured")
    parser.add_argument("--warmup", type=float, default=1.0, help="seconds before, not measured")
    parser.add_argument("--pipeline", type=int, default=1, help="bids under way per connection")
    parser.add_argument("--rate", type=float, default=0.0, help="open loop: bids a second in all")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
