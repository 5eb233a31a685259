"""Positions and jobs: each side does what its figures claim, and the arithmetic is right."""

from collections.abc import Iterator
from itertools import pairwise

import asyncpg
import pytest
from redis.asyncio import Redis

from bench import fleet as fleet_module
from bench import jobs, positions, usual_dispatch
from bench.client import connected
from bench.fleet import Driver, FleetFailed, Message, Moved
from bench.gauge import TICK_S, CpuClock, Stopwatch
from bench.geo_server import KEY
from bench.jobs import Dispatcher, Jobs
from bench.positions import Bare, RedisAt
from bench.server import House, giving_jobs, positioning
from bench.town import CENTRE, LOGGED_EVERY, RADIUS_M, STEP_M, TURN, degrees, moved, scattered
from engine.domains.dispatch.geo import between_m
from testkit.redis import RedisServer, find_binary

PLAN = Jobs(jobs=6, under_way=2, accepting=3)


@pytest.fixture
def redis() -> Iterator[RedisAt]:
    """A Redis of this test's own."""
    with RedisServer(find_binary()) as server:
        yield RedisAt(server.socket_path, server.pid)


def test_drivers_are_everywhere_in_the_zone() -> None:
    """Inside the circle, a quarter of them within half of its radius, and the same each time."""
    places = scattered(2_000, 3)
    distances = [between_m(CENTRE, place) for place in places]
    assert max(distances) <= RADIUS_M + 2
    near = sum(distance <= RADIUS_M / 2 for distance in distances)
    assert near / len(places) == pytest.approx(1 / 4, abs=0.03)
    assert places == scattered(2_000, 3)


def test_drivers_move_step_by_step_and_turn_round() -> None:
    """No step is longer than said, for jumps are not believed; and they stay where they are."""
    way = [moved(CENTRE, pings) for pings in range(2 * TURN + 1)]
    steps = [between_m(a, b) for a, b in pairwise(way)]
    assert set(steps) == {STEP_M}
    assert way[-1] == CENTRE


def test_positions_that_were_not_taken_do_not_count() -> None:
    """Neither for the rate nor for the cost."""
    found = Moved(count=110, seconds=2.0, cpu_s=0.5, lost=10)
    assert (found.per_second, found.per_core_second, found.cores) == (50.0, 200.0, 0.25)


class FakeClock(CpuClock):
    """Processor time that a test says."""

    def __init__(self, *said: float) -> None:
        self._said = iter(said)

    def seconds(self) -> float:
        return next(self._said)


def test_a_stopwatch_charges_all_processes() -> None:
    """What each of them has used since it was started, together."""
    watch = Stopwatch([FakeClock(1.0, 1.5), FakeClock(10.0, 12.0)])
    assert watch.stop()[1] == 2.5


def test_nothing_is_free() -> None:
    """What took less than the kernel counts is charged a tick."""
    assert Stopwatch([FakeClock(1.0, 1.0)]).stop()[1] == TICK_S


async def test_pings_of_drivers_count_when_they_are_taken(house: House) -> None:
    """A ping right after coming online is too soon: it is no position, and no measurement."""
    await positions.open_zone(house)
    fleet = positions.fleet_of(house, 5)
    try:
        await fleet.arrive()
        with pytest.raises(FleetFailed, match="'TOO_SOON': 5"):
            await fleet.all_at_once([CpuClock(house.pid)])
    finally:
        await fleet.leave()
    assert not fleet.problems


