"""Whole periods of a log: what archiving and restoring need of a store beside the log itself."""

from collections.abc import AsyncIterable, Sequence
from pathlib import Path
from typing import Protocol

from engine.kernel.record import Record
from engine.ports import EventLog
from persistence.postgres import PostgresLog
from persistence.postgres_periods import PostgresRetention, logs_of
from persistence.sqlite_periods import SqliteRetention
from runtime.config import Config, ConfigError
from runtime.log_choice import SQLITE_NAME, open_log

MAIN = "main"


class Retention(Protocol):
    """The periods of one log. Raises `persistence.errors.LogUnavailable`."""

    async def log_id(self) -> str | None:
        """The name of the log; None if there is none yet."""

    async def closed(self, after: int) -> list[tuple[int, int]]:
        """First and last position of each closed period, but for what lies up to `after`. The last
        record of the log is in none of them."""

    async def drop(self, last: int) -> None:
        """Remove the periods that end at or before this position, durably, and write down in the
        same breath that they are archived (the mark `persistence.order.ARCHIVED`)."""

    async def adopt(self, log_id: str, market: str) -> None:
        """Give an empty log the name of another, which it is going to hold. Raises ShardsRefused
        if its place is another market's."""

    async def close_at(self, last: int) -> None:
        """Let a period end with this position, the last of a log that nobody appends to."""

    async def put_back(self, first: int, last: int, pages: AsyncIterable[Sequence[Record]]) -> None:
        """Put a period back before what is there; all of it or nothing."""

    async def close(self) -> None:
        """Let go of files and connections."""


async def markets_of(config: Config, market: str | None = None) -> dict[str, int]:
    """Each market of the log that is configured -> its shard; or the one that is named.

    Raises ConfigError if there is no such market."""
    return chosen(await logs_of(config.postgres) if config.postgres else {MAIN: 0}, market)


def chosen(found: dict[str, int], market: str | None) -> dict[str, int]:
    """All of them, or the one that is named. Raises ConfigError if there is no such market."""
    if market is None:
        return found
    if market not in found:
        known = ", ".join(found) or "none"
        raise ConfigError(f"--market {market}: there is no log of it here; there are: {known}")
    return {market: found[market]}


def log_of(config: Config, shard: int) -> EventLog:
    """The log of a shard, not yet opened. Raises ConfigError."""
    return PostgresLog(config.postgres, shard) if config.postgres else open_log(config)


def retention_of(config: Config, shard: int) -> Retention:
    """The periods of that log."""
    if config.postgres:
        return PostgresRetention(config.postgres, shard)
    return SqliteRetention(Path(config.data) / SQLITE_NAME)
