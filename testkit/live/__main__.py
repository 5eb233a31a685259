"""Two engines, two gateways, Postgres and Redis on this machine, and people who bid: kill what you
like, and see the market go on. `python -m testkit.live --help`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console

from persistence.shards import MAIN, MARKET_NAME
from runtime.config import ConfigError
from testkit.live.parts import PartFailed
from testkit.live.show import Options, Show
from testkit.postgres import PostgresFailed
from testkit.redis import RedisFailed


def main(argv: Sequence[str]) -> int:
    """Run from the command line. Returns the exit code."""
    given = _parser().parse_args(argv)
    options = Options(
        data=given.data,
        port=given.port,
        engine_port=given.engine_port,
        engines=given.engines,
        gateways=given.gateways,
        markets=given.markets,
        bidders=given.bidders,
        bids_per_s=given.bids,
        again_after_s=given.again_after,
        seconds=given.seconds,
    )
    try:
        return asyncio.run(Show(options, Console(soft_wrap=True, highlight=False)).run())
    except (ConfigError, PartFailed, PostgresFailed, RedisFailed) as problem:
        sys.stderr.write(f"make cluster: {problem}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m testkit.live", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=8080, help="of gateway g1; g2 has the next; 0: any free")
    add("--engine-port", type=int, default=9100, help="of engine w1; w2 has the next; 0: any free")
    add("--engines", type=_number, default=2, help="how many; default: 2")
    add("--gateways", type=_number, default=2, help="how many; default: 2")
    add("--markets", type=_markets, default=(MAIN, "east"), help="default: main,east")
    add("--bidders", type=_number, default=10, help="people in each market; default: 10")
    add("--bids", type=float, default=20.0, help="of all in a market, a second; default: 20")
    add("--again-after", type=float, default=20.0, help="s until what is gone is started again")
    add("--data", default=".outcry/cluster", help="folder of secrets, files and logs")
    add("--seconds", type=float, default=0.0, help="stop after N s; 0: at Ctrl-C")
    return parser


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 100")
    return number


def _markets(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if not MARKET_NAME.fullmatch(name):
            raise argparse.ArgumentTypeError(f"{name!r} is no name of a market")
    return names if MAIN in names else (MAIN, *names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
