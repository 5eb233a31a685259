"""Positions of drivers: through the house, through a websocket server over Redis, and handed to
Redis by a program that has them already."""

import asyncio
import itertools
import secrets
import time

import uvloop
from msgspec import Struct
from redis.asyncio import Redis

from bench.client import connected
from bench.fleet import Driver, Fleet, Moved
from bench.gauge import CpuClock, Stopwatch
from bench.geo_server import KEY
from bench.server import House
from bench.town import CENTRE, RADIUS_M, ZONE, degrees, moved, scattered
from engine.domains.dispatch.geo import Place

SEED = 7
PIPELINE = 100
CALLERS = 64
"""Who call at the same time, where every position is a call of its own."""


class RedisAt(Struct, frozen=True):
    """A Redis server on this machine."""

    socket_path: str
    pid: int


class Bare(Struct, frozen=True):
    """Positions that a program hands to Redis, without any websockets."""

    drivers: int
    seconds: float
    pipeline: int = PIPELINE
    """Commands in a pipeline; 1: each position is a call of its own, CALLERS at a time."""


async def open_zone(house: House) -> None:
    """Make the zone. Raises CommandRefused."""
    centre = {"lat": CENTRE.lat, "lon": CENTRE.lon}
    async with connected(house.url, house.token("bench-manager", "manager")) as manager:
        await manager.must("dispatch.create_zone", zone=ZONE, centre=centre, radius_m=RADIUS_M)


def fleet_of(house: House, drivers: int) -> Fleet:
    """Drivers of the house's zone, who have not come yet."""
    prefix = secrets.token_hex(4)
    return Fleet(house.url, lambda name: house.token(name, "driver"), prefix, places_of(drivers))


def places_of(drivers: int) -> list[Place]:
    """Where they begin."""
    return scattered(drivers, SEED)


class Served(Struct, frozen=True):
    """What `bench.geo_server` did."""

    at_once: list[Moved]
    """By rounds."""
    driving: Moved


def through_websockets(
    server: House, redis: RedisAt, drivers: int, rounds: int, laps: int
) -> Served:
    """As `measure_server`, in a loop of its own."""
    return uvloop.run(measure_server(server, redis, drivers, rounds, laps))


async def measure_server(
    server: House, redis: RedisAt, drivers: int, rounds: int, laps: int
) -> Served:
    """All ping at once, so many times, through `bench.geo_server`, and then evenly spread over the
    time. Its processor time is charged, and that of Redis. Raises FleetFailed."""
    fleet = Fleet(server.url, server.token, "geo", places_of(drivers))
    clocks = [CpuClock(server.pid), CpuClock(redis.pid)]
    try:
        await fleet.arrive(Driver.open)
        await fleet.all_at_once(clocks)
        at_once = [await fleet.all_at_once(clocks) for _ in range(rounds)]
        return Served(at_once, await fleet.in_turn(laps, clocks))
    finally:
        await fleet.leave()


def by_hand(redis: RedisAt, bare: Bare) -> Moved:
    """As `measure_bare`, in a loop of its own."""
    return uvloop.run(measure_bare(redis, bare))


async def measure_bare(redis: RedisAt, bare: Bare) -> Moved:
    """Hand positions on for a while. The processor time of this process is charged, which is a part
    of what a server would do, and that of Redis."""
    places = places_of(bare.drivers)
    turns = itertools.count()
    clocks = [CpuClock.own(), CpuClock(redis.pid)]
    async with Redis(unix_socket_path=redis.socket_path) as client:
        watch, until_s = Stopwatch(clocks), time.perf_counter() + bare.seconds
        callers = 1 if bare.pipeline > 1 else CALLERS
        work = _pipelines if bare.pipeline > 1 else _calls
        await asyncio.gather(*(work(client, places, turns, bare, until_s) for _ in range(callers)))
        return Moved(next(turns), *watch.stop())


async def _calls(
    client: "Redis", places: list[Place], turns: "itertools.count[int]", _: Bare, until_s: float
) -> None:
    while time.perf_counter() < until_s:
        await client.geoadd(KEY, _value(places, next(turns)))


async def _pipelines(
    client: "Redis", places: list[Place], turns: "itertools.count[int]", bare: Bare, until_s: float
) -> None:
    while time.perf_counter() < until_s:
        pipeline = client.pipeline(transaction=False)
        for _ in range(bare.pipeline):
            _ = pipeline.geoadd(KEY, _value(places, next(turns)))
        await pipeline.execute()


def _value(places: list[Place], turn: int) -> tuple[float, float, str]:
    round_, number = divmod(turn, len(places))
    at = moved(places[number], round_)
    return degrees(at.lon), degrees(at.lat), f"driver-{number}"
