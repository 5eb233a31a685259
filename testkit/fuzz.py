"""Whatever a client may send, from one seed: `python -m testkit.fuzz --seconds 60 --seed 7`.

Each round has a seed of its own, the first the one that is given: streams of bytes into
connections (`testkit.fuzz_frames`), then texts into a whole gateway (`testkit.fuzz_commands`).
"""

import argparse
import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from msgspec import Struct

from engine.registry import build_registry, find_domains
from testkit.fuzz_commands import try_commands
from testkit.fuzz_frames import try_frames, try_handshake

STREAMS = 200
FRAMES = 300
"""Of each in one round: about a second's work on a slow machine."""

SHOWN_EVERY_S = 5.0


class Tally(Struct):
    """What the rounds have come to."""

    rounds: int = 0
    ends: Counter[int] = Counter()
    """Of streams: the close codes."""
    handshakes: Counter[bytes] = Counter()
    """HTTP statuses; empty where the request was not complete."""
    replies: Counter[str] = Counter()
    """To commands: the codes."""
    failed_seed: int | None = None


def fuzz(
    seed: int, goes_on: Callable[[Tally], bool], show: Callable[[Tally], None] = lambda tally: None
) -> Tally:
    """Rounds from this seed on, until they are enough or one finds a fault. What was found is
    printed to stderr, with the command that finds it again."""
    tally = Tally()
    registry = build_registry(find_domains())
    while goes_on(tally):
        current = seed + tally.rounds
        try:
            dice = Random(current)
            for _ in range(STREAMS):
                tally.ends[int(try_frames(dice))] += 1
                tally.handshakes[try_handshake(dice)] += 1
            tally.replies.update(try_commands(dice, registry, FRAMES).replies)
        except Exception:
            traceback.print_exc()
            again = f"python -m testkit.fuzz --rounds 1 --seed {current}"
            sys.stderr.write(f"seed {current} found a fault; reproduce: {again}\n")
            tally.failed_seed = current
            return tally
        tally.rounds += 1
        show(tally)
    return tally


def main(argv: Sequence[str]) -> int:
    """Run from the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m testkit.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long; default: 60")
    parser.add_argument("--seed", type=int, default=None, help="the first round's; default: new")
    parser.add_argument("--rounds", type=int, default=0, help="so many rounds, instead of a time")
    given = parser.parse_args(argv)
    started_s = shown_s = time.monotonic()
    seed = given.seed if given.seed is not None else time.time_ns() // 1_000_000
    sys.stdout.write(f"seed {seed}\n")

    rounds: int = given.rounds
    seconds: float = given.seconds

    def goes_on(tally: Tally) -> bool:
        if rounds:
            return tally.rounds < rounds
        return time.monotonic() - started_s < seconds

    def show(tally: Tally) -> None:
        nonlocal shown_s
        if time.monotonic() - shown_s >= SHOWN_EVERY_S:
            shown_s = time.monotonic()
            sys.stdout.write(f"{tally.rounds} rounds in {shown_s - started_s:.0f} s\n")
            sys.stdout.flush()

    tally = fuzz(seed, goes_on, show)
    sys.stdout.write(summary(tally))
    return 0 if tally.failed_seed is None else 1


def summary(tally: Tally) -> str:
    """What was sent, and what it came to."""
    lines = [f"{tally.rounds} rounds without a fault"]
    for name, counts in (
        ("streams", tally.ends),
        ("handshakes", tally.handshakes),
        ("commands", tally.replies),
    ):
        total = sum(counts.values())
        kinds = ", ".join(f"{_name(kind)} {count}" for kind, count in counts.most_common())
        lines.append(f"{total} {name}: {kinds}")
    return "\n".join(lines) + "\n"


def _name(kind: int | bytes | str) -> str:
    return kind.decode() or "none" if isinstance(kind, bytes) else str(kind)


if __name__ == "__main__":
    # Refused handshakes are logged, and here they are the rule.
    logging.disable(logging.CRITICAL)
    sys.exit(main(sys.argv[1:]))
