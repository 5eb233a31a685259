"""A whole cluster of processes with duties, and a real table."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from persistence.shards import ShardTable
from runtime.cluster.duties import Duties
from tests.runtime.cluster.duty_paper import PaperHands
from tests.runtime.writer.writing import until


class Cluster:
    """Several processes on one database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.hands: dict[str, PaperHands] = {}
        self.duties: dict[str, Duties] = {}
        self.running: dict[str, asyncio.Task[None]] = {}
        self._tables: list[ShardTable] = []

    def table(self) -> ShardTable:
        self._tables.append(ShardTable(self._url, alive_ms=1_000))
        return self._tables[-1]

    def start(self, name: str) -> None:
        self.hands[name] = PaperHands()
        self.duties[name] = Duties(
            self.table(),
            name,
            f"{name}:9100",
            self.hands[name],
            pause=lambda ms: asyncio.sleep(min(ms, 50) / 1_000),
        )
        self.running[name] = asyncio.create_task(self.duties[name].run())

    async def kill(self, name: str) -> None:
        """It does nothing more, and tells nobody."""
        self.running[name].cancel()
        await asyncio.wait({self.running.pop(name)})
        del self.hands[name]

    def served(self) -> list[str]:
        return sorted(market for hands in self.hands.values() for market in hands.served)

    def is_settled(self, markets: Sequence[str]) -> bool:
        """Every market is served by one, and followed by another if there are several."""
        followed = sorted(m for hands in self.hands.values() for m in hands.followed)
        expected = sorted(markets)
        return self.served() == expected and followed == (expected if len(self.hands) > 1 else [])

    async def close(self) -> None:
        for task in self.running.values():
            task.cancel()
        await asyncio.gather(*self.running.values(), return_exceptions=True)
        for table in self._tables:
            await table.close()


@pytest.fixture
async def cluster(postgres_url: str) -> AsyncIterator[Cluster]:
    """None of them started yet."""
    cluster = Cluster(postgres_url)
    yield cluster
    await cluster.close()


async def leader_of(cluster: Cluster) -> str:
    """Who leads. A leader that is slow for a moment is none, until it or another one is again."""
    table = cluster.table()
    async with asyncio.timeout(20):
        while True:
            leading = [w.name for w in (await table.overview()).writers if w.leads]
            if leading:
                return leading[0]
            await asyncio.sleep(0.1)


async def test_a_cluster_loses_and_gains_processes(cluster: Cluster) -> None:
    """Whoever dies, the leader too, the others have its markets; whoever leaves hands them over;
    whoever comes follows."""
    markets = ["main", "east", "west", "north"]
    settled: Callable[[], bool] = lambda: cluster.is_settled(markets)  # noqa: E731
    for name in ("w1", "w2", "w3"):
        cluster.start(name)
    for market in markets[1:]:
        await cluster.table().add_market(market)
    await until(settled)
    await cluster.kill(await leader_of(cluster))
    assert not cluster.is_settled(markets)
    await until(settled)
    first, last = cluster.hands
    await cluster.duties[first].leave(10_000)
    await cluster.running.pop(first)
    assert not cluster.hands.pop(first).served
    await until(settled)
    assert sorted(cluster.hands[last].served) == sorted(markets)
    cluster.start("w4")
    await until(settled)
    assert cluster.hands["w4"].followed == set(markets) - set(cluster.hands["w4"].served)
