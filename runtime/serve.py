"""`outcry serve`: the composition root. Here and nowhere else the parts are put together."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from engine.kernel.ids import MAIN
from engine.registry import build_registry, find_domains
from gateway.channel import Pace
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
from persistence.file_folder import FileFolder
from runtime import garbage, metrics
from runtime.clock import Clock, wall_ms
from runtime.config import Config, read_markets
from runtime.doors import address_of, closing_socket, name_of, open_doors, stop_signal, until
from runtime.log_choice import open_log, place_of
from runtime.outside.hooks import hook_secrets
from runtime.outside.world import OutsideWorld
from runtime.progress import Progress
from runtime.tokens import tokens_of, vault_of
from runtime.writer.imaging import apart
from runtime.writer.writer import Writer

logger = logging.getLogger(__name__)

FILES_FOLDER = "files"


class House(Struct, frozen=True):
    """A house that is open: what the command line and the demo need of it."""

    address: str
    writer: Writer
    gateway: Gateway
    tokens: Tokens
    serving: asyncio.Task[None]
    """Ends when the writer has ended: with LeaseLost, if another process took over."""


async def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    stopped = stop_signal()
    async with open_house(config) as house:
        if config.test_clock:
            logger.warning("TEST CLOCK: admins can move the time of this house. Never in earnest.")
        print(f"Open Outcry is ready at {house.address}", flush=True)
        await until(stopped, house.serving)
        logger.info("stopping")
    await house.serving
    return 0


@asynccontextmanager
async def open_house(config: Config) -> AsyncIterator[House]:
    """Recover, open the doors; on leaving, close them in order: writer, sockets, log."""
    registry = build_registry(find_domains())
    loop = asyncio.get_running_loop()
    counts = Counts()
    hub = Hub(loop.call_soon, counts, Pace(loop.call_later, config.pace_us))
    log = open_log(config)
    files = FileFolder(Path(config.data) / FILES_FOLDER)
    files.clear_drafts()
    world = OutsideWorld(config, log, registry, files)
    vault = vault_of(config)
    markets = read_markets(config.markets)
    writer = Writer(log, registry, markets, hub, Clock(), vault, world, imaging=apart)
    world.start(writer)
    tokens = tokens_of(config)
    settings = gateway_settings(config)
    heard = hook_secrets(config)
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
            metrics.InfoCollector("serve", name_of(config)),
            metrics.WriterCollector({MAIN: writer}),
            metrics.GatewayCollector(counts, heard),
            metrics.WorldCollector({MAIN: world.counts}),
        ),
        hook_secrets=heard,
        advance=writer.advance if config.test_clock else None,
        files=Files(gateway.desk, files, vault),
    )
    with closing_socket(config) as listening:
        await _recover(writer, config)
        serving = loop.create_task(writer.run())
        listener = Listener(gateway, settings.connection, loop)
        try:
            async with open_doors(listening, app, listener):
                try:
                    yield House(address_of(config, listening), writer, gateway, tokens, serving)
                finally:
                    await world.stop()
                    await writer.stop()
        finally:
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
