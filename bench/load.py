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
from collections.abc import Sequence

import uvloop

from bench.bidders import STEP, Bidder, Lot, Score
from bench.client import CommandRefused, ConnectionEnded, connected
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


async def measure(house: House, arguments: argparse.Namespace) -> tuple[Score, int]:
    """Run the load; return the score, and how many bids were never answered.

    Raises CommandRefused if the auctions cannot be prepared, and what ended a connection."""
    run = secrets.token_hex(4)
    users = [f"{run}-{number}" for number in range(arguments.connections)]
    lots = await _prepare(house, run, users, arguments.auctions)
    score = Score(0, 0)
    bidders = [
        Bidder(house.url, house.token(user), lots[number % len(lots)], score)
        for number, user in enumerate(users)
    ]
    try:
        await in_lanes(IN_FLIGHT, bidders, Bidder.open)
        score.from_ns = time.monotonic_ns() + int(arguments.warmup * 1e9)
        score.until_ns = score.from_ns + int(arguments.seconds * 1e9)
        if arguments.rate:
            await _open_loop(bidders, score, arguments.rate, arguments.warmup)
        else:
            await _closed_loop(bidders, score, arguments.pipeline)
        await _drain(bidders, score)
        unanswered = sum(bidder.unanswered for bidder in bidders)
    finally:
        await in_lanes(IN_FLIGHT, bidders, Bidder.close)
    if score.problems:
        raise score.problems[0]
    return score, unanswered


async def _prepare(house: House, run: str, users: list[str], auctions: int) -> list[Lot]:
    names = [f"{run}-{number}" for number in range(auctions)]
    async with (
        connected(house.url, house.token("bench-admin", "admin")) as admin,
        connected(house.url, house.token("bench-manager", "manager")) as manager,
    ):
        await fill_wallets(admin, dict.fromkeys(users, WALLET), CURRENCY, run)
        await open_sales(manager, [Sale(n, CURRENCY, START_PRICE, ((0, STEP),)) for n in names])
    return [Lot(name, CURRENCY, START_PRICE) for name in names]


async def _closed_loop(bidders: list[Bidder], score: Score, pipeline: int) -> None:
    for bidder in bidders:
        bidder.keep_going = True
        for _ in range(pipeline):
            bidder.bid(time.monotonic_ns())
        bidder.flush()
    await _watch(score)
    for bidder in bidders:
        bidder.keep_going = False


async def _watch(score: Score) -> None:
    """Show how the time goes by, until it is over or a connection has ended."""
    meter = Meter("seconds", round(score.seconds))
    begun_ns = score.from_ns
    while (now_ns := time.monotonic_ns()) < score.until_ns and not score.problems:
        if now_ns - begun_ns >= 1e9:
            meter.add()
            begun_ns += 10**9
        await asyncio.sleep(0.05)
    meter.end()


async def _open_loop(bidders: list[Bidder], score: Score, rate: float, warmup_s: float) -> None:
    watching = asyncio.create_task(_watch(score))
    begun_ns = score.from_ns - int(warmup_s * 1e9)
    between_ns = 1e9 / rate
    sent = 0
    while (now_ns := time.monotonic_ns()) < score.until_ns and not score.problems:
        due = int((now_ns - begun_ns) / between_ns) + 1
        turn = {bidders[number % len(bidders)] for number in range(sent, due)}
        for number in range(sent, due):
            bidders[number % len(bidders)].bid(begun_ns + int(number * between_ns))
        for bidder in turn:
            bidder.flush()
        sent = due
        await asyncio.sleep(PACE_S)
    await watching


async def _drain(bidders: list[Bidder], score: Score) -> None:
    """Wait for the last answers, but not for ever, nor for those of a connection that is gone."""
    for _ in range(DRAIN_LOOKS):
        if score.problems or not any(bidder.unanswered for bidder in bidders):
            return
        await asyncio.sleep(DRAIN_LOOK_S)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The least value that `percent` of the ordered values do not exceed (nearest rank)."""
    assert ordered, "there is something to rank"
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def table(score: Score, unanswered: int, arguments: argparse.Namespace) -> str:
    """The result, for people."""
    load = f"{arguments.rate:,.0f} a second" if arguments.rate else f"pipeline {arguments.pipeline}"
    ordered = sorted(score.latencies_ms)
    lines = [
        f"{arguments.connections:,} connections, {arguments.auctions:,} auctions, {load}, "
        f"{score.seconds:g} s",
        f"{score.accepted / score.seconds:>12,.0f}  bids a second, durable and acknowledged",
        *(
            f"{count / score.seconds:>12,.0f}  refused a second: {code}"
            for code, count in score.refused.most_common()
        ),
        f"{unanswered:>12,}  never answered",
    ]
    if ordered:
        lines += [f"{percentile(ordered, p):>12,.2f}  ms p{p:g}" for p in PERCENTILES]
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Measure, print, and return the exit code: 1 if bids were never answered, 2 if there was no
    measurement."""
    arguments = _parser().parse_args(argv)
    try:
        score, unanswered = uvloop.run(_run(arguments))
    except (ServerError, CommandRefused, ConnectionEnded, WireError, OSError) as no:
        print(f"load: {no}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    print(table(score, unanswered, arguments))
    return 1 if unanswered else 0


async def _run(arguments: argparse.Namespace) -> tuple[Score, int]:
    async with house_of(arguments) as house:
        return await measure(house, arguments)


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
