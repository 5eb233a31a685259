"""What the writer knows of its own lease, and since when nobody may have been served."""

import asyncio
import logging
from collections.abc import Callable

from engine.kernel.ids import MAIN
from engine.kernel.time import Millis
from engine.ports import Acquired, EventLog
from engine.sequencer import Refused
from persistence.errors import LogError, LogUnavailable
from persistence.trouble import Trouble
from runtime.clock import Clock

logger = logging.getLogger(__name__)

LEASE_MS = 6_000
RENEW_MS = 2_000
PAUSE_MS = 50


class Lease:
    """How long this process may answer, and when the house last served for sure."""

    def __init__(self, clock: Clock, market: str = MAIN) -> None:
        self.until_ns = 0
        """By the clock's `steady_ns`; past it, somebody else may own the log."""
        self.alive_at: Millis | None = None
        """The house served until then: an outage is counted from it (auction 6)."""
        self.is_serving = False
        """Whether what the latest outage brought about is durable. Until it is, a crash must
        not make the next start believe that there was none."""
        self._clock = clock
        self._market = market
        self._trouble = Trouble(logger, f"the lease of market {market} is not renewed")

    @property
    def holds(self) -> bool:
        """Whether this process is the owner for sure."""
        return self._clock.steady_ns() <= self.until_ns

    @property
    def age_s(self) -> float:
        """How long ago the lease was granted or renewed, s."""
        return LEASE_MS / 1_000 - (self.until_ns - self._clock.steady_ns()) / 1_000_000_000

    async def acquire(self, log: EventLog, owner: str) -> Acquired:
        """Become the owner, of a new epoch. Raises LeaseHeld, LogUnavailable."""
        asked_ns = self._clock.steady_ns()
        acquired = await log.acquire(owner)
        self.granted(asked_ns)
        return acquired

    def granted(self, asked_ns: int) -> None:
        """The log has granted or renewed the lease. It runs from some moment after the request
        and before the answer, which may have been long on its way: the request is what counts.
        An append is no renewal: it passes as long as nobody has taken over."""
        self.until_ns = asked_ns + LEASE_MS * 1_000_000

    def resumed(self, handed: Refused | None) -> None:
        """What an outage brought about is durable, or has been refused."""
        self.is_serving = handed is None
        self.served()

    def served(self) -> None:
        """The log has taken what was decided, or a renewal."""
        if self.is_serving and self.holds:
            self.alive_at = self._clock.now()

    async def keep(self, log: EventLog, back: Callable[[], object]) -> LogError:
        """Say that the owner lives, until someone else does: the error then says who. `back` is
        called when the lease has been renewed after its end: past it nobody was answered and no
        timer fired."""
        while True:
            asked_ns = self._clock.steady_ns()
            try:
                await log.renew(self.is_serving)
            except LogUnavailable as problem:
                self._trouble.met(problem)
            except LogError as problem:
                return problem
            else:
                self._trouble.over()
                was_cut_off = not self.holds
                self.granted(asked_ns)
                if was_cut_off:
                    said = "the lease of market %s had ended, and is renewed: nobody was served"
                    logger.warning(said, self._market)
                    back()
                self.served()
            # Behind a slow append a renewal takes its time: the next is due as if it had not.
            spent_ms = (self._clock.steady_ns() - asked_ns) // 1_000_000
            await asyncio.sleep(max(RENEW_MS - spent_ms, PAUSE_MS) / 1_000)
