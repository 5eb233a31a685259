"""HTTP requests that never end, or whose head is too large, under a real uvicorn server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway.connection import Listener
from gateway.connection_settings import ConnectionSettings
from gateway.limits import REQUEST_HEAD_BYTES_MAX
from gateway.uvicorn_http import uvicorn_http
from gateway.uvicorn_protocol import uvicorn_protocol
from tests.gateway.harness import PATIENCE_S, Owner

HEAD = b"POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n"


@asynccontextmanager
async def serving(timeout_ms: int = 10_000) -> AsyncIterator[int]:
    """A port where a request has so long to arrive."""

    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    settings = ConnectionSettings(handshake_timeout_ms=timeout_ms)
    listener = Listener(Owner(), settings, asyncio.get_running_loop())
    app = Starlette(routes=[Route("/hello", hello, methods=["POST"])])
    config = uvicorn.Config(
        app,
        http=uvicorn_http(listener),
        ws=uvicorn_protocol(listener),
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        running = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            yield sock.getsockname()[1]
        finally:
            server.should_exit = True
            await asyncio.wait_for(running, PATIENCE_S)
    assert len(listener.wheel) == 0, "a connection outlived the server"
    listener.stop()


async def answer_to(port: int, sent: bytes) -> bytes:
    """What comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    said = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    return said


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST", HEAD, HEAD + b"\r\nhe"],
    ids=["nothing", "half a line", "half a head", "half a body"],
)
async def test_a_request_that_never_ends_is_cut_off(sent: bytes) -> None:
    """Whoever sends a byte now and then holds a socket only so long."""
    async with serving(timeout_ms=50) as port:
        assert (await answer_to(port, sent)).startswith(b"HTTP/1.1 408 ")


async def test_a_head_has_a_bound() -> None:
    """One long header or many short ones."""
    async with serving() as port:
        long_one = HEAD + b"x: " + b"a" * REQUEST_HEAD_BYTES_MAX
        many = HEAD + b"x: a\r\n" * (REQUEST_HEAD_BYTES_MAX // 6)
        for sent in (long_one, many):
            assert (await answer_to(port, sent)).startswith(b"HTTP/1.1 431 ")


async def test_whole_requests_are_answered_one_after_the_other() -> None:
    """A body larger than a head may be, and a connection that is used again."""
    async with serving() as port, httpx.AsyncClient(trust_env=False) as http:
        for size in (0, 5, 3 * REQUEST_HEAD_BYTES_MAX, 5):
            answer = await http.post(f"http://127.0.0.1:{port}/hello", content=b"a" * size)
            assert len(answer.content) == size
