"""`outcry serve`: the composition root. Here and nowhere else the parts are put together."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from msgspec import Struct

from engine.kernel.time import Millis
from engine.registry import build_registry, find_domains
from gateway.connection import Listener
from gateway.connection_settings import ConnectionSettings
from gateway.counts import Counts
from gateway.files import Files
from gateway.gateway import Gateway
from gateway.http import build_app
from gateway.hub import Hub
from gateway.limits import MESSAGE_BYTES_MAX
from gateway.rates import Rates
from gateway.settings import SUBPROTOCOL, GatewaySettings
from gateway.tokens import Tokens
from gateway.uvicorn_http import uvicorn_http
from gateway.uvicorn_protocol import uvicorn_protocol
from persistence.file_folder import FileFolder
from runtime import garbage, metrics
from runtime.clock import Clock
from runtime.config import Config, ConfigError, read_markets
from runtime.hooks import hook_secrets
from runtime.log_choice import open_log, place_of
from runtime.progress import Progress
from runtime.tokens import tokens_of, vault_of
from runtime.world import OutsideWorld
from runtime.writer import Writer

logger = logging.getLogger(__name__)

BACKLOG_OF_SOCKET = 4_096
DRAIN_SECONDS = 5
FILES_FOLDER = "files"


class House(Struct, frozen=True):
    """A house that is open: what the command line and the demo need of it."""

    address: str
    writer: Writer
    gateway: Gateway
    tokens: Tokens
    serving: asyncio.Task[None]
    """Ends when the writer has ended: with LeaseLost, if another process took over."""


class _Server(uvicorn.Server):
    """uvicorn that says when it listens, and leaves signals alone: the writer must stop before
    the sockets do."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with open_house(config) as house:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop_or_die, stopped)
        if config.test_clock:
            logger.warning("TEST CLOCK: admins can move the time of this house. Never in earnest.")
        print(f"Open Outcry is ready at {house.address}", flush=True)
        waiting = loop.create_task(stopped.wait())
        await asyncio.wait({waiting, house.serving}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        logger.info("stopping")
    await house.serving
    return 0


def _stop_or_die(stopped: asyncio.Event) -> None:
    if stopped.is_set():
        # What is acknowledged is durable, so the impatient lose nothing.
        os._exit(130)
    stopped.set()


@asynccontextmanager
async def open_house(config: Config) -> AsyncIterator[House]:
    """Recover, open the doors; on leaving, close them in order: writer, sockets, log."""
    registry = build_registry(find_domains())
    loop = asyncio.get_running_loop()
    counts = Counts()
    hub = Hub(loop.call_soon, counts)
    log = open_log(config)
    files = FileFolder(Path(config.data) / FILES_FOLDER)
    files.clear_drafts()
    world = OutsideWorld(config, log, registry, files)
    vault = vault_of(config)
    writer = Writer(log, registry, read_markets(config.markets), hub, Clock(), vault, world)
    world.start(writer)
    tokens = tokens_of(config)
    settings = gateway_settings(config)
    gateway = Gateway(
        settings,
        registry,
        writer,
        hub,
        tokens,
        counts,
        wall_ms=wall_ms,
        monotonic_s=time.perf_counter,
    )
    app = build_app(
        gateway,
        metrics=lambda: metrics.page(
            [
                metrics.HouseCollector(writer, counts),
                metrics.ErrandCollector(world.errand_counts, world.text_counts),
            ]
        ),
        hook_secrets=hook_secrets(config),
        advance=writer.advance if config.test_clock else None,
        files=Files(gateway.desk, files, vault),
    )
    with closing_socket(config) as listening:
        await _recover(writer, config)
        serving = loop.create_task(writer.run())
        listener = Listener(gateway, settings.connection, loop)
        server = _Server(_uvicorn_config(app, listener))
        doors = loop.create_task(server.serve(sockets=[listening]))
        try:
            await server.listening.wait()
            yield House(_address(config, listening), writer, gateway, tokens, serving)
        finally:
            await world.stop()
            await writer.stop()
            server.should_exit = True
            await doors
            listener.stop()
            world.close()
            await log.close()


async def _recover(writer: Writer, config: Config) -> None:
    progress = Progress("recovering", "records")
    started = time.monotonic()
    recovered = await writer.start(f"pid {os.getpid()} on {socket.gethostname()}", progress.show)
    progress.end()
    garbage.settle()
    logger.info(
        "recovered %d records in %.2f s from %s (%d on top of the snapshot), %d rooms",
        recovered.core.position,
        time.monotonic() - started,
        place_of(config),
        recovered.replayed,
        len(recovered.core.rooms),
    )


def gateway_settings(config: Config) -> GatewaySettings:
    """What of the configuration concerns the gateway."""
    return GatewaySettings(
        origins=frozenset(filter(None, config.origins.split(","))),
        proxies=frozenset(filter(None, config.proxies.split(","))),
        rates=Rates(user=config.rate_user, guest=config.rate_guest),
        connections_max=config.connections,
        connections_per_user_max=config.connections_per_user,
        connection=ConnectionSettings(
            subprotocols=(SUBPROTOCOL,),
            message_bytes_max=MESSAGE_BYTES_MAX,
            ping_interval_ms=config.ping_interval_ms,
            backlog_bytes_max=config.backlog_bytes,
        ),
    )


def wall_ms() -> Millis:
    """The world's time, by which tokens expire."""
    return time.time_ns() // 1_000_000


def _uvicorn_config(app: object, listener: Listener) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # Starlette is an ASGI application
        http=uvicorn_http(listener),
        ws=uvicorn_protocol(listener),
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


@contextmanager
def closing_socket(config: Config) -> Iterator[socket.socket]:
    """The socket to listen on. Raises ConfigError if the address cannot be had."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listening = socket.create_server(
            (config.host, config.port), family=family, backlog=BACKLOG_OF_SOCKET
        )
    except OSError as problem:
        raise ConfigError(
            f"cannot listen on {config.host}:{config.port}: {problem.strerror}; "
            "choose another --port (0 takes any free one)"
        ) from None
    with listening:
        yield listening


def _address(config: Config, listening: socket.socket) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{listening.getsockname()[1]}"
