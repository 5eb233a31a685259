"""Bids that fall due at a fixed rate, through several gateways: how long until each was answered,
and until it was heard of at the sockets of other gateways.

    python -m bench.open_loop --rate 2000 --seconds 30 --url ws://... [--url ws://...] --data DIR
                              [--market main --market east] [--json]

Nothing waits for an answer, and every time counts from the moment when the bid was due: a server
that stalls is charged for everyone who had to wait (coordinated omission). `late` is what this
process itself was behind; where that is much, it has measured itself.

An auction is bid in at one gateway and listened to at the others. Bids that went to one auction
through two gateways at such a rate would overtake one another, and be too low.
"""

import argparse
import asyncio
import secrets
import sys
import time
from array import array
from collections.abc import Sequence

import msgspec
import uvloop
from msgspec import Struct
from msgspec.structs import replace
from typing_extensions import override

from bench.bidders import Bidder, Lot, Score
from bench.client import CommandRefused, ConnectionEnded, Link
from bench.gauge import cores_busy
from bench.load import (
    CURRENCY,
    DRAIN_LOOK_S,
    DRAIN_LOOKS,
    PERCENTILES,
    START_PRICE,
    drain,
    open_loop,
    percentile,
    prepare,
)
from bench.market import IN_FLIGHT, in_lanes, room_of
from bench.open_pings import Fleet
from bench.server import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    House,
    ServerError,
    add_house_flags,
    houses_of,
)
from bench.watch import Heard, Reader, TimedBidder
from bench.wire import WireError

AUCTIONS_EACH = 2
"""Of each gateway in each market, unless it is said how many there are."""


class Plan(Struct, frozen=True):
    """What is asked."""

    rate: float = 2_000.0
    """Bids a second, over all auctions."""
    seconds: float = 10.0
    """Measured."""
    warmup: float = 1.0
    """Seconds before, at the same rate."""
    bidders: int = 100
    auctions: int = 0
    """0: AUCTIONS_EACH for each gateway and market."""
    watchers: int = 0
    """Who read every event of one auction each; 0: one for each auction and other gateway."""
    pings: float = 0.0
    """Positions of drivers a second, besides."""
    markets: tuple[str, ...] = ("main",)


class Found(Struct, frozen=True):
    """What came of it. Percentiles are of bids that were due while it was measured."""

    rate: float
    """That was asked for."""
    per_second: float
    """Bids durable and acknowledged."""
    refused: dict[str, int]
    unanswered: int
    unheard: int
    """Deliveries of accepted bids to watchers that never came."""
    heard_per_second: float
    answer_ms: dict[float, float]
    """Percentile -> from when a bid was due until its answer."""
    heard_ms: dict[float, float]
    """Percentile -> from when a bid was due until a watcher has read of it."""
    late_ms: dict[float, float]
    """Percentile -> from when a bid was due until it was written."""
    pings_per_second: float
    """Positions of drivers that were taken."""
    not_taken: dict[str, int]
    """Positions that were answered and not taken, and why."""
    ping_ms: dict[float, float]
    """Percentile -> from when a position was due until its answer."""
    load: float
    """Cores that this process kept busy."""


class Stand(Struct, frozen=True):
    """An auction, where it is bid in, and where it is listened to."""

    lot: Lot
    market: str
    home: House
    away: list[House]
    """The other gateways; the same, if there is one only."""
    due_ns: dict[int, int]
    """Amount -> when it was due."""


class OpenBidder(TimedBidder):
    """Notes how late each bid goes out."""

    def __init__(self, stand: Stand, user: str, score: Score, late_ms: "array[float]") -> None:
        home = stand.home
        super().__init__(home.url, home.token(user), stand.lot, score, stand.due_ns)
        self.user = user
        self._measured = score
        self._late_ms = late_ms

    @override
    def bid(self, due_ns: int) -> None:
        if due_ns >= self._measured.from_ns:
            self._late_ms.append((time.monotonic_ns() - due_ns) / 1e6)
        super().bid(due_ns)


