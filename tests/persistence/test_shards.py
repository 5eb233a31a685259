"""Who is to own which shard, on a real Postgres: markets, leadership and its fence, the dead."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from persistence.errors import LeaseLost, LogUnavailable, NameTaken, ShardsRefused, WrongSchema
from persistence.shards import FROZEN_MS_MAX, Change, Placement, Report, ShardTable
from testkit.postgres import PostgresServer
from tests.persistence.samples import Open

OpenTable = Callable[..., ShardTable]

# What a process that sleeps for longer than it may looks like to the database.
SLEPT = "UPDATE writers SET seen_at = seen_at - interval '1 minute' WHERE name = $1"
LEAD_ENDED = "UPDATE leader SET until = until - interval '1 minute'"


@pytest.fixture
async def open_table(postgres_url: str) -> AsyncIterator[OpenTable]:
    """Opens the table as one more process would, and closes all in the end."""
    opened: list[ShardTable] = []

    def open_once_more(url: str = postgres_url, **options: int) -> ShardTable:
        opened.append(ShardTable(url, **options))
        return opened[-1]

    yield open_once_more
    for table in opened:
        await table.close()


@pytest.fixture
def table(open_table: OpenTable) -> ShardTable:
    """One process's."""
    return open_table()


@pytest.fixture
def other(open_table: OpenTable) -> ShardTable:
    """Another process's."""
    return open_table()


async def report(table: ShardTable, name: str) -> Report:
    """A report of a process that does nothing."""
    return await table.report(name, f"{name}:9100", {})


def placed(found: list[Placement]) -> list[tuple[str, int, str, str]]:
    """Placements without their times."""
    return [(p.market, p.shard, p.writer, p.standby) for p in found]


async def test_main_is_there_from_the_start(table: ShardTable) -> None:
    """Market `main` is shard 0, before anybody has added one."""
    told = await report(table, "w1")
    assert placed(told.markets) == [("main", 0, "", "")]


async def test_markets_get_the_next_number(table: ShardTable, other: ShardTable) -> None:
    """Whoever adds them, at the same time too, no two have one number and none is left out."""
    names = [f"m{number}" for number in range(6)]
    tables = [table, other] * 3
    adding = (t.add_market(name) for t, name in zip(tables, names, strict=True))
    shards = await asyncio.gather(*adding)
    assert sorted(shards) == [1, 2, 3, 4, 5, 6]
    assert [(p.market, p.shard) for p in await table.markets()] == [
        ("main", 0),
        *sorted(zip(names, shards, strict=True), key=lambda pair: pair[1]),
    ]


@pytest.mark.parametrize(
    "name", ["", "East", "a@b", "a:b", "-a", "a b", "ä", "a\n", "a" * 33, "a/b", "{1}"]
)
async def test_a_market_needs_a_name_for_urls_and_keys(table: ShardTable, name: str) -> None:
    """It stands in addresses, rooms (`zone:z2@east`) and keys; the refusal says what is taken."""
    with pytest.raises(ShardsRefused, match="small letters, digits"):
        await table.add_market(name)


async def test_a_market_is_added_once(table: ShardTable) -> None:
    """The refusal says which shard it has."""
    assert await table.add_market("east") == 1
    for name, shard in (("east", 1), ("main", 0)):
        with pytest.raises(ShardsRefused, match=f"it is shard {shard}$"):
            await table.add_market(name)


async def test_the_number_of_shards_is_fixed(open_table: OpenTable) -> None:
    """The first to use the database says how many there are; what others think is no matter."""
    few, many = open_table(shards_max=3), open_table(shards_max=100)
    assert [await few.add_market("east"), await many.add_market("west")] == [1, 2]
    with pytest.raises(ShardsRefused, match="all 3 shards"):
        await many.add_market("north")
    assert (await many.overview()).shards_max == 3


async def test_looking_makes_no_tables(table: ShardTable, sql: asyncpg.Connection) -> None:
    """A program that only looks must not bring the tables of older processes up to date."""
    for look in (table.markets, table.overview, lambda: table.drain("w1")):
        with pytest.raises(WrongSchema, match="outcry engine"):
            await look()
    assert await sql.fetchval("SELECT to_regclass('events')") is None


async def test_one_of_two_leads(table: ShardTable, other: ShardTable) -> None:
    """They race for an empty database; the loser stays one for as long as the winner reports."""
    for _ in range(5):
        told = await asyncio.gather(report(table, "w1"), report(other, "w2"))
        assert sorted(t.is_leader for t in told) == [False, True]
    assert [w.name for w in (await report(table, "w1")).writers] == ["w1", "w2"]


async def test_the_lead_passes_when_its_time_is_over(
    table: ShardTable, other: ShardTable, sql: asyncpg.Connection
) -> None:
    """Its end is a matter of the database's clock; whoever comes first has it, one of several."""
    assert (await report(table, "w1")).is_leader
    assert not (await report(other, "w2")).is_leader
    await sql.execute(LEAD_ENDED)
    told = await asyncio.gather(*(report(other, "w2") for _ in range(3)))
    assert all(t.is_leader for t in told)
    assert not (await report(table, "w1")).is_leader


