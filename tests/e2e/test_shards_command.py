"""`outcry shards` on a database: markets are added, shown and drained."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from persistence.postgres import PostgresLog
from persistence.shards import Change, ShardTable
from testkit.process import Finished, run

FAILED, USAGE = 1, 2


@pytest.fixture
async def table(postgres_url: str) -> AsyncIterator[ShardTable]:
    """The table of a process that may live and lead."""
    table = ShardTable(postgres_url)
    yield table
    await table.close()


async def shards(url: str, *arguments: str) -> Finished:
    return await run("shards", "--postgres", url, *arguments)


async def test_markets_are_added_and_shown(postgres_url: str, table: ShardTable) -> None:
    """On an empty database too. What it shows is who is to own a shard and who does."""
    added = await shards(postgres_url, "--add", "east", "--add", "west")
    assert (added.code, added.err) == (0, "")
    assert added.out == "market east is shard 1\nmarket west is shard 2\n"
    await table.report("w1", "here:9100", {"main": 5})
    await table.assign([Change("main", "w1", "")])
    log = PostgresLog(postgres_url)
    await log.acquire("w1")
    await log.close()
    shown, listed = await asyncio.gather(shards(postgres_url), shards(postgres_url, "--json"))
    assert shown.code == listed.code == 0
    assert [line.split("\t")[:6] for line in shown.out.splitlines()[1:4]] == [
        ["main", "0", "w1", "-", "w1", "1"],
        ["east", "1", "-", "-", "-", "0"],
        ["west", "2", "-", "-", "-", "0"],
    ]
    found = json.loads(listed.out)
    main, *_ = found["shards"]
    assert (main["market"], main["shard"], main["writer"], main["epoch"]) == ("main", 0, "w1", 1)
    assert main["remaining_ms"] <= 6_000
    assert found["writers"][0]["load"] == {"main": 5}
    assert found["shards_max"] == 64


async def test_a_writer_is_drained(postgres_url: str, table: ShardTable) -> None:
    """It is told with its next report; one that does not live cannot be drained."""
    await table.report("w1", "here:9100", {})
    draining = asyncio.create_task(shards(postgres_url, "--drain", "w1"))
    while not draining.done():
        # It lives for as long as it reports.
        await table.report("w1", "here:9100", {})
        await asyncio.wait({draining}, timeout=0.5)
    drained = await draining
    assert (drained.code, drained.err) == (0, "")
    assert drained.out.startswith("w1 gives its markets away")
    assert [w.draining for w in (await table.report("w1", "here:9100", {})).writers] == [True]
    unknown = await shards(postgres_url, "--drain", "w9")
    assert unknown.code == FAILED
    assert "there is no living writer w9" in unknown.err


async def test_what_cannot_be_done_is_said_in_a_line(postgres_url: str) -> None:
    """With the remedy, and without a stack trace; looking makes no tables."""
    nothing = await shards(postgres_url)
    assert nothing.code == FAILED
    assert "outcry shards --add" in nothing.err
    again = await shards(postgres_url)
    assert again.err == nothing.err
    bad = await shards(postgres_url, "--add", "East")
    assert bad.code == FAILED
    assert "'East' cannot be the name of a market" in bad.err
    homeless = await run("shards")
    assert homeless.code == USAGE
    assert "--postgres" in homeless.err
    nowhere = await shards("postgresql://ann:hush-hush@127.0.0.1:1/market")
    assert nowhere.code == FAILED
    assert nowhere.err.startswith("outcry: postgresql://127.0.0.1:1/market: ")
    assert "hush" not in nowhere.err
    for refused in (nothing, bad, homeless, nowhere):
        assert "Traceback" not in refused.err
        assert not refused.out


async def test_how_many_there_can_be_is_said_once(postgres_url: str) -> None:
    """With the first market; afterwards another number is refused, and nothing is made."""
    bare = await shards(postgres_url, "--most", "3")
    assert bare.code == USAGE
    assert "--add" in bare.err
    first = await shards(postgres_url, "--add", "east", "--most", "3")
    assert (first.code, first.err) == (0, "")
    other = await shards(postgres_url, "--add", "west", "--most", "9")
    assert other.code == FAILED
    assert "3 shards" in other.err
    assert (await shards(postgres_url, "--add", "west", "--most", "3")).code == 0
    full = await shards(postgres_url, "--add", "north")
    assert full.code == FAILED
    assert len(json.loads((await shards(postgres_url, "--json")).out)["shards"]) == 3
