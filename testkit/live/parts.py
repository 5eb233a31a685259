"""The processes of a live cluster: started, seen when they end, and started again."""

import asyncio
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import httpx
from typing_extensions import override

from testkit.postgres import PostgresFailed, PostgresServer
from testkit.process import ROOT
from testkit.redis import RedisFailed, RedisServer

START_S_MAX = 60.0
STOP_S_MAX = 30.0
POLL_S = 0.05
LINES_SHOWN = 12


class PartFailed(Exception):
    """A process ended instead of serving; the text holds the last that it said."""


class Part(ABC):
    """What can be killed and started again. Its number is in `folder/name.pid` while it lives."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._pid_file = folder / f"{name}.pid"

    @property
    @abstractmethod
    def lives(self) -> bool:
        """Whether the process is there."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """Of the process, which has been started."""

    @abstractmethod
    async def start(self) -> None:
        """Start it, and wait until it serves. Raises PartFailed."""

    def remember(self) -> None:
        """It has just been started."""
        self._pid_file.write_text(f"{self.pid}\n")

    def forget(self) -> None:
        """It has ended: nobody is to kill by a number that may have become another process's."""
        self._pid_file.unlink(missing_ok=True)


class House(Part):
    """An engine or a gateway. What it says is in `folder/name.log`."""

    def __init__(self, name: str, arguments: Sequence[str], address: str, folder: Path) -> None:
        """`arguments` of `outcry`; `address` where it will answer over HTTP."""
        super().__init__(name, folder)
        self.address = address
        self._arguments = arguments
        self._log = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    @override
    def lives(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    @override
    def pid(self) -> int:
        assert self._process is not None, "start comes first"
        return self._process.pid

    @property
    def is_gateway(self) -> bool:
        """Whether clients connect to it."""
        return self._arguments[0] == "gateway"

    @property
    def websocket(self) -> str:
        """Where clients connect to a gateway."""
        return f"ws{self.address.removeprefix('http')}/v1/ws"

    @override
    async def start(self) -> None:
        # What counts is the command line alone, not what the caller's environment happens to set.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OUTCRY_")}
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "runtime", *self._arguments),
                cwd=ROOT,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for the cluster: it stops its parts in good order.
                start_new_session=True,
            )
        self.remember()
        deadline_s = time.monotonic() + START_S_MAX
        while not await is_healthy(self.address):
            if not self.lives:
                raise PartFailed(f"{self.name} has ended: {self._last_words()}")
            if time.monotonic() > deadline_s:
                raise PartFailed(f"{self.name} does not serve: {self._last_words()}")
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """SIGTERM, and wait; kill it if it takes too long."""
        if not self.lives:
            return
        assert self._process is not None, "it lives"
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await self._process.wait()
        finally:
            self.kill()

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self.lives:
            assert self._process is not None, "it lives"
            self._process.kill()
        self.forget()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n  ".join([f"({self._log})", *lines[-LINES_SHOWN:]])


class Server(Part):
    """What the house keeps its log in, or what stands between gateways and engines."""

    def __init__(self, name: str, server: PostgresServer | RedisServer, folder: Path) -> None:
        """`server` has been started."""
        super().__init__(name, folder)
        self._server = server
        self.remember()

    @property
    @override
    def lives(self) -> bool:
        return self._server.running

    @property
    @override
    def pid(self) -> int:
        return self._server.pid

    @override
    async def start(self) -> None:
        try:
            await asyncio.to_thread(self._server.start)
        except (PostgresFailed, RedisFailed) as problem:
            raise PartFailed(f"{self.name}: {problem}") from None
        self.remember()


async def is_healthy(address: str) -> bool:
    """Whether a process answers there."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=1) as http:
            return (await http.get(f"{address}/healthz")).status_code == 200
    except httpx.HTTPError:
        return False


async def served_by(engine: House) -> list[str]:
    """The markets that an engine says it serves; none if it does not answer at once."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=1) as http:
            served: dict[str, bool] = (await http.get(f"{engine.address}/readyz")).json()["served"]
    except httpx.HTTPError:
        return []
    return [market for market, is_ready in served.items() if is_ready]
