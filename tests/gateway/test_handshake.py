"""Which requests are let in, and how the others are told."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.connection import Connection, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.handshake import Refusal
from gateway.origin import check_origin
from tests.gateway.harness import (
    HANDSHAKE,
    PATIENCE_S,
    ManualLoop,
    Owner,
    PaperTransport,
    raw_client,
    serving,
)

BOTH_LOOPS = True

OURS = "outcry.v1+json"


async def response_to(port: int, request: bytes) -> tuple[int, bytes]:
    """The status and the body of the response that ends the connection."""
    async with raw_client(port, request) as client:
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (HANDSHAKE.replace(b"GET", b"POST"), 405),
        (HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"), 505),
        (HANDSHAKE.replace(b"Version: 13", b"Version: 8"), 400),
        (HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X-Key"), 400),
        (HANDSHAKE.replace(b"localhost", b"x" * 9000), 431),
        (HANDSHAKE.replace(b"/v1/ws", b"/" + b"x" * 9000), 414),
        (b"hello there\r\n", 400),
        (HANDSHAKE + b"\x81", 400),
        (HANDSHAKE + b"\x81\x80\x00\x00\x00\x00", 400),
        (HANDSHAKE + b"\x81\x00", 400),
    ],
    ids=[
        "no upgrade",
        "method",
        "HTTP version",
        "version",
        "no key",
        "long header",
        "long path",
        "garbage",
        "early bytes",
        "early frame",
        "early nonsense",
    ],
)
async def test_what_is_no_handshake_is_refused(request_bytes: bytes, status: int) -> None:
    """With the HTTP status that says why. The owner is not asked and not told."""
    owner = Owner()
    async with serving(owner) as port:
        assert (await response_to(port, request_bytes))[0] == status
    assert owner.calls.empty()


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_the_owner_refuses(status: int) -> None:
    """Path, origin or number of connections: its status and body reach the client."""
    owner = Owner()
    owner.refusal = Refusal(status, b'{"code":"NO"}')
    async with serving(owner) as port:
        # A copy, so that the harness does not wait for a 101.
        assert await response_to(port, bytes(bytearray(HANDSHAKE))) == (status, b'{"code":"NO"}')
    assert owner.calls.empty()


async def test_a_foreign_origin_is_a_403() -> None:
    """The owner's check joined with the rule for origins, as a browser would meet it."""
    owner = Owner()
    owner.check = lambda connection, request: check_origin(  # type: ignore[method-assign]
        request.headers, frozenset({"https://shop.example"})
    )
    async with serving(owner) as port:
        for origin, status in (("https://evil.example", 403), ("null", 403)):
            line = f"Host: localhost\r\nOrigin: {origin}".encode()
            request = HANDSHAKE.replace(b"Host: localhost", line)
            assert (await response_to(port, request))[0] == status
        for origin in ("https://shop.example", f"http://127.0.0.1:{port}"):
            async with connect(f"ws://127.0.0.1:{port}/", origin=origin, proxy=None) as client:
                await client.send("let in")
                assert await client.recv() == "let in"


@pytest.mark.parametrize(
    ("offered", "chosen"), [(None, None), ([OURS], OURS), (["other", OURS], OURS)]
)
async def test_subprotocols(offered: list[Subprotocol] | None, chosen: str | None) -> None:
    """Ours if the client names it; none if the client names none."""
    uri = "ws://127.0.0.1:{}/"
    async with (
        serving(Owner(), subprotocols=(OURS,)) as port,
        connect(uri.format(port), subprotocols=offered, proxy=None) as client,
    ):
        assert client.subprotocol == chosen


async def test_a_client_that_names_only_strange_subprotocols_is_refused() -> None:
    """The body says what is expected."""
    request = HANDSHAKE[:-2] + b"Sec-WebSocket-Protocol: other\r\n\r\n"
    async with serving(Owner(), subprotocols=(OURS,)) as port:
        status, body = await response_to(port, request)
    assert status == 400
    assert OURS.encode() in body


async def test_a_request_may_come_in_pieces() -> None:
    """Where the network cuts is of no consequence here either."""
    async with serving(Owner()) as port, raw_client(port, HANDSHAKE[:60]) as client:
        client.writer.write(HANDSHAKE[60:-1])
        await asyncio.sleep(0)
        client.writer.write(HANDSHAKE[-1:])
        async with asyncio.timeout(PATIENCE_S):
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")


async def test_a_refused_client_that_lingers_is_cut_off() -> None:
    """After the response the server waits for the client to hang up, but not for ever."""
    owner = Owner()
    owner.refusal = Refusal(404, b"")
    async with serving(owner, close_timeout_ms=30) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANDSHAKE)
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
            while not writer.is_closing():
                writer.write(b"still here")
                await asyncio.sleep(0.001)
        writer.close()


def test_shutdown_during_the_handshake_drops_the_socket() -> None:
    """There is nobody to say goodbye to."""
    owner = Owner()
    connection = Connection(Listener(owner, ConnectionSettings(), ManualLoop()))
    transport = PaperTransport()
    connection.connection_made(transport)
    connection.shutdown()
    connection.connection_lost(None)
    assert transport.aborted
    assert owner.calls.empty()
