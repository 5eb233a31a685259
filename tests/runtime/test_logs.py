"""Log lines: JSON to a pipe, text to a terminal, colour nowhere else."""

import io
import logging
from collections.abc import Iterator

import msgspec
import pytest

from runtime import logs
from runtime.config import Config


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_pipe_gets_json_with_the_extra_fields() -> None:
    """One object a line."""
    stream = io.StringIO()
    logs.set_up(Config(), stream)
    logging.getLogger("house").warning("late by %d", 3, extra={"room": "auction:a1"})
    line = msgspec.json.decode(stream.getvalue())
    assert line["message"] == "late by 3"
    assert (line["level"], line["source"], line["room"]) == ("warning", "house", "auction:a1")


def test_a_terminal_gets_text_in_colour() -> None:
    """Warnings stand out."""
    stream = Terminal()
    logs.set_up(Config(), stream)
    logging.getLogger("house").warning("careful")
    assert "careful" in stream.getvalue()
    assert "\x1b[33m" in stream.getvalue()


def test_text_to_a_pipe_has_no_colour() -> None:
    """A file is for reading, too."""
    stream = io.StringIO()
    logs.set_up(Config(log_format="text"), stream)
    logging.getLogger("house").error("bad")
    assert "\x1b" not in stream.getvalue()


def test_an_exception_is_told_with_its_trace() -> None:
    """An operator sees where it came from."""
    stream = io.StringIO()
    logs.set_up(Config(log_format="json"), stream)
    try:
        raise ValueError("inner")
    except ValueError:
        logging.getLogger().exception("outer")
    assert "ValueError: inner" in msgspec.json.decode(stream.getvalue())["trace"]
