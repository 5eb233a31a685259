"""On what was measured, and how quiet it was there."""

import os
import platform
import resource
import sqlite3
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Self

import psutil
from msgspec import Struct

ROOT = Path(__file__).parent.parent
SERVING = ("msgspec", "websockets", "uvloop", "uvicorn", "asyncpg")
MEASURING = ("redis", "hiredis", "psutil")
SYNCS = 100


def conditions(postgres: dict[str, str]) -> dict[str, str]:
    """Everything that the figures depend on, as it is before the first of them."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "program": _program(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory()}, everything on it",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in (*SERVING, *MEASURING)),
        "SQLite": f"{sqlite3.sqlite_version}, WAL, synchronous=FULL",
        "Postgres": ", ".join(f"{name} {value}" for name, value in postgres.items()),
        "disk": f"{sync_ms():.2f} ms for a 4 KiB write with fsync, median of {SYNCS}",
        "load average before": f"{os.getloadavg()[0]:.2f}",
    }


class Noise:
    """How busy the machine was with anything but the benchmark."""

    def __init__(self) -> None:
        self._begun = _Seen.now()

    def text(self) -> str:
        """Since this was made. Processes of ours count when they have ended."""
        begun, ended = self._begun, _Seen.now()
        passed_s = ended.at_s - begun.at_s
        others = (ended.busy_s - begun.busy_s) - (ended.own_s - begun.own_s)
        stolen = (ended.stolen_s - begun.stolen_s) / passed_s
        return (
            f"{max(0.0, others) / passed_s:.2f} cores for other programs, "
            f"{stolen:.2f} stolen by other machines, on average"
        )


class _Seen(Struct, frozen=True):
    at_s: float
    busy_s: float
    own_s: float
    stolen_s: float

    @classmethod
    def now(cls) -> Self:
        times = psutil.cpu_times()
        # What Linux alone counts is missing elsewhere.
        idle_s = times.idle + getattr(times, "iowait", 0.0)
        stolen_s = getattr(times, "steal", 0.0)
        guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        busy_s = sum(times) - idle_s - stolen_s - guests_s
        whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        own = [resource.getrusage(who) for who in whose]
        own_s = sum(usage.ru_utime + usage.ru_stime for usage in own)
        return cls(time.monotonic(), busy_s, own_s, stolen_s)


def sync_ms() -> float:
    """How long it takes until a small write is safe, in the folder where the logs will be. A
    commit cannot be faster."""
    taken_s = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4_096))
            begun_s = time.perf_counter()
            os.fsync(file.fileno())
            taken_s.append(time.perf_counter() - begun_s)
    return median(taken_s) * 1_000


def raise_open_files() -> int:
    """Raise the limit on open files as far as the system lets us, here and for all processes that
    are started from here; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = 1_048_576
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> str:
    return f"{psutil.virtual_memory().total / 2**30:.0f} GiB"


def _program() -> str:
    """The version, and the commit if this is a checkout."""
    asked = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
        commit = done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "no checkout"
    return f"openoutcry {version('openoutcry')}, {commit}"
