"""What an engine process does with the markets that it is given."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from persistence.errors import LogUnavailable
from persistence.postgres import PostgresLog
from runtime.cluster.engine_process import Markets
from runtime.cluster.shard_writer import ShardWriter
from runtime.config import Config
from runtime.writer.follower import Follower
from tests.runtime.writer.writing import until


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
