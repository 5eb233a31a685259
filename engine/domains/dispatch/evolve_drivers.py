"""How events change what a zone knows of its drivers."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.contract import Event
from engine.domains.dispatch import events as e
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.state import Driver, Zone
from engine.domains.dispatch.terms import GONE_MS, STALE_MS
from engine.kernel.time import Millis


def driver_of(state: Zone, driver: str) -> Driver:
    """What is known of a driver; new if it is the first time."""
    found = state.drivers.get(driver)
    if found is None:
        found = state.drivers[driver] = Driver()
    return found


def occupy(state: Zone, name: str, order: str, at: Millis) -> Driver:
    """The driver has a job from now on."""
    driver = state.drivers[name]
    driver.state, driver.order = "BUSY", order
    driver.order_zone = driver.claim = ""
    driver.is_shown = True
    driver.elsewhere = []
    state.agenda.put("stale", name, max(driver.pos_at, at) + STALE_MS)
    return driver


def free_driver(state: Zone, name: str, order: str, at: Millis) -> None:
    """The driver has no job any more."""
    driver = state.drivers[name]
    assert driver.state == "BUSY", "dispatch INV-1: freed, and had no job"
    assert driver.order == order, "dispatch INV-1: freed from another job"
    driver.state, driver.order = "AVAILABLE", ""
    driver.order_zone = driver.claim = ""
    driver.is_shown = True
    state.agenda.drop("stale", name)
    if driver.is_away:
        state.agenda.put("away", name, at + GONE_MS)


def on_online(state: Zone, event: e.DriverOnline, at: Millis) -> None:
    driver = driver_of(state, event.driver)
    driver.state = "AVAILABLE"
    driver.is_away = False
    driver.elsewhere = []
    _place(driver, event.pos, at, event.device_at)


def _place(driver: Driver, pos: Place, at: Millis, device_at: Millis) -> None:
    driver.pos, driver.pos_at, driver.device_at = pos, at, device_at


def on_offline(state: Zone, event: e.DriverOffline, _: Millis) -> None:
    driver = state.drivers[event.driver]
    assert driver.state == "AVAILABLE", "dispatch 3: offline with a job"
    assert not driver.open, "dispatch X4: offline with open offers"
    driver.state, driver.is_away, driver.elsewhere = "OFFLINE", False, []
    state.agenda.drop("away", event.driver)


def on_away(state: Zone, event: e.DriverAway, _: Millis) -> None:
    state.drivers[event.driver].is_away = True
    state.agenda.put("away", event.driver, event.until)


def on_back(state: Zone, event: e.DriverBack, _: Millis) -> None:
    state.drivers[event.driver].is_away = False
    state.agenda.drop("away", event.driver)


def on_locations(state: Zone, event: e.LocationsLogged, at: Millis) -> None:
    state.logged_at = at
    for line in event.positions:
        on_location(state, line, at)


def on_location(state: Zone, event: e.LocationLogged | e.Logged, _: Millis) -> None:
    driver = state.drivers[event.driver]
    _place(driver, event.pos, event.taken_at, event.device_at)
    if driver.state == "BUSY":
        state.agenda.put("stale", event.driver, event.taken_at + STALE_MS)


def on_flagged(state: Zone, event: e.DriverFlagged, at: Millis) -> None:
    driver = state.drivers[event.driver]
    driver.flags += 1
    driver.flagged_at = at


def on_rated(state: Zone, event: e.DriverRated, _: Millis) -> None:
    driver_of(state, event.driver).rating = event.rating


def on_neighbour_offered(state: Zone, event: e.NeighbourOffered, at: Millis) -> None:
    driver = state.drivers[event.driver]
    driver.elsewhere = [x for x in driver.elsewhere if x[1] > at and x[0] != event.offer]
    if driver.state == "AVAILABLE":
        driver.elsewhere.append((event.offer, event.expires_at))


def on_claim_answered(state: Zone, event: e.ClaimAnswered, at: Millis) -> None:
    if event.granted:
        driver = state.drivers[event.driver]
        if driver.claim == event.claim:
            return
        assert driver.state == "AVAILABLE", "dispatch INV-1: claimed, and has a job"
        driver = occupy(state, event.driver, event.order, at)
        driver.order_zone, driver.claim = event.zone, event.claim
        driver.is_shown = False


def on_claim_confirmed(state: Zone, event: e.ClaimConfirmed, _: Millis) -> None:
    state.drivers[event.driver].is_shown = event.is_shown


def on_claim_released(state: Zone, event: e.ClaimReleased | e.ClaimRevoked, at: Millis) -> None:
    driver = state.drivers[event.driver]
    assert driver.claim == event.claim, "released by another claim"
    free_driver(state, event.driver, driver.order, at)


EVOLVE: Mapping[type[Event], Callable[[Zone, Any, Millis], None]] = {
    e.DriverOnline: on_online,
    e.DriverOffline: on_offline,
    e.DriverAway: on_away,
    e.DriverBack: on_back,
    e.LocationLogged: on_location,
    e.LocationsLogged: on_locations,
    e.DriverFlagged: on_flagged,
    e.DriverRated: on_rated,
    e.NeighbourOffered: on_neighbour_offered,
    e.ClaimAnswered: on_claim_answered,
    e.ClaimConfirmed: on_claim_confirmed,
    e.ClaimReleased: on_claim_released,
    e.ClaimRevoked: on_claim_released,
}
