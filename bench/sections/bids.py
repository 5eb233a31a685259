"""Durable bids: how many, how fast, at what cost; against row locks in the same Postgres and
against a bare echo of the same websocket stack. All sides take turns in one run."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from statistics import median

from msgspec import Struct

from bench import load, row_locks
from bench.databases import database
from bench.load import Load, Loaded
from bench.result import Findings, Row, Table
from bench.row_locks import Locked, RowLocks
from bench.scene import Scene, Sizes, Step
from bench.server import House, echoing, running

LOGS = ("SQLite", "Postgres")
POOL_SECONDS = 0.5
"""A pool is tried for this part of a round."""

NOTES = (
    "Bids are durable before they are acknowledged; a closed loop keeps one bid under way for each "
    "connection, the pipelined one several. Figures are medians of the rounds.",
    "The open loop offers bids at half of the greatest rate measured before, of whichever kind. "
    "Latency counts from when a bid was due (no coordinated omission).",
    "CPU is user and system time of the server's process, SQLite's thread and sockets included; "
    "Postgres' own processes are not.",
    "The load runs on the same cores as the server; `load` is how many it kept busy. Near 1.0 it "
    "was the limit, not the house. What it is late by counts as latency, in the open loop too.",
    "Refused, in all rounds: a bid that another overtook between the sockets is too low.",
    "Row locks: bench/row_locks.py, one transaction for each bid, no websockets, best of several "
    "pool sizes. What it leaves out and the house does is told there: it favours the row locks. As "
    "a stored function a bid is one round trip: what row locks can do at their best.",
)
HEAD = (
    "log",
    "auctions",
    "bids/s",
    "p50 ms",
    "p99 ms",
    "CPU µs/bid",
    "load",
    "pipelined bids/s",
    "open loop bids/s",
    "p50 ms",
    "p99 ms",
    "refused",
)


class Case(Struct, frozen=True):
    """A house and how it is bid in."""

    log: str
    auctions: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.log}, {self.auctions:,} auction{'s' * (self.auctions > 1)}"


class Bids:
    """Rows of bids."""

    def __init__(self) -> None:
        self._houses: dict[str, House] = {}
        self._echo: House | None = None
        self._baseline_url = ""
        self._pools: dict[int, tuple[float, int]] = {}
        """Auctions -> rate and size of the best pool yet."""
        self._closed: dict[Case, list[Loaded]] = defaultdict(list)
        self._pipelined: dict[Case, list[Loaded]] = defaultdict(list)
        self._open: dict[Case, Loaded] = {}
        self._locked: dict[int, list[Locked]] = defaultdict(list)
        self._stored: dict[int, list[Locked]] = defaultdict(list)
        self._echoed: list[Loaded] = []

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step("starting SQLite and Postgres houses and the echo", self._start)
        each = (1, sizes.auctions)
        for auctions, pools in zip(each, sizes.pools, strict=True):
            for pool in pools:
                yield Step(
                    f"row locks, {auctions:,} auctions, {pool} connections",
                    partial(self._try_pool, auctions, pool),
                )
        for _ in range(sizes.rounds):
            yield Step("echo", self._measure_echo)
            for auctions in each:
                for log in LOGS:
                    case = Case(log, auctions)
                    yield Step(case.name, partial(self._measure, case, 1))
                text = f"row locks, {auctions:,} auctions"
                yield Step(text, partial(self._measure_locks, auctions, False))
        cases = [Case(log, auctions) for auctions, log in product(each, LOGS)]
        for _ in range(sizes.side_rounds):
            for auctions in each:
                text = f"row locks in a stored function, {auctions:,} auctions"
                yield Step(text, partial(self._measure_locks, auctions, True))
            for case in cases:
                text = f"{case.name}, {sizes.pipeline} under way each"
                yield Step(text, partial(self._measure, case, sizes.pipeline))
        for case in cases:
            yield Step(f"{case.name}, open loop", partial(self._measure_open, case))

    async def _start(self, scene: Scene) -> str:
        stack = scene.stack
        self._baseline_url = await stack.enter_async_context(database(scene.postgres_url))
        log_url = await stack.enter_async_context(database(scene.postgres_url))
        flags = {"SQLite": (), "Postgres": ("--postgres", log_url)}
        for log in LOGS:
            self._houses[log] = await stack.enter_async_context(running(*flags[log]))
        self._echo = await stack.enter_async_context(echoing())
        return "ready"

    async def _try_pool(self, auctions: int, pool: int, scene: Scene) -> str:
        sizes = scene.sizes
        seconds = sizes.seconds * POOL_SECONDS
        plan = RowLocks(pool, sizes.connections, auctions, seconds, sizes.warmup)
        found = await scene.crew.do(row_locks.run, self._baseline_url, plan)
        best = self._pools.get(auctions, (0.0, 0))
        self._pools[auctions] = max(best, (found.per_second, pool))
        return f"{found.per_second:,.0f} bids a second"

    async def _measure_locks(self, auctions: int, stored: bool, scene: Scene) -> str:
        sizes = scene.sizes
        _, pool = self._pools[auctions]
        plan = RowLocks(
            pool, sizes.connections, auctions, sizes.seconds, sizes.warmup, stored=stored
        )
        found = await scene.crew.do(row_locks.run, self._baseline_url, plan)
        (self._stored if stored else self._locked)[auctions].append(found)
        return f"{found.per_second:,.0f} bids a second"

    async def _measure_echo(self, scene: Scene) -> str:
        assert self._echo is not None, "it was started"
        found = await scene.crew.do(load.run, self._echo, _load(scene, echo=True))
        self._echoed.append(found)
        return f"{found.per_second:,.0f} a second, {found.server_us:.1f} µs of CPU each"

    async def _measure(self, case: Case, pipeline: int, scene: Scene) -> str:
        plan = _load(scene, auctions=case.auctions, pipeline=pipeline)
        found = await scene.crew.do(load.run, self._houses[case.log], plan)
        (self._closed if pipeline == 1 else self._pipelined)[case].append(found)
        return _in_words(found)

    async def _measure_open(self, case: Case, scene: Scene) -> str:
        greatest = max(_rate(self._closed[case]), _rate(self._pipelined[case]))
        plan = _load(
            scene,
            auctions=case.auctions,
            rate=greatest / 2,
            seconds=scene.sizes.open_seconds,
        )
        found = self._open[case] = await scene.crew.do(load.run, self._houses[case.log], plan)
        return _in_words(found)

    def findings(self) -> Findings:
        one, many = self._locked
        rows = [self._against_locks("hot", one), self._against_locks("spread", many)]
        rows += [self._against_echo(Case(log, one)) for log in LOGS]
        rows += [
            Row("latency", case.name, found.ms[99.0], f"at {found.per_second:,.0f} bids a second")
            for case, found in self._open.items()
        ]
        lines = [self._line(case) for case in self._open]
        for name, locked in {"row locks": self._locked, "stored function": self._stored}.items():
            lines += [self._line_of_locks(name, auctions, locked[auctions]) for auctions in locked]
        us, rate = _us(self._echoed), _rate(self._echoed)
        lines.append(("bare echo", "", f"{rate:,.0f}", *_ms(self._echoed), f"{us:.1f}"))
        return Findings(rows, Table("Bids", HEAD, lines, NOTES))

    def _against_locks(self, target: str, auctions: int) -> Row:
        case = Case("Postgres", auctions)
        house, locks = _rate(self._closed[case]), _rate(self._locked[auctions])
        return Row(target, case.name, house / locks, f"{house:,.0f} / {locks:,.0f} a second")

    def _against_echo(self, case: Case) -> Row:
        bid, echo = _us(self._closed[case]), _us(self._echoed)
        return Row("processor", case.name, bid / echo, f"{bid:.1f} / {echo:.1f} µs")

    def _line(self, case: Case) -> tuple[str, ...]:
        closed, pipelined, opened = self._closed[case], self._pipelined[case], self._open[case]
        every = [*closed, *pipelined, opened]
        return (
            case.log,
            f"{case.auctions:,}",
            f"{_rate(closed):,.0f}",
            *_ms(closed),
            f"{_us(closed):.1f}",
            f"{max(one.cores.load for one in every):.2f}",
            f"{_rate(pipelined):,.0f}",
            f"{opened.per_second:,.0f}",
            *_ms([opened]),
            f"{sum(one.refused.total() + one.unanswered for one in every):,}",
        )

    def _line_of_locks(self, name: str, auctions: int, found: list[Locked]) -> tuple[str, ...]:
        _, pool = self._pools[auctions]
        load = max(one.cores for one in found)
        rate = f"{_rate(found):,.0f}"
        return (f"{name}, pool of {pool}", f"{auctions:,}", rate, "", "", "", f"{load:.2f}")


def _load(
    scene: Scene,
    *,
    auctions: int = 1,
    pipeline: int = 1,
    rate: float = 0.0,
    seconds: float = 0.0,
    echo: bool = False,
) -> Load:
    sizes = scene.sizes
    return Load(
        connections=sizes.connections,
        auctions=auctions,
        seconds=seconds or sizes.seconds,
        warmup=sizes.warmup,
        pipeline=pipeline,
        rate=rate,
        echo=echo,
    )


def _rate(found: Sequence[Loaded | Locked]) -> float:
    return median(one.per_second for one in found)


def _us(found: list[Loaded]) -> float:
    return median(one.server_us for one in found)


def _ms(found: list[Loaded]) -> tuple[str, str]:
    p50, p99 = (median(one.ms[percent] for one in found) for percent in (50.0, 99.0))
    return f"{p50:.1f}", f"{p99:.1f}"


def _in_words(found: Loaded) -> str:
    return f"{found.per_second:,.0f} bids a second, p99 {found.ms[99.0]:.1f} ms"
