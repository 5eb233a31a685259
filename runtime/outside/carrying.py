"""What an errand is to those who carry it out, and how they say that it did not work.

    NotDone
    ├── NotNow           it may work later: nobody answered, or somebody said "wait"
    └── Undeliverable    it never will: no such address, no such template

A problem is told in a few fixed words. What was to be said, and to whom, is in none of them.
"""

from typing import Protocol

from msgspec import Struct

from engine.kernel.outside import AskPayer, AskPayment, Compose, Errand, Letter, PayBack, PayOut


class NotDone(Exception):
    """An errand was not done."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class NotNow(NotDone):
    """It may be tried again."""


class Undeliverable(NotDone):
    """There is no use in trying again."""


class Job(Struct, frozen=True):
    """One errand of one event."""

    position: int
    """Of the event, in the log."""
    index: int
    """Among the errands of the event."""
    room: str
    errand: Errand
    log_id: str = ""

    @property
    def key(self) -> str:
        """The same each time that this errand is made: what the house may tell a repeat by."""
        return f"errand-{self.position}-{self.index}"

    @property
    def world_key(self) -> str:
        """The same in the world outside, where there are other houses."""
        return f"{self.log_id}-{self.key}"

    @property
    def channel(self) -> str:
        """`email`, `sms`, `text` for a sentence that is wanted, `refund` and `payout` for money,
        `payment` for a question about some."""
        match self.errand:
            case Letter(channel=channel):
                return channel
            case PayBack():
                return "refund"
            case PayOut():
                return "payout"
            case AskPayment() | AskPayer():
                return "payment"
        return "text"

    @property
    def template(self) -> str:
        """Which letter or sentence it is, or which payment provider is told or asked."""
        if isinstance(self.errand, PayBack | AskPayment | AskPayer):
            return self.errand.provider
        return self.errand.template if isinstance(self.errand, Letter | Compose) else ""

    def is_expired(self, now: int) -> bool:
        """Whether it is not worth doing any more (notifications NOT-6)."""
        expires_at = self.errand.expires_at if isinstance(self.errand, Letter) else 0
        return 0 < expires_at < now


class Carrier(Protocol):
    """Whoever does errands."""

    async def carry(self, job: Job) -> None:
        """Do it; it may have been done before. Raises NotNow or Undeliverable."""
