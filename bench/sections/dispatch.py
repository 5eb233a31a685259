"""A delivery zone with many drivers: their positions and their jobs, against Redis and Postgres on
the same machine."""

from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median

from bench import positions, usual_dispatch, zone
from bench.databases import database
from bench.fleet import Moved
from bench.jobs import Assigned, Jobs
from bench.positions import RedisAt, Served
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step
from bench.server import House, giving_jobs, positioning, running
from bench.zone import Found, Plan
from testkit.redis import RedisServer, find_binary

SPARE_FILES = 500
"""Files of a server that are no driver's connection."""

HEAD = (
    "what",
    "a second",
    "for a second of CPU",
    "CPU of",
    "cores",
    "offered p50 ms",
    "p99 ms",
    "assigned p50 ms",
    "p99 ms",
)
NOTES = (
    "Positions: all drivers ping at once, each on a websocket of its own, and all are answered; by "
    "the house's rules nobody pings more often than every 5 s. A third of them is 100 m from where "
    "they were last logged, and made durable. Charged is all processor time of the servers; the "
    "drivers' side is not. Rates are by the clock, with the load on the same cores.",
    "Against Redis: the same pings through the same websocket stack with one `GEOADD` for all that "
    "came meanwhile (bench/geo_server.py); and without any websockets a program that hands "
    "positions to Redis in pipelines or by a call for each, whose own processor time is charged "
    "with that of Redis. All of them believe every position, log none and tell nobody.",
    "Moving: everybody pings every 5.1 s, evenly spread, while nothing else happens. That is how "
    "pings come in life, and each of them wakes a server up; behind the same websockets `GEOADD` "
    "wakes two, and Redis besides.",
    "Jobs: orders whose money is held come to the zone, the nearest ten drivers hear of each, the "
    "nearest three accept at once, and one gets it; durable in Postgres, all over websockets. "
    "Assigned is when the driver is told. Nobody moves meanwhile; positions are some seconds old.",
    "The usual way: bench/job_server.py, `GEOSEARCH`, offers told to ten, `SET NX` by each who "
    "accepts, `UPDATE` in the same Postgres, all behind the same websockets; by hand: "
    "bench/usual_dispatch.py, a program that does it without any websockets and tells nobody. What "
    "they leave out and the house does is told there: it favours the usual way.",
    "CPU of Postgres' own processes is in none of these figures.",
)


