"""The maker of commands brings shipments to life, and some of them to an end."""

from collections import Counter
from random import Random
from typing import Any

from engine.contract import Stage
from engine.domains.custody.workload import workload
from engine.kernel.actor import ADMIN, MANAGER, USER, Actor
from engine.kernel.time import HOUR, MINUTE
from testkit.house import House
from testkit.world import vault
from tests.engine.domains.custody.test_properties import audited

PEOPLE = {USER: ("b0", "b1", "b2", "b3", "b4"), ADMIN: ("m0",), MANAGER: ("g0",)}
STAFF = Actor("m0", ADMIN, "approved")


def test_the_same_chance_makes_the_same_commands() -> None:
    """From one seed the log is the same."""
    assert _run(1, 200)[0] == _run(1, 200)[0]


def test_shipments_come_to_various_ends() -> None:
    """Scanned from hand to hand and delivered, sent back, called off, lost."""
    _, statuses = _run(7, 2_500)
    assert {"DELIVERED", "RETURNED", "CANCELLED", "LOST"} <= set(statuses)


def _run(seed: int, count: int) -> tuple[list[str], Counter[str]]:
    dice = Random(seed)
    with House() as house:
        for user in PEOPLE[USER]:
            house.deposit(user, 1_000_00)

        def look(room: str) -> Any:
            return house.view(STAFF, room) if room in house.core.rooms else None

        for number in range(count):
            stage = Stage(
                id=f"c{number}",
                now=house.now,
                span_ms=HOUR,
                currency="NGN",
                people=PEOPLE,
                things=range(number // 100, number // 100 + 4),
                look=look,
                keys=vault(),
            )
            house.when(*workload(dice, stage)).then_any()
            house.advance(dice.choice((0, MINUTE)))
        rooms = house.core.rooms
        shipments = [rooms[room].state.status for room in rooms if room.startswith("shipment:")]
        audited(house)
        return [applied.record.hash for applied in house.log], Counter(shipments)
