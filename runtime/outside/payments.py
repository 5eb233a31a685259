"""A payment of which no webhook tells: its provider is asked (accounts rule 14).

When to ask again is decided in the ledger. Here each errand is one question; an answer that settles
nothing is not even told, for the ledger asks again anyway.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol

from msgspec import Struct, convert
from msgspec.structs import replace

from engine.kernel.outside import AskPayer, AskPayment
from engine.ledger.commands import WALLET, ProviderDispute, ProviderEvent, ReportPayment
from engine.ledger.events import DisputeStage
from engine.ports import Answer, CommandSink
from engine.sequencer import Accepted
from runtime.outside.breaker import Breaker
from runtime.outside.carrying import Carrier, Job, NotNow
from runtime.outside.http_out import NoAnswer
from runtime.writer.house_commands import decided

logger = logging.getLogger(__name__)


class Found(Struct, frozen=True):
    """What a provider says of a payment."""

    outcome: Literal["captured", "failed", "pending"]
    """`failed`: it never will be captured."""
    capture: ProviderEvent | None = None
    """As a webhook would have told it."""


PENDING = Found("pending")


class PaymentProvider(Protocol):
    """A payment provider that can be asked what became of a payment."""

    async def find(self, wanted: AskPayment) -> Found:
        """Ask. Raises NoAnswer."""


class PaymentCarrier(Carrier):
    """Asks providers what became of payments, and whose they were; has what they say booked."""

    def __init__(
        self,
        providers: Mapping[str, PaymentProvider],
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
        if isinstance(wanted, AskPayer):
            await self._name_payer(job, wanted)
            return
        assert isinstance(wanted, AskPayment), "other errands are others'"
        found = await self._found(wanted)
        if found.outcome == "pending":
            return
        if found.capture is not None:
            # The claim on the payment makes it count once, whatever the id of the command.
            booked = replace(found.capture, id=f"{job.key}-capture")
            answer = await decided(self._sink(), booked, self._pause)
            if not _is_booked(answer):
                logger.error(
                    "%s has captured payment %r, and it is not booked; see docs/operating.md",
                    wanted.provider,
                    wanted.payment,
                )
                return
        report = ReportPayment(
            id=job.key,
            currency=wanted.currency,
            provider=wanted.provider,
            payment=wanted.payment,
            outcome=found.outcome,
        )
        await decided(self._sink(), report, self._pause)

    async def _name_payer(self, job: Job, wanted: AskPayer) -> None:
        """Of a payment that its provider does not know, or that has no metadata of ours, staff must
        say whose it was: they find the dispute in the ledger's room."""
        asked = AskPayment(
            wanted.provider, wanted.payment, "", wanted.amount, wanted.currency, WALLET
        )
        capture = (await self._found(asked)).capture
        if capture is None:
            raise NotNow("nobody says whose payment is disputed")
        named = ProviderDispute(
            id=job.key,
            currency=wanted.currency,
            provider=wanted.provider,
            payment=wanted.payment,
            dispute=wanted.dispute,
            stage=convert(wanted.stage, DisputeStage),
            amount=wanted.amount,
            user=capture.user,
            purpose=capture.purpose,
            reason=wanted.reason,
        )
        await decided(self._sink(), named, self._pause)

    async def _found(self, wanted: AskPayment) -> Found:
        provider = self._providers.get(wanted.provider)
        breaker = self._breakers[wanted.provider]
        if provider is None or not breaker.may_try():
            return PENDING
        try:
            found = await provider.find(wanted)
        except NoAnswer as problem:
            breaker.failed()
            logger.warning("%s was asked about a payment: %s", wanted.provider, problem)
            return PENDING
        breaker.worked()
        return found


def _is_booked(answer: Answer) -> bool:
    """By this question, or by a webhook or an earlier question (DUPLICATE_PROVIDER_EVENT)."""
    return isinstance(answer, Accepted) or answer.rejected.code.status == 200
