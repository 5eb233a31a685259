"""`outcry engine`: a process that serves the markets that it is given, and follows others."""

import asyncio
import logging
import os
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override

from engine.registry import build_registry, find_domains
from gateway.http import METRICS_TYPE
from persistence.bus.keys import MARKETS
from persistence.bus.line import RedisAway, RedisLine, RedisRefused
from persistence.file_folder import FileFolder
from persistence.postgres import PostgresLog
from persistence.shards import Placement, ShardTable
from persistence.trouble import Trouble
from runtime import garbage, metrics
from runtime.cluster.duties import Duties, Hands
from runtime.cluster.peers import Peers
from runtime.cluster.shard_writer import ShardWriter
from runtime.config import Config, ConfigError, read_markets
from runtime.doors import address_of, closing_socket, name_of, open_doors, stop_signal, until
from runtime.serve import FILES_FOLDER
from runtime.tokens import vault_of
from runtime.writer.follower import Follower
from runtime.writer.heir import HandedOver
from runtime.writer.writer import Writer

logger = logging.getLogger(__name__)

LEAVE_MS = 20_000
"""How long the others have to take over what a stopping process serves."""


async def serve_engine(config: Config) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code. Raises ConfigError."""
    if not config.postgres or not config.redis:
        raise ConfigError("an engine needs --postgres and --redis; `outcry serve` needs neither")
    stopped = stop_signal()
    name = name_of(config)
    with closing_socket(config) as listening:
        address = address_of(config, listening)
        table = ShardTable(config.postgres)
        markets = Markets(config, name)
        duties = Duties(table, name, address, markets)
        markets.duties = duties
        async with open_doors(listening, _app(markets), None):
            working = asyncio.create_task(duties.run())
            print(f"Open Outcry engine {name} is ready at {address}", flush=True)
            await until(stopped, working)
            logger.info("stopping")
            if not working.done():
                await duties.leave(LEAVE_MS)
            await table.close()
            await markets.close()
    await working
    return 0


class Markets(Hands):
    """The markets of this process: those that it serves, those that it follows."""

    duties: Duties

    def __init__(self, config: Config, name: str) -> None:
        """Raises ConfigError."""
        self.served: dict[str, ShardWriter] = {}
        self._name = name
        self._config = config
        self._owner = f"{name} (pid {os.getpid()} on {socket.gethostname()})"
        self._registry = build_registry(find_domains())
        self._currencies = read_markets(config.markets)
        self._vault = vault_of(config)
        self._files = FileFolder(Path(config.data) / FILES_FOLDER)
        self._redis = RedisLine(config.redis)
        self._trouble = Trouble(logger, "gateways are not told which markets there are")
        self._peers = Peers(
            config.redis, name, self._registry, self._writer_of, lambda: self.duties.shards
        )
        self._followed: dict[str, tuple[Follower, asyncio.Task[None]]] = {}
        self._ends: set[asyncio.Task[None]] = set()

    @override
    async def take_up(self, market: str, shard: int) -> None:
        writer = ShardWriter(
            self._config,
            market,
            shard,
            self._registry,
            self._currencies,
            self._vault,
            self._files,
            self._peers,
            lambda: self.duties.give_away(market),
        )
        follower, following = self._followed.get(market, (None, None))
        try:
            await writer.start(self._owner, follower)
        except BaseException:
            if follower and follower.is_taken:
                # What it had is spoilt, and whoever is to stand by again has to begin anew.
                await self.unfollow(market)
                await self.follow(market, shard)
            raise
        if following:
            del self._followed[market]
            await following
        self.served[market] = writer
        garbage.settle()
        end = asyncio.create_task(self._await_end(market, writer))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    @override
    async def lay_down(self, market: str) -> None:
        writer = self.served.pop(market, None)
        if writer:
            await writer.stop()
            logger.info("market %s is handed over", market)

    @override
    async def follow(self, market: str, shard: int) -> None:
        log = PostgresLog(self._config.postgres, shard)
        follower = Follower(log, self._registry, self._currencies, self._vault, market=market)
        self._followed[market] = (follower, asyncio.create_task(follower.run()))

    @override
    async def unfollow(self, market: str) -> None:
        _, following = self._followed.pop(market, (None, None))
        if following:
            following.cancel()
            await asyncio.wait({following})

    @override
    async def publish(self, markets: Sequence[Placement]) -> None:
        placed: list[str | bytes] = []
        for placement in markets:
            placed += [placement.market, msgspec.json.encode(placement)]
        try:
            await self._redis.ask([("HSET", MARKETS, *placed)])
        except (RedisAway, RedisRefused) as problem:
            self._trouble.met(problem)
        else:
            self._trouble.over()

    @override
    def counts(self) -> Mapping[str, int]:
        return {market: shard.writer.counts.records for market, shard in self.served.items()}

    @override
    def ready(self) -> Collection[str]:
        return [market for market, (follower, _) in self._followed.items() if follower.is_ready]

    def metrics(self) -> bytes:
        """The page that Prometheus reads."""
        served = self.served.items()
        followed = {name: follower for name, (follower, _) in self._followed.items()}
        return metrics.page(
            metrics.InfoCollector("engine", self._name),
            metrics.WriterCollector({name: shard.writer for name, shard in served}),
            metrics.WorldCollector({name: shard.world.counts for name, shard in served}),
            metrics.WriterBusCollector({name: shard.bus_counts for name, shard in served}),
            metrics.StandbyCollector(followed),
            metrics.ClockCollector(self.duties.ahead_ms),
        )

    async def close(self) -> None:
        """Let go of what is left."""
        for market in list(self._followed):
            await self.unfollow(market)
        await self._peers.close()
        await self._redis.close()

    def _writer_of(self, market: str) -> Writer | None:
        shard = self.served.get(market)
        return shard.writer if shard else None

    async def _await_end(self, market: str, writer: ShardWriter) -> None:
        """Give up a market whose writer has ended by itself: another has taken over or is to, or
        a rule failed. What was in flight has been answered."""
        problem: BaseException | None = None
        with suppress(asyncio.CancelledError):
            await asyncio.wait({writer.serving})
            problem = writer.serving.exception()
        if self.served.get(market) is not writer:
            return
        del self.served[market]
        level = logging.WARNING if isinstance(problem, HandedOver) else logging.ERROR
        logger.log(level, "market %s is served here no more: %s", market, problem)
        await writer.stop()
        self.duties.lost(market)


def _app(markets: Markets) -> Starlette:
    async def alive(_request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def ready(_request: Request) -> Response:
        served = {name: shard.writer.is_ready for name, shard in markets.served.items()}
        status = 200 if all(served.values()) else 503
        body = {"served": served, "standby": sorted(markets.ready())}
        return Response(msgspec.json.encode(body), status, media_type="application/json")

    async def counted(_request: Request) -> Response:
        return Response(markets.metrics(), headers={"Content-Type": METRICS_TYPE})

    routes = [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", counted)]
    return Starlette(routes=routes)
