"""Many watchers of one auction."""

from collections.abc import Iterator
from functools import partial
from statistics import median

from bench import watch
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step
from bench.server import House, running
from bench.watch import Watch, Watched

HEAD = (
    "bids",
    "bids/s",
    "deliveries/s",
    "for each CPU second",
    "bytes",
    "p50 ms",
    "p99 ms",
    "bidder p50 ms",
    "p99 ms",
)
NOTES = (
    "A delivery is one event to one watcher; each watcher has a socket of its own, and all must "
    "have heard the same bytes in the end. CPU is the server's whole, that of the bids included.",
    "Latency is from the moment a bid was due until a watcher has read of it: durable, published, "
    "sent and read, the room's rest included. In the closed loop it includes the wait of all bids "
    "that came together. The bidder's is until the bid was answered.",
    "Events that come together share a write, so a delivery costs less the more is bid.",
)


class FanOut:
    """Rows of deliveries, on SQLite."""

    def __init__(self) -> None:
        self._house: House | None = None
        self._found: dict[str, list[Watched]] = {}

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step("starting a house", self._start)
        loads = {f"{sizes.watch_rate:g} a second": sizes.watch_rate, "closed loop": 0.0}
        for _ in range(sizes.rounds):
            for name, rate in loads.items():
                text = f"{sizes.watchers:,} watchers, {name}"
                yield Step(text, partial(self._measure, name, rate))

    async def _start(self, scene: Scene) -> str:
        self._house = await scene.stack.enter_async_context(running())
        return "ready"

    async def _measure(self, name: str, rate: float, scene: Scene) -> str:
        assert self._house is not None, "it was started"
        sizes = scene.sizes
        plan = Watch(sizes.watchers, sizes.connections, rate, sizes.seconds, sizes.warmup)
        found = await scene.crew.do(watch.run, self._house, plan)
        self._found.setdefault(name, []).append(found)
        return f"{found.per_second:,.0f} deliveries a second, p99 {found.ms[99.0]:.1f} ms"

    def findings(self) -> Findings:
        rows, lines = [], []
        for name, found in self._found.items():
            per_core, wall, bids = (
                median(getattr(one, figure) for one in found)
                for figure in ("per_core_second", "per_second", "bids_per_second")
            )
            how = f"{wall:,.0f} a second, from {bids:,.0f} bids"
            rows.append(Row("fan-out", f"bids: {name}", per_core, how))
            size = median(one.frame_bytes for one in found)
            latencies = [
                f"{median(ms[percent] for ms in each):.1f}"
                for each in ([one.ms for one in found], [one.answer_ms for one in found])
                for percent in (50.0, 99.0)
            ]
            figures = (f"{bids:,.0f}", f"{wall:,.0f}", f"{per_core:,.0f}", f"{size:.0f}")
            lines.append((name, *figures, *latencies))
        return Findings(rows, Table("Watchers", HEAD, lines, NOTES))
