"""Errands: what durable events call for outside is done at least once, whatever happens.

The log is the queue. A mark in its store says up to which position everything is done; what lies
behind the mark is read again after a crash. In memory there are a few thousand errands at most:
when the world outside is slow, the others stay in the log until there is room.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from msgspec import Struct

from engine.contract import no_errands
from engine.core import Applied, Core
from engine.house import ReportErrand
from engine.kernel.outside import Errand, Forward
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.ports import CommandSink, EventLog
from engine.registry import Registry
from engine.sequencer import Errands, errands_of
from persistence.errors import LogError, LogUnavailable
from runtime.outside.carrying import Carrier, Job, NotDone, NotNow, Undeliverable
from runtime.writer.house_commands import decided, settled

logger = logging.getLogger(__name__)

MARK = "errands"
PAGE = 1_000
WAITING_MAX = 5_000
"""Errands in memory. What comes beyond is read from the log when there is room."""
HANDS = 16
"""Errands that are under way at once."""
RETRY_S = (5, 30, 120, 600)
"""Waits between attempts (notifications NOT-7)."""
CARRY_S_MAX = 60
LOG_RETRY_S = 1.0
MARK_EVERY_S = 1.0
QUIET_EVERY_S = 30.0
"""How often the mark follows a log that calls for no errands."""
STOP_S_MAX = 5.0

Pause = Callable[[float], Awaitable[None]]


class ErrandCounts(Struct):
    """What the metrics page tells."""

    done: int = 0
    retried: int = 0
    expired: int = 0
    failed: int = 0
    waiting: int = 0


class ErrandRunner:
    """Hands errands to a carrier. Nothing here blocks the writer or fails it."""

    def __init__(
        self,
        log: EventLog,
        registry: Registry,
        carrier: Carrier,
        now: Callable[[], Millis],
        *,
        waiting_max: int = WAITING_MAX,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """`now` is engine time, by which letters expire; `pause` waits some seconds."""
        self.counts = ErrandCounts()
        self._log = log
        self._registry = registry
        self._carrier = carrier
        self._now = now
        self._waiting_max = waiting_max
        self._pause = pause
        self._sink: CommandSink | None = None
        self._core: Core | None = None
        self._known = 0
        """The last position that is durable, as far as we were told."""
        self._read_to: int | None = None
        """Up to here every errand is begun; None until the mark is known."""
        self._saved = 0
        self._open: dict[int, int] = {}
        """Position -> errands not yet done, in the order of the log."""
        self._jobs: set[asyncio.Task[None]] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        self._services: list[asyncio.Task[None]] = []
        self._hands = asyncio.Semaphore(HANDS)
        self._behind = asyncio.Event()
        self._room = asyncio.Event()
        self._is_stopped = False

    def start(self, sink: CommandSink) -> None:
        """Begin. The house is told of failures through `sink`."""
        self._sink = sink
        loop = asyncio.get_running_loop()
        self._services = [loop.create_task(self._read_on()), loop.create_task(self._keep_mark())]

    async def stop(self) -> None:
        """Let what is under way come to its end for a while, and keep the mark. Call it before
        the writer lets the lease go; what is not done is done after the next start."""
        self._is_stopped = True
        for service in self._services:
            service.cancel()
        for job in self._jobs - self._under_way:
            job.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_S_MAX)
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._services, *self._jobs, return_exceptions=True)
        with suppress(LogError):
            await self._save_mark()

    # From the writer.

    def recovered(self, core: Core) -> None:
        """`ports.World.recovered`."""
        self._core = core
        self._known = max(self._known, core.position)
        self._behind.set()

    def send_out(self, errands: Errands) -> None:
        """`ports.World.send_out`."""
        follows = self._read_to is not None and self._read_to >= self._known
        self._known = errands.position
        if self._is_stopped or not follows or len(self._jobs) >= self._waiting_max:
            self._behind.set()
            return
        self._read_to = errands.position
        self._begin(errands.position, errands.room, errands.errands)

    # Inside.

    def _begin(self, position: int, room: str, errands: Sequence[Errand]) -> None:
        # Letters for other markets have a queue and a mark of their own (`runtime.writer.mail`).
        errands = [errand for errand in errands if not isinstance(errand, Forward)]
        if not errands:
            return
        assert self._sink is not None, "errands begin after `start`"
        log_id = self._sink.log_id
        self._open[position] = len(errands)
        for index, errand in enumerate(errands):
            job = asyncio.create_task(self._do(Job(position, index, room, errand, log_id)))
            self._jobs.add(job)
            job.add_done_callback(self._ended)
        self.counts.waiting = len(self._jobs)

    def _ended(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        self.counts.waiting = len(self._jobs)
        if len(self._jobs) < self._waiting_max:
            self._room.set()

    async def _do(self, job: Job) -> None:
        """Try until it is done, has expired, or has failed and an operator can see it."""
        problem, attempts = "", 0
        for wait_s in (*RETRY_S, None):
            if job.is_expired(self._now()):
                self.counts.expired += 1
                break
            attempts += 1
            try:
                await self._carry(job)
            except NotDone as not_done:
                problem = not_done.problem
                if wait_s is None or isinstance(not_done, Undeliverable):
                    self.counts.failed += 1
                    break
            else:
                self.counts.done += 1
                problem = ""
                break
            self.counts.retried += 1
            logger.warning("%s %s: %s; again in %d s", job.channel, job.template, problem, wait_s)
            await self._pause(wait_s)
        if problem:
            await self._report(job, attempts, problem)
        self._close(job)

    async def _carry(self, job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None, "errands are done in tasks"
        async with self._hands:
            self._under_way.add(task)
            try:
                async with asyncio.timeout(CARRY_S_MAX):
                    await self._carrier.carry(job)
            except NotDone:
                raise
            except TimeoutError:
                raise NotNow("no answer in time") from None
            except Exception as bug:
                # Its text may hold an address or a code, so nobody is shown it.
                where = f"{job.channel} {job.template}"
                logger.error("a carrier failed with %s: %s", type(bug).__name__, where)
                raise NotNow(f"internal error: {type(bug).__name__}") from None
            finally:
                self._under_way.discard(task)

    async def _report(self, job: Job, attempts: int, problem: str) -> None:
        """Leave word for operators, without a word of what was to be said."""
        logger.error("%s %s failed for good: %s", job.channel, job.template, problem)
        assert self._sink is not None, "errands begin after `start`"
        report = ReportErrand(
            id=job.key,
            source=job.room,
            position=job.position,
            channel=job.channel,
            template=job.template,
            attempts=attempts,
            problem=problem,
        )
        await decided(self._sink, report, self._pause)

    def _close(self, job: Job) -> None:
        self._open[job.position] -= 1
        if not self._open[job.position]:
            del self._open[job.position]

    # Reading what nobody was sent out for.

    async def _read_on(self) -> None:
        while True:
            await self._behind.wait()
            self._behind.clear()
            try:
                await self._catch_up()
            except LogError as problem:
                logger.warning("errands wait in the log: %s", problem)
                self._behind.set()
                await self._pause(LOG_RETRY_S)

    async def _catch_up(self) -> None:
        if self._read_to is None:
            self._saved = await self._log.load_mark(MARK)
            self._read_to = self._saved
        while self._read_to < self._known:
            while len(self._jobs) >= self._waiting_max:
                self._room.clear()
                await self._room.wait()
            page = await self._log.read(self._read_to, PAGE)
            if not page:
                raise LogUnavailable(f"nothing is read after position {self._read_to} yet")
            for record in page:
                if record.position > self._known or len(self._jobs) >= self._waiting_max:
                    break
                self._begin(record.position, record.room, self._made_again(record))
                self._read_to = record.position

    def _made_again(self, record: Record) -> Sequence[Errand]:
        """The errands of a record of the log."""
        domain = self._registry.domain_of(record.room)
        if domain is None or domain.errands is no_errands:
            return ()
        assert self._core is not None, "a log is read after recovery"
        event = self._registry.event_decoder.decode(record.event)
        try:
            return errands_of(self._core, Applied(self._core.rooms[record.room], record, event))
        except Exception as bug:
            # The event was decided long ago: without its errands the house is still right.
            where = f"position {record.position}"
            logger.critical("no errands of %s: a rule failed", where, exc_info=bug)
            return ()

    # The mark.

    async def _keep_mark(self) -> None:
        quiet_s = 0.0
        while True:
            await self._pause(MARK_EVERY_S)
            quiet_s += MARK_EVERY_S
            try:
                if quiet_s >= QUIET_EVERY_S:
                    quiet_s = 0.0
                    await self._follow()
                await self._save_mark()
            except LogError as problem:
                logger.warning("how far errands have come is not kept: %s", problem)

    async def _follow(self) -> None:
        """Where no event calls for an errand, go on with the log, so that the next start reads
        little."""
        core = self._core
        if core is None or self._sink is None:
            return
        position = core.position
        is_durable = await settled(self._sink)
        follows = self._read_to is not None and self._read_to >= self._known
        if is_durable and follows and core is self._core:
            self._known = self._read_to = max(self._known, position)

    async def _save_mark(self) -> None:
        if self._read_to is None:
            return
        position = next(iter(self._open)) - 1 if self._open else self._read_to
        if position > self._saved:
            await self._log.save_mark(MARK, position)
            self._saved = position
