"""Many watchers of one auction, at gateways that hear of it through Redis."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from statistics import median

from bench import idle, watch
from bench.cluster import Cluster, clustered
from bench.databases import database
from bench.idle import WARMING, Idle
from bench.machine import raise_open_files
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step
from bench.sections.memory import SPARE_FILES
from bench.watch import Backstage, Watch, Watched
from testkit.redis import RedisServer, find_binary

KIB = 1_024
AWAY = "away"

HEAD = (
    "gateways",
    "bids",
    "bids/s",
    "deliveries/s",
    "for a CPU second",
    "of gateways alone",
    "writer µs/bid",
    "PUBLISH/s",
    "bids each",
    "µs each",
    "p50 ms",
    "p99 ms",
)
NOTES = (
    "As `Watchers` above, with the watchers spread over the gateways and the bidders at the first. "
    "The CPU is that of writer, gateways and Redis; Postgres' own processes are not in it.",
    "For each batch of the log the writer gives Redis one message for the room, with its frames "
    "encoded once, and one with the answers for each gateway that has any; Redis passes the room's "
    "on to each gateway. `bids each` is how many bids shared one PUBLISH, `µs each` what one took "
    "in Redis, by its own count and without its sockets.",
    "A gateway's process has one core. Its deliveries for a second of CPU are what one more "
    "gateway brings, wherever it runs.",
)


class FarFanOut:
    """Rows of deliveries through Redis, on Postgres."""

    def __init__(self) -> None:
        self._cluster: Cluster | None = None
        self._redis: RedisServer | None = None
        self._idle: Idle | None = None
        self._message_us = self._message_events = 0.0
        self._found: dict[tuple[int, str], list[Watched]] = defaultdict(list)

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step("starting Redis, a writer and a gateway", self._start)
        yield Step(f"{sizes.far_idle:,} idle connections at one gateway", self._weigh)
        loads = {f"{sizes.watch_rate:g} a second": sizes.watch_rate, "closed loop": 0.0}
        for gateways in (1, 2):
            if gateways == 2:
                yield Step("a second gateway", self._add_gateway)
            for name, rate in loads.items():
                text = f"{sizes.watchers:,} watchers at {gateways} gateways, {name}"
                yield Step(text, partial(self._measure, gateways, name, rate))
        text = f"one watcher at the second gateway, {sizes.message_rate:,.0f} bids a second"
        yield Step(text, self._measure_messages)

    async def _start(self, scene: Scene) -> str:
        stack = scene.stack
        self._redis = stack.enter_context(RedisServer(find_binary()))
        # In good order, or its processor time would be taken for that of others.
        stack.callback(self._redis.stop)
        log_url = await stack.enter_async_context(database(scene.postgres_url))
        self._cluster = await stack.enter_async_context(clustered(log_url, self._redis))
        await self._cluster.add_engine("w1")
        await self._cluster.add_gateway("g1")
        return f"ready, Redis {self._redis.version}"

    async def _weigh(self, scene: Scene) -> str:
        assert self._cluster is not None, "it was started"
        (door,) = self._cluster.doors
        count = min(scene.sizes.far_idle, raise_open_files() - WARMING - SPARE_FILES)
        found = await scene.crew.do(idle.run, door, count, self._cluster.pids["writers"])
        self._idle = found
        return f"{found.bytes_each / KIB:.1f} KiB each, {_behind_kib(found):.1f} KiB in the writer"

    async def _add_gateway(self, _: Scene) -> str:
        assert self._cluster is not None, "it was started"
        await self._cluster.add_gateway("g2")
        return "ready"

    async def _measure(self, gateways: int, name: str, rate: float, scene: Scene) -> str:
        assert self._cluster is not None, "it was started"
        assert self._redis is not None, "it was started"
        sizes, doors = scene.sizes, self._cluster.doors
        plan = Watch(sizes.watchers, sizes.connections, rate, sizes.seconds, sizes.warmup)
        roles = {**self._cluster.pids, "Redis": [self._redis.pid]}
        behind = Backstage(doors, roles, self._redis.socket_path)
        found = await scene.crew.do(watch.run, doors[0], plan, behind)
        self._found[gateways, name].append(found)
        return f"{found.per_second:,.0f} deliveries a second, p99 {found.ms[99.0]:.1f} ms"

    async def _measure_messages(self, scene: Scene) -> str:
        assert self._cluster is not None, "it was started"
        assert self._redis is not None, "it was started"
        sizes, (home, away) = scene.sizes, self._cluster.doors
        plan = Watch(1, sizes.connections, sizes.message_rate, sizes.open_seconds, sizes.warmup)
        behind = Backstage([away], {AWAY: [away.pid]}, self._redis.socket_path)
        found = await scene.crew.do(watch.run, home, plan, behind)
        # Half of what is published are answers, for the other gateway.
        messages = max(found.publishes / 2, 1)
        self._message_us = found.cores_of[AWAY] / messages * 1e6
        self._message_events = found.bids_per_second / messages
        return f"{self._message_us:.0f} µs for each message"

    def findings(self) -> Findings:
        assert self._idle is not None, "it was measured"
        kib = self._idle.bytes_each / KIB
        how = (
            f"{self._idle.connections:,} connections, RSS; "
            f"{_behind_kib(self._idle):.1f} KiB each in the writer"
        )
        rows, lines = [Row("memory", "a gateway", kib, how)], []
        for (gateways, name), found in self._found.items():
            case = f"{gateways} over Redis, bids: {name}"
            per_core = median(one.per_core_second for one in found)
            rows.append(Row("fan-out", case, per_core, "CPU of writer, gateways and Redis"))
            lines.append(_line(gateways, name, found))
        single = (
            f"A message from Redis with {self._message_events:.1f} events for one watcher costs a "
            f"gateway {self._message_us:.0f} µs, where nobody bids: a room in which few listen."
        )
        return Findings(rows, Table("Watchers at gateways", HEAD, lines, (*NOTES, single)))


def _behind_kib(found: Idle) -> float:
    return found.behind_bytes / found.connections / KIB


def _line(gateways: int, name: str, found: list[Watched]) -> tuple[str, ...]:
    bids = median(one.bids_per_second for one in found)
    heard = median(one.per_second for one in found)
    publishes = median(one.publishes for one in found)
    cores = {role: median(one.cores_of[role] for one in found) for role in ("writers", "gateways")}
    return (
        f"{gateways}",
        name,
        f"{bids:,.0f}",
        f"{heard:,.0f}",
        f"{median(one.per_core_second for one in found):,.0f}",
        f"{heard / cores['gateways']:,.0f}" if cores["gateways"] else "",
        f"{cores['writers'] / bids * 1e6:.0f}" if bids else "",
        f"{publishes:,.0f}",
        f"{bids / publishes:.1f}" if publishes else "",
        f"{median(one.publish_us for one in found):.0f}",
        *(f"{median(one.ms[percent] for one in found):.1f}" for percent in (50.0, 99.0)),
    )
