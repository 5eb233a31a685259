"""Which history the command line asks for: that of a log, of an archive, or of both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from runtime.archive.files import Archive
from runtime.archive.retention import chosen, log_of, markets_of, retention_of
from runtime.archive.whole_log import WholeLog
from runtime.config import Config
from runtime.log_choice import place_of
from runtime.tokens import vault_of
from runtime.verify import History, VerifyError


def has_log(config: Config) -> bool:
    """Whether there can be a log. Looking for one must not make it."""
    return bool(config.postgres) or Path(place_of(config)).exists()


def no_log(config: Config) -> VerifyError:
    """What to say when there is none."""
    remedy = "nothing was served there" if config.postgres else "name its folder with --data"
    return VerifyError(f"there is no log at {place_of(config)}; {remedy}")


async def markets_in(config: Config, folder: str | None, market: str | None) -> dict[str, int]:
    """Each market, or the one that is named -> its shard: those of the log, or, without one, of the
    archive, where shards do not matter. Raises ConfigError if there is no such market."""
    if has_log(config) or folder is None:
        return await markets_of(config, market)
    return chosen(dict.fromkeys(_archived_in(Path(folder)), 0), market)


def _archived_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*") if path.is_dir())


@asynccontextmanager
async def history_of(
    config: Config, folder: str | None, market: str, shard: int
) -> AsyncIterator[History]:
    """The log of a market; with a folder, what is archived there and the log that follows.

    Raises VerifyError if the two do not belong together, LogError and ConfigError."""
    if not has_log(config):
        if folder is None:
            raise no_log(config)
        yield WholeLog(archive_of(config, folder, market), None)
        return
    log = log_of(config, shard)
    try:
        if folder is None:
            yield log
            return
        whole = WholeLog(archive_of(config, folder, market), log)
        if whole.log_id not in ("", log_id := await log_id_of(config, shard)):
            raise VerifyError(f"{folder} is the archive of {whole.log_id}, and the log is {log_id}")
        yield whole
    finally:
        await log.close()


def archive_of(config: Config, folder: str, market: str) -> Archive:
    """The archive of a market. Raises ConfigError if there is no secret to read its seals."""
    return Archive(Path(folder), market, vault_of(config, is_made=False))


async def log_id_of(config: Config, shard: int) -> str | None:
    """The name of a log. Raises LogUnavailable."""
    retention = retention_of(config, shard)
    try:
        return await retention.log_id()
    finally:
        await retention.close()
