"""`outcry shards`: the markets of a database, who is to own them and who does."""

import argparse
import asyncio
import sys
from contextlib import suppress

import msgspec

from persistence.errors import ShardsRefused, WrongSchema
from persistence.shards import SHARDS_MAX, Overview, ShardTable
from runtime.config import Config, ConfigError

NOTHING = "-"
NUMBERS_MAX = 4_096
"""More would be tables without end."""


def add_shards_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked of `outcry shards` beside the database."""
    parser.add_argument(
        "--add",
        action="append",
        default=[],
        metavar="MARKET",
        help="make a market: up to 32 of a-z, 0-9, '-' and '_'; may be given again and again",
    )
    parser.add_argument(
        "--most",
        type=int,
        metavar="N",
        help="with --add in a database that is new: how many markets there can ever be "
        f"[default: {SHARDS_MAX}]",
    )
    parser.add_argument(
        "--drain",
        action="append",
        default=[],
        metavar="WRITER",
        help="have all markets of this engine process taken over by others, for as long as it runs",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def shards(config: Config, arguments: argparse.Namespace) -> int:
    """Do what is asked; with nothing to do, or for --json, show what there is.

    Raises ConfigError without a database, ShardsRefused, LogUnavailable."""
    if not config.postgres:
        raise ConfigError("`outcry shards` needs the database of the logs: --postgres URL")
    most = arguments.most
    if most is not None and not (arguments.add and 1 <= most <= NUMBERS_MAX):
        raise ConfigError(f"--most takes 1 to {NUMBERS_MAX}, and goes with --add")
    table = ShardTable(config.postgres, shards_max=most or SHARDS_MAX)
    return asyncio.run(_shards(table, arguments))


async def _shards(table: ShardTable, arguments: argparse.Namespace) -> int:
    try:
        if arguments.most:
            await _agree(table, arguments.most)
        said = [f"market {name} is shard {await table.add_market(name)}" for name in arguments.add]
        for name in arguments.drain:
            await table.drain(name)
            said.append(f"{name} gives its markets away, and takes none until it is started anew")
        if said and not arguments.json:
            print(*said, sep="\n")
            return 0
        overview = await table.overview()
    finally:
        await table.close()
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(overview), indent=2).decode())
    elif sys.stdout.isatty():
        # Only here: a server has no use for it.
        from rich.console import Console

        from runtime.cluster.shards_view import show

        show(overview, Console())
    else:
        print(for_programs(overview), end="")
    return 0


async def _agree(table: ShardTable, most: int) -> None:
    """Raises ShardsRefused if the database has another number of shards already."""
    with suppress(WrongSchema):
        found = (await table.overview()).shards_max
        if found != most:
            raise ShardsRefused(
                f"this database has {found} shards since it was first used, and keeps them: "
                "leave --most out, or take another database"
            )


def for_programs(overview: Overview) -> str:
    """Two blocks of lines with tabs between the fields, each with a line of names above it."""
    markets = [
        "market\tshard\twriter\tstandby\towner\tepoch\tlease_remaining_ms\tserved_ms_ago",
        *(
            _fields(
                row.market,
                row.shard,
                row.writer,
                row.standby,
                row.owner,
                row.epoch,
                row.remaining_ms,
                row.served_ms,
            )
            for row in overview.shards
        ),
    ]
    writers = [
        "writer\taddress\tserves\tready\tcommands_per_s\tseen_ms_ago\tstate",
        *(
            _fields(
                w.name,
                w.address,
                len(w.load),
                len(w.ready),
                sum(w.load.values()),
                w.seen_ms,
                w.state,
            )
            for w in overview.writers
        ),
    ]
    return "\n".join([*markets, "", *writers, ""])


def _fields(*fields: object) -> str:
    return "\t".join(NOTHING if field in ("", None) else str(field) for field in fields)
