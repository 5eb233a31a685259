"""`python -m testkit.faults --minutes 10`: hurt a cluster for a while, and judge what its people
were told.

Every part is killed, frozen and cut off, in an order that the seed decides, under as many bids as
the machine bears.
"""

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median

from msgspec import Struct

from testkit.cluster import Cluster, Part, cluster
from testkit.trial import AUCTIONS, Hurt, Trial, another_writer, standby_of, verified, writer_of

TAKEOVER_S_MAX = 7.0
"""The time of a lease and one second, where somebody stands by."""
OUTAGE_S_MAX = 20.0
"""Where it is not a lease alone that is waited for: the fault's own time, then the log is read."""
CUT_S = 2.0
"""Shorter than a lease: nothing has to be taken over."""


class Fault(Struct, frozen=True):
    """What is done, and the longest gap in service that it may cause, seconds."""

    hurt: Hurt
    gap_s_max: float


async def kill_writer(town: Cluster, dice: Random) -> None:
    """`kill -9`."""
    market = dice.choice(list(AUCTIONS))
    part = await _writer_with_heir(town, market)
    part.process.kill()
    await part.process.ended()
    for one in AUCTIONS:
        await writer_of(town, one)
    await part.start()


async def freeze_writer(town: Cluster, dice: Random) -> None:
    """SIGSTOP past its lease; then it goes on as if nothing had happened."""
    market = dice.choice(list(AUCTIONS))
    part = await _writer_with_heir(town, market)
    part.process.freeze()
    for one in AUCTIONS:
        await another_writer(town, one, part)
    part.process.thaw()


async def freeze_engines(town: Cluster, dice: Random) -> None:
    """SIGSTOP of all of them, about as long as a lease: perhaps nobody is there when it ends."""
    for part in town.engines:
        part.process.freeze()
    await asyncio.sleep(dice.uniform(0, TAKEOVER_S_MAX))
    for part in dice.sample(town.engines, len(town.engines)):
        part.process.thaw()


async def freeze_writer_briefly(town: Cluster, dice: Random) -> None:
    """SIGSTOP, about as long as its lease may last: perhaps somebody else just takes over."""
    part = await writer_of(town, dice.choice(list(AUCTIONS)))
    part.process.freeze()
    await asyncio.sleep(dice.uniform(0, TAKEOVER_S_MAX))
    part.process.thaw()


async def hand_over(town: Cluster, dice: Random) -> None:
    """SIGTERM: its markets are handed over, and the process comes back."""
    market = dice.choice(list(AUCTIONS))
    part = await _writer_with_heir(town, market)
    await restart(part)


async def kill_postgres_amid_hand_over(town: Cluster, dice: Random) -> None:
    """SIGTERM, and before all is handed over the database ends, and is back."""
    part = await _writer_with_heir(town, dice.choice(list(AUCTIONS)))
    part.process.stop()
    await asyncio.sleep(dice.uniform(0, CUT_S))
    await kill_postgres(town, dice)
    await part.process.ended()
    await part.start()


async def cut_writer_from_redis(town: Cluster, dice: Random) -> None:
    """Its connections break, and for a while it gets no others."""
    part = await writer_of(town, dice.choice(list(AUCTIONS)))
    part.redis.cut()
    await asyncio.sleep(CUT_S)
    part.redis.mend()


async def cut_writer_from_log(town: Cluster, dice: Random) -> None:
    """Its connections break, and it gets others again when its lease may just have ended."""
    part = await writer_of(town, dice.choice(list(AUCTIONS)))
    assert part.log, "engines have a log"
    part.log.cut()
    await asyncio.sleep(dice.uniform(0, TAKEOVER_S_MAX))
    part.log.mend()


async def reset_log_of_writer(town: Cluster, dice: Random) -> None:
    """Its connections break, and it gets others at once: what it has in memory may not be in the
    log, and the standby has what is."""
    part = await _writer_with_heir(town, dice.choice(list(AUCTIONS)))
    assert part.log, "engines have a log"
    part.log.cut()
    await asyncio.sleep(0)
    part.log.mend()


async def cut_writer_from_log_for_good(town: Cluster, dice: Random) -> None:
    """Until another has taken over."""
    market = dice.choice(list(AUCTIONS))
    part = await _writer_with_heir(town, market)
    assert part.log, "engines have a log"
    part.log.cut()
    for one in AUCTIONS:
        await another_writer(town, one, part)
    part.log.mend()


async def kill_gateway(town: Cluster, dice: Random) -> None:
    """`kill -9`: its clients go to the other one."""
    part = dice.choice(town.gateways)
    part.process.kill()
    await part.process.ended()
    await part.start()


async def freeze_gateway(town: Cluster, dice: Random) -> None:
    """SIGSTOP: its clients wait."""
    part = dice.choice(town.gateways)
    part.process.freeze()
    await asyncio.sleep(CUT_S)
    part.process.thaw()


async def roll_gateway(town: Cluster, dice: Random) -> None:
    """SIGTERM: its clients are told to come back."""
    await restart(dice.choice(town.gateways))


async def cut_gateway_from_redis(town: Cluster, dice: Random) -> None:
    """Its connections break, and for a while it gets no others."""
    part = dice.choice(town.gateways)
    part.redis.cut()
    await asyncio.sleep(CUT_S)
    part.redis.mend()


