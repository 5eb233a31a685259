"""The real writer, sequencer, core, recovery, hub and feeds, as processes on simulated machines."""

import asyncio
from collections.abc import Callable
from random import Random

from msgspec import Struct
from typing_extensions import override

from engine.contract import Command
from engine.kernel.actor import THE_HOUSE, Actor
from engine.kernel.market import Market
from engine.ports import Answer, AnswerTo
from engine.registry import Registry
from gateway.channel import Pace, Send
from gateway.counts import Counts
from gateway.desk import Desk
from gateway.feeds import Feeds, Refuse
from gateway.hub import Hub
from gateway.rates import Rates
from gateway.session_commands import Subscribe
from gateway.settings import GatewaySettings
from gateway.tokens import shared_secret
from persistence.errors import LogError
from runtime.clock import Clock
from runtime.writer.writer import Writer
from testkit.auditor import Auditor
from testkit.chronicle import Chronicle
from testkit.faulty_log import AuditedStore, FaultyLog, Weather
from testkit.sim_errands import FarEnds, SimWorld
from testkit.sim_options import Options
from testkit.violation import expect
from testkit.virtual_loop import Life, VirtualLoop
from testkit.world import vault

OPENING_NS = 1_700_000_000_000_000_000
"""Wall time at the beginning of every run."""
SKEW_MS_MAX = 300
"""By so much the wall clocks of two machines differ."""
SECRET = "nobody in a simulation shows a token"
RESTART_US_MAX = 4_000_000
PACE_US = 2_000
"""Rooms have few listeners here, and are to rest all the same."""


class World(Struct, frozen=True):
    """What everything in a run shares."""

    loop: VirtualLoop
    options: Options
    registry: Registry
    markets: dict[str, Market]
    chronicle: Chronicle
    auditor: Auditor
    store: AuditedStore
    weather: Weather
    far: FarEnds


class OpenWriter(Writer):
    """A writer that lets the auditor know what the house asks of itself, as people do."""

    auditor: Auditor
    life: Life

    @override
    def submit(self, command: Command, actor: Actor, to: AnswerTo) -> None:
        def heard(answer: Answer) -> None:
            self.auditor.answered(actor.user, command, answer, self.life)
            to(answer)

        if actor == THE_HOUSE:
            self.auditor.sent(actor.user, command, self.life)
            super().submit(command, actor, heard)
        else:
            super().submit(command, actor, to)


class Process:
    """One run of `serve`, without sockets. Its lines live as long as it does."""

    def __init__(self, world: World, name: str, dice: Random, skew_ms: int) -> None:
        loop, options = world.loop, world.options
        self.life = Life(name)
        self.log = FaultyLog(world.store, loop, dice, options, world.weather, world.chronicle)
        counts = Counts()
        self.hub = Hub(loop.call_soon, counts, Pace(loop.call_later, PACE_US))
        self.outside = SimWorld(world.far, self.log, world.registry, loop.time)
        self.writer = OpenWriter(
            self.log,
            world.registry,
            world.markets,
            self.hub,
            Clock(
                lambda: OPENING_NS + skew_ms * 1_000_000 + loop.now_us * 1_000,
                lambda: loop.now_us * 1_000,
            ),
            vault(),
            self.outside,
            snapshot_every=options.snapshot_every,
            batch_max=options.batch_max,
            backlog_max=options.backlog_max,
        )
        self.writer.auditor, self.writer.life = world.auditor, self.life
        self._desk: Desk | None = None
        self._counts = counts
        self.lines: dict[Line, None] = {}
        self.ended: asyncio.Future[None] = loop.create_future()
        self._world = world
        self._stopping: asyncio.Task[None] | None = None

    @property
    def is_serving(self) -> bool:
        """Whether a load balancer would send people here."""
        return self.life.is_alive and self._desk is not None and self.writer.is_ready

    @property
    def desk(self) -> Desk:
        """Where every call is looked at. It opens when the writer serves."""
        assert self._desk is not None, "nobody is sent here before that"
        return self._desk

    def start(self) -> None:
        """Come to life."""
        self.life.call(self._world.loop.spawn, self._main())

    def stop(self) -> None:
        """Ask it to stop in good order."""
        if self._stopping is None and self.writer.is_ready:
            self._stopping = self.life.call(self._world.loop.create_task, self._stop())

    def _open(self) -> Desk:
        return Desk(
            GatewaySettings(rates=Rates(user=0, guest=0)),
            self._world.registry,
            self.writer,
            self.hub,
            shared_secret(SECRET),
            self._counts,
            wall_ms=self.writer.now,
            monotonic_s=self._world.loop.time,
        )

    async def _stop(self) -> None:
        try:
            await self.outside.stop()
            await self.writer.stop()
        except LogError as problem:
            self._world.chronicle.note("stopped badly", str(problem))

    async def _main(self) -> None:
        note = self._world.chronicle.note
        self.outside.start(self.writer)
        try:
            recovered = await self.writer.start(self.life.name)
            note("recovered", f"{self.life.name} {recovered.core.position}")
            self._desk = self._open()
            await self.writer.run()
        except LogError as problem:
            note("ended", f"{self.life.name} {problem}")
        if self._stopping is not None:
            await self._stopping
            note("stopped", self.life.name)
        if not self.ended.done():
            self.ended.set_result(None)