async def test_a_leader_whose_time_is_over_goes_on_if_nobody_came(
    table: ShardTable, sql: asyncpg.Connection
) -> None:
    """It must report first; what it then assigns rests on what it was told then."""
    await report(table, "w1")
    await sql.execute(LEAD_ENDED)
    with pytest.raises(LeaseLost):
        await table.assign([Change("main", "w1", "")])
    assert (await report(table, "w1")).is_leader
    await table.assign([Change("main", "w1", "")])


async def test_a_leader_that_was_frozen_cannot_assign(
    table: ShardTable, other: ShardTable, sql: asyncpg.Connection
) -> None:
    """It wakes with changes in hand, another leads, and not one of them is written."""
    await report(table, "w1")
    await table.add_market("east")
    await sql.execute(LEAD_ENDED)
    assert (await report(other, "w2")).is_leader
    await other.assign([Change("main", "w2", "w1")])
    with pytest.raises(LeaseLost):
        await table.assign([Change("east", "w1", ""), Change("main", "w1", "w2")])
    assert placed(await table.markets()) == [("main", 0, "w2", "w1"), ("east", 1, "", "")]


async def test_whoever_never_led_cannot_assign(table: ShardTable, other: ShardTable) -> None:
    """Neither before its first report nor after one that did not make it leader."""
    await report(table, "w1")
    with pytest.raises(LeaseLost):
        await other.assign([Change("main", "w2", "")])
    await report(other, "w2")
    with pytest.raises(LeaseLost):
        await other.assign([Change("main", "w2", "")])


async def test_a_leader_frozen_in_a_transaction_bars_nobody(
    table: ShardTable, other: ShardTable, sql: asyncpg.Connection
) -> None:
    """It sleeps with its locks in hand. The server ends its session, before anybody is taken for
    dead who waited for that."""
    await report(table, "w1")
    await sql.execute(LEAD_ENDED)
    told: list[Report] = []

    async def freeze() -> None:
        async with table._transaction() as frozen:
            await frozen.execute("SELECT 1 FROM leader FOR UPDATE")
            async with asyncio.timeout((FROZEN_MS_MAX + 1_000) / 1_000):
                told.append(await report(other, "w2"))
            await frozen.execute("UPDATE leader SET name = 'late'")

    with pytest.raises(LogUnavailable):
        await freeze()
    assert told[0].is_leader
    assert [w.name for w in told[0].writers] == ["w1", "w2"]
    assert not (await report(table, "w1")).is_leader


async def test_the_dead_are_not_among_the_living(
    table: ShardTable, other: ShardTable, sql: asyncpg.Connection
) -> None:
    """By the database's clock; operators see them for a while longer."""
    await report(table, "w1")
    await report(other, "w2")
    await sql.execute(SLEPT, "w1")
    assert [w.name for w in (await report(other, "w2")).writers] == ["w2"]
    shown = {w.name: w.lives for w in (await other.overview()).writers}
    assert shown == {"w1": False, "w2": True}
    assert [w.name for w in (await report(table, "w1")).writers] == ["w1", "w2"]


async def test_a_name_is_one_living_process(
    table: ShardTable, other: ShardTable, sql: asyncpg.Connection
) -> None:
    """Two of one name would both take up the same markets; after a death the name is free."""
    assert (await report(table, "w1")).is_leader
    with pytest.raises(NameTaken, match="another --name"):
        await report(other, "w1")
    await sql.execute(SLEPT, "w1")
    await report(other, "w1")
    with pytest.raises(NameTaken):
        await report(table, "w1")


async def test_a_report_says_what_a_process_does(table: ShardTable, other: ShardTable) -> None:
    """Load and readiness are those of its latest report."""
    await table.report("w1", "old:1", {"main": 9}, ["east"])
    await table.report("w1", "new:1", {"main": 7, "east": 0}, ["west", "south"])
    (found,) = (w for w in (await report(other, "w2")).writers if w.name == "w1")
    assert (found.address, found.load) == ("new:1", {"main": 7, "east": 0})
    assert found.ready == {"west", "south"}
    assert not found.draining


async def test_draining_lasts_as_long_as_the_process(
    table: ShardTable, other: ShardTable, sql: asyncpg.Connection
) -> None:
    """Its next report does not undo it; whoever has the name after it has nothing to do with it."""
    await report(table, "w1")
    await other.drain("w1")
    assert [w.draining for w in (await report(table, "w1")).writers] == [True]
    await sql.execute(SLEPT, "w1")
    assert [w.draining for w in (await report(other, "w1")).writers] == [False]


