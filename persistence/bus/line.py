"""Connections to Redis: one that asks, one that listens. Both say when they break, for what was
published meanwhile is lost: a client library that connects again in silence would hide it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisError

from persistence.bus.node import CONNECT_SECONDS_MAX, RedisNode, leave
from persistence.trouble import Trouble

logger = logging.getLogger(__name__)

ANSWER_SECONDS_MAX = 4.0
PING_SECONDS = 1.0
SILENCE_SECONDS_MAX = 4.0
RETRY_SECONDS = 0.1
CHANNELS_AT_ONCE = 500
MOVES_MAX = 4
"""So often in a row the servers of a cluster may say that another one has it."""

PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PING = "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE", "PING"

Command = Sequence[str | bytes | int]


class RedisAway(Exception):
    """Redis cannot be reached, or does not answer. Whether it did what was asked is not known."""


class RedisRefused(Exception):
    """Redis answers that it cannot do what was asked."""


class RedisLine:
    """Asks, one group of commands after another. It connects when it has to."""

    def __init__(self, url: str) -> None:
        """`url`: redis://…, rediss://… or unix://…"""
        self._node = RedisNode(url)
        self._connection: AbstractConnection | None = None

    async def ask(
        self, commands: Sequence[Command], within_s: float = ANSWER_SECONDS_MAX
    ) -> list[Any]:
        """Send all commands at once; their answers, in order.

        Raises RedisAway, and RedisRefused with the first of the answers that was an error."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX + within_s):
                return await self._ask_around(commands)
        except (RedisError, OSError, TimeoutError) as problem:
            await self.close()
            raise RedisAway(str(problem) or type(problem).__name__) from problem
        except asyncio.CancelledError:
            # Its answer would be taken for that of the next command.
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the connection. The next call opens another."""
        connection, self._connection = self._connection, None
        if connection:
            await leave(connection)

    async def _ask_around(self, commands: Sequence[Command]) -> list[Any]:
        for _ in range(MOVES_MAX):
            try:
                return await self._ask(commands)
            except MovedError as moved:
                await self.close()
                self._node.follow(moved)
        raise RedisAway("the servers of the cluster send us round in circles")

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        if self._connection is None:
            self._connection = await self._node.connect()
        connection = self._connection
        await connection.send_packed_command(connection.pack_commands(map(self._named, commands)))
        answers, refused = [], None
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except RedisError as problem:
                if not connection.is_connected:
                    raise
                refused = refused or problem
        if isinstance(refused, MovedError):
            raise refused
        if refused:
            raise RedisRefused(str(refused)) from refused
        return answers

    def _named(self, command: Command) -> Command:
        if command[0] != PUBLISH:
            return command
        return (self._node.word(PUBLISH), *command[1:])


class RedisEar:
    """Listens to channels, and goes on listening."""

    def __init__(
        self,
        url: str,
        told: Callable[[bytes, bytes], None],
        opened: Callable[[], None],
    ) -> None:
        """`told` gets channel and message. `opened`: every channel is heard, perhaps again, and
        nobody knows what was said before."""
        self.is_open = False
        self._node = RedisNode(url)
        self._trouble = Trouble(logger, "Redis is not heard")
        self._told = told
        self._opened = opened
        self._channels: dict[str, list[Callable[[], None]]] = {}
        """What is to be heard, and who waits until it is."""
        self._asked: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self._awaited: set[str] = set()
        """What has to be heard before all is."""

    def hear(self, channel: str, then: Callable[[], None]) -> None:
        """Listen to a channel; `then` is called as soon as all that is said there is heard."""
        waiting = self._channels.setdefault(channel, [])
        waiting.append(then)
        if self.is_open:
            self._asked.put_nowait((SUBSCRIBE, channel))

    def leave(self, channel: str) -> None:
        """Listen to a channel no more."""
        if self._channels.pop(channel, None) is not None and self.is_open:
            self._asked.put_nowait((UNSUBSCRIBE, channel))

    async def run(self) -> None:
        """Listen for ever."""
        while True:
            try:
                async with asyncio.timeout(CONNECT_SECONDS_MAX):
                    connection = await self._node.connect()
                try:
                    await self._listen(connection)
                finally:
                    await leave(connection)
            except MovedError as moved:
                self._node.follow(moved)
            except (RedisError, OSError, TimeoutError) as problem:
                self._trouble.met(problem)
            finally:
                self.is_open = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, connection: AbstractConnection) -> None:
        self._asked = asyncio.Queue()
        channels = list(self._channels)
        self._awaited = set(channels)
        for start in range(0, len(channels), CHANNELS_AT_ONCE):
            some = channels[start : start + CHANNELS_AT_ONCE]
            await connection.send_command(self._node.word(SUBSCRIBE), *some)
        if not self._awaited:
            self._open()
        sending = asyncio.create_task(self._send(connection))
        try:
            while True:
                async with asyncio.timeout(SILENCE_SECONDS_MAX):
                    kind, channel, body = (*await connection.read_response(), b"")[:3]
                self._take(kind, channel, body)
        finally:
            sending.cancel()

    def _take(self, kind: bytes, channel: bytes, body: bytes) -> None:
        if kind in (b"message", b"smessage"):
            self._told(channel, body)
        elif kind in (b"subscribe", b"ssubscribe"):
            name = channel.decode()
            self._awaited.discard(name)
            if not self._awaited and not self.is_open:
                self._open()
            self._heard(name)
        elif kind == b"sunsubscribe" and channel.decode() in self._channels:
            # Nobody has asked for that: the cluster keeps this shard elsewhere from now on.
            raise RedisConnectionError("the channels have moved")

    def _open(self) -> None:
        self.is_open = True
        self._trouble.over()
        # Whoever asked while the others were being taken up.
        for channel, waiting in self._channels.items():
            if waiting:
                self._asked.put_nowait((SUBSCRIBE, channel))
        self._opened()

    def _heard(self, channel: str) -> None:
        if waiting := self._channels.get(channel):
            self._channels[channel] = []
            for then in waiting:
                then()

    async def _send(self, connection: AbstractConnection) -> None:
        """Pass on what is asked, and now and then a ping, so that silence means something."""
        with suppress(RedisError, OSError):
            while True:
                try:
                    async with asyncio.timeout(PING_SECONDS):
                        command = await self._asked.get()
                except TimeoutError:
                    command = (PING,)
                word = command[0] if command[0] == PING else self._node.word(command[0])
                await connection.send_command(word, *command[1:])
