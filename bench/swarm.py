"""One run of `bench/locustfile.py` to its end, and what it found. People have `make load`; this is
for programs.

    python -m bench.swarm --users 200 --seconds 60 --url ws://... [--url ws://...] --data DIR
                          [--market main --market east] [--json]
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from bench.server import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    SECRET_VARIABLE,
    House,
    ServerError,
    add_house_flags,
    houses_of,
)

LOCUSTFILE = Path(__file__).parent / "locustfile.py"
PERCENTILES = (50.0, 90.0, 99.0, 100.0)
FOUND = "found"


class Plan(Struct, frozen=True):
    """What is asked."""

    users: int = 200
    spawn_rate: float = 20.0
    """Users who come in a second."""
    seconds: float = 60.0
    lot_seconds: float = 30.0
    """From one close to the next."""
    haste: float = 1.0
    """People think this many times faster."""
    markets: tuple[str, ...] = ("main",)


class Entry(Struct, frozen=True):
    """A row of locust's own file."""

    name: str
    num_requests: int
    num_failures: int
    start_time: float
    last_request_timestamp: float
    response_times: dict[float, int]
    """Rounded -> how many."""


class Row(Struct, frozen=True):
    """What came of one thing that users do or wait for."""

    name: str
    count: int
    failures: int
    per_second: float
    ms: dict[float, float]
    """Percentile -> from socket to socket; above 100 ms to two digits, as locust keeps them."""

    @classmethod
    def of(cls, entry: Entry, seconds: float) -> Self:
        """What it comes to."""
        ordered = sorted(entry.response_times.items())
        total = sum(count for _, count in ordered)
        ms = {percent: _rank(ordered, total * percent / 100) for percent in PERCENTILES}
        count = entry.num_requests
        return cls(entry.name, count, entry.num_failures, count / seconds, ms)


async def swarm(doors: Sequence[House], plan: Plan) -> list[Row]:
    """Let users come to these doors of one house; the rows by name. Raises ServerError if they
    cannot."""
    with tempfile.TemporaryDirectory(prefix="outcry-swarm-") as folder:
        found = Path(folder) / FOUND
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "locust", *_flags(doors, plan, found)),
            cwd=LOCUSTFILE.parent.parent,
            env={**os.environ, SECRET_VARIABLE: doors[0].secret},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise ServerError(f"locust: exit code {process.returncode}: {said.decode()[-2_000:]}")
        entries = msgspec.json.decode(found.with_suffix(".json").read_bytes(), type=list[Entry])
        return rows_of(entries)


def rows_of(entries: Sequence[Entry]) -> list[Row]:
    """What locust's rows come to, by name. Rates are over the time in which anything came."""
    begun_s = min((entry.start_time for entry in entries), default=0.0)
    ended_s = max((entry.last_request_timestamp for entry in entries), default=0.0)
    rows = [Row.of(entry, ended_s - begun_s) for entry in entries]
    return sorted(rows, key=lambda row: row.name)


def _flags(doors: Sequence[House], plan: Plan, found: Path) -> Iterable[str]:
    flags = {
        "locustfile": LOCUSTFILE,
        "host": ",".join(door.url for door in doors),
        "users": plan.users,
        "spawn-rate": plan.spawn_rate,
        "run-time": f"{plan.seconds:.0f}s",
        "lot-seconds": plan.lot_seconds,
        "haste": plan.haste,
        "markets": ",".join(plan.markets),
        "json-file": found,
        # A failure of a user is a finding, not one of the run.
        "exit-code-on-error": 0,
    }
    return ("--headless", "--only-summary", *(f"--{flag}={flags[flag]}" for flag in flags))


def _rank(ordered: Sequence[tuple[float, int]], rank: float) -> float:
    """The least value up to which there are so many."""
    for value, count in ordered:
        rank -= count
        if rank <= 0:
            return value
    return 0.0


def table(rows: Sequence[Row]) -> str:
    """The result, for people."""
    head = "".join(f"{f'p{percent:g}':>9}" for percent in PERCENTILES)
    return "\n".join(
        [
            f"{'':<32}{'count':>9}{'failed':>9}{'a second':>10}{head} ms",
            *(
                f"{row.name:<32}{row.count:>9,}{row.failures:>9,}{row.per_second:>10,.1f}"
                + "".join(f"{ms:>9,.0f}" for ms in row.ms.values())
                for row in rows
            ),
        ]
    )


def main(argv: Sequence[str]) -> int:
    """Run, print, and return the exit code: 1 if anything failed, 2 if nobody could come."""
    arguments = _parser().parse_args(argv)
    flags = {name: getattr(arguments, name) for name in _FLAGS}
    plan = Plan(**flags, markets=tuple(arguments.market or ("main",)))
    try:
        rows = asyncio.run(_run(arguments, plan))
    except (ServerError, OSError) as no:
        print(f"swarm: {no}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    print(msgspec.json.encode(rows).decode() if arguments.json else table(rows))
    return 1 if any(row.failures for row in rows) else 0


async def _run(arguments: argparse.Namespace, plan: Plan) -> list[Row]:
    async with houses_of(arguments) as doors:
        return await swarm(doors, plan)


_FLAGS = ("users", "spawn_rate", "seconds", "lot_seconds", "haste")


def _parser() -> argparse.ArgumentParser:
    plan = Plan()
    parser = argparse.ArgumentParser(
        prog="python -m bench.swarm", description=(__doc__ or "").partition("\n\n")[0]
    )
    add_house_flags(parser, many=True)
    parser.add_argument("--users", type=int, default=plan.users)
    parser.add_argument("--spawn-rate", type=float, default=plan.spawn_rate, help="a second")
    parser.add_argument("--seconds", type=float, default=plan.seconds)
    parser.add_argument("--lot-seconds", type=float, default=plan.lot_seconds, help="to the close")
    parser.add_argument("--haste", type=float, default=plan.haste, help="think so much faster")
    parser.add_argument("--market", action="append", help="again for each; default: main")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
