"""Measure the house, and hold the figures to what was aimed at. It takes minutes.

`make bench`, `outcry bench` and `python -m bench` are the same. Keep the machine quiet meanwhile:
the report tells how busy it was with other things.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from bench import machine, report
from bench.crew import CrewFailed, crew
from bench.databases import DatabaseError, settings
from bench.meter import Meter
from bench.result import Report
from bench.scene import FULL, QUICK, Scene, Section, Sizes
from bench.sections.bids import Bids
from bench.sections.cluster import ClusterSpeed
from bench.sections.deals import Deals
from bench.sections.dispatch import Dispatch
from bench.sections.fan_out import FanOut
from bench.sections.far_fan_out import FarFanOut
from bench.sections.matching import Matching
from bench.sections.memory import Memory
from bench.sections.open_auctions import OpenAuctions
from bench.sections.people import People
from bench.sections.replay import Replay
from bench.sections.takeover import Takeover
from bench.server import EXIT_FAILED, EXIT_INTERRUPTED, ServerError
from testkit.postgres import PostgresFailed, PostgresServer, find_binaries
from testkit.redis import RedisFailed

RESULTS = Path(__file__).parent / "results"

SECTIONS: dict[str, Callable[[], Section]] = {
    "bids": Bids,
    "fan-out": FanOut,
    "memory": Memory,
    "replay": Replay,
    "open-auctions": OpenAuctions,
    "dispatch": Dispatch,
    "matching": Matching,
    "deals": Deals,
    "cluster": ClusterSpeed,
    "far-fan-out": FarFanOut,
    "people": People,
    "takeover": Takeover,
}
FAILURES = (CrewFailed, BrokenProcessPool, DatabaseError, RedisFailed, ServerError, OSError)


async def measure(postgres_url: str, names: Sequence[str], sizes: Sizes) -> Report:
    """Run the sections of these names, each with a process of its own for the load. A section that
    fails is missing from the report, which says why. Raises DatabaseError."""
    found = Report(machine.conditions(await settings(postgres_url)))
    sections = {name: SECTIONS[name]() for name in names}
    meter = Meter("", sum(len(list(section.steps(sizes))) for section in sections.values()))
    took: list[str] = []
    for name, section in sections.items():
        begun_s = time.monotonic()
        try:
            await _play(section, postgres_url, sizes, meter)
        except FAILURES as problem:
            meter.finish(f"failed: {problem}")
            found.missing[name] = str(problem)
        else:
            findings = section.findings()
            found.rows += findings.rows
            found.tables.append(findings.table)
        took.append(f"{name} {time.monotonic() - begun_s:.0f} s")
    found.conditions["took"] = ", ".join(took)
    meter.end()
    return found


async def _play(section: Section, postgres_url: str, sizes: Sizes, meter: Meter) -> None:
    async with crew() as others, AsyncExitStack() as stack:
        scene = Scene(sizes, postgres_url, others, stack)
        for step in section.steps(sizes):
            meter.begin(step.text)
            meter.finish(await step.do(scene))


def main(argv: Sequence[str]) -> int:
    """Measure, print, save. Returns the exit code: 2 if something could not be measured. A target
    that is not met is no failure: the report says it."""
    arguments = _parser().parse_args(argv)
    machine.raise_open_files()
    noise = machine.Noise()
    names = arguments.only or list(SECTIONS)
    try:
        with _postgres(arguments.postgres) as url:
            found = asyncio.run(measure(url, names, QUICK if arguments.quick else FULL))
        found.conditions["meanwhile"] = noise.text()
        print(report.text(found), end="")
        written = report.save(found, arguments.results)
    except (*FAILURES, PostgresFailed) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    print(f"\nWritten to {' and '.join(map(str, written))}", file=sys.stderr)
    return EXIT_FAILED if found.missing else 0


@contextmanager
def _postgres(url: str) -> Iterator[str]:
    """The server that was named, or one of our own."""
    if url:
        yield url
        return
    with PostgresServer(find_binaries()) as server:
        yield server.url
        # In good order, or its processor time would be taken for that of others.
        server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outcry bench", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="see that it works: no figures")
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="this section; may be given again"
    )
    parser.add_argument(
        "--postgres", default="", metavar="URL", help="a server to use; default: start one"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
