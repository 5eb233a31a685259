"""A delivery zone in one process: how long it takes to choose whom to ask. No sockets, no disk."""

import time
from collections.abc import Iterator, Sequence

from msgspec import Struct

from bench.jobs import in_ms
from bench.town import CENTRE, RADIUS_M, ZONE, scattered
from engine.contract import Command
from engine.core import Core
from engine.domains.dispatch.commands import CreateZone, GoOnline
from engine.domains.dispatch.search import NOBODY, near
from engine.domains.dispatch.terms import WAVES, zone_room
from engine.kernel.actor import DRIVER, MANAGER, THE_HOUSE, Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis
from engine.registry import build_registry, find_domains
from runtime.garbage import settle

OPENING: Millis = 1_700_000_000_000
DRIVERS_SEED, PICKUPS_SEED = 7, 13
BUSY_OF_TEN = 9


class Choices(Struct, frozen=True):
    """What is asked."""

    drivers: int = 10_000
    choices: int = 3_000


class Chosen(Struct, frozen=True):
    """Percentile -> milliseconds of one choice."""

    free: dict[float, float]
    """Everybody may be asked."""
    busy: dict[float, float]
    """Nine drivers of ten have a job, so ten who have none must be looked for further away."""


def run(plan: Choices) -> Chosen:
    """Measure in this process, which should be a fresh one."""
    core = zone_of(plan.drivers)
    # As a server does after its start.
    settle()
    free = in_ms(_choices(core, plan.choices))
    _employ(core)
    return Chosen(free, in_ms(_choices(core, plan.choices)))


def zone_of(drivers: int) -> Core:
    """A zone with so many drivers online."""
    core = Core(build_registry(find_domains()), dict(BUILT_IN))
    manager = Actor("manager", MANAGER, "approved")
    create = CreateZone(id="zone", zone=ZONE, centre=CENTRE, radius_m=RADIUS_M)
    _step(core, manager, create)
    for number, pos in enumerate(scattered(drivers, DRIVERS_SEED)):
        driver = Actor(f"driver-{number}", DRIVER, "approved")
        _step(core, driver, GoOnline(id=str(number), zone=ZONE, pos=pos))
    return core


def _step(core: Core, actor: Actor, command: Command) -> None:
    outcome = core.step(command, command.room(actor), actor, OPENING)
    assert not isinstance(outcome, Rejected), f"nothing is refused: {outcome}"


def _choices(core: Core, count: int) -> Iterator[int]:
    """Nanoseconds of each choice."""
    room = zone_room(ZONE)
    state, ctx = core.rooms[room].state, core.context(room, THE_HOUSE)
    found = 0
    for pickup in scattered(count, PICKUPS_SEED):
        begun_ns = time.perf_counter_ns()
        chosen, _ = near(state, pickup, WAVES[0], ctx, NOBODY)
        yield time.perf_counter_ns() - begun_ns
        found += len(chosen)
    assert found, "a search that finds nobody is not what is timed"


def _employ(core: Core) -> None:
    """Nobody's job is played through: to the search a driver's state is what counts."""
    drivers: Sequence[str] = list(core.rooms[zone_room(ZONE)].state.drivers)
    for number, name in enumerate(drivers):
        if number % 10 < BUSY_OF_TEN:
            core.rooms[zone_room(ZONE)].state.drivers[name].state = "BUSY"
