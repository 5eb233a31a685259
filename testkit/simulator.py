"""The whole house without the network, from one seed: `python -m testkit.simulator --seed 7`.

First the safety phase: people ask while machines crash, freeze and lose sight of the log, and the
checkers look at every step. Then the liveness phase: the weather is calm, and everything must come
to rest: each command answered, each listener told, and the log good for the very same state.
"""

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

import msgspec
from msgspec import Struct

from engine.registry import Registry, build_registry, find_domains
from testkit.sim_options import Options, swarm
from testkit.sim_run import Run

TRACE_LINES = 4
"""Of the way to a problem, the last calls are shown."""


class Report(Struct, frozen=True):
    """What became of a run."""

    seed: int
    options: Options
    digest: str
    """Of everything that happened and all that was written: the same whenever it is run."""
    steps: int
    records: int
    counts: dict[str, int]
    events: dict[str, int]
    """Kind of event -> how often it happened."""
    latest: list[str]
    """The last actions."""
    problem: str = ""
    """The promise that was broken, if one was."""


def simulate(seed: int, registry: Registry, options: Options | None = None) -> Report:
    """Run one seed to its end, or to the first broken promise."""
    dice = Random(f"options {seed}")
    run = Run(seed, registry, options or swarm(dice))
    problem = ""
    try:
        with _silence():
            run.loop.run(run.main())
    except Exception as found:
        # Whatever it is: a checker's word, an assertion of the house, or an error nobody foresaw.
        problem = "".join(traceback.format_exception(found)[-TRACE_LINES:])
    chronicle = run.world.chronicle
    return Report(
        seed,
        run.world.options,
        chronicle.digest,
        chronicle.step,
        len(run.world.auditor.records),
        dict(sorted(chronicle.counts.items())),
        dict(sorted(run.world.auditor.kinds.items())),
        chronicle.latest,
        problem,
    )


@contextmanager
def _silence() -> Iterator[None]:
    """The house complains of every fault, as it should, and here nobody reads it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def run_one(seed: int, registry: Registry) -> bool:
    """Simulate one seed and say what happened. Returns whether all promises were kept."""
    print(f"seed {seed}")
    options = swarm(Random(f"options {seed}"))
    for name in options.__struct_fields__:
        print(f"  {name:<16} {getattr(options, name)}")
    report = simulate(seed, registry)
    print(f"counts   {' '.join(f'{kind}={n}' for kind, n in report.counts.items())}")
    print(f"steps    {report.steps}, records {report.records}")
    print(f"digest   {report.digest}")
    if report.problem:
        print_problem(report)
    return not report.problem


def run_many(first: int, last: int, registry: Registry) -> bool:
    """Simulate a range of seeds, saying how far it is. Returns whether all promises were kept."""
    started_s = shown_s = time.monotonic()
    failed: list[int] = []
    steps = records = 0
    for seed in range(first, last + 1):
        report = simulate(seed, registry)
        steps += report.steps
        records += report.records
        if report.problem:
            failed.append(seed)
            print_problem(report)
        if time.monotonic() - shown_s > 1 or seed == last:
            shown_s = time.monotonic()
            rate = (seed - first + 1) / (shown_s - started_s) * 60
            done = f"{seed - first + 1}/{last - first + 1} seeds"
            print(f"{done}  {rate:.0f}/min  {len(failed)} failed", flush=True)
    print(f"{steps} steps, {records} records; failed seeds: {failed or 'none'}")
    return not failed


def print_problem(report: Report) -> None:
    """Everything that is needed to find out why."""
    print(f"\nseed {report.seed} broke a promise at step {report.steps}")
    print(f"  options {msgspec.json.encode(report.options).decode()}")
    for line in report.latest:
        print(f"  {line}")
    print(f"  {report.problem}")
    print(f"reproduce: python -m testkit.simulator --seed {report.seed}", flush=True)


def main(argv: Sequence[str]) -> int:
    """The command line. Exit code 1: a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m testkit.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one, and tell all about it")
    parser.add_argument("--seeds", metavar="A..B", help="run all of these")
    arguments = parser.parse_args(argv)
    registry = build_registry(find_domains())
    if arguments.seeds:
        first, _, last = arguments.seeds.partition("..")
        return int(not run_many(int(first), int(last or first), registry))
    seed = arguments.seed if arguments.seed is not None else time.time_ns() // 1_000_000
    return int(not run_one(seed, registry))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
