"""People who do everything at once at the gateways of a cluster, as locust counts them."""

from collections.abc import Iterator, Sequence

from bench.cluster import Cluster, clustered
from bench.databases import database
from bench.result import Findings, Table
from bench.scene import Scene, Sizes, Step
from bench.swarm import Plan, Row, swarm
from testkit.redis import RedisServer, find_binary

HEAD = ("what", "count", "failures", "a second", "p50 ms", "p99 ms", "longest ms")


class People:
    """Rows of what users of a locust run waited for, on Postgres."""

    def __init__(self) -> None:
        self._cluster: Cluster | None = None
        self._plan = Plan()
        self._found: Sequence[Row] = ()

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step("starting Redis, a writer and two gateways", self._start)
        yield Step(f"{sizes.people:,} people", self._measure)

    async def _start(self, scene: Scene) -> str:
        stack = scene.stack
        redis = stack.enter_context(RedisServer(find_binary()))
        # In good order, or its processor time would be taken for that of others.
        stack.callback(redis.stop)
        log_url = await stack.enter_async_context(database(scene.postgres_url))
        self._cluster = await stack.enter_async_context(clustered(log_url, redis))
        await self._cluster.add_engine("w1")
        for name in ("g1", "g2"):
            await self._cluster.add_gateway(name)
        return f"ready, Redis {redis.version}"

    async def _measure(self, scene: Scene) -> str:
        assert self._cluster is not None, "it was started"
        sizes = scene.sizes
        seconds = sizes.people_seconds
        self._plan = Plan(
            users=sizes.people,
            spawn_rate=sizes.people / 2,
            seconds=seconds,
            lot_seconds=seconds / 3,
            haste=sizes.people_haste,
        )
        self._found = await swarm(self._cluster.doors, self._plan)
        failures = sum(row.failures for row in self._found)
        return f"{sum(row.count for row in self._found):,} answers and events, {failures:,} failed"

    def findings(self) -> Findings:
        plan = self._plan
        notes = (
            f"`bench/locustfile.py`: {plan.users:,} people for {plan.seconds:g} s at two gateways "
            f"of one writer, who think {plan.haste:g} times faster than people do. From socket to "
            "socket; a refusal that the rules foresee has a row of its own.",
            "People wait for their answers, so a stall hides who would have come meanwhile: for "
            "latency under load see the open loop above.",
            "Above 100 ms times are kept to two digits. Locust itself runs on the same cores.",
        )
        lines = [
            (
                row.name,
                f"{row.count:,}",
                f"{row.failures:,}",
                f"{row.per_second:,.1f}",
                *(f"{row.ms[percent]:.0f}" for percent in (50.0, 99.0, 100.0)),
            )
            for row in self._found
        ]
        return Findings([], Table("People", HEAD, lines, notes))
