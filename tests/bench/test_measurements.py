"""Each measurement does what its figures claim, or fails."""

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from bench import idle, replay_log, row_locks, watch
from bench.bids_in_memory import BidsInMemory
from bench.crew import CrewFailed, crew
from bench.databases import DatabaseError, database, settings
from bench.gauge import cores_busy
from bench.load import Load, measure
from bench.open_auctions import OpenAuctions
from bench.open_auctions import run as compare
from bench.row_locks import RowLocks
from bench.server import House, echoing
from bench.watch import Watch, Watcher, WatchFailed
from testkit.postgres import PostgresServer


@pytest.mark.parametrize("stored", [False, True], ids=["statements", "function"])
async def test_row_locks_keep_the_rules(postgres_url: str, stored: bool) -> None:
    """The baseline is right: prices rise by single steps, the last bidder leads, counts agree."""
    plan = RowLocks(4, workers=8, auctions=2, seconds=0.3, warmup=0.0, stored=stored)
    found = await row_locks.measure(postgres_url, plan)
    connection = await asyncpg.connect(postgres_url)
    try:
        auctions = await connection.fetch(
            """SELECT a.price, a.leader, a.bid_count, b.bidder,
                      (SELECT count(*) FROM bids c WHERE c.auction_id = a.auction_id) AS placed
                 FROM auctions a JOIN bids b
                   ON b.auction_id = a.auction_id AND b.amount = a.price"""
        )
    finally:
        await connection.close()
    assert len(auctions) == 2
    for auction in auctions:
        assert auction["bid_count"] == auction["placed"] == auction["price"] - 99
        assert auction["leader"] == auction["bidder"]
    assert found.per_second * plan.seconds <= sum(auction["placed"] for auction in auctions)


@pytest.mark.parametrize("stored", [False, True], ids=["statements", "function"])
async def test_row_locks_refuse_who_cannot_pay(
    postgres_url: str, stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The funds check is there: with empty wallets no bid is accepted."""
    monkeypatch.setattr(row_locks, "BALANCE", 0)
    plan = RowLocks(2, workers=2, seconds=0.2, warmup=0.0, stored=stored)
    assert (await row_locks.measure(postgres_url, plan)).per_second == 0


async def test_the_echo_answers_every_bid() -> None:
    """The load counts echoes as it counts acknowledgements, and sees what the server costs."""
    async with echoing() as echo:
        load = Load(connections=4, seconds=0.3, warmup=0.1, echo=True)
        found = await measure(echo, load, quiet=True)
    assert found.per_second > 0
    assert (found.refused.total(), found.unanswered) == (0, 0)
    assert found.server_us > 0


async def test_watchers_hear_every_event(house: House) -> None:
    """As many deliveries as bids for each watcher, and each is dated back to its bid."""
    plan = Watch(watchers=20, bidders=4, rate=100.0, seconds=0.5, warmup=0.1)
    found = await watch.measure(house, plan)
    assert found.per_second == pytest.approx(20 * found.bids_per_second, rel=0.5)
    assert 0 < found.ms[50.0] <= found.ms[99.0]
    assert 0 < found.answer_ms[50.0] <= found.answer_ms[99.0]
    assert found.per_core_second > 0


async def test_a_watcher_that_missed_something_voids_the_figures(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries are claimed only if everybody has heard the same."""
    deaf: list[Watcher] = []

    def heard(self: Watcher, data: bytes) -> None:
        deaf.append(self)
        self.bytes_heard += len(data) if self is not deaf[0] else 0

    monkeypatch.setattr(watch, "READERS", 1)
    monkeypatch.setattr(watch, "DRAIN_LOOKS", 3)
    monkeypatch.setattr(Watcher, "heard", heard)
    with pytest.raises(WatchFailed, match="1 of 5 watchers"):
        await watch.measure(house, Watch(watchers=5, bidders=2, rate=50.0, seconds=0.3, warmup=0.0))


async def test_idle_connections_are_weighed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory before and after is that of the server, which grows and is not ours."""
    monkeypatch.setattr(idle, "SETTLE_S", 0.0)
    found = await idle.measure(house, 200)
    assert found.connections == 200
    assert 0 < found.before_bytes <= found.after_bytes


def test_the_log_that_is_replayed_tells_the_state(tmp_path: Path) -> None:
    """Both logs hold the same records, and replay checks the digest."""
    (filled,) = replay_log.fill([str(tmp_path / "log.sqlite")], 500)
    assert filled.records >= 500
    assert replay_log.replay(filled) > 0


def test_a_replay_into_another_state_is_no_measurement(tmp_path: Path) -> None:
    """A fast replay that is wrong does not count."""
    (filled,) = replay_log.fill([str(tmp_path / "log.sqlite")], 100)
    with pytest.raises(AssertionError, match="gives the state"):
        replay_log.replay(replay_log.Filled(filled.place, filled.records, "another"))


def test_bids_in_memory_are_spread_as_asked() -> None:
    """The many auctions are all bid in; `auctions` confines bids to the first of them."""
    house = BidsInMemory(20, 5)
    before = len(house.records)
    house.place(house.next_bids(50, auctions=2))
    rooms = {record.room for record in house.records[before:] if record.command_id}
    assert rooms == {"auction:a0", "auction:a1"}
    house.core.check()


def test_few_and_many_auctions_are_compared() -> None:
    """All three costs are measured, and a turn of each side is one sample."""
    costs = compare(OpenAuctions(few=2, many=10, bids=20, turns=3))
    assert min(costs.few_us, costs.many_us, costs.few_of_many_us) > 0


async def test_processor_time_is_seen() -> None:
    """A process that computes is seen to be busy, and one that sleeps is not."""
    process = await asyncio.create_subprocess_exec("sleep", "30")
    try:
        now_ns = time.monotonic_ns()
        measuring = asyncio.create_task(cores_busy(process.pid, now_ns, now_ns + 300_000_000))
        while not measuring.done():
            sum(range(10_000))
            await asyncio.sleep(0)
        busy = measuring.result()
    finally:
        process.kill()
        await process.wait()
    assert busy.server < busy.load


async def test_a_database_that_forgets_commits_is_refused(
    postgres: PostgresServer, postgres_url: str
) -> None:
    """Figures of commits that are not durable would mean nothing."""
    assert (await settings(postgres_url))["fsync"] == "on"
    name = urlsplit(postgres_url).path.removeprefix("/")
    postgres.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with pytest.raises(DatabaseError, match="synchronous_commit = off"):
        await settings(postgres_url)


async def test_databases_are_made_and_dropped(postgres: PostgresServer, postgres_url: str) -> None:
    """A given server is left as it was found."""
    count = "SELECT count(*) FROM pg_database"
    before = postgres.execute(count)
    async with database(postgres_url) as url:
        assert postgres.execute("SELECT 1", url) == "1"
        assert postgres.execute(count) != before
    assert postgres.execute(count) == before


async def test_a_failure_in_the_crew_is_told_in_words() -> None:
    """An exception that cannot be pickled does not break the other process."""
    async with crew() as others:
        with pytest.raises(CrewFailed, match="ValueError: invalid literal"):
            await others.do(int, "ten")
        assert await others.do(int, "10") == 10
