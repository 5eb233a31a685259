"""Keeping snapshots, so that a start replays little."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from engine import snapshot
from engine.core import Core
from engine.kernel.limits import SNAPSHOT_EVERY
from engine.ports import EventLog, Snapshot
from persistence.errors import LeaseLost, LogUnavailable

logger = logging.getLogger(__name__)

Image = Awaitable[bytes | None]
"""A snapshot's bytes; None if they could not be made."""
Imaging = Callable[[Core], Image]
"""Takes the state as it is when it is called. What it returns may be awaited later, or never."""


def in_place(core: Core) -> Image:
    """Encode the state now, while nothing else is done."""
    taken: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    taken.set_result(snapshot.take(core))
    return taken


class Snapshots:
    """When the next one is due, and where it goes."""

    __slots__ = ("_every", "_imaging", "_log", "position")

    def __init__(
        self, log: EventLog, every: int = SNAPSHOT_EVERY, imaging: Imaging = in_place
    ) -> None:
        self._log = log
        self._every = every
        self._imaging = imaging
        self.position = 0
        """Where the latest one stands."""

    def take_if_due(self, core: Core) -> Callable[[], Coroutine[Any, Any, None]] | None:
        """The image, if it is time, as work that keeps it. It may hold what is not yet durable,
        so the work is for when everything that was decided until now is."""
        if core.position - self.position < self._every:
            return None
        self.position = core.position
        return partial(self._save, core.position, self._imaging(core))

    async def leave(self, core: Core) -> None:
        """Leave the last one of a writer that stops, and give the lease up."""
        try:
            await self._log.save_snapshot(Snapshot(core.position, snapshot.take(core)))
            # Tells the next start from when nobody has served.
            await self._log.renew()
            await self._log.release()
        except (LogUnavailable, LeaseLost) as problem:
            logger.warning("no snapshot was left; the next start replays more: %s", problem)

    async def _save(self, position: int, image: Image) -> None:
        data = await image
        if data is None:
            logger.warning("snapshot not kept: the copy of the process failed")
            return
        try:
            await self._log.save_snapshot(Snapshot(position, data))
        except (LogUnavailable, LeaseLost) as problem:
            logger.warning("snapshot not kept: %s", problem)
