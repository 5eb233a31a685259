"""Who is asked, and what happens when nobody answers (dispatch D1, D2, D7, D8, X3, X6)."""

import pytest

from engine.domains.dispatch import events as e
from engine.domains.dispatch import notices as n
from engine.domains.dispatch.commands import ConfigureZone
from engine.domains.dispatch.terms import FRESH_MS, OFFER_MS, RULES_VERSION
from engine.kernel.actor import DRIVER, Actor
from engine.kernel.time import MINUTE, SECOND
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    BOSS,
    CAT,
    HOOK,
    KEEPER,
    MOD,
    RIVAL,
    accept_order,
    asked,
    assigned,
    decline,
    job_of,
    keep_fresh,
    north,
    offer_to,
    offline,
    online,
    ordered,
    ping,
    rate,
    retry,
    searching,
    take,
    zone_of,
)


def sent(house: House) -> e.OffersSent:
    """The one wave of the latest step."""
    (found,) = house.happened(e.OffersSent)
    return found


@pytest.mark.parametrize(
    ("metres", "wave"), [(4_900, 1), (5_000, 1), (5_100, 2), (7_500, 2), (7_600, 3), (10_000, 3)]
)
def test_the_radius_of_each_wave(house: House, metres: int, wave: int) -> None:
    """D1, D7: 5000, 7500 and 10000 metres, inclusive; an empty wave moves on at once."""
    ordered(house.given((ANN, online(north(metres)))))
    house.when(KEEPER, accept_order()).then_accepted()
    waves = house.happened(e.OffersSent)
    assert [found.wave for found in waves] == list(range(1, wave + 1))
    assert [len(found.offers) for found in waves] == [0] * (wave - 1) + [1]
    assert waves[-1].offers[0].distance_m == metres


def test_beyond_ten_kilometres_nobody_is_found(house: House) -> None:
    """UNASSIGNED at once; operators are alerted, and the shop is told why."""
    ordered(house.given((ANN, online(north(10_010)))))
    house.when(KEEPER, accept_order()).then(e.NoDriverFound).then(e.OpsAlerted, alert="NO_DRIVER")
    house.then(n.ShopNotified, code="NO_DRIVER_FOUND")
    assert job_of(house).status == "UNASSIGNED"


def test_a_stale_position_makes_no_candidate(house: House) -> None:
    """D1: not older than 60 s, inclusive; a ping makes the driver a candidate again."""
    ordered(house.given((ANN, online()), (BEN, online()))).advance(FRESH_MS)
    house.given((KEEPER, accept_order()))
    assert asked(house) == {"ann", "ben"}
    ordered(house, "o2").advance(1).given((BEN, ping())).given((KEEPER, accept_order("o2")))
    assert asked(house, "o2") == {"ben"}


def test_after_a_restart_drivers_are_known_but_asked_only_when_heard(house: House) -> None:
    """Soft state is gone; the log has the driver, not a fresh position."""
    ordered(house.given((ANN, online())))
    house.core.rooms["zone:z1"].soft = house.core.rooms["zone:z1"].domain.soft()
    house.given((KEEPER, accept_order()))
    assert job_of(house).status == "UNASSIGNED"
    house.advance(1).given((ANN, ping()), (KEEPER, retry()))
    assert asked(house) == {"ann"}


def test_the_nearest_ten_are_asked(house: House) -> None:
    """D2: all of a wave at once, the nearest ten; those beyond are named (X3)."""
    drivers = [Actor(f"d{number:02}", DRIVER, "approved") for number in range(13)]
    for number, driver in enumerate(reversed(drivers)):
        house.given((driver, online(north(100 * number))))
    ordered(house).when(KEEPER, accept_order()).then(e.OffersSent, wave=1, rules=RULES_VERSION)
    wave = sent(house)
    nearest = [driver.user for driver in reversed(drivers)]
    assert [offer.driver for offer in wave.offers] == nearest[:10]
    assert [offer.distance_m for offer in wave.offers] == [100 * n for n in range(10)]
    assert {(x.driver, x.reason) for x in wave.left_out} == {
        (name, "BEYOND_CAP") for name in nearest[10:]
    }
    assert len(house.happened(n.OfferMade)) == 10


def test_equals_are_ordered_by_rating_then_id(house: House) -> None:
    """D2: tie by rating, then id."""
    for driver in (ANN, BEN, CAT):
        house.given((driver, online()))
    house.given((BOSS, rate(CAT, 480)))
    ordered(house).when(KEEPER, accept_order()).then(e.OffersSent)
    assert [offer.driver for offer in sent(house).offers] == ["cat", "ann", "ben"]


def test_the_search_starts_when_the_shop_accepts(house: House) -> None:
    """D8: not at the payment."""
    ordered(house.given((ANN, online())))
    assert not job_of(house).offers


def test_why_others_are_left_out(house: House) -> None:
    """X3: the candidates with their distance, and who was left out for which reason."""
    assigned(house, ANN)
    house.given((BEN, online(north(50))))
    house.advance(FRESH_MS + 1).given((ANN, ping()), (CAT, online(north(70))))
    ordered(house, "o2").when(KEEPER, accept_order("o2")).then(e.OffersSent)
    assert [(x.driver, x.distance_m) for x in sent(house).offers] == [("cat", 70)]
    assert [(x.driver, x.reason, x.distance_m) for x in sent(house).left_out] == [
        ("ann", "BUSY", 0),
        ("ben", "STALE", 50),
    ]