class Dispatch:
    """Rows of positions and jobs, on Postgres."""

    def __init__(self) -> None:
        self._redis: RedisAt | None = None
        self._version = ""
        self._house: House | None = None
        self._baseline_url = ""
        self._served: Served | None = None
        self._served_jobs: list[Assigned] = []
        self._found = Found()

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step("starting Redis and a Postgres house", self._start)
        text = f"{sizes.drivers:,} drivers"
        yield Step(f"{text} ping a websocket server over Redis", self._measure_served)
        yield Step(f"{text} and a websocket server over Redis and Postgres", self._measure_usual)
        yield Step(f"{text}: positions and jobs, turn by turn", self._measure)

    async def _start(self, scene: Scene) -> str:
        stack, sizes = scene.stack, scene.sizes
        server = stack.enter_context(RedisServer(find_binary()))
        # In good order, or its processor time would be taken for that of others.
        stack.callback(server.stop)
        self._redis, self._version = RedisAt(server.socket_path, server.pid), server.version
        self._baseline_url = await stack.enter_async_context(database(scene.postgres_url))
        log_url = await stack.enter_async_context(database(scene.postgres_url))
        limit = str(sizes.drivers + SPARE_FILES)
        flags = ("--postgres", log_url, "--connections", limit)
        self._house = await stack.enter_async_context(running(*flags))
        return f"ready, Redis {self._version}"

    async def _measure_served(self, scene: Scene) -> str:
        assert self._redis is not None, "it was started"
        sizes = scene.sizes
        async with positioning(self._redis.socket_path) as server:
            work = partial(positions.through_websockets, server, self._redis)
            served = await scene.crew.do(work, sizes.drivers, sizes.rounds, sizes.laps)
        self._served = served
        rate, per_core = _rate(served.at_once), _per_core(served.at_once)
        return f"{rate:,.0f} a second, {per_core:,.0f} for a CPU second"

    async def _measure_usual(self, scene: Scene) -> str:
        assert self._redis is not None, "it was started"
        sizes = scene.sizes
        plan = Jobs(sizes.jobs, sizes.jobs_under_way)
        async with giving_jobs(self._redis.socket_path, self._baseline_url) as server:
            work = partial(usual_dispatch.through_websockets, server, self._redis)
            self._served_jobs = await scene.crew.do(work, sizes.drivers, sizes.rounds, plan)
        return f"{_jobs(self._served_jobs):,.0f} jobs a second"

    async def _measure(self, scene: Scene) -> str:
        assert self._redis is not None, "it was started"
        assert self._house is not None, "it was started"
        sizes = scene.sizes
        plan = Plan(
            drivers=sizes.drivers,
            rounds=sizes.rounds,
            bare_s=sizes.bare_seconds,
            laps=sizes.laps,
            jobs=Jobs(sizes.jobs, sizes.jobs_under_way),
        )
        work = partial(zone.run, self._house, self._redis)
        found = self._found = await scene.crew.do(work, self._baseline_url, plan)
        return (
            f"{_per_core(found.house):,.0f} positions for a CPU second, "
            f"{_jobs(found.jobs):,.0f} jobs a second"
        )

    def findings(self) -> Findings:
        found = self._found
        served = self._served
        assert found.driving is not None, "it was measured"
        assert served is not None, "it was measured"
        rows = [
            self._against(served.at_once, "GEOADD behind websockets"),
            _on_the_move(found.driving, served.driving),
            self._against(found.pipelined, f"GEOADD, pipelines of {positions.PIPELINE}"),
            self._against(found.called, "GEOADD, a call for each"),
            Row("driving", _drivers(found.driving), found.driving.cores, _lost(found.driving)),
            self._jobs_row("Redis and Postgres behind websockets", self._served_jobs),
            self._jobs_row("Redis and Postgres by hand", found.usual),
        ]
        client = "client, Redis"
        lines = [
            _line("positions, house", found.house, "server"),
            _line("GEOADD behind websockets", served.at_once, "server, Redis"),
            _line(f"GEOADD, pipelines of {positions.PIPELINE}", found.pipelined, client),
            _line("GEOADD, a call for each", found.called, client),
            _line("positions, house, moving", [found.driving], "server"),
            _line("GEOADD behind websockets, moving", [served.driving], "server, Redis"),
            _jobs_line("jobs, house", found.jobs, "server"),
            _jobs_line("jobs, the usual way", self._served_jobs, "server, Redis"),
            _jobs_line("jobs, the usual way by hand", found.usual, client),
        ]
        taken = f"Redis {self._version} on a Unix socket, without persistence."
        return Findings(rows, Table("Drivers and jobs", HEAD, lines, (*NOTES, taken)))

    def _against(self, redis: Sequence[Moved], name: str) -> Row:
        house, other = _per_core(self._found.house), _per_core(redis)
        return Row("positions", name, house / other, f"{house:,.0f} / {other:,.0f}")

    def _jobs_row(self, name: str, others: Sequence[Assigned]) -> Row:
        house, usual = _jobs(self._found.jobs), _jobs(others)
        return Row("jobs", name, house / usual, f"{house:,.0f} / {usual:,.0f} a second")


def _on_the_move(house: Moved, redis: Moved) -> Row:
    """What a position costs as it comes in life: one by one."""
    here, there = house.per_core_second, redis.per_core_second
    name = "GEOADD behind websockets, moving"
    return Row("positions", name, here / there, f"{here:,.0f} / {there:,.0f}")


def _drivers(driving: Moved) -> str:
    return f"{driving.per_second:,.0f} positions/s"


def _lost(driving: Moved) -> str:
    return f"server's CPU; {driving.lost:,} of {driving.count:,} came too soon"


def _per_core(found: Sequence[Moved]) -> float:
    return median(one.per_core_second for one in found)


def _rate(found: Sequence[Moved]) -> float:
    return median(one.per_second for one in found)


def _jobs(found: Sequence[Assigned]) -> float:
    return median(one.per_second for one in found)


def _line(name: str, found: Sequence[Moved], whose: str) -> tuple[str, ...]:
    cores = median(one.cores for one in found)
    return (name, f"{_rate(found):,.0f}", f"{_per_core(found):,.0f}", whose, f"{cores:.2f}")


def _jobs_line(name: str, found: Sequence[Assigned], whose: str) -> tuple[str, ...]:
    each_ms = median(one.cpu_ms for one in found)
    figures = (f"{_jobs(found):,.0f}", f"{1_000 / each_ms:,.0f}", whose)
    cores = _jobs(found) * each_ms / 1_000
    offered = _percentiles([one.offered_ms for one in found])
    return (
        *(name, *figures, f"{cores:.2f}"),
        *offered,
        *_percentiles([one.assigned_ms for one in found]),
    )


def _percentiles(found: Sequence[dict[float, float]]) -> tuple[str, ...]:
    if not all(found):
        return ("", "")
    return tuple(f"{median(one[percent] for one in found):.1f}" for percent in (50.0, 99.0))
