"""A peer that says exactly what it is told to: bytes, frames, requests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct
from websockets.frames import Close, Opcode

from tests.e2e.bad_input.siege import Siege
from tests.gateway.harness import PATIENCE_S, RawClient

Reply = dict[str, Any]

SWITCHED = b"HTTP/1.1 101 "


class Answer(Struct, frozen=True):
    """An HTTP response."""

    status: int
    head: str
    body: bytes

    @property
    def reply(self) -> Reply:
        """The body, which is JSON."""
        found: Reply = msgspec.json.decode(self.body)
        return found


def handshake(*headers: str, path: str = "/v1/ws", method: str = "GET") -> bytes:
    """A request to upgrade, with these headers beside its own."""
    own = (
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*own, *headers, "", "")).encode()


def bearer(token: str) -> tuple[str, ...]:
    """The header that carries a token; none for a guest."""
    return (f"Authorization: Bearer {token}",) if token else ()


@asynccontextmanager
async def upgraded(port: int, *headers: str) -> AsyncIterator[RawClient]:
    """A websocket that has been opened; nothing has been read from it."""
    client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    try:
        client.writer.write(handshake(*headers))
        async with asyncio.timeout(PATIENCE_S):
            head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(SWITCHED), head
        yield client
    finally:
        await client.hang_up()


@asynccontextmanager
async def peer(siege: Siege, user: str = "", role: str = "user") -> AsyncIterator[RawClient]:
    """A websocket that has been welcomed, of this user or of a guest."""
    token = siege.server.token(user, role) if user else ""
    async with upgraded(siege.port, *bearer(token)) as client:
        assert (await hear(client))["type"] == "welcome"
        yield client


async def hear(client: RawClient) -> Reply:
    """The next frame, which is JSON."""
    opcode, payload = await client.hear()
    assert opcode is Opcode.TEXT, (opcode, payload)
    found: Reply = msgspec.json.decode(payload)
    return found


async def ask(client: RawClient, frame: bytes) -> Reply:
    """Send a text frame; the frame that answers it."""
    client.say(Opcode.TEXT, frame)
    return await hear(client)


async def assert_open(client: RawClient) -> None:
    """The connection goes on."""
    reply = await ask(client, b'{"id":"still here","type":"ping"}')
    assert (reply["type"], reply["id"]) == ("ok", "still here")


async def assert_closed(client: RawClient, *codes: int) -> None:
    """The next thing is a close frame with one of these codes; answered, the stream ends."""
    opcode, payload = await client.hear()
    assert opcode is Opcode.CLOSE, (opcode, payload)
    assert Close.parse(payload).code in codes, payload
    client.say(Opcode.CLOSE, payload)
    assert await client.rest() == b""


async def http(siege: Siege, request: bytes | Sequence[bytes]) -> Answer:
    """The response to a request that asks for the connection to be closed after it."""
    pieces = [request] if isinstance(request, bytes) else request
    client = RawClient(*await asyncio.open_connection("127.0.0.1", siege.port))
    try:
        for piece in pieces:
            client.writer.write(piece)
        response = await client.rest()
    finally:
        await client.hang_up()
    head, _, body = response.partition(b"\r\n\r\n")
    return Answer(int(head.split(b" ", 2)[1]), head.decode("latin-1"), body)


def request(method: str, path: str, *headers: str, body: bytes | None = None) -> bytes:
    """An HTTP request that ends its connection."""
    length = () if body is None else (f"Content-Length: {len(body)}",)
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close")
    return "\r\n".join((*lines, *headers, *length, "", "")).encode() + (body or b"")
