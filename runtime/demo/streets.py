"""The town: a grid of streets, a river across it, and a few bridges.

Streets are counted from the north-west corner: (3, 2) is the crossing of the fourth avenue from the
west and the third street from the north.
"""

from collections import deque
from math import cos, radians

from engine.domains.dispatch.geo import Place, units_north

AVENUES, STREETS = 16, 9
BLOCK_M = 60
RIVER_SOUTH_OF = 4
"""Of this street."""
BRIDGES = (2, 8, 13)
"""Avenues that cross the river."""
NORTH_WEST = Place(64_585_000, 33_890_000)
BLOCK_LAT = units_north(BLOCK_M)
BLOCK_LON = round(BLOCK_LAT / cos(radians(NORTH_WEST.lat / 10**7)))
RADIUS_M = 3_000

Crossing = tuple[int, int]
"""(avenue, street)."""
Spot = tuple[float, float]
"""The same, and anywhere between."""


def place_at(spot: Spot) -> Place:
    """Degrees times ten million."""
    avenue, street = spot
    return Place(
        NORTH_WEST.lat - round(street * BLOCK_LAT), NORTH_WEST.lon + round(avenue * BLOCK_LON)
    )


def crossing_at(lat: int, lon: int) -> Crossing:
    """The crossing next to a place."""
    avenue = round((lon - NORTH_WEST.lon) / BLOCK_LON)
    street = round((NORTH_WEST.lat - lat) / BLOCK_LAT)
    return min(max(avenue, 0), AVENUES - 1), min(max(street, 0), STREETS - 1)


def wire(place: Place) -> dict[str, int]:
    """As a command has it."""
    return {"lat": place.lat, "lon": place.lon}


def centre() -> Place:
    """The middle of the town."""
    return place_at(((AVENUES - 1) / 2, (STREETS - 1) / 2))


def way(start: Crossing, end: Crossing) -> list[Crossing]:
    """The shortest way along the streets, without its start."""
    came_from: dict[Crossing, Crossing] = {start: start}
    waiting = deque([start])
    while end not in came_from:
        here = waiting.popleft()
        for there in _next_to(here):
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    path = [end]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[-2::-1]


def step_along(spot: Spot, path: list[Crossing], blocks: float) -> Spot:
    """Where one is so many blocks on; crossings that are passed leave the path."""
    while path and blocks > 0:
        avenue, street = path[0]
        far = abs(avenue - spot[0]) + abs(street - spot[1])
        if far > blocks:
            part = blocks / far
            return spot[0] + (avenue - spot[0]) * part, spot[1] + (street - spot[1]) * part
        blocks -= far
        spot = (float(avenue), float(street))
        del path[0]
    return spot


def _next_to(crossing: Crossing) -> list[Crossing]:
    avenue, street = crossing
    found = [(avenue - 1, street), (avenue + 1, street)]
    if street != RIVER_SOUTH_OF or avenue in BRIDGES:
        found.append((avenue, street + 1))
    if street != RIVER_SOUTH_OF + 1 or avenue in BRIDGES:
        found.append((avenue, street - 1))
    return [(a, s) for a, s in found if 0 <= a < AVENUES and 0 <= s < STREETS]
