"""What an engine process does with the markets that it is given."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.record import Record
from engine.sequencer import Accepted, Refused
from persistence.errors import LogUnavailable
from persistence.postgres import PostgresLog
from persistence.shards import ShardTable
from runtime.cluster.duties import Duties
from runtime.cluster.engine_process import Markets
from runtime.cluster.shard_writer import ShardWriter
from runtime.config import Config
from runtime.writer import follower as follower_module
from runtime.writer import writer as writer_module
from runtime.writer.follower import Follower
from tests.runtime.writer.writing import ask, deposit, until


@pytest.fixture
async def markets(tmp_path: Path, postgres_url: str) -> AsyncIterator[Markets]:
    """Those of a process whose database has an empty log; nothing here needs Redis."""
    log = PostgresLog(postgres_url)
    await log.acquire("whoever made it")
    await log.release()
    await log.close()
    redis = f"unix://{tmp_path}/nobody"
    found = Markets(Config(data=str(tmp_path), postgres=postgres_url, redis=redis), "w1")
    yield found
    await found.close()


async def test_a_standby_that_could_not_take_over_stands_by_again(
    markets: Markets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log broke off after it had given away what it had followed. Left like that it would
    never be ready again, and nobody would be there when the writer dies."""

    async def broken_off(_writer: ShardWriter, _owner: str, follower: Follower | None) -> None:
        assert follower is not None
        assert follower.take() is not None
        raise LogUnavailable("away")

    await markets.follow("main", 0)
    await until(lambda: "main" in markets.ready())
    monkeypatch.setattr(ShardWriter, "start", broken_off)
    with pytest.raises(LogUnavailable):
        await markets.take_up("main", 0)
    async with asyncio.timeout(30):
        await until(lambda: "main" in markets.ready())


async def test_a_writer_whose_log_failed_leaves_the_market_to_the_standby(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes on one Postgres. The second knows all that is in the log, also that of which
    the first did not hear that it is; and the first stands by."""
    monkeypatch.setattr(writer_module, "SHORT_RECORDS", 0)
    monkeypatch.setattr(follower_module, "UNAVAILABLE_MS", 100)
    config = Config(data=str(tmp_path), postgres=postgres_url, redis=f"unix://{tmp_path}/nobody")
    async with AsyncExitStack() as stack:
        both = [await stack.enter_async_context(process(config, name)) for name in ("w1", "w2")]
        await until(lambda: any(markets.served and markets.duties.backed for markets in both), 60)
        first, second = both if both[0].served else reversed(both)
        writer = first.served["main"].writer
        assert isinstance(await ask(writer, deposit("1")), Accepted)

        async def answer_lost(records: Sequence[Record], cursor: int | None = None) -> None:
            await PostgresLog.append(log, records, cursor)
            raise LogUnavailable("the answer got lost")

        log: Any = writer._log
        monkeypatch.setattr(log, "append", answer_lost)
        assert isinstance(await ask(writer, deposit("2")), Refused)
        await until(lambda: "main" in second.served, 60)
        heir = second.served["main"].writer
        assert heir.counts.lease_epoch == writer.counts.lease_epoch + 1
        for id_, is_known in (("1", True), ("2", True), ("3", False)):
            answer = await ask(heir, deposit(id_))
            assert isinstance(answer, Accepted)
            assert answer.duplicate == is_known
        await until(lambda: "main" in first.ready(), 60)
        assert not first.served


@asynccontextmanager
async def process(config: Config, name: str) -> AsyncIterator[Markets]:
    """An engine process without its HTTP door, until it leaves in good order."""
    table, found = ShardTable(config.postgres), Markets(config, name)
    found.duties = Duties(table, name, "nowhere", found)
    running = asyncio.create_task(found.duties.run())
    try:
        yield found
    finally:
        await found.duties.leave(1_000)
        await running
        await table.close()
        await found.close()
