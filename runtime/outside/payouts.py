"""Money goes out to payees through a payout provider (accounts P10, section 7).

When to try again is decided in the ledger, which survives this process: here each errand is one
question to the provider, and its answer is told to the ledger. Without a provider staff pay.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import quote

import msgspec
from msgspec import Struct

from engine.kernel.outside import PayOut
from engine.ledger.commands import RefundOutcome, ReportPayout, StartWithdrawal
from engine.ports import CommandSink
from runtime.outside.breaker import Breaker
from runtime.outside.carrying import Carrier, Job
from runtime.outside.http_out import Answer, HttpOut, bearer
from runtime.outside.provider_calls import call, read
from runtime.outside.refunds import Said, said_by
from runtime.writer.house_commands import decided


class PayoutProvider(Protocol):
    """Whoever can pay a payee's bank."""

    async def tell(self, wanted: PayOut, key: str) -> Said:
        """Have it paid. The same key again has no second effect. Raises NoAnswer."""

    async def ask(self, wanted: PayOut) -> Said:
        """How the payout `wanted.reference` stands. Raises NoAnswer."""


class PayoutCarrier(Carrier):
    """Tells the provider, and the ledger what it said."""

    def __init__(
        self,
        name: str,
        provider: PayoutProvider | None,
        sink: Callable[[], CommandSink],
        pause: Callable[[float], Awaitable[None]],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Through the provider of this name, or, if it is None, not at all."""
        self._name = name
        self._provider = provider
        self._sink = sink
        self._pause = pause
        self._breaker = Breaker(monotonic_s)

    async def carry(self, job: Job) -> None:
        wanted = job.errand
        assert isinstance(wanted, PayOut), "other errands are others'"
        if self._provider is None:
            return
        if not wanted.attempt:
            # What the provider is about to be told is written down before it is.
            start = StartWithdrawal(
                id=job.key, currency=wanted.currency, withdrawal=wanted.withdrawal
            )
            await decided(self._sink(), start, self._pause)
            return
        said = await self._said(job, wanted, self._provider)
        report = ReportPayout(
            id=job.key,
            currency=wanted.currency,
            withdrawal=wanted.withdrawal,
            provider=self._name,
            attempt=wanted.attempt,
            look=wanted.look,
            outcome=said.outcome,
            reference=said.reference,
            reason=said.reason,
        )
        await decided(self._sink(), report, self._pause)

    async def _said(self, job: Job, wanted: PayOut, provider: PayoutProvider) -> Said:
        if wanted.reference:
            asked = provider.ask(wanted)
        else:
            asked = provider.tell(wanted, key_of(job, wanted))
        return await said_by(self._name, self._breaker, asked)


def key_of(job: Job, wanted: PayOut) -> str:
    """What a provider tells a repeat by. Another attempt begins only after a no, so all that may
    have been heard without an answer shares it."""
    return f"{job.log_id}-{wanted.currency}-{wanted.withdrawal}-{wanted.attempt}"


class PaperPayouts(PayoutProvider):
    """The sandbox without an address: everything is paid at once, for nothing was ever real."""

    async def tell(self, wanted: PayOut, key: str) -> Said:
        return Said("paid", reference=key)

    async def ask(self, wanted: PayOut) -> Said:
        return Said("paid", reference=wanted.reference)


class _Payout(Struct):
    id: str
    status: str


class SandboxPayouts(PayoutProvider):
    """A sandbox that can be told over HTTP, to try what a real provider would do."""

    def __init__(self, http: HttpOut, address: str) -> None:
        self._http = http
        self._url = f"{address.rstrip('/')}/v1/payouts"

    async def tell(self, wanted: PayOut, key: str) -> Said:
        body = {
            "payee": wanted.payee,
            "bank_reference": wanted.bank_reference,
            "amount": wanted.amount,
            "currency": wanted.currency,
        }
        headers = {"Idempotency-Key": key, **bearer("")}
        return _said(await call(self._http, "POST", self._url, msgspec.json.encode(body), headers))

    async def ask(self, wanted: PayOut) -> Said:
        url = f"{self._url}/{quote(wanted.reference, safe='')}"
        return _said(await call(self._http, "GET", url))


def _said(answer: Answer) -> Said:
    if not answer.is_good:
        return Said("refused", reason=f"the provider answers {answer.status}")
    found = read(answer, _Payout)
    outcomes: dict[str, RefundOutcome] = {"paid": "paid", "failed": "refused"}
    # A word that nobody knows yet is looked into by asking again, and never told again.
    outcome = outcomes.get(found.status, "accepted")
    reason = "the provider says that it failed" if outcome == "refused" else ""
    return Said(outcome, found.id[:128], reason)
