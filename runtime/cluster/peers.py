"""The writers of other markets, as an engine process reaches them: here, or over Redis."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Mapping

from msgspec import Struct
from typing_extensions import override

from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.mail import TakeLetter
from engine.ports import Answer, CommandSink, FanOut, Peer
from engine.registry import Registry
from engine.sequencer import Refused
from persistence.bus.far_writer import FarWriter
from runtime.clock import wall_ms
from runtime.writer.house_commands import answered

logger = logging.getLogger(__name__)

Here = Callable[[str], CommandSink | None]
"""The writer of a market, if it is in this process."""


class Far(Struct, frozen=True):
    """The way to a market elsewhere."""

    writer: FarWriter
    serving: asyncio.Task[None]


class Peers(Peer):
    """One for a process. A way over Redis is opened with the first letter that needs it, and
    kept."""

    def __init__(
        self,
        url: str,
        name: str,
        registry: Registry,
        here: Here,
        shards: Callable[[], Mapping[str, int]],
    ) -> None:
        """`url`: of Redis; `name`: of this process; `shards`: of all markets, as is known now."""
        self._url = url
        # What was said to an earlier process of this name is not for this one.
        self._name = f"{name}-letters-{secrets.token_hex(3)}"
        self._registry = registry
        self._here = here
        self._shards = shards
        self._far: dict[str, Far] = {}

    @override
    async def take(self, market: str, letter: TakeLetter) -> Answer:
        sink = self._here(market) or self._over_redis(market)
        if sink is None:
            what = f"there is no market {market}: misspelt? `outcry shards` shows all"
            return Refused(None, letter.id, Rejected(UNAVAILABLE, what))
        return await answered(sink, letter)

    async def close(self) -> None:
        """Let go of Redis."""
        for far in self._far.values():
            far.serving.cancel()
            await asyncio.wait({far.serving})
            await far.writer.close()

    def _over_redis(self, market: str) -> CommandSink | None:
        far = self._far.get(market)
        if far is None or far.serving.done():
            shard = self._shards().get(market)
            if shard is None:
                return None
            far = self._far[market] = self._open(shard)
        return far.writer

    def _open(self, shard: int) -> Far:
        writer = FarWriter(self._url, shard, self._name, self._registry, Nobody(), wall_ms=wall_ms)
        return Far(writer, asyncio.create_task(writer.run()))


class Nobody(FanOut):
    """Who carries letters listens to no room."""

    @override
    def audiences(self, room: str) -> Collection[str]:
        return ()

    @override
    def publish(self, room: str, audience: str, seq: int, frame: bytes) -> None:
        """Nobody hears it."""

    @override
    def publish_soft(self, room: str, audience: str, key: str, frame: bytes) -> None:
        """Nobody hears it."""

    @override
    def regroup(self, room: str, user: str) -> None:
        """Nobody views it."""

    @override
    def dismiss(self, user: str, session: str, reason: str) -> None:
        """Nobody is connected."""

    @override
    def lost(self, room: str) -> None:
        """Nobody has to come back."""

    @override
    def positions(self) -> Mapping[str, int]:
        return {}
