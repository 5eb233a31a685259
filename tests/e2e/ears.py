"""Everybody's ears: each byte that the house sends to somebody is kept under their name."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from testkit.client import Client
from testkit.process import Server
from tests.e2e.door import Door, door_of
from tests.e2e.walk import GUEST, Walk

SHUT = ("FORBIDDEN", "UNAUTHENTICATED", "ROOM_NOT_FOUND")
"""Why somebody is not let into a room. A limit, or a name that is none, is no such reason."""
PAGES = ("/metrics", "/asyncapi.json", "/openapi.json")
"""For everybody."""


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
        self.heard_rooms: set[str] = set()
        """Rooms to which somebody could subscribe."""
        self.seen_pages: set[str] = set()
        """Pages that somebody could fetch."""
        self._came: list[Client] = []
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
        self._came.append(client)
        self._stack.push_async_callback(client.close)
        await client.hear("welcome")
        return client

    async def listen(self, users: Iterable[str], rooms: Iterable[str]) -> None:
        """Everybody tries to subscribe to every room, from its beginning."""
        rooms = tuple(rooms)
        for user in users:
            client = await self.client(user)
            replies = [await client.send("subscribe", room=r, after=0) for r in rooms]
            for room, coming in zip(rooms, replies, strict=True):
                reply = await coming
                assert reply is not None, f"{user}'s connection ended"
                assert reply.ok or reply.code in SHUT, f"{user} in {room}: {reply}"
                if reply.ok:
                    self.heard_rooms.add(room)

    async def look(self, users: Iterable[str], rooms: Iterable[str]) -> None:
        """Everybody fetches every room, its history, the metrics page and the documents."""
        pages = list(PAGES)
        for room in rooms:
            pages += pages_of(room)
        for user in users:
            token = self.token(user)
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            shut = (401, 403, 404) if user == GUEST else (403, 404)
            for page in pages:
                answer = await self._http.get(page, headers=headers)
                assert answer.status_code in (200, *shut), f"{user}, {page}: {answer.text}"
                if answer.status_code == 200:
                    self.seen_pages.add(page)
                self.heard[user] += [answer.text, str(answer.headers)]

    async def until_all_is_heard(self) -> None:
        """When the server has hung up, what it said last may still be on its way."""
        for client in self._came:
            await client.ended

    def who_heard(self, secret: re.Pattern[str]) -> set[str]:
        """Everybody to whom the house has sent this."""
        return {user for user, texts in self.heard.items() if any(map(secret.search, texts))}


def pages_of(room: str) -> tuple[str, str]:
    """A room, and its history."""
    return (f"/v1/rooms/{room}", f"/v1/rooms/{room}/events?limit=1000")


@asynccontextmanager
async def with_ears(server: Server) -> AsyncIterator[Ears]:
    """A walk on tape, until the block ends and everybody leaves."""
    async with (
        door_of(server) as door,
        AsyncExitStack() as stack,
        httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=30) as http,
    ):
        yield Ears(server, door, stack, http)
