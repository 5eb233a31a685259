"""The writer's one alarm: it rings when the earliest timer of the house is due."""

import asyncio
from collections.abc import Callable

from engine.kernel.time import Millis
from runtime.clock import Clock


class Alarm:
    """Set to an engine time, ms. Setting it again replaces the last."""

    __slots__ = ("_clock", "_due", "_handle", "_ring")

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._due: Millis | None = None
        self._handle: asyncio.TimerHandle | None = None

    def set(self, due: Millis | None) -> None:
        """Ring at `due`, or not at all."""
        if due == self._due:
            return
        if self._handle:
            self._handle.cancel()
        self._handle, self._due = None, due
        if due is not None:
            delay_s = max(0, due - self._clock.now()) / 1_000
            self._handle = asyncio.get_running_loop().call_later(delay_s, self._go_off)

    def _go_off(self) -> None:
        self._handle = self._due = None
        self._ring()
