"""Keeping snapshots, so that a start replays little."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from engine import snapshot
from engine.core import Core
from engine.kernel.limits import SNAPSHOT_EVERY
from engine.ports import EventLog, Snapshot
from persistence.errors import LeaseLost, LogUnavailable

logger = logging.getLogger(__name__)


class Snapshots:
    """When the next one is due, and where it goes."""

    __slots__ = ("_every", "_log", "position")

    def __init__(self, log: EventLog, every: int = SNAPSHOT_EVERY) -> None:
        self._log = log
        self._every = every
        self.position = 0
        """Where the latest one stands."""

    def take_if_due(self, core: Core) -> Callable[[], Coroutine[Any, Any, None]] | None:
        """The image, if it is time, as work that keeps it. It may hold what is not yet durable,
        so the work is for when everything that was decided until now is."""
        if core.position - self.position < self._every:
            return None
        self.position = core.position
        image = Snapshot(core.position, snapshot.take(core))
        return lambda: self._save(image)

    async def leave(self, core: Core) -> None:
        """Leave the last one of a writer that stops, and give the lease up."""
        try:
            await self._log.save_snapshot(Snapshot(core.position, snapshot.take(core)))
            # Tells the next start from when nobody has served.
            await self._log.renew()
            await self._log.release()
        except (LogUnavailable, LeaseLost) as problem:
            logger.warning("no snapshot was left; the next start replays more: %s", problem)

    async def _save(self, image: Snapshot) -> None:
        try:
            await self._log.save_snapshot(image)
        except (LogUnavailable, LeaseLost) as problem:
            logger.warning("snapshot not kept: %s", problem)
