"""A delivery zone with its drivers spread over it evenly: the same for everyone who is measured."""

import math
import random

from engine.domains.dispatch.geo import DEGREE, Place, units_east, units_north

ZONE = "z1"
CENTRE = Place(65_244_000, 33_792_000)
RADIUS_M = 8_000
REACH_M = 5_000
"""The first circle of a search (dispatch D1)."""
ASKED = 10
"""The nearest who get the offer (dispatch D2)."""
STEP_M = 40
"""What a driver moves between two pings: 8 m/s (dispatch T3)."""
LOGGED_EVERY = 3
"""Pings: after 100 m the house logs a position."""
NORTH = units_north(STEP_M)


def scattered(count: int, seed: int, radius_m: int = RADIUS_M) -> list[Place]:
    """So many places in the zone, everywhere equally likely."""
    dice = random.Random(seed)
    return [_somewhere(dice, radius_m) for _ in range(count)]


def moved(place: Place, pings: int) -> Place:
    """Where somebody is after so many pings: northwards for a while, then back."""
    leg, along = divmod(pings, TURN)
    steps = TURN - along if leg % 2 else along
    return Place(place.lat + steps * NORTH, place.lon)


TURN = 20
"""After so many pings they turn round."""


def degrees(units: int) -> float:
    """Coordinates as Redis has them."""
    return units / DEGREE


def _somewhere(dice: random.Random, radius_m: int) -> Place:
    far_m = radius_m * math.sqrt(dice.random())
    angle = dice.random() * 2 * math.pi
    north, east = round(far_m * math.cos(angle)), round(far_m * math.sin(angle))
    across = units_east(abs(east), CENTRE.lat)
    return Place(CENTRE.lat + units_north(north), CENTRE.lon + (across if east > 0 else -across))