def test_offers_expire_and_the_next_wave_asks_further(house: House) -> None:
    """OfferDue: 30 s; those who were silent are asked again, those who declined are not (D7)."""
    house.given((ANN, online()), (BEN, online()), (CAT, online(north(6_000))))
    ordered(house).given((KEEPER, accept_order()))
    first = house.now
    house.given((BEN, decline(offer_to(house, BEN))))
    keep_fresh(house, OFFER_MS - 1, (ANN, north(0)), (CAT, north(6_000)))
    assert asked(house) == {"ann"}
    house.at(first + OFFER_MS).then(e.OffersExpired, wave=1).then(e.OffersSent, wave=2)
    assert asked(house) == {"ann", "cat"}
    assert ("ben", "DECLINED") in {(x.driver, x.reason) for x in sent(house).left_out}


def test_after_three_waves_nobody_is_left(house: House) -> None:
    """OfferDue in wave 3: UNASSIGNED, operators alerted, the offers expired."""
    searching(house, ANN)
    keep_fresh(house, 3 * OFFER_MS, (ANN, north(0)))
    assert job_of(house).status == "UNASSIGNED"
    assert [zone_of(house).offers[o].state for o in job_of(house).offers] == ["EXPIRED"] * 3


def test_when_all_have_declined_the_search_moves_on_at_once(house: House) -> None:
    """An empty wave does not wait for its time; a decline has its reason and is counted (X6)."""
    house.given((BEN, online(north(6_000))))
    searching(house, ANN).when(ANN, decline(offer_to(house, ANN), "too heavy"))
    house.then(e.OfferDeclined, reason="too heavy").then(e.OffersSent, wave=2)
    assert asked(house) == {"ben"}
    assert zone_of(house).drivers["ann"].declines == 1
    house.when(ANN, decline(offer_to(house, ANN))).then_rejected("INVALID_TRANSITION")


def test_who_goes_offline_gives_offers_back(house: House) -> None:
    """X4: open offers return, and the search does not wait for them."""
    searching(house, ANN).when(ANN, offline()).then(e.OffersReturned, cause="OFFLINE")
    house.then(e.NoDriverFound).then(e.DriverOffline, cause="OWN")
    wave = house.happened(e.OffersSent)[0]
    assert [(x.driver, x.reason) for x in wave.left_out] == [("ann", "OFFLINE")]
    assert job_of(house).status == "UNASSIGNED"


def test_retry_starts_from_the_first_wave(house: House) -> None:
    """RetrySearch by the shop or operators; NO_DRIVER_FOUND if nobody is there at all."""
    searching(house).when(RIVAL, retry()).then_rejected("FORBIDDEN")
    house.when(KEEPER, retry()).then_rejected("NO_DRIVER_FOUND")
    house.given((ANN, online())).when(KEEPER, retry()).then(e.SearchRetried)
    house.then(e.OffersSent, wave=1)
    house.when(KEEPER, retry()).then_rejected("INVALID_TRANSITION", status="SEARCHING")


def test_operators_may_ask_again_who_declined(house: House) -> None:
    """X6: a declined job is not offered again to that driver unless operators do."""
    searching(house, ANN).given((ANN, decline(offer_to(house, ANN))))
    house.when(KEEPER, retry()).then_rejected("NO_DRIVER_FOUND")
    house.when(KEEPER, retry(ask_again=True)).then_rejected("FORBIDDEN")
    house.when(MOD, retry(ask_again=True)).then(e.OffersSent, wave=1)
    house.when(ANN, take(offer_to(house, ANN))).then(e.DriverAssigned)


def test_offers_are_not_accepted_late_after_an_outage(house: House) -> None:
    """Section 6: due timers fire at once; what expired during the outage is not accepted."""
    searching(house, ANN)
    offer = offer_to(house, ANN)
    house.outage(house.now + SECOND, house.now + 5 * MINUTE).then(e.OffersExpired)
    house.when(ANN, take(offer)).then_rejected("OFFER_EXPIRED")
    assert job_of(house).status == "UNASSIGNED"


def test_modes_and_windows_can_be_changed(house: House) -> None:
    """X1, per zone or job; a job keeps the mode that it was created with."""
    house.when(MOD, ConfigureZone(id="c", zone="z1", mode="cascade", offer_ms=5_000))
    house.then(e.ZoneConfigured)
    house.when(MOD, ConfigureZone(id="c", zone="z1", mode="cascade")).then_nothing_happened()
    ordered(house).given((MOD, ConfigureZone(id="c", zone="z1", mode="batched")))
    assert job_of(house).mode == "cascade"
    house.when(HOOK, ConfigureZone(id="c", zone="z9")).then_rejected("FORBIDDEN")
    house.when(MOD, ConfigureZone(id="c", zone="z9")).then_rejected("ROOM_NOT_FOUND")
