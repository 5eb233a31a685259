"""Log lines: readable on a terminal, JSON to a pipe."""

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from runtime.config import Config

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, source, message, and what `extra` added."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": _iso(record.created),
            "level": record.levelname.lower(),
            "source": record.name,
            "message": record.getMessage(),
        }
        line |= {k: v for k, v in record.__dict__.items() if k not in _PLAIN}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class TextLines(logging.Formatter):
    """Time, level and message; warnings in colour if the stream is a terminal."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        text = f"{_iso(record.created)[11:23]} {record.levelname.lower():7} {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        tint = _COLOURS.get(record.levelname) if self._colour else None
        return f"{tint}{text}\x1b[0m" if tint else text


def set_up(config: Config, stream: TextIO = sys.stderr) -> None:
    """Send all log lines to the stream in the configured form."""
    terminal = stream.isatty()
    as_json = config.log_format == "json" or (config.log_format == "auto" and not terminal)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if as_json else TextLines(terminal))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.log_level.upper())


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
