"""What goes wrong in a simulated run, at random moments, until it is ended."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from engine.ports import Snapshot
from testkit.sim_clients import Person
from testkit.sim_house import Host, Process, World


class Faults:
    """Machines crash, freeze and lose sight of the log; the log fails; people go away."""

    def __init__(self, world: World, hosts: list[Host], people: list[Person], dice: Random) -> None:
        self._world = world
        self._hosts = hosts
        self._people = people
        self._dice = dice
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """From now on, as often as the options say."""
        options = self._world.options
        for every_ms, strike in (
            (options.crash_every, self._crash),
            (options.stop_every, self._stop),
            (options.freeze_every, self._freeze),
            (options.cut_every, self._cut),
            (options.dark_every, self._darken),
            (options.forget_every, self._forget),
            (options.leave_every, self._leave),
        ):
            if every_ms:
                self._tasks.append(self._world.loop.create_task(self._repeat(every_ms, strike)))

    async def end(self) -> None:
        """No more faults, and those under way are over."""
        for task in self._tasks:
            task.cancel()
        self._world.weather.is_calm = True
        self._world.store.available = True
        for host in self._hosts:
            if process := host.process:
                process.log.is_cut = False
                self._world.loop.thaw(process.life)
        for person in self._people:
            person.away_until_us = 0

    async def _repeat(self, every_ms: int, strike: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._dice.expovariate(1_000 / every_ms))
            await strike()

    def _a_while_us(self) -> int:
        """Mostly short, now and then as long as the options allow."""
        longest_us = self._world.options.downtime_ms * 1_000
        return self._dice.randrange(self._dice.choice((longest_us // 10, longest_us)))

    def _some_process(self, name: str) -> Process | None:
        process = self._dice.choice(self._hosts).process
        if process is None or not process.life.is_alive:
            return None
        self._world.chronicle.note(name, process.life.name)
        return process

    async def _crash(self) -> None:
        host = self._dice.choice(self._hosts)
        self._world.chronicle.note("crash", host.name)
        host.crash(self._a_while_us())

    async def _stop(self) -> None:
        if process := self._some_process("stop"):
            process.stop()

    async def _freeze(self) -> None:
        """As a virtual machine that is moved, or a process that is swapped out."""
        if process := self._some_process("freeze"):
            process.life.is_frozen = True
            await asyncio.sleep(self._a_while_us() / 1_000_000)
            self._world.chronicle.note("thaw", process.life.name)
            self._world.loop.thaw(process.life)

    async def _cut(self) -> None:
        if process := self._some_process("cut"):
            process.log.is_cut = True
            await asyncio.sleep(self._a_while_us() / 1_000_000)
            self._world.chronicle.note("mend", process.life.name)
            process.log.is_cut = False

    async def _darken(self) -> None:
        self._world.chronicle.note("dark")
        self._world.store.available = False
        await asyncio.sleep(self._a_while_us() / 1_000_000)
        self._world.chronicle.note("light")
        self._world.store.available = True

    async def _forget(self) -> None:
        """The snapshot only saves time: without it, or with one of a later version, the same
        state comes back."""
        store = self._world.store
        if store.snapshot is not None:
            self._world.chronicle.note("forget")
            unreadable = Snapshot(0, b'{"version":0}')
            store.snapshot = self._dice.choice((None, unreadable))

    async def _leave(self) -> None:
        person = self._dice.choice(self._people)
        self._world.chronicle.note("leave", person.actor.user)
        person.leave(self._a_while_us())
