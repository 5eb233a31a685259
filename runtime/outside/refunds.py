"""Money goes back through the payment provider that it came through (accounts P9, rule 15).

When to try again is decided in the ledger, which survives this process: here each errand is one
question to a provider, and its answer is told to the ledger, whatever it is.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from msgspec import Struct

from engine.kernel.outside import PayBack
from engine.ledger.commands import RefundOutcome, ReportRefund
from engine.ports import CommandSink
from runtime.outside.breaker import Breaker
from runtime.outside.carrying import Carrier, Job
from runtime.outside.http_out import NoAnswer
from runtime.writer.house_commands import decided


class Said(Struct, frozen=True):
    """What a provider says of a refund."""

    outcome: RefundOutcome
    reference: str = ""
    """Its own id of it."""
    reason: str = ""
    """In a few fixed words, for staff."""


class RefundProvider(Protocol):
    """A payment provider that can send money back."""

    async def tell(self, wanted: PayBack, key: str) -> Said:
        """Have it sent back. The same key again has no second effect. Raises NoAnswer."""

    async def ask(self, wanted: PayBack) -> Said:
        """How the refund `wanted.reference` stands. Raises NoAnswer."""


class RefundCarrier(Carrier):
    """Tells providers, and the ledger what they said."""

    def __init__(
        self,
        providers: Mapping[str, RefundProvider],
        sink: Callable[[], CommandSink],
        pause: Callable[[float], Awaitable[None]],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._providers = providers
        self._sink = sink
        self._pause = pause
        self._breakers: defaultdict[str, Breaker] = defaultdict(lambda: Breaker(monotonic_s))

    async def carry(self, job: Job) -> None:
        wanted = job.errand
        assert isinstance(wanted, PayBack), "letters and sentences are others' errands"
        said = await self._said(job, wanted)
        # After a crash it is asked again, and may say something else: then the ledger has the
        # first answer, or refuses an answer to a question that it has asked anew by now.
        report = ReportRefund(
            id=job.key,
            currency=wanted.currency,
            refund=wanted.refund,
            attempt=wanted.attempt,
            outcome=said.outcome,
            reference=said.reference,
            reason=said.reason,
        )
        await decided(self._sink(), report, self._pause)

    async def _said(self, job: Job, wanted: PayBack) -> Said:
        provider = self._providers.get(wanted.provider)
        if provider is None:
            return Said("refused", reason=f"no key of {wanted.provider} is configured")
        if wanted.reference:
            asked = provider.ask(wanted)
        else:
            asked = provider.tell(wanted, key_of(job, wanted))
        return await said_by(wanted.provider, self._breakers[wanted.provider], asked)


async def said_by(name: str, breaker: Breaker, asked: Coroutine[Any, Any, Said]) -> Said:
    """What a provider says; `unanswered` if it says nothing, or is left alone for a while."""
    if not breaker.may_try():
        asked.close()
        return Said("unanswered", reason=f"{name} has not answered for a while")
    try:
        said = await asked
    except NoAnswer as problem:
        breaker.failed()
        return Said("unanswered", reason=f"{name}: {problem}")
    breaker.worked()
    return said


def key_of(job: Job, wanted: PayBack) -> str:
    """What a provider tells a repeat by: of letters, digits, `-` and `_` alone. Attempts of the
    same instruction share it, so that one which was heard and not answered counts once."""
    return f"{job.log_id}-{wanted.currency}-{wanted.refund}-{wanted.instruction}"
