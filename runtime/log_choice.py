"""Which log the configuration asks for."""

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from engine.ports import EventLog
from persistence.postgres import PostgresLog
from persistence.sqlite import SqliteLog
from runtime.config import Config, ConfigError

SQLITE_NAME = "outcry.sqlite"
SECRET = frozenset({"user", "password", "sslpassword"})


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
    """Where the log is, for people; without user and password."""
    if not config.postgres:
        return str(Path(config.data) / SQLITE_NAME)
    parts = urlsplit(config.postgres)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name not in SECRET]
    host = parts.netloc.rpartition("@")[2]
    query = f"?{urlencode(options, safe='/')}" if options else ""
    return f"{parts.scheme}://{host}{parts.path}{query}"
