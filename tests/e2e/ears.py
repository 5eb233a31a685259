"""Everybody's ears: each byte that the house sends to somebody is kept under their name."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from testkit.client import Client
from testkit.process import Server
from tests.e2e.door import Door, door_of
from tests.e2e.walk import Walk


class Tape:
    """A websocket that keeps every frame before anybody decodes it."""

    def __init__(self, socket: ClientConnection, heard: list[str]) -> None:
        self._socket = socket
        self._heard = heard

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code

    @property
    def close_reason(self) -> str | None:
        return self._socket.close_reason

    async def send(self, text: str) -> None:
        await self._socket.send(text)

    async def close(self) -> None:
        await self._socket.close()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        async for text in self._socket:
            self._heard.append(text if isinstance(text, str) else text.decode())
            yield text


class Ears(Walk):
    """A walk on which whatever anybody hears is kept."""

    def __init__(
        self, server: Server, door: Door, stack: AsyncExitStack, http: httpx.AsyncClient
    ) -> None:
        super().__init__(server, door, stack)
        self.heard: dict[str, list[str]] = defaultdict(list)
        self._http = http

    async def client(self, user: str) -> Client:
        """As `Walk.client`, on a tape."""
        if user not in self._clients:
            await self.come_in(user, self.token(user))
        return self._clients[user]

    async def come_in(self, user: str, token: str) -> Client:
        """As `Walk.come_in`, on a tape."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        coming = connect(
            self.server.websocket,
            additional_headers=headers,
            compression=None,
            ping_interval=None,
            max_size=None,
            close_timeout=2,
        )
        socket: Any = Tape(await self._stack.enter_async_context(coming), self.heard[user])
        client = self._clients[user] = Client(socket)
        self._stack.push_async_callback(client.close)
        await client.hear("welcome")
        return client

    async def listen(self, users: Iterable[str], rooms: Iterable[str]) -> None:
        """Everybody tries to subscribe to every room, from its beginning."""
        rooms = tuple(rooms)
        for user in users:
            client = await self.client(user)
            for reply in [await client.send("subscribe", room=r, after=0) for r in rooms]:
                assert await reply is not None, f"{user}'s connection ended"

    async def look(self, users: Iterable[str], rooms: Iterable[str]) -> None:
        """Everybody fetches every room, its history, the metrics page and the documents."""
        pages = ["/metrics", "/asyncapi.json", "/openapi.json"]
        for room in rooms:
            pages += [f"/v1/rooms/{room}", f"/v1/rooms/{room}/events?limit=1000"]
        for user in users:
            token = self.token(user)
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            for page in pages:
                answer = await self._http.get(page, headers=headers)
                assert answer.status_code in (200, 401, 403, 404), f"{page}: {answer.text}"
                self.heard[user] += [answer.text, str(answer.headers)]

    def who_heard(self, secret: str) -> set[str]:
        """Everybody to whom the house has sent these characters."""
        return {user for user, texts in self.heard.items() if any(secret in t for t in texts)}


@asynccontextmanager
async def with_ears(server: Server) -> AsyncIterator[Ears]:
    """A walk on tape, until the block ends and everybody leaves."""
    async with (
        door_of(server) as door,
        AsyncExitStack() as stack,
        httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=30) as http,
    ):
        yield Ears(server, door, stack, http)
