"""What the sections of the benchmark share: how much to measure, where, and in which steps."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Protocol

from msgspec import Struct

from bench.crew import Crew
from bench.result import Findings


class Sizes(Struct, frozen=True):
    """How much is measured. The targets are meant for these defaults."""

    connections: int = 200
    auctions: int = 100
    pipeline: int = 8
    rounds: int = 3
    """Of what has a target."""
    side_rounds: int = 2
    """Of what has none."""
    seconds: float = 2.0
    """Of a round."""
    warmup: float = 0.5
    open_seconds: float = 4.0
    """Of an open loop, whose p99 needs more bids."""
    pools: tuple[tuple[int, ...], tuple[int, ...]] = ((1, 2, 4, 8), (8, 16, 32))
    """Connections of the row locks that are tried, for one and for many auctions."""
    watchers: int = 1_000
    watch_rate: float = 100.0
    """Bids a second of the calm one of both fan-outs."""
    idle: int = 10_000
    records: int = 200_000
    open_few: int = 100
    open_many: int = 100_000
    turn_bids: int = 2_000
    turns: int = 15
    drivers: int = 10_000
    """Of one delivery zone."""
    bare_seconds: float = 0.5
    """Of a round in which positions go to Redis without websockets."""
    jobs: int = 600
    """Of a round."""
    jobs_under_way: int = 64
    laps: int = 1
    """How often all drivers ping, evenly spread over the time."""
    choices: int = 3_000
    day_hours: int = 12
    day_drivers: int = 60
    day_orders: int = 500
    hagglers: int = 100
    haggles: int = 12
    """Of a customer in a round."""
    chains: int = 25
    parcels: int = 16
    """That a chain of four people passes on in a round."""
    far_auctions: int = 8
    """Bid in through several gateways, over all markets."""
    hop_rate: float = 1_000.0
    """Bids a second at which one process is compared with two and Redis between."""
    far_idle: int = 5_000
    message_rate: float = 500.0
    """Bids a second that one watcher hears of at another gateway."""
    takeovers: int = 3
    """Of each kind."""
    people: int = 150
    people_seconds: float = 8.0
    people_haste: float = 5.0
    """How much faster than people they think."""


FULL = Sizes()

QUICK = Sizes(
    connections=20,
    auctions=10,
    rounds=1,
    side_rounds=1,
    seconds=0.2,
    warmup=0.05,
    open_seconds=0.3,
    pools=((2,), (8,)),
    watchers=100,
    idle=500,
    records=10_000,
    open_many=2_000,
    turn_bids=200,
    turns=5,
    drivers=300,
    bare_seconds=0.1,
    jobs=20,
    jobs_under_way=4,
    laps=1,
    choices=100,
    day_hours=2,
    day_drivers=20,
    day_orders=40,
    hagglers=5,
    haggles=2,
    chains=2,
    parcels=2,
    far_auctions=2,
    hop_rate=100.0,
    far_idle=500,
    message_rate=100.0,
    takeovers=1,
    people=10,
    people_seconds=5.0,
    people_haste=10.0,
)
"""Everything once, to see that it works; the figures mean little."""


class Scene(Struct, frozen=True):
    """Where a section plays."""

    sizes: Sizes
    postgres_url: str
    """Of a server on which databases may be made."""
    crew: Crew
    stack: AsyncExitStack
    """Closes, after the section, what it has opened."""


class Step(Struct, frozen=True):
    """One thing that is done while nothing else is."""

    text: str
    do: Callable[[Scene], Awaitable[str]]
    """Returns what it has found, in a few words."""


class Section(Protocol):
    """A part of the benchmark that can be run alone."""

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        """What is to be done, in this order. Does nothing by itself."""

    def findings(self) -> Findings:
        """What came of it, when all steps are done."""
