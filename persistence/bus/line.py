"""Connections to Redis: one that asks, one that listens. Both say when they break, for what was
published meanwhile is lost: a client library that connects again in silence would hide it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CONNECT_SECONDS_MAX = 2.0
ANSWER_SECONDS_MAX = 4.0
PING_SECONDS = 1.0
SILENCE_SECONDS_MAX = 4.0
RETRY_SECONDS = 0.1
CHANNELS_AT_ONCE = 500

Command = Sequence[str | bytes | int]


class RedisAway(Exception):
    """Redis cannot be reached, or does not answer. Whether it did what was asked is not known."""


class RedisRefused(Exception):
    """Redis answers that it cannot do what was asked."""


def _connections(url: str) -> ConnectionPool:
    return ConnectionPool.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=CONNECT_SECONDS_MAX,
    )


def _connection(connections: ConnectionPool) -> AbstractConnection:
    connection: AbstractConnection = connections.make_connection()  # type: ignore[no-untyped-call]
    return connection


class RedisLine:
    """Asks, one group of commands after another. It connects when it has to."""

    def __init__(self, url: str) -> None:
        """`url`: redis://…, rediss://… or unix://…"""
        self._connections = _connections(url)
        self._connection: AbstractConnection | None = None

    async def ask(
        self, commands: Sequence[Command], within_s: float = ANSWER_SECONDS_MAX
    ) -> list[Any]:
        """Send all commands at once; their answers, in order.

        Raises RedisAway, and RedisRefused with the first of the answers that was an error."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX + within_s):
                return await self._ask(commands)
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
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        if self._connection is None:
            connection = _connection(self._connections)
            await connection.connect()  # type: ignore[no-untyped-call]
            self._connection = connection
        connection = self._connection
        await connection.send_packed_command(connection.pack_commands(commands))
        answers, refused = [], None
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except RedisError as problem:
                if not connection.is_connected:
                    raise
                refused = refused or problem
        if refused:
            raise RedisRefused(str(refused)) from refused
        return answers


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
        self._connections = _connections(url)
        self._told = told
        self._opened = opened
        self._channels: dict[str, list[Callable[[], None]]] = {}
        """What is to be heard, and who waits until it is."""
        self._asked: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()

    def hear(self, channel: str, then: Callable[[], None]) -> None:
        """Listen to a channel; `then` is called as soon as all that is said there is heard."""
        waiting = self._channels.setdefault(channel, [])
        waiting.append(then)
        if self.is_open:
            self._asked.put_nowait(("SUBSCRIBE", channel))

    def leave(self, channel: str) -> None:
        """Listen to a channel no more."""
        if self._channels.pop(channel, None) is not None and self.is_open:
            self._asked.put_nowait(("UNSUBSCRIBE", channel))

    async def run(self) -> None:
        """Listen for ever."""
        while True:
            connection = _connection(self._connections)
            try:
                await self._listen(connection)
            except (RedisError, OSError, TimeoutError) as problem:
                if self.is_open:
                    logger.warning("Redis is not heard any more: %s", problem)
            finally:
                self.is_open = False
                with suppress(RedisError, OSError):
                    await connection.disconnect(nowait=True)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            await connection.connect()  # type: ignore[no-untyped-call]
        self._asked = asyncio.Queue()
        channels = list(self._channels)
        awaited = set(channels)
        for start in range(0, len(channels), CHANNELS_AT_ONCE):
            await connection.send_command("SUBSCRIBE", *channels[start : start + CHANNELS_AT_ONCE])
        if not awaited:
            self._open()
        sending = asyncio.create_task(self._send(connection))
        try:
            while True:
                async with asyncio.timeout(SILENCE_SECONDS_MAX):
                    kind, channel, body = (*await connection.read_response(), b"")[:3]
                if kind == b"message":
                    self._told(channel, body)
                elif kind == b"subscribe":
                    awaited.discard(channel.decode())
                    if not awaited and not self.is_open:
                        self._open()
                    self._heard(channel.decode())
        finally:
            sending.cancel()

    def _open(self) -> None:
        self.is_open = True
        # Whoever asked while the others were being taken up.
        for channel, waiting in self._channels.items():
            if waiting:
                self._asked.put_nowait(("SUBSCRIBE", channel))
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
                    command = ("PING",)
                await connection.send_command(*command)
