"""How long nobody's bid is accepted when a writer is killed, and when it hands its market over."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from random import Random
from statistics import median

import uvloop

from bench.client import connected
from bench.cluster import Cluster, Part, clustered
from bench.databases import database
from bench.market import Sale, fill_wallets, open_sales
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step
from bench.server import House
from testkit.crowd import INCREMENT, Crowd
from testkit.histories import longest_gap_s
from testkit.redis import RedisServer, find_binary

KILLED, HANDED_OVER = "kill -9", "SIGTERM"
MARKET, AUCTION, CURRENCY = "main", "a1", "NGN"
BIDDERS = 8
FUNDS = 10**13
STEADY_S = 0.5
"""Of undisturbed bids before and behind."""

HEAD = ("the writer ends by", "times", "gap s, median", "longest", "of bids a second")
NOTES = (
    f"{BIDDERS} bidders on websockets of a gateway that lives on, each with one bid under way. "
    "They ask again with the same id when they are told UNKNOWN or UNAVAILABLE. The gap is the "
    "longest time in which none of them was told that a bid is durable.",
    "Another engine follows the market's log and is ready. After a kill it waits for the end of "
    "the dead writer's lease, six seconds from its last renewal, which is up to two seconds ago. "
    "After SIGTERM it is given the market.",
    "That nothing is lost, repeated or out of order by this is tested (tests/e2e/test_cluster.py).",
)


class Takeover:
    """Rows of gaps, on Postgres."""

    def __init__(self) -> None:
        self._cluster: Cluster | None = None
        self._gaps_s: dict[str, list[float]] = defaultdict(list)
        self._rates: dict[str, list[float]] = defaultdict(list)

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step("starting Redis, two writers and a gateway", self._start)
        for how in (KILLED, HANDED_OVER):
            for _ in range(sizes.takeovers):
                yield Step(f"the writer ends by {how}", partial(self._measure, how))

    async def _start(self, scene: Scene) -> str:
        stack = scene.stack
        redis = stack.enter_context(RedisServer(find_binary()))
        # In good order, or its processor time would be taken for that of others.
        stack.callback(redis.stop)
        log_url = await stack.enter_async_context(database(scene.postgres_url))
        cluster = await stack.enter_async_context(clustered(log_url, redis))
        for name in ("w1", "w2"):
            await cluster.add_engine(name)
        await cluster.add_gateway("g1")
        await scene.crew.do(open_auction, cluster.doors[0])
        self._cluster = cluster
        return f"ready, Redis {redis.version}"

    async def _measure(self, how: str, _: Scene) -> str:
        assert self._cluster is not None, "it was started"
        writer = await self._cluster.until_safe(MARKET)
        gap_s, rate = await _bid_through(self._cluster, writer, how)
        self._gaps_s[how].append(gap_s)
        self._rates[how].append(rate)
        await self._cluster.add_engine(writer.name)
        return f"no bid for {gap_s:.2f} s, of {rate:,.0f} a second"

    def findings(self) -> Findings:
        killed = self._gaps_s[KILLED]
        how = f"{len(killed)} times, median {median(killed):.2f} s"
        rows = [Row("takeover", KILLED, max(killed), how)]
        lines = [
            (
                how,
                f"{len(gaps_s)}",
                f"{median(gaps_s):.2f}",
                f"{max(gaps_s):.2f}",
                f"{median(self._rates[how]):,.0f}",
            )
            for how, gaps_s in self._gaps_s.items()
        ]
        return Findings(rows, Table("Takeovers", HEAD, lines, NOTES))


def open_auction(door: House) -> None:
    """Fill the wallets, and open the auction. Raises CommandRefused."""
    uvloop.run(_open_auction(door))


async def _open_auction(door: House) -> None:
    sale = Sale(AUCTION, CURRENCY, 100_000, ((0, INCREMENT),))
    async with (
        connected(door.url, door.token("bench-admin", "admin")) as admin,
        connected(door.url, door.token("bench-manager", "manager")) as manager,
    ):
        wallets = {f"u{number}": FUNDS for number in range(BIDDERS)}
        await fill_wallets(admin, wallets, CURRENCY, "takeover")
        await open_sales(manager, [sale])


async def _bid_through(cluster: Cluster, writer: Part, how: str) -> tuple[float, float]:
    """Bid while the writer ends. Returns the longest gap, and bids a second before."""
    door = cluster.doors[0]
    crowd = Crowd(lambda: [door.url], door.token, Random(time.monotonic_ns()))
    for number in range(BIDDERS):
        crowd.add_bidder(f"u{number}", [f"auction:{AUCTION}"])
    try:
        await crowd.accepted()
        begun_s = time.monotonic()
        await asyncio.sleep(STEADY_S)
        rate = sum(bid.seq > 0 for bid in crowd.bids) / STEADY_S
        if how == KILLED:
            writer.process.kill()
        else:
            writer.process.stop()
        await cluster.until_served_by_another(MARKET, writer)
        await crowd.accepted()
        await asyncio.sleep(STEADY_S)
        gap_s = longest_gap_s(crowd.bids, begun_s, time.monotonic())
        await crowd.stop()
    finally:
        await crowd.leave()
    await writer.process.ended()
    return gap_s, rate