def run(doors: Sequence[House], plan: Plan) -> Found:
    """As `measure`, in a loop of its own."""
    return uvloop.run(measure(doors, plan))


async def measure(doors: Sequence[House], plan: Plan) -> Found:
    """Bid and listen. Raises CommandRefused if there can be no auctions, and what ended a
    connection."""
    name = secrets.token_hex(4)
    stands = stands_of(doors, plan, name)
    score, heard, late_ms = Score(0, 0), Heard(), array("d")
    bidders = [
        OpenBidder(stands[number % len(stands)], f"{name}-{number}", score, late_ms)
        for number in range(max(plan.bidders, len(stands)))
    ]
    watchers = _watchers(stands, plan, name, heard)
    everywhere = [in_market(door, market) for market in plan.markets for door in doors]
    fleet = Fleet(everywhere, plan.pings, name, score)
    try:
        await _prepare(stands, name, bidders, fleet)
        await in_lanes(IN_FLIGHT, watchers, lambda one: one[1].listen(room_of(one[0].lot.auction)))
        await in_lanes(IN_FLIGHT, bidders, Bidder.open)
        await fleet.arrive()
        score.from_ns = heard.from_ns = time.monotonic_ns() + int(plan.warmup * 1e9)
        score.until_ns = heard.until_ns = score.from_ns + int(plan.seconds * 1e9)
        burdening = asyncio.create_task(cores_busy(0, score.from_ns, score.until_ns))
        await asyncio.gather(
            open_loop(bidders, score, plan.rate, plan.warmup), fleet.run(plan.warmup)
        )
        cores = await burdening
        await drain(bidders, score)
        await fleet.drain()
        unheard = await _unheard(watchers, heard)
    finally:
        links: list[Link] = [*bidders, *(reader for _, reader in watchers)]
        await in_lanes(IN_FLIGHT, links, lambda link: link.close())
        await fleet.leave()
    if score.problems:
        raise score.problems[0]
    return Found(
        rate=plan.rate,
        per_second=score.per_second,
        refused=dict(score.refused),
        unanswered=sum(bidder.unanswered for bidder in bidders) + fleet.unanswered,
        unheard=unheard,
        heard_per_second=len(heard.latencies_ms) / plan.seconds,
        answer_ms=_percentiles(score.latencies_ms),
        heard_ms=_percentiles(heard.latencies_ms),
        late_ms=_percentiles(late_ms),
        pings_per_second=fleet.pinged.taken / plan.seconds,
        not_taken=dict(fleet.pinged.notes),
        ping_ms=_percentiles(fleet.pinged.latencies_ms),
        load=cores.load,
    )


def stands_of(doors: Sequence[House], plan: Plan, name: str) -> list[Stand]:
    """The auctions, spread evenly over markets first and gateways then."""
    markets = plan.markets
    count = plan.auctions or AUCTIONS_EACH * len(doors) * len(markets)
    stands = []
    for number in range(count):
        market = markets[number % len(markets)]
        at = [in_market(door, market) for door in doors]
        first = number // len(markets) % len(at)
        away = at[first + 1 :] + at[:first]
        lot = Lot(f"{name}-{number}", CURRENCY, START_PRICE)
        stands.append(Stand(lot, market, at[first], away or at, {}))
    return stands


def in_market(door: House, market: str) -> House:
    """The same door, into a market."""
    return replace(door, url=door.url if market == "main" else f"{door.url}?market={market}")


