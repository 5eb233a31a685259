"""The race for a job (dispatch D3-D6), a thousand times."""

from random import Random

from engine.domains.dispatch import events as e
from engine.domains.dispatch import notices as n
from engine.domains.dispatch.terms import OFFER_MS, PING_MS
from engine.kernel.actor import DRIVER, Actor
from engine.kernel.time import HOUR, SECOND
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    CAT,
    KEEPER,
    MOD,
    NEW,
    STRANGER,
    accept_order,
    asked,
    cancel,
    decline,
    job_of,
    offer_to,
    offline,
    online,
    ordered,
    ping,
    searching,
    take,
)


def test_the_first_accept_wins(house: House) -> None:
    """D3: the others are told that it is taken, and get ORDER_TAKEN if they try."""
    searching(house, ANN, BEN, CAT)
    offers = {who: offer_to(house, who) for who in (ANN, BEN, CAT)}
    house.when(BEN, take(offers[BEN])).then_only(e.DriverAssigned, e.OffersTaken)
    told = house.happened(n.OfferClosed)
    assert [notice.cause for notice in told] == ["TAKEN", "TAKEN"]
    assert {who for who in (ANN, CAT) if house.happened(n.OfferClosed, f"user:{who.user}")} == {
        ANN,
        CAT,
    }
    for late in (ANN, CAT):
        house.when(late, take(offers[late])).then_rejected("ORDER_TAKEN", order="o1")
    house.when(BEN, take(offers[BEN])).then_rejected("INVALID_TRANSITION")


def test_an_assignment_outlives_the_offer(house: House) -> None:
    """D4: S0's lock of 30 s would let a second driver win; an assignment never expires."""
    searching(house, ANN, BEN)
    late = offer_to(house, BEN)
    house.given((ANN, take(offer_to(house, ANN)))).advance(OFFER_MS + SECOND)
    house.when(BEN, take(late)).then_rejected("ORDER_TAKEN")
    house.advance(HOUR)
    assert (job_of(house).status, job_of(house).driver) == ("DRIVER_ASSIGNED", "ann")


def test_an_offer_is_accepted_before_its_end(house: House) -> None:
    """D5: received_at < expires_at."""
    searching(house, ANN)
    offer = offer_to(house, ANN)
    house.advance(OFFER_MS).when(ANN, take(offer)).then_rejected("OFFER_EXPIRED")
    last = offer_to(house, ANN)
    house.advance(OFFER_MS - 1).when(ANN, take(last)).then(e.DriverAssigned)


def test_only_the_own_offer_is_accepted(house: House) -> None:
    """D5: not another driver's, not one that was never made, and only by drivers."""
    searching(house, ANN)
    house.given((BEN, online()))
    house.when(BEN, take(offer_to(house, ANN))).then_rejected("OFFER_NOT_YOURS")
    house.when(ANN, take("7-7.z1")).then_rejected("OFFER_NOT_YOURS")
    house.when(ANN, take("1-1.z9")).then_rejected("OFFER_NOT_YOURS")
    house.when(BEN, decline(offer_to(house, ANN))).then_rejected("OFFER_NOT_YOURS")
    house.when(STRANGER, take(offer_to(house, ANN))).then_rejected("FORBIDDEN")


def test_one_job_at_a_time(house: House) -> None:
    """D6: accepting ends the driver's other open offers; a busy driver accepts nothing."""
    searching(house, ANN, BEN)
    ordered(house, "o2").given((KEEPER, accept_order("o2")))
    other = offer_to(house, ANN, "o2")
    house.when(ANN, take(offer_to(house, ANN))).then(e.OffersReturned, order="o2", cause="BUSY")
    house.then(n.OfferClosed, offer=other, cause="BUSY")
    assert asked(house, "o2") == {"ben"}
    house.when(ANN, take(other)).then_rejected("DRIVER_BUSY")
    house.when(ANN, offline()).then_rejected("DRIVER_BUSY")


def test_the_last_offer_that_a_busy_driver_gives_back_moves_the_search_on(house: House) -> None:
    """D6: another job whose only candidate got busy goes to its next wave at once."""
    searching(house, ANN)
    ordered(house, "o2").given((KEEPER, accept_order("o2")))
    house.when(ANN, take(offer_to(house, ANN))).then(e.OffersReturned, order="o2")
    house.then(e.OffersSent, order="o2", wave=2).then(e.NoDriverFound, order="o2")
    wave = house.happened(e.OffersSent)[0]
    assert [(x.driver, x.reason) for x in wave.left_out] == [("ann", "BUSY")]


def test_who_is_not_approved_gets_nothing(house: House) -> None:
    """DRIVER_NOT_ELIGIBLE: not approved, or offline. Who is approved no more is soon not heard of
    any more, and not asked; with a job they are followed to its end."""
    house.when(NEW, online()).then_rejected("DRIVER_NOT_ELIGIBLE")
    searching(house, ANN)
    offer, suspended = offer_to(house, ANN), Actor("ann", DRIVER, "rejected")
    house.when(suspended, take(offer)).then_rejected("DRIVER_NOT_ELIGIBLE")
    house.advance(PING_MS).when(suspended, ping()).then_rejected("DRIVER_NOT_ELIGIBLE")
    house.given((ANN, take(offer))).when(suspended, ping()).then_accepted()
    house.when(BEN, offline()).then_rejected("DRIVER_NOT_ELIGIBLE")


def test_a_role_held_besides_counts(house: House) -> None:
    """A user may be a driver besides (identity 6)."""
    both = Actor("dee", "user", "approved", also=frozenset({DRIVER}))
    house.when(both, online()).then(e.DriverOnline)


def test_a_thousand_races(house: House) -> None:
    """In each, two accept in the same instant: the first gets it, the other ORDER_TAKEN."""
    dice = Random(7)
    drivers = [Actor(f"d{number}", DRIVER, "approved") for number in range(6)]
    for driver in drivers:
        house.given((driver, online()))
    for number in range(1_000):
        order = f"race{number}"
        ordered(house, order, shop_approval="auto")
        first, second = dice.sample(drivers, 2)
        offers = {who: offer_to(house, who, order) for who in (first, second)}
        house.when(first, take(offers[first])).then(e.DriverAssigned, driver=first.user)
        house.when(second, take(offers[second])).then_rejected("ORDER_TAKEN", order=order)
        house.given((MOD, cancel(order)))
