"""One shard as an engine process serves it: its writer, and its door to Redis."""

import asyncio
import logging
import time
from contextlib import suppress

from engine.kernel.market import Market
from engine.ports import COMMANDS, FileStore, Peer
from engine.registry import Registry
from persistence.bus.counts import WriterEnd
from persistence.bus.door import Door
from persistence.bus.far_listeners import FarListeners
from persistence.bus.publisher import Publisher
from persistence.errors import LogUnavailable
from persistence.postgres import PostgresLog
from runtime.clock import Clock
from runtime.config import Config
from runtime.outside.world import OutsideWorld
from runtime.vault import HouseVault
from runtime.writer.follower import Follower
from runtime.writer.heir import GiveAway
from runtime.writer.imaging import apart
from runtime.writer.mail import MailRunner
from runtime.writer.writer import Writer

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2


class ShardWriter:
    """Begin with `start`. `serving` ends when the writer has ended, as `Writer.run` does."""

    serving: asyncio.Task[None]

    def __init__(
        self,
        config: Config,
        market: str,
        shard: int,
        registry: Registry,
        currencies: dict[str, Market],
        vault: HouseVault,
        files: FileStore,
        peers: Peer,
        give_away: GiveAway,
    ) -> None:
        self.market = market
        self._log = PostgresLog(config.postgres, shard)
        self._listeners = FarListeners()
        mail = MailRunner(market, self._log, peers)
        self.world = OutsideWorld(config, self._log, registry, files, mail)
        self.writer = Writer(
            self._log,
            registry,
            currencies,
            self._listeners,
            Clock(),
            vault,
            self.world,
            home=market,
            imaging=apart,
            give_away=give_away,
        )
        self._publisher = Publisher(
            config.redis, shard, self.writer, lambda: self.writer.counts.lease_epoch
        )
        self._door = Door(
            config.redis,
            shard,
            registry,
            self.writer,
            self.writer,
            self._listeners,
            self._publisher,
        )
        self._listeners.connect(self._publisher, self.writer)
        self._reading: asyncio.Task[None] | None = None
        self._publishing: asyncio.Task[None] | None = None

    @property
    def bus_counts(self) -> WriterEnd:
        """What it has read and said over Redis."""
        return self._publisher.counts

    async def start(self, owner: str, following: Follower | None) -> None:
        """Take the lease, recover, open the door. Raises LogError; it may not be started again."""
        began = time.monotonic()
        try:
            self.world.start(self.writer)
            recovered = await self.writer.start(owner, following=following)
        except BaseException:
            await self.world.stop()
            await self._close()
            raise
        self.serving = asyncio.create_task(self.writer.run())
        self._publishing = asyncio.create_task(self._publisher.run())
        self._reading = asyncio.create_task(self._read())
        logger.info(
            "market %s is served here: %d records, %d rooms, in %.2f s",
            self.market,
            recovered.core.position,
            len(recovered.core.rooms),
            time.monotonic() - began,
        )

    async def stop(self) -> None:
        """Take in no more, write what is decided, keep a snapshot, give the lease up."""
        await _end(self._reading)
        await self.world.stop()
        await self.writer.stop()
        await _end(self._publishing)
        await self._publisher.leave()
        with suppress(Exception):
            # Why it ended was told to whoever waited for it.
            await self.serving
        await self._close()

    async def _read(self) -> None:
        while True:
            try:
                cursor = await self._log.load_mark(COMMANDS)
            except LogUnavailable as problem:
                logger.warning("market %s takes no commands yet: %s", self.market, problem)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await self._door.run(cursor)

    async def _close(self) -> None:
        await self._door.close()
        self.world.close()
        await self._log.close()


async def _end(task: asyncio.Task[None] | None) -> None:
    if task:
        task.cancel()
        await asyncio.wait({task})
