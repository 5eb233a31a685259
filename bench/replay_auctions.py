"""Replay real maximum-bid auctions through a running server, and hold the prices to the record.

    python -m bench.replay_auctions FILE [--url ws://127.0.0.1:8080/v1/ws --data DIR]

FILE is a CSV with a line for each bid and the columns auction, day, bidder, max_bid_cents,
open_cents and price_cents. Each auction is held under the USD increments of auction X2; its bids
are placed in the order of `day`, every bidder with a connection of their own; then it is ended,
and leader and price are read from the server. Nothing of the price rule is known here.
"""

import argparse
import asyncio
import csv
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from operator import attrgetter

import msgspec
from msgspec import Struct, field

from bench.client import Client, CommandRefused, ConnectionEnded, connected
from bench.market import Sale, fill_wallets, in_lanes, open_sales, room_of
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
from engine.kernel.market import USD_INCREMENTS

CURRENCY = "USD"
LANES = 16
"""Auctions held at a time; each keeps a connection for each of its bidders."""

LISTED_MAX = 20
"""Auctions that are listed one by one because they did not end as recorded."""


class ReplayError(Exception):
    """What was asked for cannot be done; the text says why."""


class Bid(Struct, frozen=True):
    """A line of the record. Amounts in cents; `day` since the auction opened."""

    auction: str
    day: float
    bidder: str
    max_bid_cents: int
    open_cents: int
    price_cents: int


class Ended(Struct, frozen=True):
    """An auction that did not end as recorded."""

    auction: str
    recorded_cents: int
    price_cents: int | None