async def test_only_the_living_can_be_drained(
    table: ShardTable, other: ShardTable, sql: asyncpg.Connection
) -> None:
    """The refusal names those that live."""
    await report(table, "w1")
    await report(other, "w2")
    await sql.execute(SLEPT, "w1")
    for name in ("w1", "w3"):
        with pytest.raises(ShardsRefused, match=f"no living writer {name}; .* are w2$"):
            await table.drain(name)


async def test_whoever_leaves_is_gone_at_once(table: ShardTable, other: ShardTable) -> None:
    """Nobody has to wait for the end of its lead, or for its name."""
    await report(table, "w1")
    await table.leave("w1")
    told = await report(other, "w2")
    assert told.is_leader
    assert [w.name for w in told.writers] == ["w2"]
    with pytest.raises(LeaseLost):
        await table.assign([Change("main", "w1", "")])
    assert not (await report(table, "w1")).is_leader


async def test_leaving_takes_nothing_from_a_namesake(
    table: ShardTable, other: ShardTable, sql: asyncpg.Connection
) -> None:
    """A process that was taken for dead leaves in the end: its successor goes on living."""
    await report(table, "w1")
    await sql.execute(SLEPT, "w1")
    await sql.execute(LEAD_ENDED)
    await report(other, "w1")
    await table.leave("w1")
    told = await report(other, "w1")
    assert told.is_leader
    assert [w.name for w in told.writers] == ["w1"]


async def test_an_assignment_is_whole_and_dated(table: ShardTable, other: ShardTable) -> None:
    """Everybody is told; only another writer counts as a move, another standby does not."""
    await table.add_market("east")
    assert (await report(table, "w1")).is_leader
    await table.assign([Change("main", "w1", "w2"), Change("east", "w2", "w1")])
    await table.assign([Change("main", "w1", "w3")])
    told = (await report(other, "w2")).markets
    assert placed(told) == [("main", 0, "w1", "w3"), ("east", 1, "w2", "w1")]
    # In one transaction all is told by one clock: both were given away at nearly the same time.
    main, east = (p.moved_ms for p in told)
    assert 0 <= east <= main < 60_000
    await table.assign([Change("main", "w2", "w1")])
    again = (await report(other, "w2")).markets
    assert again[0].moved_ms < again[1].moved_ms


async def test_a_writer_gives_away_only_what_is_its_own_to_one_that_is_ready(
    table: ShardTable, other: ShardTable
) -> None:
    """A standby that is gone, has not read the log, or is to end could not serve sooner."""
    await report(table, "w1")
    await report(other, "w2")
    await table.assign([Change("main", "w1", "w2")])
    assert await table.give_away("main", "w1") == ""
    await other.report("w2", "w2:9100", {}, ready=["main"])
    assert await other.give_away("main", "w2") == ""
    await table.drain("w2")
    assert await table.give_away("main", "w1") == ""
    await other.leave("w2")
    assert await table.give_away("main", "w1") == ""
    await other.report("w2", "w2:9100", {}, ready=["main"])
    for _ in range(2):
        # The second time it had been given away before.
        assert await table.give_away("main", "w1") == "w2"
    assert placed(await table.markets()) == [("main", 0, "w2", "w1")]


async def test_the_overview_shows_plan_and_truth(
    table: ShardTable, open_log: Open, sql: asyncpg.Connection
) -> None:
    """Who is to own a shard, who has its lease and for how long, and who had it last."""
    for market in ("east", "west"):
        await table.add_market(market)
    await table.report("w1", "host:9100", {"main": 5}, ["east"])
    await table.assign([Change("main", "w1", "w2")])
    await open_log(shard=0).acquire("w1")
    await open_log(shard=1).acquire("old")
    await sql.execute("UPDATE shard_lease SET lease_until = now() - interval '9 s' WHERE shard = 1")
    shown = await table.overview()
    main, east, west = shown.shards
    assert (main.market, main.shard, main.writer, main.standby) == ("main", 0, "w1", "w2")
    assert (main.owner, main.epoch) == ("w1", 1)
    assert 4_000 < (main.remaining_ms or 0) <= 6_000
    assert (east.writer, east.owner, east.epoch) == ("", "old", 1)
    assert -30_000 < (east.remaining_ms or 0) <= -9_000
    assert (west.owner, west.epoch, west.remaining_ms, west.served_ms) == ("", 0, None, None)
    (writer,) = shown.writers
    assert (writer.name, writer.address, writer.load) == ("w1", "host:9100", {"main": 5})
    assert writer.leads
    assert writer.lives
    assert shown.shards_max == 64


async def test_it_works_again_after_an_outage(table: ShardTable, postgres: PostgresServer) -> None:
    """The same object says that the database is away, and later goes on, still the leader."""
    assert (await report(table, "w1")).is_leader
    postgres.stop()
    for _ in range(2):
        with pytest.raises(LogUnavailable):
            await report(table, "w1")
    postgres.start()
    assert (await report(table, "w1")).is_leader
