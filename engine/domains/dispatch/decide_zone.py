"""Opening and setting a zone, and what others think of its drivers."""

from msgspec.structs import replace

from engine.contract import Context, Decision
from engine.domains.dispatch import commands as c
from engine.domains.dispatch import events as e
from engine.domains.dispatch.guards import impossible, no_such_step, no_zone
from engine.domains.dispatch.state import Zone
from engine.domains.dispatch.terms import Neighbours, Settings
from engine.kernel.outcome import Rejected


def create(state: Zone, command: c.CreateZone, ctx: Context) -> Decision:
    """Once, for a zone never moves: its jobs and drivers are found by where it is."""
    if state.zone:
        return no_such_step("open", command)
    refusal = impossible(command.centre, None, ctx, "centre") or _lost(command.neighbours, ctx)
    if refusal:
        return refusal
    settings = Settings(
        command.mode,
        command.offer_ms,
        command.cascade_ms,
        command.batch_ms,
        _others(command.neighbours, command.zone, ctx),
    )
    return [
        e.ZoneCreated(
            zone=command.zone,
            centre=command.centre,
            radius_m=command.radius_m,
            settings=settings,
        )
    ]


def _lost(neighbours: Neighbours, ctx: Context) -> Rejected | None:
    """A neighbour that is not on the earth."""
    refusals = (impossible(n.centre, None, ctx, "neighbours") for n in neighbours)
    return next((refusal for refusal in refusals if refusal), None)


def _others(neighbours: Neighbours, zone: str, ctx: Context) -> Neighbours:
    """No zone is its own neighbour, and none is named twice."""
    near = [replace(n, market=None) if n.market == ctx.home else n for n in neighbours]
    return tuple({n.address: n for n in near if n.address != zone}.values())


def configure(state: Zone, command: c.ConfigureZone, ctx: Context) -> Decision:
    """What is left out stays as it is. Jobs keep the mode that they were created with."""
    if refusal := no_zone(state, ctx):
        return refusal
    changes = {
        name: value
        for name in ("mode", "offer_ms", "cascade_ms", "batch_ms")
        if (value := getattr(command, name)) is not None
    }
    if command.neighbours is not None:
        if refusal := _lost(command.neighbours, ctx):
            return refusal
        changes["neighbours"] = _others(command.neighbours, state.zone, ctx)
    settings = replace(state.settings, **changes)
    return [e.ZoneConfigured(settings=settings)] if settings != state.settings else ()


def rate(state: Zone, command: c.RateDriver, ctx: Context) -> Decision:
    """The latest stands."""
    if refusal := no_zone(state, ctx):
        return refusal
    driver = state.drivers.get(command.driver)
    if driver is not None and driver.rating == command.rating:
        return ()
    return [e.DriverRated(driver=command.driver, rating=command.rating)]
