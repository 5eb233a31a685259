"""How far a measurement has come: a bar on a terminal, a line a second to a pipe."""

import sys
import time
from typing import TextIO

BAR_CELLS = 30


class Meter:
    """Counts towards `total`. Call `end` when the work is over."""

    def __init__(self, doing: str, total: int, stream: TextIO = sys.stderr) -> None:
        self._doing = doing
        self._total = total
        self._done = 0
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._every_s = 0.1 if self._is_terminal else 1.0
        self._shown_at_s = time.monotonic()

    def add(self, count: int = 1) -> None:
        """So many more are done."""
        self._done += count
        now_s = time.monotonic()
        if now_s - self._shown_at_s >= self._every_s:
            self._shown_at_s = now_s
            self._show()

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
