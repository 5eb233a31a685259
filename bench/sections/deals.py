"""Commands of negotiations and of parcels: how many a second, how fast, at what cost."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from statistics import median

from bench import haggling, parcels
from bench.databases import database
from bench.haggling import Haggling
from bench.parcels import LOOKS, Parcels
from bench.result import Findings, Table
from bench.scene import Scene, Sizes, Step
from bench.server import House, running
from bench.steady import Steady

LOGS = ("SQLite", "Postgres")
KINDS = ("negotiation", "custody")
HEAD = (
    "what",
    "log",
    "durable commands/s",
    "with looks",
    "p50 ms",
    "p99 ms",
    "CPU µs each",
    "load",
)
NOTES = (
    "Durable before they are acknowledged, in a closed loop of one command at a time for each "
    "person, 100 people on websockets. Medians of the rounds.",
    "Negotiation: open, then five offers, the last of which is agreed on; the house answers each. "
    "Custody: three hand-overs, each shown (a look, of which nothing is written) and scanned, a "
    "photo, two movements and the receipt. Money was paid and parcels were planned before.",
    "CPU is that of the server's process for each command, looks included. `load` is how many "
    "cores the load kept busy.",
)


class Deals:
    """A table of both, on both logs."""

    def __init__(self) -> None:
        self._houses: dict[str, House] = {}
        self._found: dict[tuple[str, str], list[Steady]] = defaultdict(list)

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        yield Step("starting SQLite and Postgres houses", self._start)
        for _ in range(sizes.side_rounds):
            for kind in KINDS:
                for log in LOGS:
                    yield Step(f"{kind}, {log}", partial(self._measure, kind, log))

    async def _start(self, scene: Scene) -> str:
        stack = scene.stack
        log_url = await stack.enter_async_context(database(scene.postgres_url))
        flags = {"SQLite": (), "Postgres": ("--postgres", log_url)}
        for log in LOGS:
            self._houses[log] = await stack.enter_async_context(running(*flags[log]))
        return "ready"

    async def _measure(self, kind: str, log: str, scene: Scene) -> str:
        sizes, house = scene.sizes, self._houses[log]
        if kind == "negotiation":
            haggles = Haggling(sizes.hagglers, sizes.haggles)
            found = await scene.crew.do(haggling.run, house, haggles)
        else:
            found = await scene.crew.do(parcels.run, house, Parcels(sizes.chains, sizes.parcels))
        self._found[kind, log].append(found)
        return f"{found.per_second(LOOKS):,.0f} commands a second, p99 {found.ms[99.0]:.1f} ms"

    def findings(self) -> Findings:
        lines = [_line(kind, log, found) for (kind, log), found in self._found.items()]
        return Findings([], Table("Negotiations and parcels", HEAD, lines, NOTES))


def _line(kind: str, log: str, found: list[Steady]) -> tuple[str, ...]:
    durable = median(one.per_second(LOOKS) for one in found)
    everything = median(one.per_second() for one in found)
    p50, p99 = (median(one.ms[percent] for one in found) for percent in (50.0, 99.0))
    us, load = median(one.server_us for one in found), max(one.load for one in found)
    figures = (f"{durable:,.0f}", f"{everything:,.0f}", f"{p50:.1f}", f"{p99:.1f}")
    return (kind, log, *figures, f"{us:.1f}", f"{load:.2f}")
