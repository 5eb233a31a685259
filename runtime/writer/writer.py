"""The writer's loop: the sequencer, driven by asyncio and bound to a log.

Everything that touches engine state happens synchronously in `submit`, `subscribe`, `see` or
`_tick`; the loop only writes batches and lets go of what rested on them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from engine import look
from engine.contract import Command, Vault
from engine.kernel.actor import Actor
from engine.kernel.ids import MAIN
from engine.kernel.limits import BACKLOG_RECORDS_MAX, BATCH_RECORDS_MAX, SNAPSHOT_EVERY
from engine.kernel.market import Market
from engine.kernel.outcome import Rejected
from engine.kernel.outside import Ask
from engine.kernel.time import Millis
from engine.look import Sight
from engine.ports import Acquired, AnswerTo, EventLog, FanOut, Subscribed, World
from engine.registry import Registry
from engine.sequencer import Recall, Refused, Sequencer
from persistence.errors import LeaseHeld, LeaseLost, LogError, LogUnavailable
from runtime.clock import Clock
from runtime.writer.alarm import Alarm
from runtime.writer.answers import (
    feed_in_memory,
    history,
    missed_in_log,
    recall_from_log,
    revealing,
    stored_in_memory,
    unavailable,
)
from runtime.writer.counts import RoomKinds, WriterCounts
from runtime.writer.follower import Follower
from runtime.writer.heir import SHORT_RECORDS, GiveAway, hand_over, nobody
from runtime.writer.house_commands import settled
from runtime.writer.intake import Asked, Intake
from runtime.writer.lease import Lease
from runtime.writer.recovery import Recovered, Replay, catch_up, recover
from runtime.writer.release import let_go
from runtime.writer.snapshots import Imaging, Snapshots, in_place

logger = logging.getLogger(__name__)

RETRY_MS = (200, 500, 1_000)


class Writer:
    """The one writer of a shard (`ports.CommandSink`). Call `start`, then `run` as a task."""

    def __init__(
        self,
        log: EventLog,
        registry: Registry,
        markets: dict[str, Market],
        fan_out: FanOut,
        clock: Clock,
        vault: Vault,
        world: World,
        *,
        home: str = MAIN,
        snapshot_every: int = SNAPSHOT_EVERY,
        imaging: Imaging = in_place,
        batch_max: int = BATCH_RECORDS_MAX,
        backlog_max: int = BACKLOG_RECORDS_MAX,
        give_away: GiveAway = nobody,
    ) -> None:
        """`home`: the market that this shard is."""
        self.counts = WriterCounts()
        self.clock = clock
        self._log = log
        self._registry = registry
        self._home = home
        self._markets = markets
        self._fan_out = fan_out
        self._vault = vault
        self._world = world
        self._snapshots = Snapshots(log, snapshot_every, imaging)
        self._batch_max = batch_max
        self._backlog_max = backlog_max
        self._give_away = give_away
        self._sequencer: Sequencer | None = None
        self._kinds = RoomKinds({})
        self._log_id = ""
        self._owner = ""
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._alarm = Alarm(clock, self._tick)
        self._intake = Intake(self._decide)
        self._lost: Exception | None = None
        self._lease = Lease(clock, home)
        self._renewing: asyncio.Task[None] | None = None
        self._online: set[str] = set()
        self._failures = 0
        """Attempts to write since an append last succeeded."""
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(
        self,
        owner: str,
        progress: Callable[[int, int], None] = lambda done, total: None,
        following: Follower | None = None,
    ) -> Recovered:
        """Take the lease, recover, fire what fell due while nobody served the log. `following`: the
        standby of this process, which has read the log until now.

        Raises LeaseHeld if another process serves it, LogUnavailable if it cannot be read."""
        self._owner = owner
        self._lease.alive_at = (await self._acquire()).alive_at
        # Reading a long log may outlast the lease, so it is renewed from now on.
        self._renewing = asyncio.create_task(self._keep_lease())
        try:
            # Taken only now: while the lease was waited for, the log went on growing.
            recovered = await self._recover(progress, following.take() if following else None)
        except (Exception, asyncio.CancelledError):
            self._renewing.cancel()
            # Whoever tries next, perhaps this process, need not wait for the lease to end.
            with suppress(LogError):
                await self._log.release()
            raise
        self._serve(recovered)
        return recovered

    async def run(self) -> None:
        """Write batches until `stop`. Raises LeaseLost when another process took over, and
        HandedOver when one is to: then all that was in flight has been answered."""
        assert self._renewing is not None, "start comes first"
        try:
            while not self._stopping or self.backlog:
                await self._work.wait()
                self._work.clear()
                if self._lost:
                    raise self._lost
                await self._write_batches()
        except LeaseHeld as held:
            self._refuse_all()
            raise LeaseLost(held.log, self.counts.lease_epoch) from held
        except BaseException:
            # Whatever it was: nobody waits for ever, and no snapshot is taken of what may not
            # be in the log.
            self._refuse_all()
            raise
        finally:
            self._renewing.cancel()
            self._idle.set()

    async def stop(self) -> None:
        """Refuse new commands, write what is decided, keep a snapshot, give the lease up."""
        self._stopping = True
        self._work.set()
        await self._idle.wait()
        sequencer = self._sequencer
        self._sequencer = None
        self._alarm.set(None)
        if sequencer:
            await self._snapshots.leave(sequencer.core)

    # CommandSink

    @property
    def log_id(self) -> str:
        return self._log_id

    @property
    def is_ready(self) -> bool:
        return self._open is not None

    def now(self) -> Millis:
        return self.clock.now()

    def submit(self, command: Command, actor: Actor, to: AnswerTo) -> None:
        if type(command) in self._registry.reveals:
            to = revealing(command, actor, to, self._registry, self._vault)
        if type(command) in self._registry.prepared and (sequencer := self._now_open()):
            ask = sequencer.core.ask(command, actor)
            if ask:
                self._spawn(self._submit_prepared(ask, command, actor, to))
                return
        self._intake.add((command, actor, to, None))

    async def _submit_prepared(
        self, ask: Ask, command: Command, actor: Actor, to: AnswerTo
    ) -> None:
        proof = await self._world.answer(ask)
        if isinstance(proof, Rejected):
            to(Refused(to, command.id, proof))
        else:
            self._intake.add((command, actor, to, proof))

    def _decide(self, asked: list[Asked]) -> None:
        sequencer, now = self._open, self.clock.now()
        for command, actor, to, proof in asked:
            if sequencer is None:
                to(unavailable(command.id))
                continue
            try:
                sequencer.submit(command, actor, to, now, proof)
            except Exception as bug:
                self._die_of(bug)
                to(unavailable(command.id))
                sequencer = None
            else:
                self._regroup(sequencer)
        if sequencer:
            self._after_step(sequencer)

    def _regroup(self, sequencer: Sequencer) -> None:
        for room, user in sequencer.take_regrouped():
            self._fan_out.regroup(room, user)

    def subscribe(
        self,
        room: str,
        viewer: Actor,
        after: int | None,
        log_id: str | None,
        joined: Callable[[str, int], None],
        to: Callable[[Subscribed | Refused], None],
    ) -> None:
        if (sequencer := self._now_open()) is None:
            to(unavailable(""))
            return
        sight = look.see(sequencer.core, room, viewer)
        if isinstance(sight, Rejected):
            self._hand(sequencer, to, Refused(to, "", sight))
            return
        joined(sight.audience, sight.seq)
        if log_id not in (None, self._log_id) or not look.can_resume(sight, after):
            after = None
        if found := feed_in_memory(sequencer.core, sight, after):
            self._hand(sequencer, to, found)
        else:
            assert after is not None, "only a resumed subscription misses something"
            self._when_durable(sequencer, partial(self._backfill, sight, after, to), to)

    def leave(self, room: str, viewer: Actor) -> None:
        """Who listens is known to the fan-out."""

    def succeed(self, room: str, before: Actor, viewer: Actor) -> None:
        """Who listens is known to the fan-out."""

    def audience(self, room: str, viewer: Actor) -> str:
        return look.audience_of(self._sequencer.core, room, viewer) if self._sequencer else ""

    def gate(self, to: Callable[[Any], None], value: Any) -> None:
        if (sequencer := self._now_open()) is None:
            to(unavailable(""))
        else:
            self._hand(sequencer, to, value)

    def see(self, room: str, viewer: Actor, to: Callable[[Sight | Refused], None]) -> None:
        if (sequencer := self._now_open()) is None:
            to(unavailable(""))
            return
        sight = look.see(sequencer.core, room, viewer)
        self._hand(sequencer, to, Refused(to, "", sight) if isinstance(sight, Rejected) else sight)

    async def history(
        self, room: str, viewer: Actor, after: int, limit: int
    ) -> Sequence[bytes] | Rejected:
        if (sequencer := self._now_open()) is None:
            return unavailable("").rejected
        return await history(sequencer.core, self._log, room, viewer, after, limit)

    def admit(self, actor: Actor) -> Actor | Rejected:
        return self._sequencer.core.admit(actor) if self._sequencer else actor

    def refuse(self, command: type[Command], actor: Actor) -> Rejected | None:
        return self._registry.refuse(command, actor)

    def read_to(self, cursor: int) -> None:
        """All that the stream of commands holds up to `cursor` has been asked."""
        if sequencer := self._now_open():
            sequencer.read_to(cursor)

    def presence(self, user: str, online: bool) -> None:
        (self._online.add if online else self._online.discard)(user)
        if sequencer := self._now_open():
            self._step(sequencer, partial(sequencer.presence, user, online))

    # Beside the port

    @property
    def rooms(self) -> Mapping[str, int]:
        """How many rooms there are of each kind."""
        return self._kinds.count() if self._sequencer else {}

    @property
    def position(self) -> int:
        """Of the last record that was decided; 0 while nothing can be."""
        return self._sequencer.core.position if self._sequencer else 0

    @property
    def lease_age_s(self) -> float:
        """How long ago the lease was granted or renewed, s."""
        return self._lease.age_s

    @property
    def backlog(self) -> int:
        """Records decided and not yet durable."""
        return self._sequencer.backlog if self._sequencer else 0

    async def advance(self, ms: int) -> Millis:
        """For the test clock: move time ahead, firing each timer at its own moment. Returns
        the new time when everything that came of it is durable."""
        target = self.clock.now() + ms
        while (sequencer := self._now_open()) and (due := sequencer.next_due) and due <= target:
            self.clock.not_before(due)
            self._tick()
            await settled(self)
        self.clock.not_before(target)
        # What it was set to has come nearer.
        self._alarm.set(None)
        self._tick()
        await settled(self)
        return self.clock.now()

    @property
    def _open(self) -> Sequencer | None:
        """The sequencer, if it may be used now. A process that slept past its lease answers
        nobody until the log has told it that it is still the owner."""
        return self._sequencer if self._lease.holds and not self._stopping else None

    def _now_open(self) -> Sequencer | None:
        """The sequencer, when all that has been asked until now is decided."""
        self._intake.flush()
        return self._open

    async def _acquire(self) -> Acquired:
        acquired = await self._lease.acquire(self._log, self._owner)
        self._log_id, self.counts.lease_epoch = acquired.log_id, acquired.epoch
        return acquired

    def _serve(self, recovered: Recovered) -> None:
        core = recovered.core
        core.home = self._home
        self._world.recovered(core)
        self._snapshots.position = recovered.snapshot_position
        self.clock.not_before(core.now)
        self._sequencer = sequencer = Sequencer(
            core,
            self._fan_out.audiences,
            recovered.remembered,
            backlog_max=self._backlog_max,
            batch_max=self._batch_max,
        )
        self._kinds = RoomKinds(core.rooms)
        self._resume(sequencer)

    def _resume(self, sequencer: Sequencer) -> None:
        """Nobody was served for a while: make that good, then go on."""
        self._lease.is_serving = False
        sequencer.resume(self._lease.alive_at, self.clock.now(), self._online)
        self._hand(sequencer, self._lease.resumed, None)

    def _hand(self, sequencer: Sequencer, to: Callable[[Any], None], value: Any) -> None:
        sequencer.show(to, value)
        self._after_step(sequencer)

    def _when_durable(
        self,
        sequencer: Sequencer,
        work: Callable[[], Coroutine[Any, Any, None]],
        refuse: Callable[[Refused], None] = lambda refused: None,
    ) -> None:
        """Begin `work` when all that was decided until now is durable, or never."""

        def begin(handed: Refused | None) -> None:
            if handed is None:
                self._spawn(work())
            else:
                refuse(handed)

        self._hand(sequencer, begin, None)

    def _tick(self) -> None:
        if sequencer := self._now_open():
            self._step(sequencer, sequencer.tick)

    def _step(self, sequencer: Sequencer, decide: Callable[[Millis], object]) -> None:
        try:
            decide(self.clock.now())
        except Exception as bug:
            self._die_of(bug)
        else:
            self._after_step(sequencer)

    def _after_step(self, sequencer: Sequencer) -> None:
        self._regroup(sequencer)
        let_go(sequencer.take_outputs(), self._fan_out, self._world, self._recall)
        if sequencer.backlog:
            self._work.set()
        self._alarm.set(sequencer.next_due)

    def _recall(self, recall: Recall) -> None:
        """Give the first answer again: from memory, or else from the log."""
        core = self._sequencer.core if self._sequencer else None
        if core and (answer := stored_in_memory(recall, core, self._registry)):
            recall.to(answer)
        else:
            self._spawn(recall_from_log(recall, self._log, self._registry))

    async def _backfill(
        self, sight: Sight, after: int, to: Callable[[Subscribed | Refused], None]
    ) -> None:
        if self._sequencer is None:
            to(unavailable(""))
        else:
            to(await missed_in_log(sight, after, self._sequencer.core, self._log))

    async def _write_batches(self) -> None:
        """Write until there is nothing left."""
        while (sequencer := self._sequencer) and (batch := sequencer.next_batch()):
            started_ns = self.clock.steady_ns()
            try:
                await self._log.append(batch.records, batch.cursor)
            except LogUnavailable as problem:
                await self._begin_again(problem)
                return
            self.counts.batch(batch.records, (self.clock.steady_ns() - started_ns) / 1_000_000_000)
            self._failures = 0
            self._lease.served()
            sequencer.committed()
            self._after_step(sequencer)
            if work := self._snapshots.take_if_due(sequencer.core):
                self._when_durable(sequencer, work)

    async def _recover(
        self,
        progress: Callable[[int, int], None] = lambda done, total: None,
        onto: Replay | None = None,
    ) -> Recovered:
        return await recover(self._log, self._registry, self._markets, self._vault, progress, onto)

    async def _begin_again(self, problem: LogError) -> None:
        """The log failed. What is in memory may not be in it, so memory goes, and comes back
        from the log as at a start. Until then everybody is told to try again. Raises HandedOver
        if another process has what was replayed already."""
        logger.error("%s: the log cannot be written: %s", self._home, problem)
        self.counts.log_failures += 1
        # Whoever could never write here would only pass the trouble on.
        is_long = self.position > SHORT_RECORDS and self.counts.records > 0
        self._refuse_all()
        while not self._stopping:
            # A log that opens and cannot be written, such as a full one, fails again and again.
            if self._failures:
                delay_ms = RETRY_MS[min(self._failures, len(RETRY_MS)) - 1]
                logger.warning("%s: next attempt in %d ms: %s", self._home, delay_ms, problem)
                await asyncio.sleep(delay_ms / 1_000)
            self._failures += 1
            try:
                if is_long:
                    await hand_over(self._log, self._give_away)
                # A new epoch, so that an append whose fate is not known cannot land any more.
                await self._acquire()
                recovered = await self._recover()
                await catch_up(self._log, recovered.core, self._fan_out)
            except LogUnavailable as still:
                problem = still
            else:
                self._serve(recovered)
                logger.info("%s: the log is open again, at %d", self._home, recovered.core.position)
                return

    def _die_of(self, bug: Exception) -> None:
        """A rule broke off half-way, and memory may hold what no log will. Whatever it was, it
        must not be answered from, kept in a snapshot or written: the loop of asyncio would log
        the exception and go on, so the writer ends here, and `run` raises the bug."""
        logger.critical("the writer stops: a rule failed", exc_info=bug)
        self._refuse_all()
        self._lost = bug
        self._work.set()

    def _refuse_all(self) -> None:
        sequencer, self._sequencer = self._sequencer, None
        self._lease.is_serving = False
        if sequencer:
            for refused in sequencer.abandon():
                refused.to(refused)

    async def _keep_lease(self) -> None:
        self._lost = await self._lease.keep(self._log, self._back)
        self._work.set()

    def _back(self) -> None:
        # An outage, if not a restart.
        if sequencer := self._open:
            self._step(sequencer, lambda _: self._resume(sequencer))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
