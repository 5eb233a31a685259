"""HTTP and websockets on one port, under a real uvicorn server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.frames import Close, Opcode

from gateway.connection import Connection, Listener
from gateway.connection_settings import ConnectionSettings
from gateway.handshake import Refusal
from gateway.uvicorn_protocol import uvicorn_protocol
from tests.gateway.harness import PATIENCE_S, Owner, raw_client

BOTH_LOOPS = True


@asynccontextmanager
async def uvicorn_serving(owner: Owner) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    """uvicorn on a socket that already listens, so that clients need not wait for it."""

    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    listener = Listener(owner, ConnectionSettings(), asyncio.get_running_loop())
    app = Starlette(routes=[Route("/hello", hello)])
    config = uvicorn.Config(app, ws=uvicorn_protocol(listener), lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        running = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            yield sock.getsockname()[1], server
        finally:
            server.should_exit = True
            await asyncio.wait_for(running, PATIENCE_S)
    assert len(listener.wheel) == 0, "a connection outlived the server"
    listener.stop()


async def test_http_and_websocket_share_a_port() -> None:
    """A page, an echo, and the page again."""
    async with uvicorn_serving(Owner()) as (port, _), httpx.AsyncClient(trust_env=False) as http:
        url = f"http://127.0.0.1:{port}/hello"
        assert (await http.get(url)).text == "hello"
        async with connect(f"ws://127.0.0.1:{port}/v1/ws", proxy=None) as client:
            await client.send("echo")
            assert await client.recv() == "echo"
            assert (await http.get(url)).text == "hello"


async def test_a_refusal_reaches_the_client_through_uvicorn() -> None:
    """The hand-over may end in an HTTP response."""
    owner = Owner()
    owner.refusal = Refusal(404, b"{}")
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    async with uvicorn_serving(owner) as (port, _), httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(f"http://127.0.0.1:{port}/nowhere", headers=upgrade)
        assert (response.status_code, response.text) == (404, "{}")
    assert owner.calls.empty()


async def test_the_end_of_the_server_closes_every_connection() -> None:
    """Goodbye, 4201, and uvicorn waits until the owner has heard of it."""
    owner = Owner()
    async with uvicorn_serving(owner) as (port, server), raw_client(port) as client:
        await owner.call("opened")
        server.should_exit = True
        assert await client.hear() == (Opcode.TEXT, b"goodbye")
        opcode, payload = await client.hear()
        assert opcode is Opcode.CLOSE
        assert Close.parse(payload).code == 4201
        client.say(Opcode.CLOSE, payload)
        await client.hang_up()
        assert (await owner.call("closed"))[1] == 4201


async def test_a_handler_that_fails_at_opening_is_told_of_the_end() -> None:
    """The failure happens inside uvicorn's hand-over; the connection still ends as ours."""
    owner = Owner()
    failed = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.set())

    def fail(connection: Connection) -> None:
        raise ValueError("of the owner")

    owner.on_opened = fail
    async with uvicorn_serving(owner) as (port, server):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        request = (
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        writer.write(request)
        assert await owner.call("closed") == ("closed", 1006, "")
        assert server.server_state.connections == set()
        await asyncio.wait_for(failed.wait(), PATIENCE_S)
        writer.close()
