"""What a writer says leaves for Redis in one message for each channel and turn of the loop."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from engine.ports import CommandSink
from persistence.bus import wire
from persistence.bus.counts import WriterEnd
from persistence.bus.keys import (
    commands_key,
    entry_at,
    replies_channel,
    room_channel,
    shard_channel,
)
from persistence.bus.line import RedisAway, RedisLine, RedisRefused
from persistence.trouble import Trouble

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.1
HELLO_SECONDS = 1.0
WAITING_BYTES_MAX = 64 << 20
"""What may wait while Redis is slow. Beyond it is thrown away, and gateways are told so."""


class Publisher:
    """Collects what is said, and publishes it."""

    def __init__(self, url: str, shard: int, sink: CommandSink, epoch: Callable[[], int]) -> None:
        """`epoch` is of the ownership that the writer speaks for just now."""
        self._epoch = epoch
        self.counts = WriterEnd()
        self.life = 0
        """Counts the times that something may have been lost."""
        self._shard = shard
        self._sink = sink
        self._line = RedisLine(url)
        self._trouble = Trouble(logger, f"gateways are not told what shard {shard} decided")
        self._rooms: dict[str, list[wire.InRoom]] = {}
        self._replies: dict[str, list[wire.Reply]] = {}
        self._to_all: list[wire.ToAll] = []
        self._trim_to: int | None = None
        self._work = asyncio.Event()

    def in_room(self, room: str, said: wire.InRoom) -> None:
        """For whoever listens to a room."""
        self._rooms.setdefault(room, []).append(said)
        self._work.set()

    def to_gateway(self, gateway: str, said: wire.Reply) -> None:
        """For one gateway. What it is told about a room goes before."""
        self._replies.setdefault(gateway, []).append(said)
        self._work.set()

    def to_all(self, said: wire.ToAll) -> None:
        """For every gateway, behind all else."""
        self._to_all.append(said)
        self._work.set()

    def greet(self) -> None:
        """Say that the writer is here."""
        if self._sink.is_ready:
            self.to_all(wire.Hello(self._sink.log_id, self._sink.now()))

    def trim(self, cursor: int) -> None:
        """Nobody will ever read the stream of commands up to here again."""
        self._trim_to = cursor

    async def run(self) -> None:
        """Publish for ever."""
        greeting = asyncio.create_task(self._greet_on())
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                await self._publish(self._take())
        finally:
            greeting.cancel()

    async def leave(self) -> None:
        """Publish what is left, if Redis takes it at once; then let go of it."""
        try:
            if commands := self._take():
                await self._line.ask(commands)
        except (RedisAway, RedisRefused) as problem:
            logger.warning("the last words of shard %d are lost: %s", self._shard, problem)
        await self._line.close()

    async def _greet_on(self) -> None:
        while True:
            self.greet()
            await asyncio.sleep(HELLO_SECONDS)

    def _take(self) -> list[tuple[str | bytes, ...]]:
        rooms, self._rooms = self._rooms, {}
        replies, self._replies = self._replies, {}
        to_all, self._to_all = self._to_all, []
        commands: list[tuple[str | bytes, ...]] = []
        for room, heard in rooms.items():
            commands.append(self._message(room_channel(self._shard, room), heard))
        for gateway, said in replies.items():
            commands.append(self._message(replies_channel(self._shard, gateway), said))
        if to_all:
            commands.append(self._message(shard_channel(self._shard), to_all))
        if self._trim_to is not None:
            key = commands_key(self._shard)
            commands.append(("XTRIM", key, "MINID", entry_at(self._trim_to + 1)))
            self._trim_to = None
        return commands

    def _message(
        self, channel: str, said: Iterable[wire.Reply | wire.InRoom | wire.ToAll]
    ) -> tuple[str | bytes, ...]:
        message = wire.encode(wire.Message(self._epoch(), self.life, list(said)))
        self.counts.messages += 1
        self.counts.bytes += len(message)
        return ("PUBLISH", channel, message)

    async def _publish(self, commands: list[tuple[str | bytes, ...]]) -> None:
        try:
            await self._line.ask(commands)
        except (RedisAway, RedisRefused) as problem:
            self._trouble.met(problem)
            self._lose()
            await asyncio.sleep(RETRY_SECONDS)
        else:
            self._trouble.over()

    def _lose(self) -> None:
        """Something was not heard. The next hello has another `life`, and so gateways ask what
        they have missed; therefore what waits need not be kept."""
        self._rooms.clear()
        self._replies.clear()
        self._to_all.clear()
        self.counts.losses += 1
        self.life += 1
        self.greet()
