"""`outcry` as a process of its own: started, listened to, and ended in every way a process ends."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from runtime.config import Config
from runtime.tokens import issue_token

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60.0

_READY = r"ready at (http://\S+)"


class ProcessEnded(Exception):
    """The process ended before it said what was awaited; the text holds what it did say."""


class Finished(Struct, frozen=True):
    """What came of a command."""

    code: int
    out: str
    err: str


class Lines:
    """What a process says on one of its streams, line by line. Lines are kept."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self.said: list[str] = []
        self._stream = stream
        self._ended = False
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def text(self) -> str:
        """All of it until now."""
        return "".join(self.said)

    async def until(self, pattern: str) -> re.Match[str]:
        """The first line in which the pattern is found, said already or yet to be said.

        Raises ProcessEnded, and TimeoutError after PATIENCE_S.
        """
        read = 0
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for line in self.said[read:]:
                    if found := re.search(pattern, line):
                        return found
                if self._ended:
                    raise ProcessEnded(f"never said {pattern!r}, but:\n{self.text[-4_000:]}")
                read = len(self.said)
                await self._more.wait()

    async def end(self) -> None:
        """Await the end of the stream."""
        await self._reading

    async def _read(self) -> None:
        async for line in self._stream:
            self.said.append(line.decode(errors="replace"))
            self._tell()
        self._ended = True
        self._tell()

    def _tell(self) -> None:
        told, self._more = self._more, asyncio.Event()
        told.set()


class Process:
    """A running `outcry`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None, "a pipe"
        assert process.stderr is not None, "a pipe"
        self.out = Lines(process.stdout)
        self.err = Lines(process.stderr)
        self._process = process

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self._process.returncode is None

    def kill(self) -> None:
        """`kill -9`: it does nothing more, from this instant."""
        self._process.kill()

    def stop(self) -> None:
        """SIGTERM: ask it to end."""
        self._process.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: it lives and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if nothing had happened."""
        self._process.send_signal(signal.SIGCONT)

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Await its end; returns the exit code, -9 after a kill. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            code = await self._process.wait()
            await self.out.end()
            await self.err.end()
        return code

    async def close(self) -> None:
        """Make sure that it is gone."""
        if self.lives:
            self._process.kill()
        await self.ended()


class Server:
    """A process that serves, and where."""

    def __init__(self, process: Process, address: str, data: Path) -> None:
        self.process = process
        self.address = address
        """Of the HTTP door, such as http://127.0.0.1:8080."""
        self.websocket = f"ws{address.removeprefix('http')}/v1/ws"
        self.data = data

    def token(self, user: str, role: str = "user", kyc: str = "approved") -> str:
        """The token that `outcry token` prints."""
        return issue_token(Config(data=str(self.data)), user, role, kyc, "1h")


async def start(
    *arguments: str, optimised: bool = False, module: str = "runtime", under: Sequence[str] = ()
) -> Process:
    """Start `outcry`, or another module, with these arguments. `optimised`: by `python -O`;
    `under`: by a command that becomes it, such as `env NAME=value`."""
    python = [*under, sys.executable, *(["-O"] if optimised else [])]
    # What is tested is what the arguments say, not what the caller's environment happens to
    # set; and asyncio's debug mode is for the tests' own loop, it slows a loaded one too much.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OUTCRY_") and name != "PYTHONASYNCIODEBUG"
    }
    return Process(
        await asyncio.create_subprocess_exec(
            *(*python, "-m", module, *arguments),
            cwd=ROOT,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )


async def run(
    *arguments: str,
    optimised: bool = False,
    under: Sequence[str] = (),
    within_s: float = PATIENCE_S,
) -> Finished:
    """Run `outcry` to its end. Raises TimeoutError."""
    process = await start(*arguments, optimised=optimised, under=under)
    try:
        code = await process.ended(within_s)
    finally:
        await process.close()
    return Finished(code, process.out.text, process.err.text)


@asynccontextmanager
async def serving(data: Path, *flags: str, under: Sequence[str] = ()) -> AsyncIterator[Server]:
    """`outcry serve` on a free port, without rate limits, until the block ends; then it is
    killed if it still lives. `under`: see `start`.

    Raises ProcessEnded if it does not come to serve; what it said is in the text.
    """
    limits = ("--rate-user", "0", "--rate-guest", "0")
    arguments = ("serve", "--port", "0", "--data", str(data), *limits, *flags)
    async with listening(*arguments, under=under) as (process, address):
        yield Server(process, address, data)


@asynccontextmanager
async def listening(
    *arguments: str, module: str = "runtime", under: Sequence[str] = ()
) -> AsyncIterator[tuple[Process, str]]:
    """A process that says at which address it is ready, and that address. Ends as `serving`."""
    process = await start(*arguments, module=module, under=under)
    try:
        try:
            ready = await process.out.until(_READY)
        except ProcessEnded:
            code = await process.ended()
            raise ProcessEnded(f"exit code {code}: {process.err.text[-4_000:]}") from None
        yield process, ready[1]
    finally:
        await process.close()
