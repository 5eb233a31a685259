"""One flush per loop tick for all connections, so that many messages become one write each."""

import asyncio
from collections import deque
from typing import Protocol


class Flushable(Protocol):
    """Something with pending output."""

    def flush(self) -> None:
        """Write what is pending; harmless when nothing is."""


class Tick:
    """Collects what is dirty and flushes it at the next turn of the event loop.

    A fan-out to thousands of connections costs one scheduled call, not one for each.
    """

    __slots__ = ("_dirty", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._dirty: deque[Flushable] = deque()

    def mark(self, flushable: Flushable) -> None:
        """Have `flushable` flushed soon. Mark once per batch: duplicates are not detected."""
        if not self._dirty:
            self._loop.call_soon(self._flush)
        self._dirty.append(flushable)

    def _flush(self) -> None:
        dirty = self._dirty
        try:
            while dirty:
                dirty.popleft().flush()
        finally:
            # One that fails must not silence those behind it.
            if dirty:
                self._loop.call_soon(self._flush)
