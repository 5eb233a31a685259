"""How far long work has come: a line that is written over on a terminal, a line now and then
to a pipe."""

import sys
import time
from typing import TextIO


class Progress:
    """Shows `done` of `total`. Call `end` when the work is over."""

    def __init__(self, doing: str, of_what: str, stream: TextIO = sys.stderr) -> None:
        self._doing = doing
        self._of_what = of_what
        self._stream = stream
        self._terminal = stream.isatty()
        self._every_s = 0.1 if self._terminal else 2.0
        self._shown_at = time.monotonic()
        self._drawn = False

    def show(self, done: int, total: int) -> None:
        """Say how far it is, but not too often."""
        now = time.monotonic()
        if now - self._shown_at < self._every_s:
            return
        self._shown_at = now
        share = 100 * done // total if total else 100
        text = f"{self._doing}: {done:,} of {total:,} {self._of_what} ({share} %)"
        self._stream.write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")
        self._stream.flush()
        self._drawn = self._terminal

    def end(self) -> None:
        """Leave the terminal's line clean."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
