"""What a bid costs with few and with many auctions open, in one process and turn by turn, so that
both sides have the same luck with the machine. No sockets and no disk: only deciding."""

import gc
import time
from statistics import median

from msgspec import Struct

from bench.bids_in_memory import BidsInMemory

USERS = 200


class OpenAuctions(Struct, frozen=True):
    """What is compared."""

    few: int = 100
    many: int = 100_000
    bids: int = 2_000
    """In a turn."""
    turns: int = 15


class Costs(Struct, frozen=True):
    """Microseconds of a bid: the median of the turns."""

    few_us: float
    many_us: float
    """Bids spread over all the many: each finds its auction cold in the processor's caches."""
    few_of_many_us: float
    """Bids in as many of the many as the few are: the caches are as warm as theirs."""


def run(plan: OpenAuctions) -> Costs:
    """Measure in this process, which should be a fresh one."""
    few = BidsInMemory(plan.few, USERS)
    many = BidsInMemory(plan.many, USERS)
    sides = ((few, plan.few), (many, plan.many), (many, plan.few))
    for house, _ in sides:
        house.keeps = False
        house.records.clear()
    gc.collect()
    turns = [[_turn(*side, plan.bids) for side in sides] for _ in range(plan.turns)]
    # The first turn warms up: bidders and auctions come to know one another.
    few_us, many_us, few_of_many_us = map(median, zip(*turns[1:], strict=True))
    return Costs(few_us, many_us, few_of_many_us)


def _turn(house: BidsInMemory, auctions: int, count: int) -> float:
    bids = house.next_bids(count, auctions)
    begun_s = time.perf_counter()
    house.place(bids)
    return (time.perf_counter() - begun_s) / count * 1e6
