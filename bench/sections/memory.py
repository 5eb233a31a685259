"""Memory of connections that only listen."""

from collections.abc import Iterator

from bench import idle
from bench.idle import WARMING, Idle
from bench.machine import raise_open_files
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step
from bench.server import running

SPARE_FILES = 500
"""Files of server and load that are no such connections."""

HEAD = ("connections", "RSS before", "RSS after", "each", "whole process, shared out")
NOTES = (
    f"Authenticated, each as another user, and subscribed to one auction. The first {WARMING} "
    "connections are part of `before`. Buffers that the kernel keeps for a socket are not in RSS.",
)


class Memory:
    """The row of memory, on SQLite."""

    def __init__(self) -> None:
        self._found: Idle | None = None
        self._wanted = 0

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        self._wanted = sizes.idle
        yield Step(f"{self._wanted:,} idle connections", self._measure)

    async def _measure(self, scene: Scene) -> str:
        count = min(self._wanted, raise_open_files() - WARMING - SPARE_FILES)
        limit = str(count + WARMING + SPARE_FILES)
        house = await scene.stack.enter_async_context(running("--connections", limit))
        found = self._found = await scene.crew.do(idle.run, house, count)
        return f"{found.bytes_each / 1024:.1f} KiB each"

    def findings(self) -> Findings:
        found = self._found
        assert found is not None, "it was measured"
        each_kib, mib = found.bytes_each / 1_024, 1_024 * 1_024
        shared_kib = found.after_bytes / (found.connections + WARMING) / 1_024
        line = (
            f"{found.connections:,}",
            f"{found.before_bytes / mib:.1f} MiB",
            f"{found.after_bytes / mib:.1f} MiB",
            f"{each_kib:.1f} KiB",
            f"{shared_kib:.1f} KiB",
        )
        fewer = f"Only so many of {self._wanted:,}: the system lets a process open no more files."
        notes = NOTES if found.connections == self._wanted else (*NOTES, fewer)
        row = Row("memory", "SQLite", each_kib, f"{found.connections:,} connections, RSS")
        return Findings([row], Table("Idle connections", HEAD, [line], notes))
