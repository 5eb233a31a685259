"""A whole gateway over a real writer, and clients that talk to it through real sockets."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import msgspec
from msgspec.structs import replace
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from engine.house import HOUSE
from engine.ledger.journal import JOURNAL
from engine.ledger.user import USER
from engine.registry import Registry, build_registry
from gateway.connection import Connection, Listener
from gateway.counts import Counts
from gateway.gateway import Gateway
from gateway.http import build_app
from gateway.hub import Hub
from gateway.rates import Rates
from gateway.settings import SUBPROTOCOL, WEBSOCKET_PATH, GatewaySettings
from gateway.tokens import shared_secret
from testkit.inline_sink import InlineSink
from tests.gateway.club import CLUB
from tests.gateway.harness import PATIENCE_S

SECRET = "a secret of at least thirty-two bytes"
HOOK_SECRET = "what the provider signs with"
NO_LIMIT = Rates(user=0, guest=0)

Frame = dict[str, Any]


def club_registry() -> Registry:
    """The built-in rooms, and clubs."""
    return build_registry([JOURNAL, USER, HOUSE, CLUB])


class Watch:
    """The world's clocks, moved by the test."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        self.elapsed_s = 0.0

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def monotonic_s(self) -> float:
        return self.elapsed_s


class OpenHouse:
    """A gateway whose parts the test can reach."""

    def __init__(
        self,
        registry: Registry,
        settings: GatewaySettings,
        new_sink: Callable[[Registry, Hub], Any] = InlineSink,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.watch = Watch()
        self.counts = Counts()
        self.tokens = shared_secret(SECRET)
        self.hub = Hub(loop.call_soon, self.counts)
        self.sink = new_sink(registry, self.hub)
        self.gateway = Gateway(
            settings,
            registry,
            self.sink,
            self.hub,
            self.tokens,
            self.counts,
            wall_ms=self.watch.wall_ms,
            monotonic_s=self.watch.monotonic_s,
        )
        self.listener = Listener(self.gateway, settings.connection, loop)
        self.port = 0
        self.connections: list[Connection] = []

    def accept(self) -> Connection:
        """A connection for a socket."""
        self.connections.append(self.listener.connection())
        return self.connections[-1]

    def shut_down(self) -> None:
        """What the server does with its connections when it stops."""
        for connection in self.connections:
            connection.shutdown()

    def token(self, user: str, role: str = "user", kyc: str = "approved", ttl_s: int = 60) -> str:
        """A good token, of the real time: so the library checks it."""
        return self.tokens.issue(user, role, kyc, now_s=int(time.time()), ttl_s=ttl_s)

    def app(self, **options: Any) -> Starlette:
        """The HTTP door of the same gateway."""
        given = {
            "metrics": lambda: b"metrics 1\n",
            "hook_secrets": {"sandbox": (HOOK_SECRET.encode(),)},
        }
        return build_app(self.gateway, **{**given, **options})

    @asynccontextmanager
    async def http(self, token: str = "", **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        """An HTTP client, without a socket between."""
        transport = httpx.ASGITransport(self.app(**options), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://house", headers=headers
        ) as client:
            yield client

    @asynccontextmanager
    async def client(self, token: str = "", **options: Any) -> AsyncIterator["Client"]:
        """A websocket client that has been welcomed."""
        async with self.raw(token, **options) as client:
            client.welcome = await client.hear("welcome")
            yield client

    @asynccontextmanager
    async def raw(self, token: str = "", **options: Any) -> AsyncIterator["Client"]:
        """A websocket client that expects nothing yet."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"ws://127.0.0.1:{self.port}{options.pop('path', WEBSOCKET_PATH)}"
        given = {"additional_headers": headers, "subprotocols": [SUBPROTOCOL], "proxy": None}
        async with connect(url, **{**given, **options}) as socket:
            yield Client(socket)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Await something that the other side of a socket causes."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0.001)


class Client:
    """One who speaks the protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.welcome: Frame = {}
        self._waiting: deque[Frame] = deque()
        self._asked = 0

    async def ask(self, type_: str, **fields: Any) -> Frame:
        """Send a command and return its reply; what else comes is kept for `hear`."""
        id_ = fields.pop("id", None) or self.next_id()
        await self.say({"id": id_, "type": type_, **fields})
        return await self.reply(id_)

    async def reply(self, id_: str | None) -> Frame:
        """The reply with this id; what else comes is kept for `hear`."""
        while True:
            frame = await self._receive()
            if frame["type"] in ("ok", "error") and frame.get("id") == id_:
                return frame
            self._waiting.append(frame)

    async def say(self, frame: Frame | str | bytes) -> None:
        """Send a frame, whatever it is."""
        text = msgspec.json.encode(frame).decode() if isinstance(frame, dict) else frame
        await self.socket.send(text)

    async def hear(self, type_: str = "") -> Frame:
        """The next frame that is no awaited reply."""
        frame = self._waiting.popleft() if self._waiting else await self._receive()
        assert not type_ or frame["type"] == type_, frame
        return frame

    async def events(self, count: int) -> list[Frame]:
        """The next frames, all events."""
        return [await self.hear("event") for _ in range(count)]

    async def heard_nothing(self) -> None:
        """Nothing has been sent that was not received."""
        await self.ask("ping")
        assert not self._waiting, self._waiting

    async def closed(self) -> tuple[int, str]:
        """The close code and reason, when the server has closed."""
        with suppress(ConnectionClosed):
            while True:
                self._waiting.append(await self._receive())
        assert self.socket.close_code is not None, "the server says why"
        return self.socket.close_code, self.socket.close_reason or ""

    def next_id(self) -> str:
        """An id that the user of this client has not used, on whatever connection."""
        self._asked += 1
        return f"{self.welcome.get('session', 'early')}-{self._asked}"

    async def _receive(self) -> Frame:
        async with asyncio.timeout(PATIENCE_S):
            text = await self.socket.recv()
        frame: Frame = msgspec.json.decode(text)
        return frame


@asynccontextmanager
async def open_house(
    registry: Registry | None = None,
    new_sink: Callable[[Registry, Hub], Any] = InlineSink,
    **options: Any,
) -> AsyncIterator[OpenHouse]:
    """A gateway on a free port. `options` are those of `GatewaySettings` and of a connection."""
    names = GatewaySettings.__struct_fields__
    given = {"rates": NO_LIMIT} | {n: v for n, v in options.items() if n in names}
    of_connection = {name: value for name, value in options.items() if name not in names}
    settings = GatewaySettings(**given)
    settings = replace(settings, connection=replace(settings.connection, **of_connection))
    house = OpenHouse(registry or club_registry(), settings, new_sink)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(house.accept, "127.0.0.1", 0)
    house.port = server.sockets[0].getsockname()[1]
    try:
        yield house
    finally:
        server.close()
        for connection in house.connections:
            connection.close()
        await house.until(lambda: not len(house.listener.wheel))
        await server.wait_closed()
        house.listener.stop()
    assert house.counts.connections == 0, "a connection was not counted out"
    assert house.counts.subscriptions == 0, "a subscription outlived its connection"
    assert not house.hub.positions(), "a room outlived its listeners"
