"""The best matching of a batch, against every matching there is (dispatch X1)."""

from itertools import permutations
from random import Random

import pytest

from engine.domains.dispatch.matching import match

Near = dict[str, list[tuple[str, int]]]


def best(jobs: list[str], near: Near) -> dict[str, str]:
    """By trying them all: most matched, then least total, then the first in job and driver."""
    drivers = sorted({driver for job in jobs for driver, _ in near[job]})
    far = {(job, driver): m for job in jobs for driver, m in near[job]}
    alone = len(drivers)
    tried = []
    for chosen in set(permutations([*range(len(drivers)), *[alone] * len(jobs)], len(jobs))):
        pairs = [(j, drivers[n]) for j, n in zip(jobs, chosen, strict=True) if n != alone]
        if all(pair in far for pair in pairs):
            total = sum(far[pair] for pair in pairs)
            tried.append((-len(pairs), total, chosen, pairs))
    return dict(min(tried)[3])


@pytest.mark.parametrize("seed", range(150))
def test_no_matching_is_better(seed: int) -> None:
    """Many equal distances, so that ties decide; jobs without anybody near; fewer drivers."""
    dice = Random(seed)
    jobs = [f"j{number}" for number in range(dice.randint(1, 4))]
    drivers = [f"d{number}" for number in range(dice.randint(1, 4))]
    reach = dice.choice((2, 5, 5_000))
    near: Near = {
        job: [(d, dice.randrange(reach)) for d in drivers if dice.random() < 0.7] for job in jobs
    }
    assert match(jobs, near) == best(jobs, near)


def test_the_order_of_drivers_does_not_matter() -> None:
    """The same facts, the same matching."""
    near: Near = {"a": [("x", 5), ("y", 5)], "b": [("y", 5), ("x", 5)]}
    turned = {job: list(reversed(edges)) for job, edges in near.items()}
    assert match(["a", "b"], near) == match(["a", "b"], turned) == {"a": "x", "b": "y"}


def test_nobody_is_near() -> None:
    """A batch of jobs without any driver."""
    assert match(["a", "b"], {"a": [], "b": []}) == {}
    assert match([], {}) == {}


def test_a_large_batch_is_no_worse_than_taking_turns() -> None:
    """Of the greatest size; each driver is matched once."""
    dice = Random(1)
    jobs = [f"j{number:02}" for number in range(30)]
    near = {job: [(f"d{n:02}", dice.randrange(5_000)) for n in range(30)] for job in jobs}
    chosen = match(jobs, near)
    assert len(set(chosen.values())) == len(jobs)
    taken: dict[str, int] = {}
    for job in jobs:
        driver, far = min((x for x in near[job] if x[0] not in taken), key=lambda x: x[1])
        taken[driver] = far
    total = sum(dict(near[job])[driver] for job, driver in chosen.items())
    assert total <= sum(taken.values())