class Wire(Struct, frozen=True):
    """What feeds write to. Simulated clients read at once."""

    send_framed: Send
    hang_up: Callable[[], object]
    congested: bool = False

    def close(self, code: int, reason: str) -> None:
        """The server ends the conversation."""
        self.hang_up()


class Line:
    """A connection of somebody to a process: what `gateway.session` does, but for the JSON."""

    def __init__(
        self, world: World, process: Process, actor: Actor, receive: Send, refuse: Refuse
    ) -> None:
        self.process = process
        self.actor = actor
        self.is_open = True
        self._world = world
        self._waiting: dict[asyncio.Future[Answer | None], None] = {}
        self._feeds = Feeds(
            process.hub,
            process.writer,
            process.desk.counts,
            Wire(lambda data: receive(data) if self.is_open else None, self.close),
            lambda id_, rejected: refuse(id_, rejected) if self.is_open else None,
        )
        process.lines[self] = None
        self._hand_in(self._enter)

    def submit(self, actor: Actor, command: Command) -> asyncio.Future[Answer | None]:
        """Send a command. The answer, or None if the connection breaks before it comes."""
        future: asyncio.Future[Answer | None] = self._world.loop.create_future()
        self._waiting[future] = None
        life = self.process.life
        self._world.auditor.sent(actor.user, command, life)

        def to(answer: Answer) -> None:
            if not life.is_alive:
                return
            self._world.auditor.answered(actor.user, command, answer, life)
            self._settle(future, answer)

        self._hand_in(lambda: self._submit(command, actor, to))
        return future

    def look(self, room: str, viewer: Actor, to: Callable[[object], None]) -> None:
        """Have a room's snapshot handed to `to`."""
        self._hand_in(lambda: self.process.writer.see(room, viewer, to))

    def subscribe(self, command: Subscribe, audiences: set[str]) -> None:
        """Listen to a room. The class that the viewer is of then is added to `audiences`."""

        def listen() -> None:
            audiences.add(self.audience(command.room))
            self._feeds.subscribe(command)

        self._hand_in(listen)

    def audience(self, room: str) -> str:
        """The class that this viewer is of just now."""
        return self.process.writer.audience(room, self.actor)

    def close(self) -> None:
        """Hang up."""
        if self.is_open:
            self.cut()
            self.process.lines.pop(self, None)
            self._hand_in(self._leave)

    def cut(self) -> None:
        """The connection is broken."""
        self.is_open = False
        for future in list(self._waiting):
            self._settle(future, None)

    def _hand_in(self, call: Callable[[], object]) -> None:
        self._world.loop.hand_in(self.process.life, call)

    def _submit(self, command: Command, actor: Actor, to: AnswerTo) -> None:
        owner, name = self._world.store.owner, self.process.life.name
        is_owner = owner == name or not self.process.writer.is_ready
        expect(is_owner, f"ENG-11: {name} decides, and {owner} owns the log")
        self.process.desk.submit(command, actor, to)

    def _settle(self, future: asyncio.Future[Answer | None], answer: Answer | None) -> None:
        self._waiting.pop(future, None)
        if not future.done():
            future.set_result(answer)

    def _enter(self) -> None:
        self._feeds.change_viewer(self.actor)
        if self.actor.user:
            self.process.desk.attendance.come(self.actor.user, self._feeds)

    def _leave(self) -> None:
        self._feeds.drop_all()
        if self.actor.user:
            self.process.desk.attendance.go(self.actor.user, self._feeds)


class Host:
    """A machine whose supervisor starts the process again whenever it ends."""

    def __init__(self, world: World, name: str, dice: Random) -> None:
        self.name = name
        self.process: Process | None = None
        self.down_us = 0
        """How much longer than usual the next start has to wait."""
        self._world = world
        self._dice = dice
        self._skew_ms = dice.randrange(-SKEW_MS_MAX, SKEW_MS_MAX)
        self._runs = 0

    async def supervise(self) -> None:
        """Until the run is over."""
        while not self._world.weather.is_over:
            self._runs += 1
            process = Process(self._world, f"{self.name}.{self._runs}", self._dice, self._skew_ms)
            self.process = process
            process.start()
            await process.ended
            self._bury(process)
            down_us, self.down_us = self.down_us, 0
            await asyncio.sleep((down_us + self._dice.randrange(RESTART_US_MAX)) / 1_000_000)

    def crash(self, down_us: int) -> None:
        """Kill the process at this very point."""
        if self.process is not None and not self.process.ended.done():
            self.down_us = down_us
            self._bury(self.process)
            self.process.ended.set_result(None)

    def _bury(self, process: Process) -> None:
        self._world.loop.kill(process.life)
        for line in process.lines:
            line.cut()
