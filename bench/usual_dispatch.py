"""The usual way to give jobs to drivers: positions in Redis, a lock there for each job, the job in
Postgres. The baseline of the jobs.

For each job: `GEOSEARCH` for the nearest ten within 5 km; of these the nearest accept at once, each
with `SET job:{id} driver NX EX 30`; whoever was first is written down with `UPDATE jobs SET driver
… WHERE id`, and taken out of the positions, so that the next search does not find them.

Where there was a choice, it favours the baseline. It has no websockets and tells no driver of the
offer: the workers call Redis and Postgres at once. The locks of a job go in one pipeline, though
they come of several drivers; statements are prepared, connections are pooled. The job is in the
table before. Who was asked, at which distance, and who was left out and why is written nowhere; no
offer expires; and two jobs at a time may get the same driver. The house does all of that, and
holds the money besides.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import cast

import asyncpg
import uvloop
from msgspec import Struct
from redis.asyncio import Redis

from bench import jobs
from bench.client import connected
from bench.fleet import Fleet
from bench.gauge import CpuClock, Stopwatch
from bench.geo_server import KEY
from bench.jobs import Assigned, Jobs, in_ms, places_of
from bench.positions import RedisAt
from bench.positions import places_of as drivers_of
from bench.server import House
from bench.town import ASKED, REACH_M, degrees
from engine.domains.dispatch.geo import Place

POOL = 8
"""Connections to Postgres: what served the row locks best."""
LOCK_S = 30

SCHEMA = """
DROP TABLE IF EXISTS jobs;
CREATE TABLE jobs (
    id     bigint PRIMARY KEY,
    status text NOT NULL DEFAULT 'searching',
    driver text
) WITH (fillfactor = 50);
"""
UPDATE = "UPDATE jobs SET driver = $2, status = 'assigned' WHERE id = $1 AND driver IS NULL"


class Clients(Struct, frozen=True):
    """What the workers call."""

    redis: "Redis"
    postgres: "asyncpg.Pool[asyncpg.Record]"


def run(redis: RedisAt, url: str, drivers: int, known: int, plan: Jobs) -> Assigned:
    """As `measure`, in a loop of its own."""
    return uvloop.run(measure(redis, url, drivers, known, plan))


async def measure(redis: RedisAt, url: str, drivers: int, known: int, plan: Jobs) -> Assigned:
    """One round, with all drivers where they begin. The processor time of this process is charged,
    and that of Redis; Postgres' own is not. Raises OSError, asyncpg.PostgresError."""
    clocks = [CpuClock.own(), CpuClock(redis.pid)]
    async with (
        Redis(unix_socket_path=redis.socket_path) as client,
        asyncpg.create_pool(url, min_size=POOL, max_size=POOL) as pool,
    ):
        clients = Clients(client, pool)
        await _fill(clients, drivers, plan.jobs)
        orders = iter(enumerate(pickup for pickup, _ in places_of(plan.jobs, known)))
        took_ns: list[int] = []
        watch = Stopwatch(clocks)

        async def work() -> None:
            for number, pickup in orders:
                sent_ns = time.monotonic_ns()
                await _assign(clients, number, pickup, plan.accepting)
                took_ns.append(time.monotonic_ns() - sent_ns)

        await asyncio.gather(*(work() for _ in range(plan.under_way)))
        seconds, cpu_s = watch.stop()
    return Assigned(
        per_second=plan.jobs / seconds,
        cpu_ms=cpu_s / plan.jobs * 1e3,
        offered_ms={},
        assigned_ms=in_ms(took_ns),
    )


def through_websockets(
    server: House, redis: RedisAt, drivers: int, rounds: int, plan: Jobs
) -> list[Assigned]:
    """As `measure_server`, in a loop of its own."""
    return uvloop.run(measure_server(server, redis, drivers, rounds, plan))


async def measure_server(
    server: House, redis: RedisAt, drivers: int, rounds: int, plan: Jobs
) -> list[Assigned]:
    """The jobs of the house in the same way, through `bench.job_server`. Its processor time is
    charged, and that of Redis. Raises FleetFailed, CommandRefused."""
    fleet = Fleet(server.url, server.token, "driver", drivers_of(drivers))
    clocks = [CpuClock(server.pid), CpuClock(redis.pid)]
    try:
        await fleet.arrive()
        async with connected(server.url, server.token("bench-house", "system")) as system:
            return [
                await jobs.measure(system, fleet, number * plan.jobs, plan, clocks)
                for number in range(rounds)
            ]
    finally:
        await fleet.leave()


async def _fill(clients: Clients, drivers: int, count: int) -> None:
    await clients.redis.flushall()
    values: list[float | str] = []
    for number, place in enumerate(drivers_of(drivers)):
        values += (degrees(place.lon), degrees(place.lat), f"driver-{number}")
    await clients.redis.geoadd(KEY, values)
    await clients.postgres.execute(SCHEMA)
    await clients.postgres.executemany(
        "INSERT INTO jobs (id) VALUES ($1)", [(number,) for number in range(count)]
    )
    await clients.postgres.execute("ANALYZE")


async def _assign(clients: Clients, number: int, pickup: Place, accepting: int) -> None:
    redis = clients.redis
    found = await redis.geosearch(
        KEY,
        longitude=degrees(pickup.lon),
        latitude=degrees(pickup.lat),
        radius=REACH_M,
        unit="m",
        sort="ASC",
        count=ASKED,
        withdist=True,
    )
    near = cast(list[tuple[bytes, float]], found)
    winner = await _first(redis, number, [name for name, _ in near[:accepting]])
    await asyncio.gather(
        clients.postgres.execute(UPDATE, number, winner.decode()), redis.zrem(KEY, winner)
    )


async def _first(redis: "Redis", number: int, names: Sequence[bytes]) -> bytes:
    """All of them accept; one gets the lock."""
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        _ = pipeline.set(f"job:{number}", name, nx=True, ex=LOCK_S)
    got = await pipeline.execute()
    return next(name for name, is_first in zip(names, got, strict=True) if is_first)