class Tally(Struct):
    """What came of the replay."""

    auctions: int = 0
    at_price: int = 0
    """Auctions that ended at the recorded price."""
    led: int = 0
    """Those of them that the recorded highest bidder leads."""
    bids: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Bids refused, by code."""
    elsewhere: list[Ended] = field(default_factory=list)
    seconds: float = 0.0
    """For bids and ends, without the preparation."""


def read_record(path: str) -> list[list[Bid]]:
    """The auctions of a file, each with its bids in the order of `day`; bids of the same moment
    in the order of the file. Raises ReplayError."""
    auctions: dict[str, list[Bid]] = {}
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                bid = _bid(row, f"{path}:{number}")
                auctions.setdefault(bid.auction, []).append(bid)
    except OSError as problem:
        raise ReplayError(f"cannot read {path}: {problem}") from None
    return [sorted(bids, key=attrgetter("day")) for bids in auctions.values()]


def _bid(row: dict[str, str], where: str) -> Bid:
    try:
        return msgspec.convert(row, Bid, strict=False)
    except msgspec.ValidationError as problem:
        raise ReplayError(f"{where}: {problem}") from None


async def replay(house: House, record: list[list[Bid]], lanes: int = LANES) -> Tally:
    """Hold all auctions of the record. Raises CommandRefused if one cannot be prepared or ended,
    OSError, WireError or ConnectionEnded if the server cannot be talked to."""
    # Names of their own for each replay, so that a server can be used again.
    run = secrets.token_hex(4)
    await _prepare(house, record, run)
    tally = Tally()
    meter = Meter("bids", sum(len(bids) for bids in record))
    started_s = time.monotonic()

    async def hold(bids: list[Bid]) -> None:
        await _hold(house, bids, run, tally, meter)

    try:
        await in_lanes(lanes, record, hold)
    finally:
        meter.end()
    tally.seconds = time.monotonic() - started_s
    return tally


async def _prepare(house: House, record: list[list[Bid]], run: str) -> None:
    """Give every bidder enough for all of their maxima at once, and start the auctions."""
    wallets: Counter[str] = Counter()
    for bids in record:
        for bid in bids:
            wallets[f"{run}-{bid.bidder}"] += bid.max_bid_cents
    sales = [
        Sale(f"{run}-{bids[0].auction}", CURRENCY, bids[0].open_cents, USD_INCREMENTS)
        for bids in record
    ]
    async with (
        connected(house.url, house.token("bench-admin", "admin")) as admin,
        connected(house.url, house.token("bench-manager", "manager")) as manager,
    ):
        await fill_wallets(admin, wallets, CURRENCY, run)
        await open_sales(manager, sales)


async def _hold(house: House, bids: list[Bid], run: str, tally: Tally, meter: Meter) -> None:
    """Place the bids of one auction one after another, end it, and compare."""
    auction = f"{run}-{bids[0].auction}"
    bidders: dict[str, Client] = {}
    async with AsyncExitStack() as connections:
        for bid in bids:
            if bid.bidder not in bidders:
                token = house.token(f"{run}-{bid.bidder}")
                bidders[bid.bidder] = await connections.enter_async_context(
                    connected(house.url, token)
                )
            reply = await bidders[bid.bidder].command(
                "auction.set_max_bid",
                auction=auction,
                max_amount=bid.max_bid_cents,
                currency=CURRENCY,
            )
            tally.bids += 1
            if not reply.ok:
                tally.refused[reply.code] += 1
            meter.add()
    await _compare(house, auction, bids, run, tally)


async def _compare(house: House, auction: str, bids: list[Bid], run: str, tally: Tally) -> None:
    async with connected(house.url, house.token("bench-manager", "manager")) as manager:
        await manager.must("auction.force_end", auction=auction, reason="the record ends here")
        # Staff are shown user ids, where others see aliases.
        state = await manager.subscribe(room_of(auction))
    tally.auctions += 1
    recorded_cents, price_cents = bids[0].price_cents, state["current_price"]
    if price_cents != recorded_cents:
        tally.elsewhere.append(Ended(bids[0].auction, recorded_cents, price_cents))
        return
    tally.at_price += 1
    highest = max(bids, key=attrgetter("max_bid_cents"))
    tally.led += state["leader"] == f"{run}-{highest.bidder}"


def table(tally: Tally) -> str:
    """The result, for people."""
    accepted = tally.bids - tally.refused.total()
    rate = tally.bids / tally.seconds if tally.seconds else 0.0
    unlisted = len(tally.elsewhere) - LISTED_MAX
    lines = [
        f"{tally.auctions:>7,}  auctions",
        f"{tally.at_price:>7,}    at the recorded price",
        f"{tally.led:>7,}      led by the recorded highest bidder",
        f"{len(tally.elsewhere):>7,}    at another price",
        f"{tally.bids:>7,}  maximum bids in {tally.seconds:.1f} s ({rate:,.0f} a second)",
        f"{accepted:>7,}    accepted",
        *(f"{count:>7,}    refused: {code}" for code, count in tally.refused.most_common()),
        *(
            f"auction {ended.auction}: recorded {ended.recorded_cents}, here {ended.price_cents}"
            for ended in tally.elsewhere[:LISTED_MAX]
        ),
        *([f"... and {unlisted:,} more"] if unlisted > 0 else []),
    ]
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Replay, print, and return the exit code: 1 if fewer auctions match than expected, 2 if
    there was no replay."""
    arguments = _parser().parse_args(argv)
    try:
        tally = asyncio.run(_run(arguments))
    except (ReplayError, ServerError, CommandRefused, ConnectionEnded, WireError, OSError) as no:
        print(f"replay_auctions: {no}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    print(table(tally))
    if tally.at_price < arguments.expect:
        print(f"replay_auctions: {tally.at_price} match, expected {arguments.expect}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.replay_auctions", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("file", metavar="FILE", help="CSV with a line for each bid")
    add_house_flags(parser)
    parser.add_argument("--lanes", type=int, default=LANES, help="auctions held at a time")
    parser.add_argument("--expect", type=int, default=0, metavar="N", help="fail if fewer match")
    return parser


async def _run(arguments: argparse.Namespace) -> Tally:
    record = read_record(arguments.file)
    async with house_of(arguments) as house:
        return await replay(house, record, arguments.lanes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
