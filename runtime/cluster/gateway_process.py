"""`outcry gateway`: websockets and HTTP for markets whose writers are elsewhere. It keeps nothing
that cannot be lost, and needs Redis alone."""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override
from websockets.http11 import Request

from engine.registry import Registry, build_registry, find_domains
from gateway.channel import Pace
from gateway.connection import Connection, Handler, Listener
from gateway.counts import Counts
from gateway.files import Files
from gateway.gateway import Gateway
from gateway.handshake import Refusal
from gateway.http import build_app
from gateway.hub import Hub
from persistence.bus.far_writer import FarWriter
from persistence.bus.keys import MARKETS
from persistence.bus.line import RedisAway, RedisLine, RedisRefused
from persistence.file_folder import FileFolder
from persistence.shards import MAIN
from persistence.trouble import Trouble
from runtime import garbage, metrics
from runtime.clock import wall_ms
from runtime.config import Config, ConfigError
from runtime.doors import address_of, closing_socket, name_of, open_doors, stop_signal, until
from runtime.outside.hooks import hook_secrets
from runtime.serve import FILES_FOLDER, gateway_settings
from runtime.tokens import tokens_of, vault_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PARAMETER = "market"
NO_MARKET = b'{"type":"error","code":"MARKET_NOT_FOUND","message":"there is no such market here"}'


class Placed(Struct, frozen=True):
    """Where a market is, as the leader of the writers says."""

    shard: int


class Hall(Struct, frozen=True):
    """One market's: its gateway, and the writer that it asks."""

    gateway: Gateway
    app: ASGIApp
    writer: FarWriter
    serving: asyncio.Task[None]


async def serve_gateway(config: Config) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code. Raises ConfigError."""
    if not config.redis:
        raise ConfigError("a gateway needs --redis; `outcry serve` does not")
    stopped = stop_signal()
    halls = Halls(config)
    with closing_socket(config) as listening:
        looking = asyncio.create_task(halls.look())
        opening = asyncio.create_task(halls.until_open())
        await until(stopped, looking, opening)
        if not stopped.is_set() and not looking.done():
            settings = gateway_settings(config).connection
            listener = Listener(halls, settings, asyncio.get_running_loop())
            async with open_doors(listening, halls.app, listener):
                garbage.settle()
                address = address_of(config, listening)
                print(f"Open Outcry gateway is ready at {address}", flush=True)
                await until(stopped, looking)
                logger.info("stopping")
        opening.cancel()
        looking.cancel()
        await asyncio.wait({looking})
        await halls.close()
    if not looking.cancelled():
        # A bug: it is to be seen, and another process to begin anew.
        await looking
    return 0


class Halls(Handler):
    """All markets of this process. A client names one in its URL: `?market=east`."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError."""
        self._config = config
        # What was said to an earlier process of this name is not for this one.
        self._name = f"{name_of(config)}-{secrets.token_hex(3)}"
        self._registry: Registry = build_registry(find_domains())
        self._counts = Counts()
        self._tokens = tokens_of(config)
        self._files = FileFolder(Path(config.data) / FILES_FOLDER)
        self._vault = vault_of(config)
        self._secrets = hook_secrets(config)
        self._redis = RedisLine(config.redis)
        self._trouble = Trouble(logger, "which markets there are is not known")
        self._halls: dict[str, Hall] = {}
        self._main = asyncio.Event()

    # Markets.

    async def look(self) -> None:
        """Look which markets there are, for ever; raises what has ended one of them."""
        while True:
            for hall in self._halls.values():
                if hall.serving.done():
                    await hall.serving
            try:
                (answer,) = await self._redis.ask([("HGETALL", MARKETS)])
            except (RedisAway, RedisRefused) as problem:
                self._trouble.met(problem)
            else:
                self._trouble.over()
                self._open(dict(zip(answer[::2], answer[1::2], strict=True)))
            await asyncio.sleep(LOOK_SECONDS)

    async def until_open(self) -> None:
        """Wait until the main market has a writer."""
        waiting = Trouble(logger, "this gateway lets nobody in yet")
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._main.wait()
                    await self._halls[MAIN].writer.until_ready()
            except TimeoutError:
                waiting.met("no engine has told Redis that it serves the market main")
            else:
                waiting.over()
                return

    async def close(self) -> None:
        """Let go of Redis."""
        for hall in self._halls.values():
            hall.serving.cancel()
            await asyncio.wait({hall.serving})
            await hall.writer.close()
        await self._redis.close()

    def _open(self, found: Mapping[bytes, bytes]) -> None:
        for market, placed in found.items():
            name = market.decode()
            if name not in self._halls:
                shard = msgspec.json.decode(placed, type=Placed).shard
                self._halls[name] = self._new_hall(shard)
                logger.info("market %s is in shard %d", name, shard)
        if MAIN in self._halls:
            self._main.set()

    def _new_hall(self, shard: int) -> Hall:
        loop = asyncio.get_running_loop()
        pace = Pace(loop.call_later, self._config.pace_us)
        hub = Hub(loop.call_soon, self._counts, pace)
        writer = FarWriter(
            self._config.redis, shard, self._name, self._registry, hub, wall_ms=wall_ms
        )
        gateway = Gateway(
            gateway_settings(self._config),
            self._registry,
            writer,
            hub,
            self._tokens,
            self._counts,
            wall_ms=wall_ms,
            monotonic_s=time.perf_counter,
        )
        app = build_app(
            gateway,
            metrics=self._metrics,
            hook_secrets=self._secrets,
            files=Files(gateway.desk, self._files, self._vault),
        )
        return Hall(gateway, app, writer, loop.create_task(writer.run()))

    def _metrics(self) -> bytes:
        return metrics.page(
            metrics.InfoCollector("gateway", name_of(self._config)),
            metrics.GatewayCollector(self._counts, self._secrets),
            metrics.GatewayBusCollector({name: hall.writer for name, hall in self._halls.items()}),
        )

    # HTTP.

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application of the market that the URL names."""
        hall = self._halls.get(_market(scope.get("query_string", b"").decode("latin-1")))
        if hall is not None:
            await hall.app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": NO_MARKET})

    # Websockets. A connection's session knows its market; what is counted is counted together.

    @override
    def check(self, connection: Connection, request: Request) -> Refusal | None:
        hall = self._halls.get(_market(request.path.partition("?")[2]))
        return hall.gateway.check(connection, request) if hall else Refusal(404, NO_MARKET)

    @override
    def opened(self, connection: Connection, request: Request) -> None:
        self._halls[_market(request.path.partition("?")[2])].gateway.opened(connection, request)

    @override
    def received(self, connection: Connection, text: bytes) -> None:
        self._any.received(connection, text)

    @override
    def binary(self, connection: Connection, payload: bytes) -> None:
        self._any.binary(connection, payload)

    @override
    def oversized(self, connection: Connection) -> None:
        self._any.oversized(connection)

    @override
    def drained(self, connection: Connection) -> None:
        self._any.drained(connection)

    @override
    def waiting(self, connection: Connection) -> None:
        self._any.waiting(connection)

    @override
    def shutdown(self, connection: Connection) -> None:
        self._any.shutdown(connection)

    @override
    def closed(self, connection: Connection, code: int, reason: str) -> None:
        self._any.closed(connection, code, reason)

    @property
    def _any(self) -> Gateway:
        return self._halls[MAIN].gateway


def _market(query: str) -> str:
    """The market that a query names."""
    return parse_qs(query).get(PARAMETER, [MAIN])[-1]
