"""A server process of its own, and tokens that it accepts."""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import jwt
from msgspec import Struct

ROOT = Path(__file__).parent.parent
SECRET_NAME = "jwt_secret"
SECRET_VARIABLE = "OUTCRY_JWT_SECRET"
ISSUER = AUDIENCE = "outcry"
TOKEN_LIFE_S = 6 * 3600
START_PATIENCE_S = 30.0
STOP_PATIENCE_S = 15.0

EXIT_FAILED = 2
"""Exit code of a bench that could not measure. 1 is for a result that is not good enough."""

EXIT_INTERRUPTED = 130

_ADDRESS = re.compile(r"http://[\w.\-\[\]:]+:\d+")


class ServerError(Exception):
    """There is no server to talk to; the text says why."""


class House(Struct, frozen=True):
    """A running server, and the secret with which it checks tokens."""

    url: str
    """The websocket's, such as ws://127.0.0.1:8080/v1/ws."""
    secret: str

    def token(self, user: str, role: str = "user", kyc: str = "approved") -> str:
        """A token that says who its bearer is (PROTOCOL, connecting)."""
        claims = {
            "sub": user,
            "role": role,
            "kyc": kyc,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "exp": int(time.time()) + TOKEN_LIFE_S,
        }
        return jwt.encode(claims, self.secret, algorithm="HS256")


def add_house_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that name a running server; without them a bench starts one."""
    parser.add_argument("--url", help="websocket of a running server; default: start one")
    parser.add_argument("--data", help="that server's --data folder, where its secret is")
    parser.add_argument("--token-secret", help=f"the secret itself [{SECRET_VARIABLE}]")


@asynccontextmanager
async def house_of(arguments: argparse.Namespace) -> AsyncIterator[House]:
    """The server that the flags name, or one of our own. Raises ServerError, OSError."""
    if not arguments.url:
        async with running() as house:
            yield house
        return
    secret = arguments.token_secret or os.environ.get(SECRET_VARIABLE)
    if not secret and not arguments.data:
        raise ServerError(f"--url needs --data, --token-secret or {SECRET_VARIABLE}")
    yield House(arguments.url, secret or _secret_in(arguments.data))


def _secret_in(data: str) -> str:
    return (Path(data) / SECRET_NAME).read_text().strip()


@asynccontextmanager
async def running(*flags: str) -> AsyncIterator[House]:
    """`outcry serve` with these flags, without rate limits, on a free port and with a log of its
    own, until the block ends. Raises ServerError."""
    with tempfile.TemporaryDirectory(prefix="outcry-bench-") as data:
        said = Path(data) / "said.txt"
        process = await _start(data, said, flags)
        try:
            address = await _address(process, said)
            yield House(f"ws{address.removeprefix('http')}/v1/ws", _secret_in(data))
        finally:
            await _stop(process)


async def _start(data: str, said: Path, flags: tuple[str, ...]) -> asyncio.subprocess.Process:
    arguments = ["--port", "0", "--data", data, "--rate-user", "0", "--rate-guest", "0"]
    # What is measured is what the flags say, not what the caller's environment happens to set.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OUTCRY_")}
    with said.open("wb") as stderr:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "runtime", "serve"),
            *(*arguments, "--log-level", "warning", *flags),
            cwd=ROOT,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )


async def _address(process: asyncio.subprocess.Process, said: Path) -> str:
    """The address in the line that the server prints when it is ready."""
    assert process.stdout is not None, "it is a pipe"
    try:
        async with asyncio.timeout(START_PATIENCE_S):
            async for line in process.stdout:
                if found := _ADDRESS.search(line.decode(errors="replace")):
                    return found[0]
    except TimeoutError:
        pass
    raise ServerError(f"the server did not get ready; it said:\n{_tail(said)}")


def _tail(said: Path) -> str:
    return said.read_text(errors="replace")[-2_000:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, and make it end if it does not."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_PATIENCE_S):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
