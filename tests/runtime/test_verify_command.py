"""`outcry verify` over several markets of one database, and what it says where there is none."""

import argparse
from pathlib import Path

import pytest

from persistence.shards import ShardTable
from runtime.archive.command import add_archive_arguments, archive_command
from runtime.archive.retention import log_of
from runtime.config import Config, ConfigError
from runtime.verify import VerifyError
from runtime.verify_command import add_verify_arguments, verify_command
from testkit.postgres import PostgresServer
from testkit.world import ROOT
from tests.runtime.archive.archived import four_months

TAMPER = """UPDATE events SET event = replace(event::text, '"amount":1000', '"amount":1001')::json
 WHERE shard = 1 AND position = (SELECT max(position) FROM events WHERE shard = 1)"""


@pytest.fixture
def config(tmp_path: Path, postgres_url: str) -> Config:
    """A database in which nothing was served."""
    return Config(data=str(tmp_path), postgres=postgres_url, vault_secret=ROOT.decode())


@pytest.fixture
async def two_markets(config: Config) -> list[int]:
    """`main` and `east`, each with a log. How many records each has."""
    table = ShardTable(config.postgres)
    assert await table.add_market("east") == 1
    await table.close()
    records = [applied.record for applied in four_months().log]
    lengths = [len(records), len(records) - 3]
    for shard, length in enumerate(lengths):
        log = log_of(config, shard)
        await log.acquire("tests")
        await log.append(records[:length])
        await log.release()
        await log.close()
    return lengths


def asked(*words: str) -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser()
    add_verify_arguments(parser)
    return parser.parse_args(words)


async def test_every_market_is_verified(
    config: Config, two_markets: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each by itself, and in the end what they come to together."""
    assert await verify_command(config, asked()) == 0
    said = capsys.readouterr().out
    for market, length in zip(("main", "east"), two_markets, strict=True):
        assert f"market   {market}\nrecords  {length}, every receipt" in said
    assert "markets  2: main, east" in said
    assert f"records  {sum(two_markets)} in all" in said
    assert "sums to 0 over all markets" in said


async def test_one_bad_market_is_enough(
    config: Config, two_markets: list[int], postgres: PostgresServer
) -> None:
    """A market that is sound does not hide one that is not, unless it alone is asked about."""
    postgres.execute(TAMPER, config.postgres)
    with pytest.raises(VerifyError):
        await verify_command(config, asked())
    assert await verify_command(config, asked("--market", "main")) == 0


async def test_an_empty_database_has_no_log(config: Config, tmp_path: Path) -> None:
    """It is said in words, and no table is made by looking."""
    parser = argparse.ArgumentParser()
    add_archive_arguments(parser)
    with pytest.raises(VerifyError, match="nothing was served there"):
        await verify_command(config, asked())
    with pytest.raises(VerifyError, match="nothing was served there"):
        await archive_command(config, parser.parse_args(["--to", str(tmp_path / "archive")]))
    with pytest.raises(ConfigError, match="there are: none"):
        await verify_command(config, asked("--market", "east"))
