"""Markets in one process: a writer each, over a log that outlives it, and letters between them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from engine.contract import Command
from engine.core import Core
from engine.kernel.actor import Actor
from engine.kernel.market import BUILT_IN
from engine.mail import TakeLetter
from engine.ports import Answer, CommandSink, EventLog
from engine.registry import Registry
from engine.sequencer import Accepted, Errands, Refused
from runtime.clock import Clock
from runtime.writer.mail import MailRunner, PeersHere
from runtime.writer.writer import Writer
from testkit.world import PaperWorld, vault
from tests.runtime.writer.writing import ADMIN, Listener, answer, ask


class Road(PeersHere):
    """Between the markets. A test may hold letters up, lose them, lose answers, or repeat."""

    def __init__(self, sinks: dict[str, CommandSink]) -> None:
        super().__init__(sinks)
        self.taken: list[tuple[str, int]] = []
        """Market and number of each letter that was handed over, every time."""
        self.open = asyncio.Event()
        self.open.set()
        self.before: Callable[[TakeLetter], None] = _nothing
        """Called before a letter is handed over: what it raises, the sender hears."""
        self.after: Callable[[TakeLetter], None] = _nothing
        """The same, when it was taken and the sender does not know."""

    async def take(self, market: str, letter: TakeLetter) -> Answer:
        await self.open.wait()
        self.before(letter)
        self.taken.append((market, letter.number))
        given = await super().take(market, letter)
        self.after(letter)
        return given


def _nothing(_: TakeLetter) -> None:
    """All is well."""


class MailWorld(PaperWorld):
    """The writer's world: nobody but who carries letters."""

    def __init__(self, mail: MailRunner) -> None:
        super().__init__()
        self._mail = mail

    def recovered(self, core: Core) -> None:
        self._mail.recovered(core)

    def send_out(self, errands: Errands) -> None:
        self._mail.send_out(errands)


class MarketHere:
    """One market: it can be started, killed and started again."""

    def __init__(
        self,
        name: str,
        registry: Registry,
        open_log: Callable[[], EventLog],
        road: Road,
        sinks: dict[str, CommandSink],
    ) -> None:
        self.name = name
        self.waits: list[float] = []
        self._registry = registry
        self._open_log = open_log
        self._road = road
        self._sinks = sinks
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Recover and serve."""
        self.log = self._open_log()
        self.mail = MailRunner(self.name, self.log, self._road, window=4, pause=self._pause)
        self.writer = Writer(
            self.log,
            self._registry,
            dict(BUILT_IN),
            Listener(),
            Clock(),
            vault(),
            MailWorld(self.mail),
            home=self.name,
        )
        await self.writer.start(f"market {self.name}")
        self._sinks[self.name] = self.writer
        self._serving = asyncio.create_task(self.writer.run())

    async def kill(self) -> None:
        """As `kill -9`: nothing is written any more, no mark is kept, nobody is told."""
        assert self._serving is not None, "start comes first"
        del self._sinks[self.name]
        self.log.save_mark = _keep_nothing  # type: ignore[method-assign]
        await self.mail.stop()
        self._serving.cancel()
        with suppress(asyncio.CancelledError):
            await self._serving
        # So that the next one need not wait for the lease to end.
        await self.log.release()
        await self.log.close()

    async def stop(self) -> None:
        """As an orderly process does."""
        assert self._serving is not None, "start comes first"
        del self._sinks[self.name]
        await self.mail.stop()
        await self.writer.stop()
        await self._serving
        await self.log.release()
        await self.log.close()

    async def ask(self, command: Command, actor: Actor) -> Accepted | Refused:
        """Ask, and wait for the answer."""
        return await ask(self.writer, command, actor)

    async def see(self, room: str) -> Any:
        """What staff see of a room; None if there is none."""
        sight = await answer(lambda to: self.writer.see(room, ADMIN, to))
        return None if isinstance(sight, Refused) else msgspec.json.decode(sight.state)

    async def _pause(self, seconds: float) -> None:
        """Time passes quickly."""
        self.waits.append(seconds)
        await asyncio.sleep(min(seconds, 0.02))


async def _keep_nothing(name: str, position: int) -> None:
    """A mark that a crash was quicker than."""


async def until_seen(market: MarketHere, room: str, holds: Callable[[Any], bool]) -> None:
    """Wait until staff see it."""
    async with asyncio.timeout(10):
        while (seen := await market.see(room)) is None or not holds(seen):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
