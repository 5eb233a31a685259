"""Places on the earth, and how far it is between them."""

from math import asin, cos, dist, pi, sin
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


Metres = float
"""A way through space. It is only compared with others: what is decided or told is whole metres."""
Point = tuple[Metres, Metres, Metres]
"""A place in space, from the middle of the earth."""


def point_at(lat: int, lon: int) -> Point:
    """Where in space a place is."""
    north, east = lat * _RADIANS, lon * _RADIANS
    narrow = EARTH_M * cos(north)
    return (narrow * cos(east), narrow * sin(east), EARTH_M * sin(north))


def arc_m(chord: Metres) -> int:
    """The great circle in whole metres between two points, given the straight way through the
    earth (`math.dist`). It is reckoned once, by whoever decides; what was decided from it is logged
    with it."""
    half = chord / _DIAMETER
    return round(_DIAMETER * (asin(half) if half < 1 else pi / 2))


def chord_m(metres: Metres) -> Metres:
    """The straight way through the earth to where the great circle is so long; half around it at
    the most."""
    return _DIAMETER * sin(min(metres / _DIAMETER, pi / 2))


def distance_m(a_lat: int, a_lon: int, b_lat: int, b_lon: int) -> int:
    """The great circle between two places in whole metres, by their coordinates."""
    return arc_m(dist(point_at(a_lat, a_lon), point_at(b_lat, b_lon)))


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


_DIAMETER = 2 * EARTH_M
_RADIANS = pi / 180 / DEGREE
_METRES = EARTH_M * _RADIANS
"""Of a unit of latitude."""
_POLE = 1 / 1_000
