"""Places on the earth, and how far it is between them."""

from collections.abc import Callable
from math import asin, cos, pi, sin, sqrt
from typing import Annotated

from msgspec import Meta, Struct

EARTH_M = 6_371_009
"""Mean radius."""
DEGREE = 10**7
"""Coordinates are whole numbers of so many parts of a degree (WGS84)."""
LAT_MAX = 90 * DEGREE
LON_MAX = 180 * DEGREE


Coordinate = Annotated[
    int, Meta(ge=-(2**53), le=2**53, description="degrees times 10,000,000 (WGS84)")
]
"""As wide as a client's numbers; whether the point exists, the rule says (LOCATION_INVALID)."""


class Place(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A point: degrees north and east, times 10,000,000, as whole numbers."""

    lat: Coordinate
    lon: Coordinate

    @property
    def exists(self) -> bool:
        """Whether there is such a point on the earth."""
        return abs(self.lat) <= LAT_MAX and abs(self.lon) <= LON_MAX


def distances_from(lat: int, lon: int) -> Callable[[int, int], int]:
    """Great circles from one point to others, in whole metres (haversine). They are reckoned
    once, by whoever decides; what was decided from them is logged with them."""
    narrow = cos(lat * _RADIANS)

    def distance(to_lat: int, to_lon: int) -> int:
        north, east = sin((to_lat - lat) * _HALF), sin((to_lon - lon) * _HALF)
        half = north * north + narrow * cos(to_lat * _RADIANS) * east * east
        return round(2 * EARTH_M * asin(min(1, sqrt(half))))

    return distance


def distance_m(a_lat: int, a_lon: int, b_lat: int, b_lon: int) -> int:
    """The great circle between two points in whole metres."""
    return distances_from(a_lat, a_lon)(b_lat, b_lon)


def between_m(a: Place, b: Place) -> int:
    """The same for two places."""
    return distance_m(a.lat, a.lon, b.lat, b.lon)


def is_nearer(a_lat: int, a_lon: int, b_lat: int, b_lon: int, metres: int) -> bool:
    """Whether the great circle is shorter than so many metres. Mostly the way around a corner
    is short enough, even with the degrees of the equator, and spares the reckoning."""
    if (abs(a_lat - b_lat) + abs(a_lon - b_lon)) * _METRES < metres - 1:
        return True
    return distance_m(a_lat, a_lon, b_lat, b_lon) < metres


def units_north(metres: int) -> int:
    """How many units of latitude make so many metres."""
    return round(metres * DEGREE * 180 / (pi * EARTH_M))


def units_east(metres: int, lat: int) -> int:
    """How many units of longitude make so many metres at this latitude, or a few more."""
    narrow = max(cos(min(abs(lat), LAT_MAX) * _RADIANS), _POLE)
    return round(units_north(metres) / narrow) + 1


_RADIANS = pi / 180 / DEGREE
_HALF = _RADIANS / 2
_METRES = EARTH_M * _RADIANS
"""Of a unit of latitude."""
_POLE = 1 / 1_000
