"""Drivers come, move and go (dispatch 3, T3-T5, X4, X5, X7)."""

from random import Random

import msgspec
import pytest

from engine.domains.dispatch import events as e
from engine.domains.dispatch.commands import ConfigureZone
from engine.domains.dispatch.geo import Place
from engine.domains.dispatch.terms import (
    GATHER_MS,
    GONE_MS,
    LOG_MS,
    LOGGED_TOGETHER_MAX,
    PING_EARLY_MS,
    PING_MS,
    STALE_MS,
    Neighbour,
)
from engine.kernel.actor import Actor
from engine.kernel.time import MINUTE, SECOND
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    BOSS,
    CAT,
    ROOM,
    STRANGER,
    asked,
    assigned,
    convert,
    create_zone,
    fail,
    job_of,
    north,
    offline,
    online,
    out_for_delivery,
    override,
    pick_up,
    ping,
    searching,
    zone_of,
)


def note(house: House) -> str | None:
    """What the sender of the latest ping was told: None if it was taken."""
    assert house.result["taken"] == (house.result["note"] is None)
    found: str | None = house.result["note"]
    return found


def fix(house: House, driver: Actor = ANN) -> tuple[int, int]:
    """Where the zone believes the driver to be."""
    found = house.core.rooms["zone:z1"].soft.fixes[driver.user]
    return found.lat, found.lon


def test_online_and_offline(house: House) -> None:
    """OFFLINE -> AVAILABLE -> OFFLINE, for drivers only."""
    house.when(STRANGER, online()).then_rejected("FORBIDDEN")
    house.when(ANN, ping()).then_rejected("DRIVER_NOT_ELIGIBLE")
    house.when(ANN, online()).then_only(e.DriverOnline)
    house.when(ANN, online()).then_rejected("INVALID_TRANSITION", status="AVAILABLE")
    house.when(ANN, offline()).then_only(e.DriverOffline)
    house.when(ANN, offline()).then_rejected("DRIVER_NOT_ELIGIBLE")
    assert not house.core.rooms["zone:z1"].soft.fixes


def test_a_driver_is_in_one_zone(house: House) -> None:
    """X5: to be AVAILABLE in another one, go offline in the first."""
    house.given((BOSS, create_zone("z2")), (ANN, online()))
    house.when(ANN, online(zone="z2")).then_rejected("ZONE_MISMATCH", zone="z1")
    house.when(ANN, offline("z2")).then_rejected("ZONE_MISMATCH", zone="z1")
    house.given((ANN, offline())).when(ANN, online(zone="z2")).then(e.DriverOnline)


@pytest.mark.parametrize(
    "pos", [Place(900_000_001, 0), Place(-900_000_001, 0), Place(0, 1_800_000_001)]
)
def test_there_is_no_such_place(house: House, pos: Place) -> None:
    """LOCATION_INVALID: beyond the poles or the date line."""
    house.when(ANN, online(pos)).then_rejected("LOCATION_INVALID", field="pos")
    house.given((ANN, online())).advance(PING_MS)
    house.when(ANN, ping(pos)).then_rejected("LOCATION_INVALID", field="pos")


def test_a_zone_is_on_the_earth(house: House) -> None:
    """LOCATION_INVALID: its centre, and those of its neighbours, also when they are set later."""
    nowhere = Place(2**53, 0)
    house.when(BOSS, create_zone("z3", centre=nowhere)).then_rejected("LOCATION_INVALID")
    neighbours = (Neighbour("z2", nowhere, 1_000),)
    house.when(BOSS, create_zone("z3", neighbours=neighbours)).then_rejected("LOCATION_INVALID")
    configure = ConfigureZone(id="c", zone="z1", neighbours=neighbours)
    house.when(BOSS, configure).then_rejected("LOCATION_INVALID")


def test_a_clock_that_is_ahead_is_refused(house: House) -> None:
    """LOCATION_INVALID: one wrong clock would make all right positions older (T5)."""
    late = house.now + 2 * MINUTE
    house.when(ANN, online(device_at=late)).then_rejected("LOCATION_INVALID", field="device_at")


def test_faster_pings_are_dropped(house: House) -> None:
    """T3: one in five seconds, or a little earlier; the others are answered and forgotten."""
    house.given((ANN, online())).advance(PING_MS - PING_EARLY_MS - 1)
    house.when(ANN, ping(north(20))).then_nothing_happened()
    assert note(house) == "TOO_SOON"
    assert fix(house) == (north(0).lat, north(0).lon)
    house.advance(1).when(ANN, ping(north(20))).then_nothing_happened()
    assert note(house) is None
    assert fix(house) == (north(20).lat, north(20).lon)


@pytest.mark.parametrize("seed", range(5))
def test_pings_every_five_seconds_are_taken_however_they_arrive(house: House, seed: int) -> None:
    """T3: a client that pings every 5 s is always heard, though each ping is late by another
    while."""
    dice = Random(seed)
    house.given((ANN, online()))
    start = house.now
    for number in range(1, 40):
        house.at(start + number * PING_MS + dice.randrange(PING_EARLY_MS))
        house.when(ANN, ping(north(number))).then_accepted()
        assert note(house) is None