async def test_pings_that_are_never_answered_are_no_measurement(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that swallows pings is not a fast one."""
    monkeypatch.setattr(fleet_module, "ALL_ANSWERED_S", 0.05)
    monkeypatch.setattr(Driver, "ping", lambda _: None)
    fleet = positions.fleet_of(house, 3)
    try:
        await fleet.arrive(Driver.open)
        with pytest.raises(FleetFailed, match="3 of 3 pings were never answered"):
            await fleet.all_at_once([])
    finally:
        await fleet.leave()


async def test_the_server_over_redis_keeps_positions(redis: RedisAt) -> None:
    """Everybody is in Redis, where they have moved to, before they are answered."""
    async with positioning(redis.socket_path) as server:
        found = await positions.measure_server(server, redis, drivers=20, rounds=2, laps=1)
    rounds = [*found.at_once, found.driving]
    assert [(one.count, one.lost) for one in rounds] == [(20, 0)] * 3
    # Two rounds after the one that warms up, a lap, and those who began ahead.
    latitudes = {
        round(degrees(moved(place, 4 + number % LOGGED_EVERY).lat), 4)
        for number, place in enumerate(positions.places_of(20))
    }
    async with Redis(unix_socket_path=redis.socket_path) as client:
        kept = await client.geopos(KEY, *(f"driver-{number}" for number in range(20)))
    assert {round(place[1], 4) for place in kept} == latitudes


@pytest.mark.parametrize("pipeline", [1, 10], ids=["calls", "pipelines"])
async def test_positions_handed_to_redis_get_there(redis: RedisAt, pipeline: int) -> None:
    """Those that are counted are those that Redis has taken."""
    found = await positions.measure_bare(redis, Bare(drivers=10, seconds=0.1, pipeline=pipeline))
    async with Redis(unix_socket_path=redis.socket_path) as client:
        assert await client.zcard(KEY) == 10
        statistics = await client.info("commandstats")
    assert found.count == statistics["cmdstat_geoadd"]["calls"]


async def test_the_usual_way_gives_each_job_to_one_driver(
    redis: RedisAt, postgres_url: str
) -> None:
    """The lock's holder is the row's driver, is one of the nearest, and can be found no more."""
    plan = Jobs(jobs=6, under_way=1, accepting=3)
    found = await usual_dispatch.measure(redis, postgres_url, 50, 0, plan)
    connection = await asyncpg.connect(postgres_url)
    try:
        rows = await connection.fetch("SELECT id, driver FROM jobs WHERE status = 'assigned'")
    finally:
        await connection.close()
    places = positions.places_of(50)
    pickups = [pickup for pickup, _ in jobs.places_of(6, 0)]
    async with Redis(unix_socket_path=redis.socket_path) as client:
        for row in rows:
            holder = await client.get(f"job:{row['id']}")
            assert holder == row["driver"].encode()
            assert await client.geopos(KEY, holder) == [None]
            mine = between_m(places[int(row["driver"].partition("-")[2])], pickups[row["id"]])
            nearer = [place for place in places if between_m(place, pickups[row["id"]]) < mine]
            # Those who were nearer have had jobs before.
            assert len(nearer) < len(rows)
    assert len({row["driver"] for row in rows}) == len(rows) == 6
    assert found.assigned_ms[50.0] <= found.assigned_ms[99.0]


async def test_the_usual_way_behind_websockets_gives_each_job_to_one_driver(
    redis: RedisAt, postgres_url: str
) -> None:
    """The nearest ten hear of it, the lock has the row's driver, and who is late is told."""
    async with giving_jobs(redis.socket_path, postgres_url) as server:
        found = await usual_dispatch.measure_server(server, redis, 60, 2, PLAN)
    connection = await asyncpg.connect(postgres_url)
    try:
        rows = await connection.fetch("SELECT id, driver FROM jobs WHERE status = 'assigned'")
    finally:
        await connection.close()
    assert sorted(row["id"] for row in rows) == list(range(1, 2 * PLAN.jobs + 1))
    async with Redis(unix_socket_path=redis.socket_path) as client:
        for row in rows:
            assert await client.get(f"job:{row['id']}") == row["driver"].encode()
            assert await client.geopos(KEY, row["driver"]) == [None]
    for one in found:
        assert one.refused == {"ORDER_TAKEN": PLAN.jobs * (PLAN.accepting - 1)}
        assert one.offered_ms[50.0] <= one.assigned_ms[99.0]


async def test_jobs_find_their_drivers_through_the_house(house: House) -> None:
    """Every order is offered to ten and assigned to one; of three who accept two are refused."""
    await positions.open_zone(house)
    fleet = positions.fleet_of(house, 60)
    try:
        await fleet.arrive()
        async with connected(house.url, house.token("robot", "system")) as system:
            found = await jobs.measure(system, fleet, 0, PLAN, [CpuClock(house.pid)])
            again = await jobs.measure(system, fleet, PLAN.jobs, PLAN, [CpuClock(house.pid)])
        async with connected(house.url, house.token("boss", "manager")) as manager:
            state = await manager.subscribe("zone:z1")
    finally:
        await fleet.leave()
    statuses = [job["status"] for job in state["jobs"].values()]
    assert statuses == ["DRIVER_ASSIGNED"] * 2 * PLAN.jobs
    busy = [driver for driver in state["drivers"].values() if driver["state"] == "BUSY"]
    assert len(busy) == 2 * PLAN.jobs
    for one in (found, again):
        assert one.refused.total() >= 2 * PLAN.jobs
        assert one.offered_ms[50.0] <= one.assigned_ms[99.0]


class Willing:
    """A driver who takes note of what they are to accept."""

    def __init__(self, accepted: list[str]) -> None:
        self._accepted = accepted

    def accept(self, offer: str) -> None:
        self._accepted.append(offer)


async def test_when_all_who_want_a_job_have_others_the_next_accepts() -> None:
    """The nearest accept at once; of the others one at a time, and only when those were refused."""

    class House:
        async def must(self, type_: str, **fields: object) -> None:
            assert (type_, fields) == ("dispatch.order_paid", {"order": "o8"})

    accepted: list[str] = []
    plan = Jobs(jobs=1, under_way=1, accepting=2)
    dispatcher = Dispatcher(House(), [{"order": "o8"}], 7, plan)  # type: ignore[arg-type]
    await dispatcher._order()
    driver = Willing(accepted)
    for number in (1, 2, 3, 4):
        dispatcher.offered(driver, f"8-{number}.z1")  # type: ignore[arg-type]
    assert accepted == ["8-1.z1", "8-2.z1"]
    refusal = Message("error", "a0", "DRIVER_BUSY")
    dispatcher.answered(driver, "8-1.z1", refusal)  # type: ignore[arg-type]
    assert len(accepted) == 2
    dispatcher.answered(driver, "8-2.z1", refusal)  # type: ignore[arg-type]
    assert accepted[2:] == ["8-3.z1"]
    assert dispatcher.refused == {"DRIVER_BUSY": 2}


async def test_a_job_that_nobody_gets_is_no_measurement(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drivers who never accept end the round in words."""
    monkeypatch.setattr(jobs, "STUCK_S", 0.2)
    monkeypatch.setattr(Driver, "accept", lambda *_: None)
    await positions.open_zone(house)
    fleet = positions.fleet_of(house, 20)
    try:
        await fleet.arrive()
        async with connected(house.url, house.token("robot", "system")) as system:
            with pytest.raises(FleetFailed, match="only 0 jobs found a driver"):
                await jobs.measure(system, fleet, 0, PLAN, [])
    finally:
        await fleet.leave()
