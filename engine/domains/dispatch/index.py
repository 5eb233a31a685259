"""Where the drivers of a zone are: soft state, with an index of equal cells.

A cell is CELL_M wide, or wider, wherever in the zone it lies. So when all cells up to the n-th
ring around a point have been visited, whoever is left is at least n cells away.
"""

from collections.abc import Iterator
from itertools import takewhile

from msgspec import Struct

from engine.domains.dispatch.geo import (
    DEGREE,
    LON_MAX,
    Place,
    Point,
    point_at,
    units_east,
    units_north,
)
from engine.domains.dispatch.terms import PING_MS
from engine.kernel.time import MINUTE, Millis

CELL_M = 400
SURE_M = 390
"""What a ring is surely wide: a cell, less what roundings and the curve of the earth may take."""
MARGIN = DEGREE // 2
"""Drivers may be so far outside their zone, north or south, before cells get narrow."""
COLUMNS = 2**24
"""More than there are cells around the earth."""
FORGOTTEN_MS = 10 * MINUTE
"""A driver who has been silent for so long is taken out, within a minute."""


class Fix(Struct, gc=False):
    """A driver's latest position that was believed."""

    lat: int
    lon: int
    at: Millis
    """When it came, engine time."""
    device_at: Millis
    due_at: Millis
    """When the next one is expected: every PING_MS, however early this one was."""
    cell: int
    point: Point | None = None
    """The place in space, once somebody has asked for it."""

    def located(self) -> Point:
        """The place in space. Most positions are gone before anybody looks for a driver there."""
        self.point = point_at(self.lat, self.lon)
        return self.point


class Verdict(Struct, frozen=True):
    """What is thought of a ping. It is asked for three times: when the ping is decided, when it is
    taken, and when it is answered."""

    ping: object
    driver: str
    at: Millis
    note: str
    """Why it is not believed, if it is not."""
    is_news: bool
    """Whether it is to enter the log."""


class Positions:
    """The soft state of a zone. Nothing here is in the log, and a restart empties it."""

    __slots__ = (
        "_cells",
        "_centre_lon",
        "_north",
        "_steps",
        "_swept_at",
        "east",
        "fixes",
        "logged_at",
        "news",
        "verdict",
    )

    def __init__(self) -> None:
        self.fixes: dict[str, Fix] = {}
        """Driver -> position; who was heard longest ago comes first."""
        self.news: dict[str, None] = {}
        """Drivers whose position is to enter the log."""
        self.logged_at: Millis = 0
        """When positions did, the last time that `news` was looked through."""
        self.verdict: Verdict | None = None
        """The latest."""
        self.east = 0
        """Width of a cell, units of longitude; 0 before the zone is known."""
        self._north = units_north(CELL_M)
        self._centre_lon = 0
        self._swept_at: Millis = 0
        self._cells: dict[int, dict[str, Fix]] = {}
        self._steps: list[tuple[int, ...]] = []
        """Ring -> its cells, as steps from the one in the middle; as far as anybody has looked."""

    def survey(self, centre: Place, radius_m: int) -> None:
        """Lay the grid over a zone. What is laid stays, for a zone does not move."""
        if not self.east:
            edge = abs(centre.lat) + units_north(radius_m) + MARGIN
            self.east = units_east(CELL_M, edge)
            self._centre_lon = centre.lon

    def put(self, driver: str, place: Place, at: Millis, device_at: Millis) -> None:
        """The driver is here now."""
        assert self.east, "survey comes first"
        row, column = self._cell(place)
        cell = row * COLUMNS + column
        due_at = at
        old = self.fixes.pop(driver, None)
        if old is not None:
            due_at = max(at, old.due_at)
            if old.cell != cell:
                self._leave(driver, old.cell)
        fix = Fix(place.lat, place.lon, at, device_at, due_at + PING_MS, cell)
        self.fixes[driver] = fix
        self._cells.setdefault(cell, {})[driver] = fix

    def remove(self, driver: str) -> None:
        """The driver is nowhere, as far as the zone cares."""
        fix = self.fixes.pop(driver, None)
        if fix is not None:
            self.news.pop(driver, None)
            self._leave(driver, fix.cell)

    def forget(self, now: Millis) -> None:
        """Take out who has been silent for too long. It looks once a minute only: they come first,
        but what is gone from the front of a dict has to be stepped over each time."""
        if now < self._swept_at + MINUTE:
            return
        self._swept_at = now
        silent = takewhile(lambda known: known[1].at <= now - FORGOTTEN_MS, self.fixes.items())
        for driver in [driver for driver, _ in silent]:
            self.remove(driver)

    def _leave(self, driver: str, cell: int) -> None:
        inside = self._cells[cell]
        del inside[driver]
        if not inside:
            del self._cells[cell]

    def rings(self, place: Place, radius_m: int) -> Iterator[tuple[int, list[dict[str, Fix]]]]:
        """Ring by ring outwards, until the radius is covered: how far away all those are at least
        who have not been yielded with it, and the cells in it where somebody is."""
        if not self.east:
            return
        row, column = self._cell(place)
        here, cells, steps = row * COLUMNS + column, self._cells, self._steps
        for ring in range(radius_m // SURE_M + 2):
            if ring == len(steps):
                steps.append(tuple(_ring(ring)))
            yield (
                ring * SURE_M,
                [cell for step in steps[ring] if (cell := cells.get(here + step))],
            )

    def _cell(self, place: Place) -> tuple[int, int]:
        # Around the zone's own meridian, so that a zone may lie across the date line.
        lon = (place.lon - self._centre_lon + LON_MAX) % (2 * LON_MAX) - LON_MAX
        return place.lat // self._north, lon // self.east


def _ring(ring: int) -> Iterator[int]:
    """The cells that are `ring` steps away: by how much their keys differ."""
    if ring == 0:
        yield 0
        return
    for beside in range(-ring, ring + 1):
        yield -ring * COLUMNS + beside
        yield ring * COLUMNS + beside
    for above in range(1 - ring, ring):
        yield above * COLUMNS - ring
        yield above * COLUMNS + ring