async def restart_redis(town: Cluster, dice: Random) -> None:
    """It forgets everything."""
    town.redis.stop()
    town.redis.start()


async def freeze_redis(town: Cluster, dice: Random) -> None:
    """SIGSTOP: connections stay open, and nobody answers."""
    town.redis.pause()
    await asyncio.sleep(CUT_S)
    town.redis.resume()


async def empty_redis(town: Cluster, dice: Random) -> None:
    """FLUSHALL, as often as somebody might: connections stay, and nobody is told."""
    for _ in range(dice.randint(1, 20)):
        town.redis.ask("FLUSHALL")
        await asyncio.sleep(dice.uniform(0, 0.1))


async def cut_channels(town: Cluster, dice: Random) -> None:
    """Redis drops whoever listens, as it does with those who read too slowly."""
    town.redis.ask("CLIENT", "KILL", "TYPE", "pubsub")


async def kill_postgres(town: Cluster, dice: Random) -> None:
    """As a power cut would; it recovers from its own log."""
    town.postgres.kill()
    await asyncio.to_thread(town.postgres.start)


async def freeze_postgres(town: Cluster, dice: Random) -> None:
    """SIGSTOP: connections stay open, and nobody answers."""
    town.postgres.pause()
    await asyncio.sleep(CUT_S)
    town.postgres.resume()


TAKEOVERS = (kill_writer, freeze_writer, reset_log_of_writer, cut_writer_from_log_for_good)
OTHERS = (
    freeze_engines,
    freeze_writer_briefly,
    hand_over,
    kill_postgres_amid_hand_over,
    cut_writer_from_redis,
    cut_writer_from_log,
    kill_gateway,
    freeze_gateway,
    roll_gateway,
    cut_gateway_from_redis,
    restart_redis,
    freeze_redis,
    empty_redis,
    cut_channels,
    kill_postgres,
    freeze_postgres,
)
FAULTS: dict[str, Fault] = {
    **{hurt.__name__: Fault(hurt, TAKEOVER_S_MAX) for hurt in TAKEOVERS},
    **{hurt.__name__: Fault(hurt, OUTAGE_S_MAX) for hurt in OTHERS},
}


async def restart(part: Part) -> None:
    """SIGTERM, and again at the same address. It must end in good order."""
    part.process.stop()
    code = await part.process.ended()
    assert code == 0, f"{part.name} ended with {code}"
    await part.start()


async def run_round(
    trial: Trial, names: Sequence[str], tell: Callable[[str], object] = lambda line: None
) -> list[str]:
    """Hurt the cluster in these ways, one after another. Returns what is wrong, if anything."""
    slow: list[str] = []
    async with trial.opened():
        for name in names:
            fault = FAULTS[name]
            began = time.strftime("%X")
            gap_s, stalled_s = await trial.hurt(name, fault.hurt)
            tell(f"{began} {name:<28} {gap_s:6.2f} s, {stalled_s:.2f} s of it the machine's")
            if gap_s - stalled_s > fault.gap_s_max:
                slow.append(f"{name}: nobody was served for {gap_s:.2f} s")
        return await trial.judge() + slow


def report_of(trial: Trial) -> str:
    """What the round was like."""
    served = trial.served
    lines = [
        f"{served.accepted} bids accepted and {served.refused} refused, {served.per_second[-1]} "
        f"in the best second and {median(served.per_second):.0f} in the middle one; "
        "longest gaps in service:"
    ]
    lines += [f"  {name:<28} {gap_s:6.2f} s" for name, gap_s in served.gaps.items()]
    return "\n".join(lines)


async def _writer_with_heir(town: Cluster, market: str) -> Part:
    while True:
        part = await writer_of(town, market)
        for one in AUCTIONS:
            # It may serve more than the one that is asked for.
            await standby_of(town, one)
        # Markets move by themselves, and whoever had one before has to read its log first.
        if await writer_of(town, market) is part:
            return part


def words_of(town: Cluster) -> str:
    """What the processes have said of late."""
    return "\n".join(f"--- {part.name}\n{part.words[-20_000:]}" for part in town.parts.values())


async def _main(minutes: float, seed: int, only: Sequence[str], words: Path | None) -> int:
    until_s = time.monotonic() + 60 * minutes
    dice = Random(seed)
    wrong: list[str] = []
    async with cluster(markets=[market for market in AUCTIONS if market != "main"]) as town:
        trial = Trial(town, dice)
        try:
            while not wrong and (trial.rounds == 0 or time.monotonic() < until_s):
                wrong += await run_round(trial, dice.sample(only, len(only)), _say)
                _say(report_of(trial))
            wrong += filter(None, [await verified(town)])
        except Exception as problem:
            wrong.append(repr(problem))
            traceback.print_exc()
        finally:
            await trial.close()
            if words:
                _keep_words(town, words)
        if wrong:
            sys.stderr.write(words_of(town))
    _say("\n".join(wrong) or "nothing was lost, done twice or told otherwise")
    return 1 if wrong else 0


def _keep_words(town: Cluster, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part in town.parts.values():
        (folder / f"{part.name}.log").write_text(part.words)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m testkit.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="0: each fault once")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--words", type=Path, help="folder for all that the processes log")
    given = parser.parse_args()
    _say(f"seed {given.seed}")
    return asyncio.run(_main(given.minutes, given.seed, given.only, given.words))


if __name__ == "__main__":
    sys.exit(main())
