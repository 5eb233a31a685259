"""Writers and gateways as processes of their own, against the same house in one process: how many
commands, how much later each is answered, and what every process spends on one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from statistics import median

from bench import far_load
from bench.cluster import Cluster, clustered
from bench.databases import database, pids_of
from bench.far_load import FarLoad, FarLoaded
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step
from bench.server import House, running
from testkit.redis import RedisServer, find_binary

SERVE = "serve, one process"
ONE, TWO_DOORS, TWO = "1 writer, 1 gateway", "1 writer, 2 gateways", "2 writers, 2 gateways"
NAMES = (SERVE, ONE, TWO_DOORS, TWO)
EAST = "east"
ROLES = ("serve", "writers", "gateways", "Redis", "Postgres")
LEAST_MS = 0.01
"""A hop that was lost in the noise is not shown as less than nothing."""

HEAD = (
    "processes",
    "loop",
    "bids/s",
    "of serve's",
    "p50 ms",
    "p99 ms",
    *(f"{role} µs" for role in ROLES),
    "all µs",
    "bids/CPU s",
    "load",
    "refused",
)
NOTES = (
    "Durable bids: a closed loop of one for each connection, or several under way (pipelined), or "
    "an open loop at a fixed rate, where latency counts from when a bid was due. Medians.",
    "All share one Postgres, one Redis and the machine. More processes share the same cores here, "
    "so bids/s show what the ways between them cost, not what more machines would bring. For that "
    "there is µs: processor time of all processes of a kind for each bid, Postgres' sessions and "
    "its writers included.",
    "Two writers have a market each, and follow the market of the other; that is in their µs.",
    "`load` is how many cores the bidders' own process used of the same machine.",
)


class ClusterSpeed:
    """Rows of commands through several processes, on Postgres."""

    def __init__(self) -> None:
        self._house: House | None = None
        self._cluster: Cluster | None = None
        self._redis: RedisServer | None = None
        self._closed: dict[str, list[FarLoaded]] = defaultdict(list)
        self._pipelined: dict[str, list[FarLoaded]] = defaultdict(list)
        self._open: dict[str, list[FarLoaded]] = defaultdict(list)

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step("starting Redis, a house, a writer and a gateway", self._start)
        for _ in range(sizes.side_rounds):
            yield from self._turn(ONE)
        for name in (SERVE, ONE):
            text = f"{name}, {sizes.pipeline} under way each"
            yield Step(text, partial(self._measure, self._pipelined, name, sizes.pipeline, 0.0))
        for _, name in product(range(sizes.side_rounds), (SERVE, ONE)):
            text = f"{name}, {sizes.hop_rate:,.0f} a second"
            yield Step(text, partial(self._measure, self._open, name, 1, sizes.hop_rate))
        yield Step("a second gateway", self._add_gateway)
        yield from self._turn(TWO_DOORS)
        yield Step("a second market and a second writer", self._add_writer)
        yield from self._turn(TWO)

    def _turn(self, name: str) -> Iterator[Step]:
        """Each measurement of several processes has one of the house beside it."""
        for each in (SERVE, name):
            yield Step(each, partial(self._measure, self._closed, each, 1, 0.0))

    async def _start(self, scene: Scene) -> str:
        stack = scene.stack
        self._redis = stack.enter_context(RedisServer(find_binary()))
        # In good order, or its processor time would be taken for that of others.
        stack.callback(self._redis.stop)
        house_url = await stack.enter_async_context(database(scene.postgres_url))
        self._house = await stack.enter_async_context(running("--postgres", house_url))
        log_url = await stack.enter_async_context(database(scene.postgres_url))
        self._cluster = await stack.enter_async_context(clustered(log_url, self._redis))
        await self._cluster.add_engine("w1")
        await self._cluster.add_gateway("g1")
        return f"ready, Redis {self._redis.version}"

    async def _add_gateway(self, _: Scene) -> str:
        assert self._cluster is not None, "it was started"
        await self._cluster.add_gateway("g2")
        return "ready"

    async def _add_writer(self, _: Scene) -> str:
        assert self._cluster is not None, "it was started"
        await self._cluster.add_market(EAST)
        await self._cluster.add_engine("w2")
        await self._cluster.until_apart(("main", EAST))
        return "each has a market, and follows the other's"

    async def _measure(
        self,
        found: dict[str, list[FarLoaded]],
        name: str,
        pipeline: int,
        rate: float,
        scene: Scene,
    ) -> str:
        sizes = scene.sizes
        plan = FarLoad(
            connections=sizes.connections,
            auctions=sizes.far_auctions,
            seconds=sizes.seconds,
            warmup=sizes.warmup,
            pipeline=pipeline,
            rate=rate,
            markets=("main", EAST) if name == TWO else ("main",),
        )
        roles = await self._roles(name, scene)
        loaded = await scene.crew.do(far_load.run, self._doors(name), plan, roles)
        found[name].append(loaded)
        spent = ", ".join(f"{role} {us:.0f}" for role, us in loaded.us.items())
        return f"{loaded.per_second:,.0f} bids a second, p99 {loaded.ms[99.0]:.1f} ms; µs: {spent}"

    def _doors(self, name: str) -> list[House]:
        assert self._cluster is not None, "it was started"
        assert self._house is not None, "it was started"
        return [self._house] if name == SERVE else self._cluster.doors

    async def _roles(self, name: str, scene: Scene) -> dict[str, list[int]]:
        assert self._cluster is not None, "it was started"
        assert self._redis is not None, "it was started"
        postgres = {"Postgres": await pids_of(scene.postgres_url)}
        if name == SERVE:
            return {"serve": [door.pid for door in self._doors(name)], **postgres}
        return {**self._cluster.pids, "Redis": [self._redis.pid], **postgres}

    def findings(self) -> Findings:
        loops = {"closed": self._closed, "pipelined": self._pipelined, "open loop": self._open}
        lines = []
        for loop, found in loops.items():
            serves = median(one.per_second for one in found[SERVE])
            lines += [_line(name, loop, found[name], serves) for name in NAMES if name in found]
        rows = [_hop("hop p50", 50.0, self._open), _hop("hop p99", 99.0, self._open)]
        return Findings(rows, Table("Several processes", HEAD, lines, NOTES))


def _hop(target: str, percent: float, found: Mapping[str, Sequence[FarLoaded]]) -> Row:
    here, there = (median(one.ms[percent] for one in found[name]) for name in (SERVE, ONE))
    rate = median(one.per_second for one in found[ONE])
    how = f"{there:.1f} ms, {here:.1f} ms in one process"
    return Row(target, f"{rate:,.0f} bids a second", max(there - here, LEAST_MS), how)


def _line(name: str, loop: str, found: Sequence[FarLoaded], serves: float) -> tuple[str, ...]:
    rate = median(one.per_second for one in found)
    us = {role: median(one.us.get(role, 0.0) for one in found) for role in ROLES}
    whole = sum(us.values())
    return (
        name,
        loop,
        f"{rate:,.0f}",
        f"{rate / serves:.2f}",
        *(f"{median(one.ms[percent] for one in found):.1f}" for percent in (50.0, 99.0)),
        *(f"{us[role]:.0f}" if us[role] else "" for role in ROLES),
        f"{whole:.0f}",
        f"{1e6 / whole:,.0f}" if whole else "",
        f"{max(one.load for one in found):.2f}",
        f"{sum(one.refused + one.unanswered for one in found):,}",
    )
