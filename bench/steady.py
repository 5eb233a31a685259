"""People who each do one thing after another, all at the same time: how many commands a second, how
long each took, at what cost."""

import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct, field

from bench.client import Client, Heard
from bench.gauge import CpuClock, Stopwatch
from bench.load import percentile
from bench.market import in_lanes

PERCENTILES = (50.0, 99.0)


class Tally(Struct):
    """Every command that was answered yes."""

    by_type: Counter[str] = field(default_factory=Counter)
    latencies_ms: "array[float]" = field(default_factory=lambda: array("d"))

    async def must(self, client: Client, type_: str, **fields: Any) -> Heard:
        """Send a command, await its yes and count it. Raises CommandRefused."""
        begun_ns = time.monotonic_ns()
        reply = await client.must(type_, **fields)
        self.latencies_ms.append((time.monotonic_ns() - begun_ns) / 1e6)
        self.by_type[type_] += 1
        return reply


class Steady(Struct, frozen=True):
    """What came of it."""

    by_type: dict[str, int]
    seconds: float
    ms: dict[float, float]
    """Percentile -> from the sending to the answer, of all commands."""
    server_s: float
    """Processor time of the server."""
    load_s: float
    """Of this process."""

    def per_second(self, but: Sequence[str] = ()) -> float:
        """Commands a second, without those of these types."""
        return self._count(but) / self.seconds

    @property
    def server_us(self) -> float:
        """The server's processor time for each command."""
        return self.server_s / self._count(()) * 1e6

    @property
    def load(self) -> float:
        """Cores that the load kept busy."""
        return self.load_s / self.seconds

    def _count(self, but: Sequence[str]) -> int:
        return sum(count for type_, count in self.by_type.items() if type_ not in but)


async def together(server_pid: int, work: Iterable[Callable[[Tally], Awaitable[None]]]) -> Steady:
    """Everybody works to the end. Raises what the first failure raises."""
    tally = Tally()
    people = list(work)
    server, own = Stopwatch([CpuClock(server_pid)]), Stopwatch([CpuClock.own()])
    await in_lanes(len(people), people, lambda one: one(tally))
    (seconds, server_s), (_, load_s) = server.stop(), own.stop()
    ordered = sorted(tally.latencies_ms)
    ms = {percent: percentile(ordered, percent) for percent in PERCENTILES}
    return Steady(dict(tally.by_type), seconds, ms, server_s, load_s)
