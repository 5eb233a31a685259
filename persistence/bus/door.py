"""The writer's door to the stream of commands: what gateways ask is read, handed in, answered.

The place in the stream up to which commands are decided stands in the log together with what they
did (`EventLog.append`), so that the next owner neither skips nor repeats any. What changed nothing
may be read again; it is trimmed as soon as it has been answered.
"""

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial
from typing import Protocol

from engine.ports import CommandSink
from engine.registry import Registry
from persistence.bus import wire
from persistence.bus.far_listeners import FarListeners
from persistence.bus.guests import Guests
from persistence.bus.keys import commands_key, cursor_of, entry_at, written_ms
from persistence.bus.line import RedisAway, RedisLine, RedisRefused
from persistence.bus.publisher import Publisher
from persistence.bus.reception import Reception
from persistence.trouble import Trouble

logger = logging.getLogger(__name__)

BLOCK_MS = 1_000
ENTRIES_AT_ONCE = 256
RETRY_SECONDS = 0.05


class Reading(Protocol):
    """A writer that is asked through a stream."""

    def read_to(self, cursor: int) -> None:
        """All that stands in the stream up to `cursor` has been asked."""


class Door:
    """One shard's. Begin with `run`, as a task, when the writer has started."""

    def __init__(
        self,
        url: str,
        shard: int,
        registry: Registry,
        sink: CommandSink,
        reading: Reading,
        listeners: FarListeners,
        publisher: Publisher,
    ) -> None:
        self._line = RedisLine(url)
        self._key = commands_key(shard)
        self._trouble = Trouble(logger, f"commands for shard {shard} are not read")
        self._sink = sink
        self._reading = reading
        self._out = publisher
        self._guests = Guests(sink.presence, listeners.forget)
        self._reception = Reception(registry, sink, listeners, publisher, self._guests)

    async def run(self, cursor: int) -> None:
        """Read on from `cursor`, for ever."""
        begun = False
        while True:
            try:
                if not begun:
                    await self._begin(cursor)
                before, cursor = cursor, await self._read(cursor)
                # Gateways say something each second. Is there nothing, then perhaps Redis has
                # forgotten the stream once more, and counts from its own clock.
                begun = cursor != before
            except (RedisAway, RedisRefused) as problem:
                self._trouble.met(problem)
                begun = False
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._trouble.over()
            # What is not taken out of the stream now, somebody will decide later.
            while not self._sink.is_ready:  # noqa: ASYNC110 - it depends on a clock too
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Let go of Redis."""
        await self._line.close()

    async def _begin(self, cursor: int) -> None:
        """See to it that whatever comes to stand in the stream comes behind `cursor`, even where
        Redis has forgotten the stream and its clock is behind."""
        with suppress(RedisRefused):
            entry = wire.encode(wire.Asked("", []))
            await self._line.ask([("XADD", self._key, entry_at(cursor + 1), "b", entry)])

    async def _read(self, cursor: int) -> int:
        command = (
            *("XREAD", "COUNT", ENTRIES_AT_ONCE, "BLOCK", BLOCK_MS),
            *("STREAMS", self._key, entry_at(cursor)),
        )
        (found,) = await self._line.ask([command])
        self._guests.sweep()
        if not found:
            return cursor
        counts, now_ms = self._out.counts, time.time_ns() // 1_000_000
        for entry, fields in found[0][1]:
            if self._reception.take(fields[1]):
                counts.entries += 1
                # The two clocks need not agree.
                counts.waited_ms += max(now_ms - written_ms(entry), 0)
            cursor = cursor_of(entry)
        self._reading.read_to(cursor)
        self._sink.gate(partial(self._settled, cursor), None)
        return cursor

    def _settled(self, cursor: int, handed: object) -> None:
        if handed is None:
            self._out.trim(cursor)
