"""The archive of a market that is not the first, by the commands that a person types."""

import argparse
from pathlib import Path

import pytest
from msgspec.structs import replace

from persistence.errors import ShardsRefused
from persistence.shards import ShardTable
from runtime.archive.command import (
    add_archive_arguments,
    add_restore_arguments,
    archive_command,
    restore_command,
)
from runtime.archive.files import Archive
from runtime.archive.retention import log_of, markets_of, retention_of
from runtime.config import Config
from testkit.postgres import PostgresServer
from testkit.world import ROOT, vault
from tests.runtime.archive.archived import Shelf, four_months


@pytest.fixture
async def config(tmp_path: Path, postgres_url: str) -> Config:
    """Four months of the market east, in shard 1 of a database."""
    made = Config(data=str(tmp_path), postgres=postgres_url, vault_secret=ROOT.decode())
    table = ShardTable(made.postgres)
    assert await table.add_market("east") == 1
    await table.close()
    log, retention = log_of(made, 1), retention_of(made, 1)
    shelf = Shelf(log, retention, Archive(tmp_path / "unused", "east", vault()))
    await log.acquire("tests")
    await shelf.fill(four_months())
    await log.release()
    await shelf.close()
    return made


async def archive(config: Config, folder: Path, *flags: str) -> None:
    """`outcry archive --to folder`."""
    parser = argparse.ArgumentParser()
    add_archive_arguments(parser)
    assert await archive_command(config, parser.parse_args(["--to", str(folder), *flags])) == 0


async def restore(config: Config, folder: Path, market: str) -> None:
    """`outcry restore --from folder --market market`."""
    parser = argparse.ArgumentParser()
    add_restore_arguments(parser)
    asked = parser.parse_args(["--from", str(folder), "--market", market])
    assert await restore_command(config, asked) == 0


async def test_a_market_finds_its_place_in_another_database(
    config: Config, postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its name and its shard; and what was dropped comes back to where it was."""
    folder = tmp_path / "archive"
    await archive(config, folder, "--drop", "--remember", "0")
    said = capsys.readouterr().out
    assert "main: no period is over yet" in said
    assert "east: archived to position" in said
    assert "stay" not in said
    elsewhere = replace(config, postgres=postgres.create_database())
    await restore(elsewhere, folder, "east")
    assert (await markets_of(elsewhere))["east"] == 1
    await restore(config, folder, "east")
    assert capsys.readouterr().out.count("market   east\n") == 2
    await archive(config, folder)
    assert "east: archived to position" in capsys.readouterr().out


async def test_a_place_that_is_taken(
    config: Config, postgres: PostgresServer, tmp_path: Path
) -> None:
    """By another market: nothing of it is touched."""
    folder = tmp_path / "archive"
    await archive(config, folder)
    elsewhere = replace(config, postgres=postgres.create_database())
    table = ShardTable(elsewhere.postgres)
    assert await table.add_market("west") == 1
    await table.close()
    with pytest.raises(ShardsRefused, match="east was shard 1, which is west"):
        await restore(elsewhere, folder, "east")
