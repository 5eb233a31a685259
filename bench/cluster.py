"""Engines and gateways as processes of their own, on a Postgres and a Redis that they share. They
reach both directly: what is measured is what they cost, and nothing between them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from msgspec import Struct

from bench.server import SECRET_NAME, House, ServerError
from testkit.process import Process, ProcessEnded, run, start
from testkit.redis import RedisServer

READY = r"is ready at (http://\S+)"
LOOK_S = 0.05
PATIENCE_S = 60.0
GATEWAY_FLAGS = ("--rate-user", "0", "--rate-guest", "0", "--connections", "20000")


class Part(Struct, frozen=True):
    """An engine or a gateway that runs."""

    name: str
    process: Process
    address: str

    @property
    def websocket(self) -> str:
        """Where clients of a gateway connect."""
        return f"ws{self.address.removeprefix('http')}/v1/ws"


class Cluster:
    """Processes of one database. What was started is killed by `close`."""

    def __init__(self, data: Path, postgres_url: str, redis: RedisServer) -> None:
        self.engines: dict[str, Part] = {}
        self.gateways: dict[str, Part] = {}
        self._data = data
        self._postgres_url = postgres_url
        self._redis_url = f"unix://{redis.socket_path}"

    @property
    def doors(self) -> list[House]:
        """Where clients connect, gateway by gateway."""
        secret = (self._data / SECRET_NAME).read_text().strip()
        return [House(part.websocket, secret, part.process.pid) for part in self.gateways.values()]

    @property
    def pids(self) -> dict[str, list[int]]:
        """The processes of each kind."""
        kinds = {"writers": self.engines, "gateways": self.gateways}
        return {
            kind: [part.process.pid for part in parts.values()] for kind, parts in kinds.items()
        }

    async def add_market(self, name: str) -> None:
        """Have another market; it is served when there is an engine. Raises ServerError."""
        finished = await run("shards", "--postgres", self._postgres_url, "--add", name)
        if finished.code:
            raise ServerError(finished.err)

    async def add_engine(self, name: str) -> None:
        """Start an engine, or one that has ended again. Raises ServerError."""
        self.engines[name] = await self._start("engine", name, "--postgres", self._postgres_url)

    async def add_gateway(self, name: str) -> None:
        """Start a gateway; it is ready when the market `main` has a writer. Raises ServerError."""
        self.gateways[name] = await self._start("gateway", name, *GATEWAY_FLAGS)

    async def until_apart(self, markets: Collection[str]) -> None:
        """Wait until each of these markets has an engine of its own, and each is followed by
        another. Raises ServerError if it takes too long."""
        wanted = set(markets)
        await self._until(
            lambda seen: (
                seen.followed >= wanted
                and len({seen.served.get(market, "") for market in wanted} - {""}) == len(wanted)
            )
        )

    async def until_safe(self, market: str) -> Part:
        """Wait until a market has a writer, and a standby that has replayed its log; returns who
        serves it. Raises ServerError if it takes too long."""
        seen = await self._until(lambda seen: market in seen.served and market in seen.followed)
        return self.engines[seen.served[market]]

    async def until_served_by_another(self, market: str, than: Part) -> None:
        """Wait until somebody else serves a market. Raises ServerError if it takes too long."""
        await self._until(lambda seen: seen.served.get(market, than.name) != than.name)

    async def close(self) -> None:
        """Kill what lives."""
        for part in (*self.engines.values(), *self.gateways.values()):
            await part.process.close()

    async def _start(self, verb: str, name: str, *flags: str) -> Part:
        common = ("--data", str(self._data), "--redis", self._redis_url, "--log-level", "warning")
        process = await start(verb, "--name", name, "--port", "0", *common, *flags)
        try:
            ready = await process.out.until(READY)
        except (ProcessEnded, TimeoutError) as problem:
            await process.close()
            raise ServerError(f"{name} did not get ready: {problem}{process.err.text}") from None
        return Part(name, process, ready[1])

    async def _until(self, is_so: Callable[["Seen"], bool]) -> "Seen":
        seen = Seen({}, set())
        try:
            async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(trust_env=False) as http:
                while True:
                    seen = await self._look(http)
                    if is_so(seen):
                        return seen
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise ServerError(f"markets did not find their writers: {seen}") from None

    async def _look(self, http: httpx.AsyncClient) -> "Seen":
        seen = Seen({}, set())
        for name, part in self.engines.items():
            if not part.process.lives:
                continue
            try:
                said = (await http.get(f"{part.address}/readyz")).json()
            except httpx.HTTPError:
                continue
            for market, is_ready in said["served"].items():
                if is_ready:
                    seen.served[market] = name
            seen.followed.update(said["standby"])
        return seen


class Seen(Struct, frozen=True):
    """What the engines say just now."""

    served: dict[str, str]
    """Market -> engine."""
    followed: set[str]
    """Markets that somebody has replayed."""


@asynccontextmanager
async def clustered(postgres_url: str, redis: RedisServer) -> AsyncIterator[Cluster]:
    """A cluster without any process yet, in an empty database; until the block ends."""
    with tempfile.TemporaryDirectory(prefix="outcry-bench-") as data:
        made = Cluster(Path(data), postgres_url, redis)
        try:
            yield made
        finally:
            await made.close()
