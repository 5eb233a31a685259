"""What a gateway asks leaves for the stream in one entry for each turn of the loop."""

import asyncio
import logging

from persistence.bus import wire
from persistence.bus.keys import commands_key
from persistence.bus.line import RedisAway, RedisLine, RedisRefused
from persistence.trouble import Trouble

logger = logging.getLogger(__name__)

ENTRY_REQUESTS_MAX = 1_000
RETRY_SECONDS = 0.1


class Sender:
    """Adds requests to a shard's stream, in order. An entry whose fate is not known is added once
    more: the writer knows a command by its id."""

    def __init__(self, url: str, shard: int, gateway: str) -> None:
        self._key = commands_key(shard)
        self._gateway = gateway
        self._line = RedisLine(url)
        self._trouble = Trouble(logger, f"commands for shard {shard} wait for Redis")
        self._waiting: list[wire.Request] = []
        self._entries = 0
        self._work = asyncio.Event()

    def add(self, request: wire.Request) -> None:
        """Have it sent at the next turn."""
        self._waiting.append(request)
        self._work.set()

    def clear(self) -> None:
        """Forget what has not been sent."""
        self._waiting.clear()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._work.wait()
            self._work.clear()
            waiting, self._waiting = self._waiting, []
            for start in range(0, len(waiting), ENTRY_REQUESTS_MAX):
                await self._send(waiting[start : start + ENTRY_REQUESTS_MAX])

    async def close(self) -> None:
        """Let go of Redis."""
        await self._line.close()

    async def _send(self, requests: list[wire.Request]) -> None:
        self._entries += 1
        body = wire.encode(wire.Asked(self._gateway, requests, self._entries))
        while True:
            try:
                await self._line.ask([("XADD", self._key, "*", "b", body)])
            except (RedisAway, RedisRefused) as problem:
                self._trouble.met(problem)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._trouble.over()
                return
