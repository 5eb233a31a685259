"""The town: ways lead along streets, and over the river by bridges only."""

import itertools

import pytest

from engine.domains.dispatch.geo import between_m
from engine.domains.dispatch.terms import SPEED_MAX_M_S
from runtime.demo import streets
from runtime.demo.drivers import BLOCKS_A_PING, PING_S

EVERYWHERE = list(itertools.product(range(streets.AVENUES), range(streets.STREETS)))


def test_every_way_keeps_to_the_streets() -> None:
    """From corner to everywhere: one block at a time, and the river only where a bridge is."""
    for start in ((0, 0), (15, 8), (0, 8), (15, 0)):
        for end in EVERYWHERE:
            path = [start, *streets.way(start, end)]
            assert path[-1] == end
            for (a, s), (b, t) in itertools.pairwise(path):
                assert abs(a - b) + abs(s - t) == 1
                crosses = {s, t} == {streets.RIVER_SOUTH_OF, streets.RIVER_SOUTH_OF + 1}
                assert not crosses or a in streets.BRIDGES


def test_places_are_where_the_map_has_them() -> None:
    """There and back; a block is a block long in both directions."""
    for crossing in EVERYWHERE:
        place = streets.place_at(crossing)
        assert streets.crossing_at(place.lat, place.lon) == crossing
    corner = streets.place_at((0, 0))
    for neighbour in ((1, 0), (0, 1)):
        metres = between_m(corner, streets.place_at(neighbour))
        assert metres == pytest.approx(streets.BLOCK_M, abs=1)
    assert streets.crossing_at(0, 0) in EVERYWHERE


def test_a_step_stays_on_the_way() -> None:
    """Round a corner, and no further than the end; slow enough to be believed."""
    path = [(1, 0), (1, 1)]
    assert streets.step_along((0.5, 0), path, 0.75) == (1, 0.25)
    assert path == [(1, 1)]
    assert streets.step_along((1, 0.25), path, 5) == (1, 1)
    assert not path
    assert BLOCKS_A_PING * streets.BLOCK_M / PING_S < SPEED_MAX_M_S
