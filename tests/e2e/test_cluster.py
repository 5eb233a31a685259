"""Two writers, two gateways, Postgres and Redis as real processes: killed, frozen and cut off one
after another, while people bid and watch. Afterwards their own histories must be true."""

import sys
import time
from collections.abc import AsyncIterator
from random import Random

import pytest

from testkit.cluster import Cluster, cluster
from testkit.faults import FAULTS, report_of, run_round, words_of
from testkit.trial import Trial, verified

ALWAYS = ("kill_writer", "freeze_writer")
BESIDE = 6
"""Others of the faults; `python -m testkit.faults` does all, again and again."""
ACCEPTED_MIN = 1_000


@pytest.fixture
async def town() -> AsyncIterator[Cluster]:
    """A cluster with two markets, one for each writer."""
    async with cluster(markets=["east"]) as made:
        yield made
        # Shown if the test has failed.
        sys.stderr.write(words_of(made))


async def test_the_market_goes_on_and_nobody_is_told_a_lie(
    town: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each fault somebody can bid again, soon enough; in the end no history contradicts
    another, nor the logs."""
    seed = int(time.time())
    dice = Random(seed)
    others = [name for name in FAULTS if name not in ALWAYS]
    names = [*ALWAYS, *dice.sample(others, BESIDE)]
    trial = Trial(town, dice)
    try:
        wrong = await run_round(trial, dice.sample(names, len(names)))
    finally:
        await trial.close()
    with capsys.disabled():
        sys.stdout.write(f"\nseed {seed}: {report_of(trial)}\n")
    assert wrong == []
    assert trial.served.accepted > ACCEPTED_MIN
    assert await verified(town) == ""
