"""Which log the configuration asks for."""

from pathlib import Path

from engine.ports import EventLog
from persistence.postgres import PostgresLog
from persistence.sqlite import SqliteLog
from runtime.config import Config, ConfigError

SQLITE_NAME = "outcry.sqlite"


def open_log(config: Config) -> EventLog:
    """The log of the configuration, not yet opened. Raises ConfigError."""
    if config.postgres:
        return PostgresLog(config.postgres)
    folder = Path(config.data)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ConfigError(f"cannot use --data {folder}: {problem}") from None
    return SqliteLog(folder / SQLITE_NAME)


def place_of(config: Config) -> str:
    """Where the log is, for people; without a password."""
    if not config.postgres:
        return str(Path(config.data) / SQLITE_NAME)
    scheme, _, rest = config.postgres.rpartition("@")
    return f"{scheme.partition('://')[0]}://…@{rest}" if scheme else config.postgres