def test_who_pings_early_each_time_is_not_heard_more_often(house: House) -> None:
    """T3: what came early counts as if it had come in time."""
    house.given((ANN, online()))
    start, taken = house.now, 0
    while house.now < start + 20 * PING_MS:
        house.advance(PING_MS - PING_EARLY_MS).when(ANN, ping()).then_accepted()
        taken += note(house) is None
    assert taken <= 20


def test_few_pings_enter_the_log(house: House) -> None:
    """T3: each 30 s or 100 m, whichever comes first."""
    house.given((ANN, online())).advance(PING_MS)
    house.when(ANN, ping(north(99))).then_nothing_happened()
    house.advance(PING_MS).when(ANN, ping(north(100))).then(e.LocationsLogged)
    logged_at = house.now
    house.at(logged_at + LOG_MS - 1).when(ANN, ping(north(100))).then_nothing_happened()
    house.at(logged_at + LOG_MS - 1 + PING_MS).when(ANN, ping(north(100)))
    house.then(e.LocationsLogged)
    assert zone_of(house).drivers["ann"].pos_at == house.now


def test_positions_are_gathered_and_logged_together(house: House) -> None:
    """T3: a record a second at most, however many drivers there are; none of them is left out."""
    house.given((ANN, online()), (BEN, online()), (CAT, online())).advance(PING_MS)
    house.when(ANN, ping(north(100))).then_only(e.LocationsLogged)
    house.advance(GATHER_MS - 1).when(BEN, ping(north(120))).then_nothing_happened()
    assert note(house) is None
    assert zone_of(house).drivers["ben"].pos == north(0)
    # One who has no news brings those of the others.
    house.advance(1).when(CAT, ping(north(20))).then_only(e.LocationsLogged)
    assert zone_of(house).drivers["ben"].pos == north(120)
    assert zone_of(house).drivers["ben"].pos_at == house.now - 1
    assert zone_of(house).drivers["cat"].pos == north(0)
    house.advance(PING_MS).when(CAT, ping(north(40))).then_nothing_happened()


def test_who_has_left_is_logged_no_more(house: House) -> None:
    """What was gathered of them goes with them."""
    house.given((ANN, online()), (BEN, online())).advance(PING_MS)
    house.given((ANN, ping(north(100))), (BEN, ping(north(100))), (BEN, offline()))
    house.advance(PING_MS).when(ANN, ping(north(120))).then_nothing_happened()


def test_no_event_holds_more_positions_than_fit(house: House) -> None:
    """The news of a crowd is written down by one ping, in several events."""
    crowd = [Actor(f"d{number}", "driver", "approved") for number in range(LOGGED_TOGETHER_MAX + 2)]
    house.given(*((driver, online()) for driver in crowd)).advance(PING_MS)
    house.given(*((driver, ping(north(100))) for driver in crowd)).advance(GATHER_MS)
    house.given((ANN, online()), (ANN, ping()))
    written = house.happened(e.LocationsLogged, ROOM)
    assert [len(event.positions) for event in written] == [LOGGED_TOGETHER_MAX, 1]


def test_older_positions_are_ignored(house: House) -> None:
    """T5: by the device's own clock."""
    start = house.now
    house.given((ANN, online(device_at=start))).advance(2 * PING_MS)
    house.given((ANN, ping(north(40), device_at=start + 9_000))).advance(PING_MS)
    house.when(ANN, ping(north(20), device_at=start + 8_999)).then_nothing_happened()
    assert note(house) == "OLDER"
    assert fix(house) == (north(40).lat, north(40).lon)


def test_a_jump_is_flagged_and_not_believed(house: House) -> None:
    """T5: more than 60 m/s. Operators see it once in a while, and nobody sees the position."""
    house.given((ANN, online())).advance(PING_MS)
    house.given((ANN, ping(north(20)))).advance(PING_MS)
    house.when(ANN, ping(north(321))).then(e.DriverFlagged, jump_m=301, within_ms=PING_MS)
    assert note(house) == "JUMP"
    assert not house.soft()
    house.advance(PING_MS).when(ANN, ping(north(9_000))).then_nothing_happened()
    assert note(house) == "JUMP"
    house.when(ANN, ping(north(600))).then(e.LocationsLogged)
    house.advance(LOG_MS).when(ANN, ping(north(9_000))).then(e.DriverFlagged)
    assert zone_of(house).drivers["ann"].flags == 2


def test_who_goes_offline_to_jump_is_flagged(house: House) -> None:
    """X5: the new place is believed, for it is where they want offers; operators see how they came
    there."""
    house.given((ANN, online()), (ANN, offline())).advance(10 * SECOND)
    house.when(ANN, online(north(601))).then_only(e.DriverOnline, e.DriverFlagged)
    house.given((ANN, offline())).advance(10 * SECOND)
    house.when(ANN, online(north(1_201))).then_only(e.DriverOnline)


