"""Who looks after a live cluster: notices what is gone, tells it, and starts it again."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from testkit.live.board import Market
from testkit.live.parts import House, Part, PartFailed, served_by

LOOK_S = 0.2
AGAIN_AFTER_FAILURE_S = 5.0

Tell = Callable[[str], None]


class Watch:
    """Looks at all parts and markets until cancelled."""

    def __init__(
        self,
        parts: Mapping[str, Part],
        markets: Mapping[str, Market],
        again_after_s: float,
        folder: Path,
        tell: Tell,
    ) -> None:
        """`again_after_s`: how long a part that is gone stays away. The process that serves a
        market is named in `folder/MARKET.writer`, by its number."""
        self._parts = parts
        self._markets = markets
        self._again_after_s = again_after_s
        self._folder = folder
        self._tell = tell
        self._due_s: dict[str, float] = {}
        self._starting: set[asyncio.Task[None]] = set()

    @property
    def again_s(self) -> dict[str, float]:
        """Parts that are gone, and in how many seconds they are started again; infinite while
        they start."""
        now_s = time.monotonic()
        return {name: max(0.0, due_s - now_s) for name, due_s in self._due_s.items()}

    def hurry(self) -> None:
        """Start what is gone now."""
        self._due_s = dict.fromkeys(self._due_s, 0.0)

    async def run(self) -> None:
        """Look, for ever."""
        try:
            while True:
                self._look_at_parts()
                await self._look_at_markets()
                await asyncio.sleep(LOOK_S)
        finally:
            for market in self._markets:
                self._name_writer(market, "")
            for task in self._starting:
                task.cancel()
            await asyncio.gather(*self._starting, return_exceptions=True)

    def _look_at_parts(self) -> None:
        now_s = time.monotonic()
        for part in self._parts.values():
            if part.lives:
                continue
            if part.name not in self._due_s:
                self._due_s[part.name] = now_s + self._again_after_s
                part.forget()
                self._tell(f"{part.name} is gone{self._duties_of(part)}")
            elif self._due_s[part.name] <= now_s:
                # Not again before this attempt has come to an end.
                self._due_s[part.name] = float("inf")
                task = asyncio.create_task(self._start(part))
                self._starting.add(task)
                task.add_done_callback(self._starting.discard)

    def _duties_of(self, part: Part) -> str:
        served = [market.name for market in self._markets.values() if market.latest == part.name]
        return f"; it served {' and '.join(served)}" if served else ""

    async def _start(self, part: Part) -> None:
        try:
            await part.start()
        except PartFailed as problem:
            self._tell(str(problem))
            self._due_s[part.name] = time.monotonic() + AGAIN_AFTER_FAILURE_S
            return
        del self._due_s[part.name]
        self._tell(f"{part.name} is back")

    async def _look_at_markets(self) -> None:
        engines = [p for p in self._parts.values() if isinstance(p, House) and not p.is_gateway]
        served = await asyncio.gather(*(served_by(engine) for engine in engines))
        writers = {
            market: engine.name
            for engine, names in zip(engines, served, strict=True)
            for market in names
        }
        for market in self._markets.values():
            writer = writers.get(market.name, "")
            if writer != market.writer:
                self._name_writer(market.name, writer)
            if told := market.look(writer):
                self._tell(told)

    def _name_writer(self, market: str, writer: str) -> None:
        file = self._folder / f"{market}.writer"
        if writer:
            file.write_text(f"{self._parts[writer].pid}\n")
        else:
            file.unlink(missing_ok=True)
