"""Figures of several processes are of those processes, and of nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from bench import watch
from bench.cluster import Cluster, clustered
from bench.databases import pids_of
from bench.far_load import FarLoad, measure
from bench.gauge import cores_by_role
from bench.server import House, ServerError
from bench.watch import Backstage, Watch
from testkit.redis import RedisServer, find_binary

pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture
def redis() -> RedisServer:
    """A server that is not yet started."""
    return RedisServer(find_binary())


@pytest.fixture
async def two_doors(redis: RedisServer, postgres_url: str) -> AsyncIterator[Cluster]:
    """A writer and two gateways."""
    with redis:
        async with clustered(postgres_url, redis) as cluster:
            await cluster.add_engine("w1")
            await cluster.add_gateway("g1")
            await cluster.add_gateway("g2")
            yield cluster


async def test_bids_and_watchers_at_two_gateways(
    two_doors: Cluster, redis: RedisServer, postgres_url: str
) -> None:
    """Bids through both are answered, and what is heard at both is counted with what it costs."""
    roles = {**two_doors.pids, "Redis": [redis.pid], "Postgres": await pids_of(postgres_url)}
    assert [len(pids) for pids in two_doors.pids.values()] == [1, 2]
    load = FarLoad(connections=8, auctions=2, seconds=1.0, warmup=0.2)
    bids = await measure(two_doors.doors, load, roles)
    assert bids.per_second > 0
    assert (bids.refused, bids.unanswered) == (0, 0)
    assert bids.us.keys() == roles.keys()
    assert min(bids.us["writers"], bids.us["gateways"], bids.us["Postgres"]) > 0
    behind = Backstage(two_doors.doors, roles, redis.socket_path)
    plan = Watch(watchers=20, bidders=4, rate=50.0, seconds=1.0, warmup=0.2)
    found = await watch.measure(two_doors.doors[0], plan, behind)
    assert found.per_second == pytest.approx(20 * found.bids_per_second, rel=0.5)
    assert found.cores_of.keys() == roles.keys()
    assert found.publishes >= found.bids_per_second / 2, "a batch has few bids at this rate"
    assert found.publish_us > 0
    assert found.per_core_second < found.per_second / found.cores_of["gateways"]


async def test_one_door_is_measured_alike(house: House) -> None:
    """So that the two can be compared: also at a fixed rate."""
    load = FarLoad(connections=4, auctions=2, seconds=1.0, warmup=0.1, rate=100.0)
    found = await measure([house], load, {"serve": [house.pid]})
    assert found.per_second == pytest.approx(100, rel=0.2)
    assert found.us.keys() == {"serve"}
    assert 0 < found.ms[50.0] <= found.ms[99.0]


async def test_what_does_not_get_ready_is_told(redis: RedisServer, postgres_url: str) -> None:
    """With the words of the process that ended."""
    with redis:
        async with clustered(f"{postgres_url}-not-there", redis) as cluster:
            with pytest.raises(ServerError, match="not-there"):
                await cluster.add_market("east")


async def test_a_role_is_all_of_its_processes() -> None:
    """One that computes is seen beside one that sleeps; one that has ended is left out."""
    spinning = [await asyncio.create_subprocess_exec("sh", "-c", "while :; do :; done")]
    idle = [await asyncio.create_subprocess_exec("sleep", "30") for _ in range(2)]
    try:
        now_ns = time.monotonic_ns()
        roles = {"busy": [spinning[0].pid, idle[0].pid], "idle": [idle[1].pid]}
        measuring = asyncio.create_task(cores_by_role(roles, now_ns, now_ns + 500_000_000))
        await asyncio.sleep(0)
        idle[1].kill()
        await idle[1].wait()
        found = await measuring
    finally:
        for process in (*spinning, idle[0]):
            process.kill()
            await process.wait()
    assert 0 < found["busy"] < 1.5
    assert found["idle"] == 0


async def test_the_processes_of_a_database_are_found(postgres_url: str) -> None:
    """The server, its writers and sessions; and nobody else."""
    pids = await pids_of(postgres_url)
    assert len(pids) > 3
    assert all("postgres" in psutil.Process(pid).name() for pid in pids if psutil.pid_exists(pid))
