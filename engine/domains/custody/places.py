"""How far two positions are apart (Q7)."""

from math import asin, cos, radians, sin, sqrt

from engine.domains.custody.terms import Position

EARTH_M = 6_371_000
E7 = 10_000_000


def metres_between(one: Position, other: Position) -> int:
    """Along the surface (haversine), whole metres."""
    lat_1, lat_2 = radians(one.lat_e7 / E7), radians(other.lat_e7 / E7)
    lng = radians((other.lng_e7 - one.lng_e7) / E7)
    half = sin((lat_2 - lat_1) / 2) ** 2 + cos(lat_1) * cos(lat_2) * sin(lng / 2) ** 2
    return round(2 * EARTH_M * asin(min(1, sqrt(half))))
