"""A whole cluster on this machine: Postgres, Redis, engines and gateways, each a real process that
can be killed, frozen, cut off and started again by its name."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from runtime.config import Config
from runtime.tokens import issue_token
from testkit import postgres, redis
from testkit.postgres import PostgresServer
from testkit.process import Process, ProcessEnded, run, start
from testkit.redis import RedisServer
from testkit.wire_cutter import Wire

READY = r"is ready at (http://\S+)"
NO_LIMITS = ("--rate-user", "0", "--rate-guest", "0")


class Part:
    """An engine or a gateway, which may be started several times under its name."""

    def __init__(self, name: str, arguments: Sequence[str], redis: Wire, log: Wire | None) -> None:
        self.name = name
        self.redis = redis
        """Its wire to Redis."""
        self.log = log
        """Its wire to Postgres, if it has one."""
        self.address = ""
        self._arguments = list(arguments)
        self._processes: list[Process] = []

    @property
    def process(self) -> Process:
        """The process of now."""
        assert self._processes, "start comes first"
        return self._processes[-1]

    @property
    def words(self) -> str:
        """All that its processes have logged, the earlier ones' first."""
        return "".join(process.err.text for process in self._processes)

    @property
    def is_gateway(self) -> bool:
        """Whether clients connect to it."""
        return self.log is None

    @property
    def websocket(self) -> str:
        """Where clients connect to a gateway."""
        return f"ws{self.address.removeprefix('http')}/v1/ws"

    async def start(self) -> None:
        """Start it, again at the address that it had. Raises ProcessEnded."""
        self._processes.append(await start(*self._arguments))
        try:
            ready = await self.process.out.until(READY)
        except ProcessEnded:
            await self.process.ended()
            raise ProcessEnded(f"{self.name}: {self.process.err.text[-4_000:]}") from None
        self.address = ready[1]
        port = self._arguments.index("--port") + 1
        self._arguments[port] = self.address.rpartition(":")[2]

    async def close(self) -> None:
        """Make sure that it is gone."""
        for process in self._processes:
            await process.close()


class Cluster:
    """What `cluster` has started."""

    def __init__(self, folder: Path, log: PostgresServer, fan: RedisServer) -> None:
        self.data = folder / "data"
        """Where all processes have their secrets and files."""
        self.postgres = log
        self.redis = fan
        self.parts: dict[str, Part] = {}
        self.url = log.create_database()
        """Of the database, past every wire."""
        self._folder = folder
        self._wires: list[Wire] = []

    @property
    def engines(self) -> list[Part]:
        """In the order of their names."""
        return [part for part in self.parts.values() if not part.is_gateway]

    @property
    def gateways(self) -> list[Part]:
        """In the order of their names."""
        return [part for part in self.parts.values() if part.is_gateway]

    def token(self, user: str, role: str = "user", kyc: str = "approved") -> str:
        """The token that `outcry token` prints."""
        return issue_token(Config(data=str(self.data)), user, role, kyc, "1h")

    async def add_market(self, name: str) -> None:
        """Have another market. Raises ProcessEnded with what was said."""
        finished = await run("shards", "--postgres", self.url, "--add", name)
        if finished.code:
            raise ProcessEnded(finished.err)

    async def add_engine(self, name: str, *flags: str) -> Part:
        """Start an engine."""
        fan, log = await self._redis_wire(name), await self._log_wire(name)
        urls = ("--redis", f"unix://{fan[1]}", "--postgres", log[1])
        command = self._command("engine", name, *urls, *flags)
        return await self._add(Part(name, command, fan[0], log[0]))

    async def add_gateway(self, name: str, *flags: str) -> Part:
        """Start a gateway. It is ready when the market `main` has a writer."""
        fan = await self._redis_wire(name)
        flags = ("--redis", f"unix://{fan[1]}", *NO_LIMITS, *flags)
        return await self._add(Part(name, self._command("gateway", name, *flags), fan[0], None))

    async def close(self) -> None:
        """Kill what lives."""
        for part in self.parts.values():
            await part.close()
        for wire in self._wires:
            await wire.close()

    async def _add(self, part: Part) -> Part:
        self.parts[part.name] = part
        await part.start()
        return part

    def _command(self, verb: str, name: str, *flags: str) -> list[str]:
        return [verb, "--name", name, "--port", "0", "--data", str(self.data), *flags]

    async def _redis_wire(self, name: str) -> tuple[Wire, Path]:
        path = self._folder / f"{name}.redis"
        return await self._wire(path, Path(self.redis.socket_path)), path

    async def _log_wire(self, name: str) -> tuple[Wire, str]:
        parts = urlsplit(self.url)
        query = parse_qs(parts.query)
        socket = f".s.PGSQL.{query['port'][0]}"
        folder = self._folder / f"{name}.postgres"
        wire = await self._wire(folder / socket, Path(query["host"][0]) / socket)
        return wire, self.url.replace(query["host"][0], str(folder))

    async def _wire(self, path: Path, server: Path) -> Wire:
        wire = Wire(path, server)
        await wire.open()
        self._wires.append(wire)
        return wire


@asynccontextmanager
async def cluster(
    engines: int = 2, gateways: int = 2, markets: Sequence[str] = ()
) -> AsyncIterator[Cluster]:
    """Postgres, Redis, engines w1, w2 … and gateways g1, g2 …, ready to serve.

    Raises RedisFailed or PostgresFailed where there is none, ProcessEnded if a part ends."""
    async with AsyncExitStack() as stack:
        fan = stack.enter_context(RedisServer(redis.find_binary()))
        log = stack.enter_context(PostgresServer(postgres.find_binaries()))
        folder = Path(tempfile.mkdtemp(prefix="outcry-"))
        stack.callback(shutil.rmtree, folder)
        made = Cluster(folder, log, fan)
        stack.push_async_callback(made.close)
        for market in markets:
            await made.add_market(market)
        for number in range(1, engines + 1):
            await made.add_engine(f"w{number}")
        await asyncio.gather(*(made.add_gateway(f"g{n}") for n in range(1, gateways + 1)))
        yield made
