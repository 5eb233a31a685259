"""A server process of its own, and tokens that it accepts."""

import argparse
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from runtime.config import Config
from runtime.tokens import issue_token
from testkit.process import ProcessEnded, listening, serving

T = TypeVar("T")

SECRET_NAME = "jwt_secret"
SECRET_VARIABLE = "OUTCRY_JWT_SECRET"
TOKEN_LIFE = "6h"

EXIT_FAILED = 2
"""Exit code of a bench that could not measure. 1 is for a result that is not good enough."""

EXIT_INTERRUPTED = 130


class ServerError(Exception):
    """There is no server to talk to; the text says why."""


class House(Struct, frozen=True):
    """A running server, and the secret with which it checks tokens."""

    url: str
    """The websocket's, such as ws://127.0.0.1:8080/v1/ws."""
    secret: str
    pid: int = 0
    """The process of the server; 0 if it is not ours, or on another machine."""

    def token(self, user: str, role: str = "user", kyc: str = "approved") -> str:
        """A token that says who its bearer is (PROTOCOL, connecting)."""
        return issue_token(Config(jwt_secret=self.secret), user, role, kyc, TOKEN_LIFE)


def add_house_flags(parser: argparse.ArgumentParser, *, many: bool = False) -> None:
    """Flags that name a running server; without them a bench starts one. `many`: it may have
    several doors, and `--url` may be given again."""
    again = {"action": "append"} if many else {}
    text = "websocket of a running server; default: start one"
    parser.add_argument("--url", help=text + ("; again for each gateway" if many else ""), **again)
    parser.add_argument("--data", help="that server's --data folder, where its secret is")
    parser.add_argument("--token-secret", help=f"the secret itself [{SECRET_VARIABLE}]")


@asynccontextmanager
async def house_of(arguments: argparse.Namespace) -> AsyncIterator[House]:
    """The server that the flags name, or one of our own. Raises ServerError, OSError."""
    async with houses_of(arguments) as houses:
        yield houses[0]


@asynccontextmanager
async def houses_of(arguments: argparse.Namespace) -> AsyncIterator[list[House]]:
    """The doors of the server that the flags name, or of one of our own. Raises as `house_of`."""
    urls = [arguments.url] if isinstance(arguments.url, str) else arguments.url
    if urls:
        yield [House(url, secret_of(arguments)) for url in urls]
        return
    async with running() as house:
        yield [house]


def secret_of(arguments: argparse.Namespace) -> str:
    """The secret that the flags name. Raises ServerError if they name none, OSError."""
    secret = arguments.token_secret or os.environ.get(SECRET_VARIABLE)
    if not secret and not arguments.data:
        raise ServerError(f"--url needs --data, --token-secret or {SECRET_VARIABLE}")
    return secret or _secret_in(arguments.data)


def _secret_in(data: str) -> str:
    return (Path(data) / SECRET_NAME).read_text().strip()


@asynccontextmanager
async def running(*flags: str) -> AsyncIterator[House]:
    """`outcry serve` with these flags, without rate limits, on a free port and with a log of its
    own, until the block ends. Raises ServerError."""
    with tempfile.TemporaryDirectory(prefix="outcry-bench-") as data:
        async with _telling(serving(Path(data), "--log-level", "warning", *flags)) as server:
            yield House(server.websocket, _secret_in(data), server.process.pid)


@asynccontextmanager
async def echoing() -> AsyncIterator[House]:
    """The bare echo, until the block ends. Raises ServerError."""
    async with _telling(listening(module="bench.echo")) as (process, address):
        # It looks at no token, but its clients have one all the same.
        yield House(f"ws{address.removeprefix('http')}/", secrets.token_hex(), process.pid)


@asynccontextmanager
async def positioning(redis_socket: str) -> AsyncIterator[House]:
    """The websocket server that keeps positions in Redis, until the block ends. Raises
    ServerError."""
    starting = listening(redis_socket, module="bench.geo_server")
    async with _telling(starting) as (process, address):
        yield House(f"ws{address.removeprefix('http')}/", secrets.token_hex(), process.pid)


@asynccontextmanager
async def giving_jobs(redis_socket: str, postgres_url: str) -> AsyncIterator[House]:
    """The websocket server that gives jobs by Redis and Postgres, until the block ends. Raises
    ServerError."""
    starting = listening(redis_socket, postgres_url, module="bench.job_server")
    async with _telling(starting) as (process, address):
        yield House(f"ws{address.removeprefix('http')}/", secrets.token_hex(), process.pid)


@asynccontextmanager
async def _telling(starting: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    async with AsyncExitStack() as stack:
        try:
            started = await stack.enter_async_context(starting)
        except (ProcessEnded, TimeoutError) as problem:
            raise ServerError(f"the server did not get ready: {problem}") from None
        yield started
