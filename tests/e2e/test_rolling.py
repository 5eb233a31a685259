"""A rolling restart under load: one gateway after another, one writer after another. Nobody loses
anything but a moment."""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import pytest

from gateway.connection import CLOSE_RESTART
from gateway.limits import RECONNECT_MS_MIN, RECONNECT_MS_SPREAD
from testkit.cluster import Cluster, Part, cluster
from testkit.faults import report_of, restart, words_of
from testkit.trial import AUCTIONS, Trial, standby_of, verified

HANDOVER_S_MAX = 6.0
"""No lease has to end for it: it would take longer to wait for one."""


@pytest.fixture
async def trial() -> AsyncIterator[Trial]:
    """A cluster with two markets, one for each writer."""
    async with cluster(markets=["east"]) as town:
        made = Trial(town, Random(7))
        yield made
        await made.close()
        # Shown if the test has failed.
        sys.stderr.write(words_of(town))


def restarting(part: Part) -> Callable[[Cluster, Random], Awaitable[None]]:
    """Restart it when all that it serves has an heir."""

    async def restarted(town: Cluster, dice: Random) -> None:
        for market in AUCTIONS:
            await standby_of(town, market)
        await restart(part)

    return restarted


async def test_every_part_is_replaced_under_load(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gateways say goodbye and clients resume at the other; writers hand over what they serve."""
    town = trial.town
    async with trial.opened():
        for part in [*town.gateways, *town.engines]:
            await trial.hurt(part.name, restarting(part))
        wrong = await trial.judge()
        goodbyes = [ms for crowd in trial.crowds.values() for ms in crowd.goodbyes]
        closes = {code for crowd in trial.crowds.values() for code in crowd.closes}
    with capsys.disabled():
        sys.stdout.write(f"\n{report_of(trial)}\n")
    assert wrong == []
    assert await verified(town) == ""
    assert closes == {CLOSE_RESTART}
    # Each gateway spreads those that it had.
    assert max(Counter(goodbyes).values()) <= len(town.gateways)
    assert all(0 <= ms - RECONNECT_MS_MIN <= RECONNECT_MS_SPREAD for ms in goodbyes)
    assert max(trial.served.gaps.values()) < HANDOVER_S_MAX
