"""A delivery zone under load, against Redis and Postgres on the same machine, turn by turn: all
drivers say where they are, jobs are offered and assigned, and at last everybody drives around."""

import gc

import uvloop
from msgspec import Struct

from bench import jobs, positions, usual_dispatch
from bench.client import Client, connected
from bench.fleet import Fleet, Moved
from bench.gauge import CpuClock
from bench.jobs import Assigned, Jobs
from bench.positions import Bare, RedisAt
from bench.server import House


class Plan(Struct, frozen=True):
    """What is measured."""

    drivers: int = 10_000
    rounds: int = 3
    bare_s: float = 0.5
    """Seconds of a round in which positions are handed to Redis without websockets."""
    laps: int = 1
    """How often everybody pings in the end, evenly spread over the time."""
    jobs: Jobs = Jobs()


class Found(Struct):
    """What came of it; each list by rounds."""

    house: list[Moved] = []
    pipelined: list[Moved] = []
    called: list[Moved] = []
    jobs: list[Assigned] = []
    usual: list[Assigned] = []
    driving: Moved | None = None


def run(house: House, redis: RedisAt, url: str, plan: Plan) -> Found:
    """As `measure`, in a loop of its own."""
    return uvloop.run(measure(house, redis, url, plan))


async def measure(house: House, redis: RedisAt, url: str, plan: Plan) -> Found:
    """`url`: an empty database for the baseline. Raises FleetFailed, CommandRefused, OSError and
    what ended a connection."""
    await positions.open_zone(house)
    fleet = positions.fleet_of(house, plan.drivers)
    found = Found()
    try:
        await fleet.arrive()
        # The drivers are no burden for what is measured in the same process from here on.
        gc.collect()
        gc.freeze()
        async with connected(house.url, house.token("bench-house", "system")) as system:
            for _ in range(plan.rounds):
                await _round(house, redis, url, plan, fleet, system, found)
        clocks = [CpuClock(house.pid)]
        await fleet.rest()
        found.driving = await fleet.in_turn(plan.laps, clocks)
    finally:
        gc.unfreeze()
        await fleet.leave()
    return found


async def _round(
    house: House, redis: RedisAt, url: str, plan: Plan, fleet: Fleet, system: Client, found: Found
) -> None:
    known = len(found.jobs) * plan.jobs.jobs
    clocks = [CpuClock(house.pid)]
    await fleet.rest()
    found.house.append(await fleet.all_at_once(clocks))
    for rows, pipeline in ((found.pipelined, positions.PIPELINE), (found.called, 1)):
        bare = Bare(plan.drivers, plan.bare_s, pipeline)
        rows.append(await positions.measure_bare(redis, bare))
    found.jobs.append(await jobs.measure(system, fleet, known, plan.jobs, clocks))
    found.usual.append(await usual_dispatch.measure(redis, url, plan.drivers, known, plan.jobs))
