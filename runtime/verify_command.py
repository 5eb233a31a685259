"""`outcry verify`: what is asked, and what is said."""

import argparse

from engine.registry import build_registry, find_domains
from runtime import logs
from runtime.archive.histories import has_log, history_of, markets_in, no_log
from runtime.archive.retention import MAIN
from runtime.config import Config, read_markets
from runtime.log_choice import place_of
from runtime.progress import Progress
from runtime.tokens import vault_of
from runtime.verify import Verified, verify, verify_room


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    """How much of a log, and what came before it."""
    parser.add_argument("--market", help="this market alone [all; with --room: main]")
    parser.add_argument("--room", help="this room alone, such as shipment:s1")
    parser.add_argument("--archive", help="folder of `outcry archive`: what came before the log")


async def verify_command(config: Config, arguments: argparse.Namespace) -> int:
    """Check it. Returns 0. Raises VerifyError, LogError and ConfigError."""
    logs.set_up(config)
    if not has_log(config) and not arguments.archive:
        raise no_log(config)
    if arguments.room:
        await _verify_room(config, arguments)
        return 0
    # Before a database is asked that may be long to answer.
    vault_of(config, is_made=False)
    markets = await markets_in(config, arguments.archive, arguments.market)
    if not markets:
        raise no_log(config)
    totals = {
        market: await _verify_market(config, arguments.archive, market, shard)
        for market, shard in markets.items()
    }
    if len(totals) > 1:
        _print_totals(totals)
    return 0


async def _verify_room(config: Config, arguments: argparse.Namespace) -> None:
    vault = vault_of(config, is_made=False)
    named = arguments.market or MAIN
    ((market, shard),) = (await markets_in(config, arguments.archive, named)).items()
    async with history_of(config, arguments.archive, market, shard) as history:
        found = await verify_room(history, build_registry(find_domains()), vault, arguments.room)
    print(f"log      {_place(config, arguments.archive)}")
    print(f"room     {found.room}")
    print(f"records  {found.records}, every receipt follows from the one before")
    for event, count in found.events.items():
        print(f"  {count:>10} {event}")
    print(f"from     {found.first_at} to {found.last_at}")
    print(f"receipt  {found.receipt}")
    print("every invariant of the room holds")


async def _verify_market(config: Config, folder: str | None, market: str, shard: int) -> Verified:
    vault = vault_of(config, is_made=False)
    registry, currencies = build_registry(find_domains()), read_markets(config.markets)
    progress = Progress(f"verifying {market}", "records")
    try:
        async with history_of(config, folder, market, shard) as history:
            found = await verify(history, registry, currencies, vault, progress.show)
    finally:
        progress.end()
    print(f"log      {_place(config, folder)}")
    print(f"market   {market}")
    print_verified(found)
    return found


def print_verified(found: Verified) -> None:
    """What a history turned out to hold."""
    print(f"records  {found.records}, every receipt follows from the one before")
    print("rooms    " + ", ".join(f"{n} {kind}" for kind, n in found.rooms.items()))
    for event, count in found.events.items():
        print(f"  {count:>10} {event}")
    for currency, total in found.sums.items():
        print(f"ledger   {currency} sums to {total}")
    print(f"digest   {found.digest}")
    print("every invariant holds")


def _print_totals(totals: dict[str, Verified]) -> None:
    sums: dict[str, int] = {}
    for found in totals.values():
        for currency, total in found.sums.items():
            sums[currency] = sums.get(currency, 0) + total
    print(f"markets  {len(totals)}: {', '.join(totals)}")
    print(f"records  {sum(found.records for found in totals.values())} in all")
    print(f"rooms    {sum(sum(found.rooms.values()) for found in totals.values())} in all")
    for currency, total in sorted(sums.items()):
        print(f"ledger   {currency} sums to {total} over all markets")


def _place(config: Config, folder: str | None) -> str:
    if folder is None:
        return place_of(config)
    return f"{folder}, then {place_of(config)}" if has_log(config) else folder
