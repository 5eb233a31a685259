"""Whom a delivery zone asks: how long the choice takes, and how good it is."""

from collections.abc import Iterator
from functools import partial
from typing import get_args

from bench import matching_day, zone_in_memory
from bench.matching_day import Day, Quality
from bench.result import Findings, Row, Table
from bench.scene import Scene, Sizes, Step
from bench.zone_in_memory import Choices, Chosen
from engine.domains.dispatch.terms import Mode

HEAD = (
    "mode",
    "orders",
    "nobody found",
    "way to the pick-up, m",
    "until assigned, s",
    "until at the pick-up, s",
    "drivers asked",
)
NOTES = (
    "Choosing: the nearest ten of all drivers of a zone who may be asked, with who was left out "
    "and why, in process (`search.near`); the zone reaches 8 km, the circle 5 km.",
    "A day: the same orders, drivers and moods in each mode, through the engine in virtual time, "
    "so the figures are the same on every machine. Drivers think for 3 to 15 s, accept four offers "
    "of five and drive at 6 m/s. Means over the orders that found a driver; `drivers asked` is "
    "over all. `broadcast` gives the job to whoever is quickest of the nearest ten.",
)


class Matching:
    """Rows of choices and of a day."""

    def __init__(self) -> None:
        self._chosen: Chosen | None = None
        self._drivers = 0
        self._days: dict[str, Quality] = {}

    def steps(self, sizes: Sizes) -> Iterator[Step]:
        self._drivers = sizes.drivers
        yield Step(f"choosing of {sizes.drivers:,} drivers", self._choose)
        for mode in get_args(Mode):
            yield Step(f"a day, {mode}", partial(self._play, mode))

    async def _choose(self, scene: Scene) -> str:
        plan = Choices(scene.sizes.drivers, scene.sizes.choices)
        found = self._chosen = await scene.crew.do(zone_in_memory.run, plan)
        return f"p99 {found.free[99.0]:.2f} ms, {found.busy[99.0]:.2f} ms with most of them busy"

    async def _play(self, mode: Mode, scene: Scene) -> str:
        sizes = scene.sizes
        day = Day(sizes.day_hours, sizes.day_drivers, sizes.day_orders)
        found = self._days[mode] = await scene.crew.do(matching_day.run, mode, day)
        return f"{found.pickup_m:,.0f} m to the pick-up"

    def findings(self) -> Findings:
        assert self._chosen is not None, "it was measured"
        cases = {"all free": self._chosen.free, "9 of 10 busy": self._chosen.busy}
        rows = [
            Row("choice", f"{self._drivers:,}, {name}", ms[99.0], f"p50 {ms[50.0]:.2f} ms")
            for name, ms in cases.items()
        ]
        lines = [_line(mode, quality) for mode, quality in self._days.items()]
        return Findings(rows, Table("Matching", HEAD, lines, NOTES))


def _line(mode: str, quality: Quality) -> tuple[str, ...]:
    return (
        mode,
        f"{quality.orders:,}",
        f"{quality.unassigned:,}",
        f"{quality.pickup_m:,.0f}",
        f"{quality.assigned_s:.1f}",
        f"{quality.picked_up_s:.1f}",
        f"{quality.offers:.2f}",
    )
