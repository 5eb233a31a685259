"""The run of `make cluster`, from the first process to the last."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.live import Live

from persistence.shards import MAIN, ShardTable
from runtime.config import Config
from runtime.tokens import issue_token
from testkit import postgres, redis
from testkit.live import board
from testkit.live.introduction import introduction
from testkit.live.parts import House, Part, PartFailed, Server
from testkit.live.people import Person, Town
from testkit.live.watch import Watch
from testkit.postgres import PostgresServer
from testkit.redis import RedisServer

HOST = "127.0.0.1"
REFRESH_S = 1.0
PLAIN_REFRESH_S = 5.0
TOKEN_LASTS = "7d"


class Options(Struct, frozen=True, kw_only=True):
    """What was asked for on the command line."""

    data: str
    port: int
    engine_port: int
    engines: int
    gateways: int
    markets: tuple[str, ...]
    bidders: int
    bids_per_s: float
    again_after_s: float
    seconds: float


class Show:
    """One cluster with people in it."""

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._folder = Path(options.data)
        self._parts: dict[str, Part] = {}
        self._markets = board.markets(options.markets)
        self._stopped = asyncio.Event()
        self._is_live = console.is_terminal

    async def run(self) -> int:
        """Until Ctrl-C, or so many seconds. Returns the exit code.

        Raises RedisFailed or PostgresFailed if there is none, PartFailed, ConfigError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop)
        playing = asyncio.create_task(self._play())
        stopping = asyncio.create_task(self._stopped.wait())
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not playing.done():
            playing.cancel()
            await asyncio.wait({playing})
        if not playing.cancelled():
            playing.result()
        return 0

    def _stop(self) -> None:
        if self._stopped.is_set():
            for house in self._houses:
                house.kill()
        self._stopped.set()

    async def _play(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        ports = self._ports()
        async with AsyncExitStack() as stack:
            self._tell("starting Postgres, Redis, engines and gateways ...")
            fan = stack.enter_context(RedisServer(redis.find_binary()))
            log = stack.enter_context(PostgresServer(postgres.find_binaries()))
            servers = (Server("postgres", log, self._folder), Server("redis", fan, self._folder))
            for server in servers:
                self._parts[server.name] = server
                stack.callback(server.forget)
            url = log.create_database()
            options = self._options
            await self._add_markets(url)
            self._make_houses(url, f"unix://{fan.socket_path}", ports)
            stack.push_async_callback(self._stop_houses)
            await self._start_houses()
            self._tell(
                introduction(self._houses, options.data, url, self._token("visitor", "user"))
            )
            if self._options.seconds:
                asyncio.get_running_loop().call_later(self._options.seconds, self._stopped.set)
            await self._live()

    async def _add_markets(self, url: str) -> None:
        table = ShardTable(url)
        for market in self._options.markets:
            if market != MAIN:
                await table.add_market(market)
        await table.close()

    # Processes.

    @property
    def _houses(self) -> list[House]:
        return [part for part in self._parts.values() if isinstance(part, House)]

    def _ports(self) -> dict[str, int]:
        options = self._options
        try:
            engines = _free_ports(options.engine_port, options.engines)
            gateways = _free_ports(options.port, options.gateways)
        except PartFailed as problem:
            left = "".join(f" {file}" for file in sorted(self._folder.glob("*.pid")))
            remedy = f"; or is it a cluster that was killed? kill $(cat{left})" if left else ""
            raise PartFailed(f"{problem}{remedy}") from None
        named = {f"w{number}": port for number, port in enumerate(engines, 1)}
        return named | {f"g{number}": port for number, port in enumerate(gateways, 1)}

    def _make_houses(self, log: str, fan: str, ports: Mapping[str, int]) -> None:
        options = self._options
        (self._folder / "postgres.url").write_text(f"{log}\n")
        (self._folder / "redis.url").write_text(f"{fan}\n")
        shared = ("--data", options.data, "--redis", fan, "--log-format", "text")
        engine = ("engine", *shared, "--postgres", log, "--notifier", "file")
        gateway = ("gateway", *shared, "--rate-user", "0", "--rate-guest", "0")
        for name, port in ports.items():
            arguments = engine if name.startswith("w") else gateway
            named = (*arguments, "--name", name, "--port", str(port))
            self._parts[name] = House(name, named, f"http://{HOST}:{port}", self._folder)

    async def _start_houses(self) -> None:
        first, *others = self._houses
        # The first is given the main market before there is anybody else.
        await first.start()
        await asyncio.gather(*(house.start() for house in others))

    async def _stop_houses(self) -> None:
        self._tell("stopping; Ctrl-C again to kill everything at once ...")
        gateways = [house for house in self._houses if house.is_gateway]
        engines = [house for house in self._houses if not house.is_gateway]
        for houses in (gateways, engines):
            await asyncio.gather(*(house.stop() for house in houses))
        self._tell("all processes have ended")

    # People, and what is seen of them.

    async def _live(self) -> None:
        again_after_s = self._options.again_after_s
        watch = Watch(self._parts, self._markets, again_after_s, self._folder, self._tell)
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.run())
            for market in self._markets.values():
                group.create_task(self._town(market).live())
            group.create_task(self._show(watch))

    def _town(self, market: board.Market) -> Town:
        def enter(user: str, role: str) -> Person:
            token = self._token(user, role)
            return Person(user, token, market.name, self._gateways)

        return Town(enter, self._options.bidders, self._options.bids_per_s, market.accepted)

    def _gateways(self) -> list[str]:
        return [house.websocket for house in self._houses if house.is_gateway and house.lives]

    def _token(self, user: str, role: str) -> str:
        return issue_token(Config(data=self._options.data), user, role, "approved", TOKEN_LASTS)

    async def _show(self, watch: Watch) -> None:
        if not self._is_live:
            while True:
                await asyncio.sleep(PLAIN_REFRESH_S)
                self._tell("; ".join(market.line for market in self._markets.values()))
        with _enter_pressed(watch.hurry), Live(console=self._console, auto_refresh=False) as live:
            while True:
                live.update(
                    board.render(self._parts, self._markets.values(), watch.again_s), refresh=True
                )
                await asyncio.sleep(REFRESH_S)

    def _tell(self, text: str) -> None:
        self._console.print(text, markup=False)


def _free_ports(first: int, number: int) -> list[int]:
    """That many from `first` on, or any that are free if it is 0. Raises PartFailed."""
    found: list[int] = []
    probes: list[socket.socket] = []
    try:
        for port in [0] * number if first == 0 else range(first, first + number):
            probes.append(socket.create_server((HOST, port)))
            found.append(probes[-1].getsockname()[1])
    except OSError as problem:
        raise PartFailed(
            f"port {first + len(found)} cannot be had: {problem.strerror}; choose others: "
            'make cluster ARGS="--port 8180 --engine-port 9200" (0: any free ones)'
        ) from None
    finally:
        for probe in probes:
            probe.close()
    return found


@contextmanager
def _enter_pressed(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` whenever Enter is pressed, if there is a keyboard."""
    if not sys.stdin.isatty():
        yield
        return

    def read() -> None:
        sys.stdin.readline()
        act()

    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, read)
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin)