def test_pings_after_a_restart_are_compared_with_the_log(house: House) -> None:
    """Soft state is gone: the logged position still tells what is older, and what is a jump."""
    start = house.now
    house.given((ANN, online(device_at=start)))
    room = house.core.rooms["zone:z1"]
    room.soft = room.domain.soft()
    house.advance(SECOND).when(ANN, ping(north(9), device_at=start - 1)).then_nothing_happened()
    assert note(house) == "OLDER"
    house.when(ANN, ping(north(900))).then(e.DriverFlagged)
    house.when(ANN, ping(north(9))).then_nothing_happened()
    assert note(house) is None


def test_the_customer_sees_the_driver_from_assignment_to_completion(house: House) -> None:
    """T4, X7: as soft state, to the customer's class of the delivery's room, to nobody else."""
    searching(house, ANN).given((BEN, online())).advance(PING_MS)
    house.when(ANN, ping(north(20))).then_nothing_happened()
    assert {told.room for told in house.soft()} == {"zone:z1"}
    assigned(house, CAT, "o2").advance(PING_MS)
    house.when(CAT, ping(north(20))).then_nothing_happened()
    told = [soft for soft in house.soft() if soft.room != "zone:z1"]
    assert [(s.room, s.audience, s.event) for s in told] == [
        ("delivery:o2", "customer", "delivery.location_updated")
    ]
    house.given((CAT, pick_up("o2")), (BOSS, override(order="o2"))).advance(PING_MS)
    house.when(CAT, ping(north(40))).then_nothing_happened()
    assert {soft.room for soft in house.soft()} == {"zone:z1"}


def test_the_way_back_to_the_shop_is_not_shown(house: House) -> None:
    """T4: RETURNING is after the delivery."""
    out_for_delivery(house).given((BOSS, fail())).advance(PING_MS)
    house.when(ANN, ping(north(20))).then_nothing_happened()
    assert {soft.room for soft in house.soft()} == {"zone:z1"}


def test_gone_for_thirty_seconds(house: House) -> None:
    """X4: AVAILABLE becomes OFFLINE, and open offers return."""
    searching(house, ANN, BEN).presence("ann", online=False).then(e.DriverAway)
    house.advance(GONE_MS - 1)
    assert asked(house) == {"ann", "ben"}
    house.advance(1).then(e.OffersReturned, cause="OFFLINE").then(e.DriverOffline, cause="GONE")
    assert asked(house) == {"ben"}
    house.presence("ann", online=True).then_nothing_happened()


def test_back_in_time(house: House) -> None:
    """X4: a short loss of the connection changes nothing."""
    searching(house, ANN).presence("ann", online=False).advance(GONE_MS - 1)
    house.presence("ann", online=True).then(e.DriverBack).advance(GONE_MS // 2)
    assert zone_of(house).drivers["ann"].state == "AVAILABLE"


def test_a_busy_driver_who_is_gone_stays_assigned(house: House) -> None:
    """X4: operators are alerted; after the job the switch counts again."""
    assigned(house).presence("ann", online=False).advance(GONE_MS)
    house.then(e.OpsAlerted, alert="DRIVER_GONE", driver="ann", order="o1")
    assert job_of(house).driver == "ann"
    house.given((ANN, pick_up()), (BOSS, override())).advance(GONE_MS)
    house.then(e.DriverOffline, cause="GONE")


def test_a_silent_busy_driver_alerts_operators(house: House) -> None:
    """StalePosition: five minutes since the last ping, whether it was logged or not; once."""
    assigned(house).advance(20 * SECOND).given((ANN, ping()))
    pinged_at = house.now
    house.at(pinged_at + STALE_MS - 1)
    assert not house.happened(e.OpsAlerted)
    house.advance(1).then(e.OpsAlerted, alert="STALE_POSITION", driver="ann")
    house.advance(2 * STALE_MS)
    assert not [x for x in house.happened(e.OpsAlerted) if x.alert == "STALE_POSITION"]
    house.given((ANN, ping())).advance(STALE_MS).then(e.OpsAlerted, alert="STALE_POSITION")


def test_who_pings_is_not_stale(house: House) -> None:
    """Each ping counts, and so does the last of them."""
    assigned(house)
    for _ in range(40):
        house.advance(10 * SECOND)
        assert not house.happened(e.OpsAlerted)
        house.given((ANN, ping()))


def test_a_driver_command_of_a_wrong_shape(house: House) -> None:
    """A position is two whole numbers."""

    for pos in ({"lat": 1.5, "lon": 2}, {"lat": 1}, {"lat": 1, "lon": 2, "alt": 3}):
        fields = {"type": "dispatch.go_online", "zone": "z1", "pos": pos}
        with pytest.raises(msgspec.ValidationError):
            convert(house, fields)
