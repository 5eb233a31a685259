"""The day is the same each time, its means are right, and choices are timed."""

from bench import matching_day, zone_in_memory
from bench.crew import crew
from bench.matching_day import Day, Order, orders_of, quality_of
from bench.town import CENTRE, ZONE
from bench.zone_in_memory import Choices
from engine.domains.dispatch.terms import zone_room
from engine.kernel.time import HOUR

DAY = Day(hours=2, drivers=20, orders=40)


def test_a_day_is_the_same_each_time() -> None:
    """No clock and no luck: the figures are those of the rules alone."""
    assert matching_day.run("broadcast", DAY) == matching_day.run("broadcast", DAY)


def test_every_order_is_played_in_every_mode() -> None:
    """Matching brings drivers who are nearer; asking ten at once is answered sooner."""
    broadcast, cascade, batched = (
        matching_day.run(mode, DAY) for mode in ("broadcast", "cascade", "batched")
    )
    for found in (broadcast, cascade, batched):
        assert found.orders == DAY.orders
        assert found.unassigned < DAY.orders / 10
        assert found.assigned_s < found.picked_up_s
    assert max(cascade.pickup_m, batched.pickup_m) < broadcast.pickup_m
    assert broadcast.assigned_s < min(cascade.assigned_s, batched.assigned_s)
    assert max(cascade.offers, batched.offers) < broadcast.offers <= 10


def test_the_means_leave_out_who_found_nobody() -> None:
    """But drivers were disturbed for them too."""
    done = Order("a", 1_000, CENTRE, CENTRE, 400, 3, assigned_at=5_000, picked_up_at=9_000)
    other = Order("b", 2_000, CENTRE, CENTRE, 600, 2, assigned_at=4_000, picked_up_at=8_000)
    alone = Order("c", 3_000, CENTRE, CENTRE, offers=1)
    found = quality_of([done, other, alone])
    assert (found.orders, found.unassigned) == (3, 1)
    assert (found.pickup_m, found.assigned_s, found.picked_up_s) == (500.0, 3.0, 7.0)
    assert found.offers == 2.0


def test_more_is_ordered_in_the_evening() -> None:
    """The orders come in their time, and crowd when people eat."""
    orders = orders_of(Day(hours=12, orders=900))
    hours = [(order.at - matching_day.OPENING) // HOUR for order in orders]
    assert hours == sorted(hours)
    assert set(hours) <= set(range(12))
    assert hours.count(9) > 2 * hours.count(5)


async def test_choices_are_timed() -> None:
    """With all free, and with most of them busy."""
    async with crew() as others:
        found = await others.do(zone_in_memory.run, Choices(drivers=200, choices=20))
    for ms in (found.free, found.busy):
        assert 0 < ms[50.0] <= ms[99.0]


def test_the_zone_in_memory_is_full() -> None:
    """Everybody is online, and where the search looks for them."""
    room = zone_in_memory.zone_of(50).rooms[zone_room(ZONE)]
    assert len(room.state.drivers) == len(room.soft.fixes) == 50
