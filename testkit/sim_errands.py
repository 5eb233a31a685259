"""The world outside in a simulation: slow, deaf at times, and with a memory of what it has done.

Runner and carriers are the real ones; only their far ends are played. Every errand of a durable
event is done at least once, or has expired, or operators are told that it failed.
"""

import asyncio
from collections.abc import Callable, Iterator
from random import Random

from typing_extensions import override

from engine.contract import no_errands
from engine.core import Applied, Core
from engine.kernel.actor import THE_HOUSE
from engine.kernel.outside import Compose, Forward, PayBack
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.ledger.commands import RefundOutcome
from engine.ports import CommandSink
from engine.registry import Registry
from engine.sequencer import Errands, errands_of
from runtime.outside.breaker import Breaker
from runtime.outside.carrying import Carrier, Job, NotNow, Undeliverable
from runtime.outside.errands import ErrandRunner
from runtime.outside.http_out import NoAnswer
from runtime.outside.refunds import RefundCarrier, RefundProvider, Said
from runtime.outside.texts import TextCarrier, TextProvider
from testkit.auditor import Auditor
from testkit.faulty_log import AuditedStore, FaultyLog, Weather
from testkit.sim_options import Options
from testkit.violation import Violation, expect
from testkit.world import PaperWorld

PAUSE_S_MAX = 20.0
"""Minutes between two attempts become seconds, so that a run sees the last of them."""
WAY_S_MAX = 2.0
"""The longest way to whoever does an errand, and the longest back."""
OUTCOMES: tuple[RefundOutcome, ...] = ("paid", "paid", "accepted", "refused")


class FarEnds(RefundProvider, TextProvider):
    """Everybody whom the house's errands reach, in all of its lives."""

    def __init__(
        self, dice: Random, options: Options, weather: Weather, store: AuditedStore
    ) -> None:
        self.done: set[str] = set()
        """Keys of errands."""
        self._dice = dice
        self._options = options
        self._weather = weather
        self._store = store
        self._refunds: dict[str, tuple[PayBack, Said]] = {}
        """By the key that a repeat is told by."""
        self._looked_to = 0
        self._called_for: list[Record] = []

    async def deliver(self, job: Job) -> None:
        """A letter. Raises NotNow or Undeliverable."""
        if self._happens(self._options.torn):
            raise Undeliverable("no such address")
        try:
            await self._way()
            await self._way()
        except NoAnswer as problem:
            raise NotNow(str(problem)) from None

    @override
    async def tell(self, wanted: PayBack, key: str) -> Said:
        await self._way()
        outcome = self._dice.choice(OUTCOMES)
        first, said = self._refunds.setdefault(key, (wanted, Said(outcome, f"re-{key}")))
        same = (first.refund, first.currency, first.amount, first.payment)
        asked = (wanted.refund, wanted.currency, wanted.amount, wanted.payment)
        expect(asked == same, f"accounts P9: {key} was {first}, and is {wanted}")
        await self._way()
        return said

    @override
    async def ask(self, wanted: PayBack) -> Said:
        await self._way()
        return Said(self._dice.choice(OUTCOMES), wanted.reference)

    @override
    async def say(self, wanted: Compose, sentence: str) -> str:
        await self._way()
        return f"Well: {sentence}"

    def begins(self, job: Job) -> None:
        """The house begins with an errand: what calls for it has to be durable."""
        records = self._store.records
        is_there = job.position <= len(records) and records[job.position - 1].room == job.room
        expect(is_there, f"ENG-1: {job} is not in the log")

    def undone(self, auditor: Auditor, registry: Registry, now: Millis) -> list[str]:
        """Errands that the log calls for, as it would after a restart, and nobody has done."""
        for record in self._store.records[self._looked_to :]:
            domain = registry.domain_of(record.room)
            if domain is not None and domain.errands is not no_errands:
                self._called_for.append(record)
        self._looked_to = len(self._store.records)
        left = {
            record.position: list(self._left(record, auditor, registry, now))
            for record in self._called_for
        }
        self._called_for = [record for record in self._called_for if left[record.position]]
        return [key for keys in left.values() for key in keys]

    def _left(
        self, record: Record, auditor: Auditor, registry: Registry, now: Millis
    ) -> Iterator[str]:
        twin = auditor.twin
        event = registry.event_decoder.decode(record.event)
        errands = errands_of(twin, Applied(twin.rooms[record.room], record, event))
        for index, errand in enumerate(e for e in errands if not isinstance(e, Forward)):
            job = Job(record.position, index, record.room, errand)
            if not (
                job.key in self.done
                or job.is_expired(now)
                or auditor.has_decided(THE_HOUSE.user, job.key)
            ):
                yield f"{job.key} of {record.room}"

    async def _way(self) -> None:
        """There, or back: nobody answers if it takes too long. Raises NoAnswer."""
        await asyncio.sleep(self._dice.random() * WAY_S_MAX)
        if self._happens(self._options.lost):
            raise NoAnswer("the connection broke")

    def _happens(self, per_mille: int) -> bool:
        return not self._weather.is_calm and self._dice.randrange(1_000) < per_mille


class SimWorld(PaperWorld, Carrier):
    """The world as one process sees it. `start` it with its writer."""

    def __init__(
        self, far: FarEnds, log: FaultyLog, registry: Registry, monotonic_s: Callable[[], float]
    ) -> None:
        super().__init__()
        self._far = far
        self._sink: CommandSink | None = None
        self._texts = TextCarrier(
            registry.commands, far, Breaker(monotonic_s), self._writer, _pause
        )
        self._refunds = RefundCarrier({"sandbox": far}, self._writer, _pause, monotonic_s)
        self._runner = ErrandRunner(log, registry, self, self._now, pause=_pause)

    def start(self, sink: CommandSink) -> None:
        """Begin with errands."""
        self._sink = sink
        self._runner.start(sink)

    async def stop(self) -> None:
        """In good order, while the writer has its lease."""
        await self._runner.stop()

    @override
    async def carry(self, job: Job) -> None:
        try:
            await self._carry(job)
        except Violation as problem:
            # The runner takes whatever a carrier raises for a reason to try again.
            asyncio.get_running_loop().call_exception_handler({"exception": problem})
            raise

    async def _carry(self, job: Job) -> None:
        self._far.begins(job)
        match job.errand:
            case Compose():
                await self._texts.carry(job)
            case PayBack():
                await self._refunds.carry(job)
            case _:
                await self._far.deliver(job)
        self._far.done.add(job.key)

    @override
    def recovered(self, core: Core) -> None:
        self._runner.recovered(core)

    @override
    def send_out(self, errands: Errands) -> None:
        self._runner.send_out(errands)

    def _writer(self) -> CommandSink:
        assert self._sink is not None, "errands begin after `start`"
        return self._sink

    def _now(self) -> Millis:
        return self._writer().now()


async def _pause(seconds: float) -> None:
    await asyncio.sleep(min(seconds, PAUSE_S_MAX))
