"""Reading the log at a start."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from bench import replay_log
from bench.databases import database
from bench.replay_log import Filled
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step

LOGS = ("SQLite", "Postgres")
HEAD = ("log", "records", "records/s", "seconds")
NOTES = (
    "`runtime.writer.recovery.recover` without a snapshot: read, check positions and seqs, apply, "
    "remember the answers. The digest of the state is that of the core which wrote the log. The "
    "pages of the log are in the system's cache, for it was just written.",
)


class Replay:
    """Rows of replay."""

    def __init__(self) -> None:
        self._filled: dict[str, Filled] = {}
        self._rates: dict[str, list[float]] = defaultdict(list)

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step(f"writing {sizes.records:,} records", self._fill)
        for _ in range(sizes.rounds):
            for log in LOGS:
                yield Step(f"replaying from {log}", partial(self._replay, log))

    async def _fill(self, scene: Scene) -> str:
        folder = scene.stack.enter_context(tempfile.TemporaryDirectory(prefix="outcry-bench-"))
        url = await scene.stack.enter_async_context(database(scene.postgres_url))
        places = [str(Path(folder) / "log.sqlite"), url]
        filled = await scene.crew.do(replay_log.fill, places, scene.sizes.records)
        self._filled = dict(zip(LOGS, filled, strict=True))
        return f"{filled[0].records:,} in both logs"

    async def _replay(self, log: str, scene: Scene) -> str:
        rate = await scene.crew.do(replay_log.replay, self._filled[log])
        self._rates[log].append(rate)
        return f"{rate:,.0f} records a second"

    def findings(self) -> Findings:
        rows, lines = [], []
        for log, rates in self._rates.items():
            rate, records = median(rates), self._filled[log].records
            rows.append(Row("replay", log, rate, f"{records:,} records, no snapshot"))
            lines.append((log, f"{records:,}", f"{rate:,.0f}", f"{records / rate:.2f}"))
        return Findings(rows, Table("Replay", HEAD, lines, NOTES))
