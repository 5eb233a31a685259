"""What operators do, and alerts that change nothing (dispatch 3, 6)."""

from engine.domains.dispatch import events as e
from engine.domains.dispatch import notices as n
from engine.domains.dispatch.terms import NO_DELIVERY_MS, NO_PICKUP_MS
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    BOSS,
    CUSTOMER,
    KEEPER,
    MOD,
    STRANGER,
    asked,
    assign,
    assigned,
    job_of,
    online,
    out_for_delivery,
    pick_up,
    rate,
    release,
    searching,
    unassigned,
    zone_of,
)


def test_operators_assign_a_driver(house: House) -> None:
    """UNASSIGNED -> DRIVER_ASSIGNED(MANUAL), if the driver is AVAILABLE."""
    unassigned(house).when(MOD, assign(ANN)).then_rejected("DRIVER_NOT_ELIGIBLE")
    house.given((ANN, online()))
    house.when(MOD, assign(ANN, reason="")).then_rejected("REASON_REQUIRED")
    house.when(KEEPER, assign(ANN)).then_rejected("FORBIDDEN")
    house.when(MOD, assign(ANN)).then(e.DriverAssigned, cause="MANUAL", driver="ann")
    house.then(n.JobAssigned)
    house.when(MOD, assign(BEN)).then_rejected("INVALID_TRANSITION")


def test_a_busy_driver_is_not_assigned(house: House) -> None:
    """DRIVER_BUSY; and a manual assignment ends the driver's open offers (D6)."""
    unassigned(house)
    assigned(house, ANN, "o2").when(MOD, assign(ANN)).then_rejected("DRIVER_BUSY")
    searching(house, BEN, order="o3")
    house.when(MOD, assign(BEN)).then(e.DriverAssigned).then(e.OffersReturned, order="o3")


def test_a_driver_gives_the_job_back(house: House) -> None:
    """Before the pick-up: a new search from wave 1, without that driver. Customer and shop hear
    that nobody has it."""
    assigned(house).given((BEN, online()))
    house.when(ANN, release(reason="")).then_rejected("REASON_REQUIRED")
    house.when(ANN, release()).then_only(e.DriverReleased, e.OffersSent)
    house.then(n.OrderUpdated, order="o1", status="ACCEPTED_BY_SHOP")
    house.then(n.ShopNotified, order="o1", status="ACCEPTED_BY_SHOP")
    house.then(n.JobEnded, cause="RELEASED")
    assert asked(house) == {"ben"}
    assert zone_of(house).drivers["ann"].state == "AVAILABLE"
    reasons = {(x.driver, x.reason) for x in house.happened(e.OffersSent)[0].left_out}
    assert reasons == {("ann", "RELEASED")}


def test_operators_take_a_job_away(house: House) -> None:
    """The same by operators; not after the pick-up, and nobody else may."""
    assigned(house).when(CUSTOMER, release()).then_rejected("FORBIDDEN")
    house.when(MOD, release()).then(e.DriverReleased, by="mod").then(e.NoDriverFound)
    out_for_delivery(house, BEN, "o2").when(MOD, release("o2"))
    house.then_rejected("INVALID_TRANSITION", status="OUT_FOR_DELIVERY")


def test_a_late_pick_up_alerts_operators(house: House) -> None:
    """NoPickup: 20 minutes after the assignment, once; the assignment stands."""
    assigned(house)
    house.at(house.now + NO_PICKUP_MS - 1)
    assert not [x for x in house.happened(e.OpsAlerted) if x.alert == "NO_PICKUP"]
    house.advance(1).then(e.OpsAlerted, alert="NO_PICKUP", order="o1", driver="ann")
    assert job_of(house).status == "DRIVER_ASSIGNED"
    house.given((ANN, pick_up()))


def test_a_late_delivery_alerts_operators(house: House) -> None:
    """NoDelivery: 45 minutes after the pick-up, alert only."""
    out_for_delivery(house).advance(NO_DELIVERY_MS)
    house.then(e.OpsAlerted, alert="NO_DELIVERY", order="o1", driver="ann")
    assert job_of(house).status == "OUT_FOR_DELIVERY"


def test_ratings_are_of_the_house(house: House) -> None:
    """They come from outside the zone, also before a driver was ever online."""
    house.when(STRANGER, rate(ANN, 500)).then_rejected("FORBIDDEN")
    house.when(BOSS, rate(ANN, 480)).then(e.DriverRated, driver="ann", rating=480)
    house.when(BOSS, rate(ANN, 480)).then_nothing_happened()
    house.when(BOSS, rate(ANN, 480, "z9")).then_rejected("ROOM_NOT_FOUND")
    house.given((ANN, online()))
    assert zone_of(house).drivers["ann"].rating == 480
