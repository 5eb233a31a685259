"""What a writer does whose log failed while somebody else stands ready: it need not read the whole
log again, for the other has."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from engine.ports import EventLog
from persistence.errors import LogError, LogUnavailable

GiveAway = Callable[[], Awaitable[bool]]
"""Have somebody else serve, who is ready to; False if there is nobody. Raises LogUnavailable."""

SHORT_RECORDS = 20_000
"""A log is read sooner than another process has been told, if it is no longer than this."""


class HandedOver(LogError):
    """The lease has been let go, for another process that stands ready."""

    def __str__(self) -> str:
        return "the log had failed, and another process stood ready"


async def nobody() -> bool:
    """Nobody else is there."""
    return False


async def hand_over(log: EventLog, give_away: GiveAway) -> None:
    """If somebody else stands ready, let the lease go and raise HandedOver; or LogUnavailable."""
    if await give_away():
        with suppress(LogUnavailable):
            # Otherwise the other waits until the lease ends.
            await log.release()
        raise HandedOver
