"""A standby: a core that is kept replayed beside the writer that owns the log, so that a takeover
is a matter of the lease alone."""

import asyncio
import logging

from engine.contract import Vault
from engine.kernel.ids import MAIN
from engine.kernel.market import Market
from engine.kernel.time import Millis
from engine.ports import EventLog
from engine.registry import Registry
from persistence.errors import LogUnavailable
from persistence.trouble import Trouble
from runtime.cluster.pauses import Pause, pause_unless, sleep_ms
from runtime.writer.recovery import Replay, begin

logger = logging.getLogger(__name__)

PAGE = 1_000
"""Small, for writers of other markets in the same process wait while a page is applied."""
POLL_MS = 100
CATCHING_UP_MS = 5
"""Between pages, so that they get their turn."""
UNAVAILABLE_MS = 1_000
DAMAGED_MS = 10_000


class Follower:
    """Follows one log. Run `run` as a task; `take` what it has when the lease is had, or cancel
    the task."""

    def __init__(
        self,
        log: EventLog,
        registry: Registry,
        markets: dict[str, Market],
        vault: Vault,
        *,
        market: str = MAIN,
        pause: Pause = sleep_ms,
    ) -> None:
        """`log` is the follower's own, never acquired, and is closed at the end of `run`."""
        self._log = log
        self._registry = registry
        self._markets = markets
        self._vault = vault
        self._pause = pause
        self._trouble = Trouble(logger, f"the log of market {market} cannot be followed")
        self._replay: Replay | None = None
        self._taken = asyncio.Event()
        self.is_ready = False
        """Whether it has everything that the log held a moment ago."""

    @property
    def is_taken(self) -> bool:
        """Whether it follows no more, for `take` has been called."""
        return self._taken.is_set()

    @property
    def position(self) -> int:
        """How far the log has been replayed; 0 if nothing is at hand."""
        return self._replay.core.position if self._replay else 0

    async def run(self) -> None:
        """Follow until `take` is called or the task is cancelled. Bears outages of the log; what
        turns out to be damaged is thrown away, and made anew."""
        try:
            while not self._taken.is_set():
                await pause_unless(self._taken, await self._follow_once(), self._pause)
        finally:
            self._replay = None
            self.is_ready = False
            await self._log.close()

    def take(self) -> Replay | None:
        """What has been replayed, for `recover` to go on from; None if there is nothing yet. It is
        the caller's from now on, and `run` comes to its end."""
        self._taken.set()
        self.is_ready = False
        replay, self._replay = self._replay, None
        return replay

    async def _follow_once(self) -> Millis:
        """Read a page, at most. Returns how long to wait before the next, ms."""
        try:
            return await self._read_on()
        except LogUnavailable as problem:
            # Nothing was applied, so what is at hand stays good.
            self.is_ready = False
            self._trouble.met(problem)
            return UNAVAILABLE_MS
        except Exception:
            self._replay = None
            self.is_ready = False
            logger.exception("what was followed does not fit the log: it is followed anew")
            return DAMAGED_MS

    async def _read_on(self) -> Millis:
        if self._replay is None:
            replay = await begin(self._log, self._registry, self._markets, self._vault)
            if not self._taken.is_set():
                self._replay = replay
            return 0
        replay = self._replay
        page = await self._log.read(replay.after, PAGE)
        if replay is not self._replay:
            # It was taken meanwhile, and somebody else goes on with it.
            return 0
        replay.add(page)
        self.is_ready = len(page) < PAGE
        self._trouble.over()
        return POLL_MS if self.is_ready else CATCHING_UP_MS
