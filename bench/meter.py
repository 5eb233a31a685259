"""How far a measurement has come: a bar on a terminal, lines in a pipe."""

import sys
import time
from typing import TextIO

BAR_CELLS = 30


class Meter:
    """Counts towards `total`. Call `end` when the work is over."""

    def __init__(self, doing: str, total: int, stream: TextIO | None = None) -> None:
        self._doing = doing
        self._total = total
        self._done = 0
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._every_s = 0.1 if self._is_terminal else 1.0
        self._shown_at_s = time.monotonic()

    def add(self, count: int = 1) -> None:
        """So many more of many are done."""
        self._done += count
        now_s = time.monotonic()
        if now_s - self._shown_at_s >= self._every_s:
            self._shown_at_s = now_s
            self._show()

    def begin(self, doing: str) -> None:
        """One of a few long steps begins."""
        self._doing = doing
        if self._is_terminal:
            self._show()

    def finish(self, found: str) -> None:
        """That step is over; what it found stays to be read."""
        self._done += 1
        count = "\r\x1b[K" if self._is_terminal else f"{self._done} of {self._total}: "
        self._stream.write(f"{count}{self._doing}: {found}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave a terminal's line clean for the result."""
        if self._is_terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _show(self) -> None:
        share = self._done / self._total if self._total else 1.0
        text = f"{self._doing}: {self._done:,} of {self._total:,} ({share:.0%})"
        if self._is_terminal:
            full = int(min(share, 1.0) * BAR_CELLS)
            text = f"\r[{'#' * full}{'.' * (BAR_CELLS - full)}] {text}\x1b[K"
        else:
            text += "\n"
        self._stream.write(text)
        self._stream.flush()
