"""One flush per loop tick for all connections, so that many messages become one write each."""

import asyncio
from collections import deque
from typing import Protocol

LISTENERS_MAX = 256
"""Of those who listen, so many are written to in one turn: about 2 ms. A room of ten thousand would
otherwise hold up every answer for 70."""


class Flushable(Protocol):
    """Something with pending output."""

    def flush(self) -> None:
        """Write what is pending; harmless when nothing is."""


class Tick:
    """Collects what is dirty and flushes it at the next turn of the event loop.

    A fan-out to thousands of connections costs one scheduled call for each few hundred, not one for
    each. Between two such calls sockets are read, and who waits for an answer goes first.
    """

    __slots__ = ("_answered", "_is_due", "_listening", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_due = False
        self._answered: deque[Flushable] = deque()
        self._listening: deque[Flushable] = deque()

    def mark(self, flushable: Flushable) -> None:
        """Have `flushable` flushed at the next turn. Mark once per batch: duplicates are not
        detected."""
        self._answered.append(flushable)
        self._schedule()

    def mark_listener(self, flushable: Flushable) -> None:
        """As `mark`, for one of many who are told the same: when those before it were."""
        self._listening.append(flushable)
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_due = False
        answered, listening = self._answered, self._listening
        try:
            while answered:
                answered.popleft().flush()
            for _ in range(min(len(listening), LISTENERS_MAX)):
                listening.popleft().flush()
        finally:
            # One that fails must not silence those behind it.
            if answered or listening:
                self._schedule()
