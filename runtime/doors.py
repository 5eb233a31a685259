"""The port of a process: listening on it, and closing it in good order."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from gateway.connection import Listener
from gateway.uvicorn_http import uvicorn_http
from gateway.uvicorn_protocol import uvicorn_protocol
from runtime.config import Config, ConfigError

BACKLOG_OF_SOCKET = 4_096
DRAIN_SECONDS = 5
EVERY_ADDRESS = ("0.0.0.0", "::", "")


class _Server(uvicorn.Server):
    """uvicorn that says when it listens, and leaves signals alone: what the process does must end
    before its sockets do."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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


def name_of(config: Config) -> str:
    """What the process is called among others."""
    return config.name or f"{socket.gethostname()}-{os.getpid()}"


def address_of(config: Config, listening: socket.socket) -> str:
    """Where the process can be reached, as a URL. What listens on every address is found by the
    name of its machine."""
    host = socket.gethostname() if config.host in EVERY_ADDRESS else config.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{listening.getsockname()[1]}"


@asynccontextmanager
async def open_doors(
    listening: socket.socket, app: ASGIApp, listener: Listener | None
) -> AsyncIterator[None]:
    """Serve the application, and websockets if there is a listener for them. On leaving, whoever
    is connected is told, and given time."""
    server = _Server(_settings(app, listener))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.listening.wait()
        yield
    finally:
        server.should_exit = True
        await serving
        if listener:
            listener.stop()


def stop_signal() -> asyncio.Event:
    """Set at SIGTERM or SIGINT. At a second signal the process ends at once: what is acknowledged
    is durable, so the impatient lose nothing."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop_or_die, stopped)
    return stopped


async def until(stopped: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Wait for the signal, or for the end of one of the tasks."""
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _stop_or_die(stopped: asyncio.Event) -> None:
    if stopped.is_set():
        os._exit(130)
    stopped.set()


def _settings(app: ASGIApp, listener: Listener | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # Its guess takes a method for an application of the old kind.
        interface="asgi3",
        http=uvicorn_http(listener) if listener else "httptools",
        ws=uvicorn_protocol(listener) if listener else "none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
