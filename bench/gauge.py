"""What a process costs: processor time and memory, as the operating system counts them."""

import asyncio
import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Self

import psutil
from msgspec import Struct


class Cores(Struct, frozen=True):
    """How many cores were busy on average: 1.0 is one core all the time."""

    server: float
    load: float
    """Of this process. Near 1.0, the load has measured itself."""


TICK_S = 0.01
"""Of the kernel's count of processor time."""


class CpuClock:
    """Processor time of all threads of a process, since it began."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    @classmethod
    def own(cls) -> Self:
        """Of this process."""
        return cls(os.getpid())

    def seconds(self) -> float:
        """User and system time together, to the tick of the kernel (10 ms)."""
        times = self._process.cpu_times()
        return times.user + times.system


class Stopwatch:
    """Time and processor time, since it was made."""

    def __init__(self, clocks: Sequence[CpuClock]) -> None:
        self._clocks = clocks
        self._begun_s = time.perf_counter()
        self._busy_s = self._busy()

    def stop(self) -> tuple[float, float]:
        """Seconds by the clock, and of all these processes together: a tick at least, or a short
        measurement would have cost nothing."""
        seconds = time.perf_counter() - self._begun_s
        return seconds, max(self._busy() - self._busy_s, TICK_S)

    def _busy(self) -> float:
        return sum(clock.seconds() for clock in self._clocks)


async def cores_busy(server_pid: int, from_ns: int, until_ns: int) -> Cores:
    """Measure between two moments of the monotonic clock. Without a `server_pid` (0) its share
    is 0. Raises psutil.NoSuchProcess if the server ends meanwhile."""
    own = CpuClock.own()
    server = CpuClock(server_pid) if server_pid else None
    clocks = [clock for clock in (server, own) if clock]
    await until(from_ns)
    begun_ns, begun = time.monotonic_ns(), [clock.seconds() for clock in clocks]
    await until(until_ns)
    ended_ns, ended = time.monotonic_ns(), [clock.seconds() for clock in clocks]
    # A loaded loop wakes late, so the time is taken and not presumed.
    passed_s = (ended_ns - begun_ns) / 1e9
    shares = [(b - a) / passed_s for a, b in zip(begun, ended, strict=True)]
    return Cores(shares[0] if server else 0.0, shares[-1])


def with_children(pid: int) -> list[int]:
    """A process and all that it has started, such as the sessions of a database. It takes some
    milliseconds: call it before anything is measured. Raises psutil.NoSuchProcess."""
    process = psutil.Process(pid)
    return [one.pid for one in (process, *process.children(recursive=True))]


async def cores_by_role(
    roles: Mapping[str, Collection[int]], from_ns: int, until_ns: int
) -> dict[str, float]:
    """How many cores the processes of each role kept busy between two moments of the monotonic
    clock. Processes that have ended meanwhile are left out."""
    await until(from_ns)
    begun_ns, begun = time.monotonic_ns(), _seconds_of(roles)
    await until(until_ns)
    ended_ns, ended = time.monotonic_ns(), _seconds_of(roles)
    passed_s = (ended_ns - begun_ns) / 1e9
    return {
        role: sum(ended[pid] - begun[pid] for pid in pids if pid in begun and pid in ended)
        / passed_s
        for role, pids in roles.items()
    }


def _seconds_of(roles: Mapping[str, Collection[int]]) -> dict[int, float]:
    found = {}
    for pid in chain.from_iterable(roles.values()):
        with suppress(psutil.NoSuchProcess):
            found[pid] = _busy_seconds(pid)
    return found


def _busy_seconds(pid: int) -> float:
    """Processor time of the threads that a process has. Where the kernel counts nanoseconds, these:
    ticks are too coarse for a server that is hardly busy. Raises psutil.NoSuchProcess."""
    try:
        threads = [*Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e9
    except OSError:
        return CpuClock(pid).seconds()


async def until(moment_ns: int) -> None:
    """Sleep until this moment of the monotonic clock."""
    await asyncio.sleep(max(0, moment_ns - time.monotonic_ns()) / 1e9)


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM now (RSS)."""
    resident: int = psutil.Process(pid).memory_info().rss
    return resident
