"""`outcry archive`, `outcry restore` and `outcry export`: what is asked, and what is said."""

import argparse
import sys
import time
from datetime import UTC, datetime

from engine.kernel.limits import COMMANDS_REMEMBERED
from engine.kernel.time import DAY, Millis
from engine.registry import build_registry, find_domains
from runtime import logs
from runtime.archive.export import RAW, VIEWERS, export_room
from runtime.archive.histories import archive_of, has_log, history_of, markets_in, no_log
from runtime.archive.restore import restore_log
from runtime.archive.retention import MAIN, log_of, markets_of, retention_of
from runtime.archive.write import archive_log, drop_archived
from runtime.config import Config, read_markets
from runtime.log_choice import place_of
from runtime.progress import Progress
from runtime.tokens import vault_of
from runtime.verify import VerifyError, verify
from runtime.verify_command import print_verified


def add_archive_arguments(parser: argparse.ArgumentParser) -> None:
    """Which periods, where to, and what becomes of them in the log."""
    add = parser.add_argument
    add("--market", help="this market alone [all]")
    add("--to", required=True, metavar="FOLDER", help="where the files go; one folder for ever")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--before", type=_day, metavar="DATE", help="periods that ended before, such as 2026-11-01"
    )
    which.add_argument("--keep", type=_count, metavar="DAYS", help="periods that ended earlier")
    add("--drop", action="store_true", help="remove from the log what is archived and not needed")
    add(
        "--remember",
        type=_count,
        default=COMMANDS_REMEMBERED,
        metavar="N",
        help="records before the snapshot that stay, to answer repeated commands [%(default)s]",
    )


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    """Where from, and which market."""
    add = parser.add_argument
    add("--from", required=True, dest="folder", metavar="FOLDER", help="what `archive` wrote")
    add("--market", default=MAIN, help="which market [%(default)s]")


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Which room, and for whose eyes."""
    add = parser.add_argument
    add("--room", required=True, help="such as auction:a1")
    add("--market", default=MAIN, help="which market [%(default)s]")
    add("--archive", metavar="FOLDER", help="what `archive` wrote: what came before the log")
    add("--as", dest="seen_by", default=RAW, choices=(*VIEWERS, RAW), help="for whose eyes [raw]")


async def archive_command(config: Config, arguments: argparse.Namespace) -> int:
    """Write files, and drop. Returns 0. Raises VerifyError, LogError and ConfigError."""
    logs.set_up(config)
    if not has_log(config):
        raise no_log(config)
    before = arguments.before
    if arguments.keep is not None:
        before = int(time.time() * 1_000) - arguments.keep * DAY
    markets = await markets_of(config, arguments.market)
    if not markets:
        raise no_log(config)
    for market, shard in markets.items():
        await _archive_market(config, arguments, market, shard, before)
    return 0


async def _archive_market(
    config: Config, arguments: argparse.Namespace, market: str, shard: int, before: Millis | None
) -> None:
    archive = archive_of(config, arguments.to, market)
    log, retention = log_of(config, shard), retention_of(config, shard)
    progress = Progress(f"archiving {market}", "records")
    try:
        written = await archive_log(log, retention, archive, shard, before, progress.show)
        progress.end()
        for manifest in written:
            print(
                f"{market}: {archive.folder / manifest.file}, positions {manifest.first} to "
                f"{manifest.last}, {manifest.bytes} bytes"
            )
        if held := archive.manifests():
            print(f"{market}: archived to position {held[-1].last}, seal {held[-1].seal}")
        else:
            print(f"{market}: no period is over yet")
        if arguments.drop:
            registry, currencies = build_registry(find_domains()), read_markets(config.markets)
            vault = vault_of(config, is_made=False)
            dropped = await drop_archived(
                log, retention, archive, registry, currencies, vault, arguments.remember
            )
            print(f"{market}: the log begins with position {dropped.position + 1}")
            if dropped.kept:
                print(f"{market}: {dropped.kept}")
    finally:
        progress.end()
        await retention.close()
        await log.close()


async def restore_command(config: Config, arguments: argparse.Namespace) -> int:
    """Make a log whole, and verify it. Returns 0. Raises as `restore_log` and `verify`."""
    logs.set_up(config)
    archive = archive_of(config, arguments.folder, arguments.market)
    manifests = archive.manifests()
    if not manifests:
        raise VerifyError(f"there is no archive of {arguments.market} in {arguments.folder}")
    shard = manifests[0].shard
    log, retention = log_of(config, shard), retention_of(config, shard)
    progress = Progress("restoring", "records")
    try:
        await restore_log(log, retention, archive, progress.show)
        registry, currencies = build_registry(find_domains()), read_markets(config.markets)
        vault = vault_of(config, is_made=False)
        found = await verify(log, registry, currencies, vault)
    finally:
        progress.end()
        await retention.close()
        await log.close()
    print(f"log      {place_of(config)}")
    print(f"market   {arguments.market}")
    print_verified(found)
    return 0


async def export_command(config: Config, arguments: argparse.Namespace) -> int:
    """Print a room. Returns 0. Raises VerifyError, LogError and ConfigError."""
    logs.set_up(config)
    registry, currencies = build_registry(find_domains()), read_markets(config.markets)
    vault = vault_of(config, is_made=False)
    found = await markets_in(config, arguments.archive, arguments.market)
    ((market, shard),) = found.items()
    async with history_of(config, arguments.archive, market, shard) as history:
        async for line in export_room(
            history, registry, currencies, vault, arguments.room, arguments.seen_by
        ):
            sys.stdout.write(f"{line.decode()}\n")
    return 0


def _day(text: str) -> Millis:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-11-01") from None
    return int(day.timestamp()) * 1_000


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text[:12])
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