def _watchers(
    stands: Sequence[Stand], plan: Plan, name: str, heard: Heard
) -> list[tuple[Stand, Reader]]:
    """Who listens, and to what."""
    count = plan.watchers or sum(len(stand.away) for stand in stands)
    found = []
    for number in range(count):
        stand = stands[number % len(stands)]
        door = stand.away[number // len(stands) % len(stand.away)]
        token = door.token(f"{name}-watcher-{number}")
        found.append((stand, Reader(door.url, token, stand.due_ns, heard)))
    return found


async def _prepare(
    stands: Sequence[Stand], name: str, bidders: Sequence[OpenBidder], fleet: Fleet
) -> None:
    """Wallets, auctions and a zone in every market. Raises CommandRefused."""
    for market in {stand.market: None for stand in stands}:
        there = [stand for stand in stands if stand.market == market]
        lots = [stand.lot for stand in there]
        users = [bidder.user for bidder in bidders if bidder.lot in lots]
        await prepare(there[0].home, name, users, lots)
        await fleet.open_zone(there[0].home)


async def _unheard(watchers: Sequence[tuple[Stand, Reader]], heard: Heard) -> int:
    """How many deliveries are missing when nothing comes any more, or has not for long enough."""
    missing = 0
    for _ in range(DRAIN_LOOKS):
        missing = sum(stand.lot.taken for stand, _ in watchers) - heard.frames
        if not missing:
            break
        await asyncio.sleep(DRAIN_LOOK_S)
    return missing


def _percentiles(values: "array[float]") -> dict[float, float]:
    ordered = sorted(values)
    return {percent: percentile(ordered, percent) for percent in PERCENTILES} if ordered else {}


def table(found: Found) -> str:
    """The result, for people."""
    head = "".join(f"{f'p{percent:g}':>10}" for percent in PERCENTILES)
    rows = {
        "answered": found.answer_ms,
        "heard of": found.heard_ms,
        "position": found.ping_ms,
        "late": found.late_ms,
    }
    return "\n".join(
        [
            f"{found.rate:>12,.0f}  bids a second were due",
            f"{found.per_second:>12,.0f}  durable and acknowledged",
            f"{found.heard_per_second:>12,.0f}  heard of a second, by all watchers together",
            *(f"{count:>12,}  refused: {code}" for code, count in found.refused.items()),
            f"{found.pings_per_second:>12,.0f}  positions a second, taken",
            *(f"{count:>12,}  not taken: {note}" for note, count in found.not_taken.items()),
            f"{found.unanswered:>12,}  never answered",
            f"{found.unheard:>12,}  never heard of",
            f"{found.load:>12,.2f}  cores of this process",
            f"{'ms':>12}{head}",
            *(
                f"{name:>12}" + "".join(f"{ms:>10,.2f}" for ms in values.values())
                for name, values in rows.items()
                if values
            ),
        ]
    )


def main(argv: Sequence[str]) -> int:
    """Measure, print, and return the exit code: 1 if anything was never answered or heard of, 2 if
    there was no measurement."""
    arguments = _parser().parse_args(argv)
    plan = Plan(
        **{name: getattr(arguments, name) for name in _FLAGS},
        markets=tuple(arguments.market or ("main",)),
    )
    try:
        found = uvloop.run(_run(arguments, plan))
    except (ServerError, CommandRefused, ConnectionEnded, WireError, OSError) as no:
        print(f"open_loop: {no}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    print(msgspec.json.encode(found).decode() if arguments.json else table(found))
    return 1 if found.unanswered or found.unheard else 0


async def _run(arguments: argparse.Namespace, plan: Plan) -> Found:
    async with houses_of(arguments) as doors:
        return await measure(doors, plan)


_FLAGS = ("rate", "seconds", "warmup", "bidders", "auctions", "watchers", "pings")


def _parser() -> argparse.ArgumentParser:
    plan = Plan()
    parser = argparse.ArgumentParser(
        prog="python -m bench.open_loop", description=(__doc__ or "").partition("\n\n")[0]
    )
    add_house_flags(parser, many=True)
    parser.add_argument("--rate", type=float, default=plan.rate, help="bids a second in all")
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="measured")
    parser.add_argument("--warmup", type=float, default=plan.warmup, help="seconds before")
    parser.add_argument("--bidders", type=int, default=plan.bidders, help="connections that bid")
    parser.add_argument("--auctions", type=int, default=plan.auctions, help="0: as many as fit")
    parser.add_argument("--watchers", type=int, default=plan.watchers, help="0: as many as fit")
    parser.add_argument("--pings", type=float, default=plan.pings, help="positions a second")
    parser.add_argument("--market", action="append", help="again for each; default: main")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
