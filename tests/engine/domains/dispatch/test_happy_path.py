"""From the payment to the door, and the money to the shop (dispatch 3)."""

from engine.domains.dispatch import events as e
from engine.domains.dispatch import notices as n
from engine.ledger.accounts import payable
from engine.ledger.escrow.events import EscrowReleased
from testkit.house import House
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    CUSTOMER,
    DELIVERY,
    ESCROW,
    HOOK,
    KEEPER,
    TOTAL,
    accept_order,
    at_door,
    at_shop,
    code,
    held,
    job_of,
    offer_to,
    online,
    out_for_delivery,
    paid,
    pick_up,
    right_code,
    take,
    zone_of,
)


def test_from_the_payment_to_the_door(house: House) -> None:
    """Every state in turn; the shop is paid, less the fee, and the driver is free again."""
    held(house).given((ANN, online()), (BEN, online()))
    house.when(HOOK, paid()).then_only(e.JobCreated)
    house.then(n.ApprovalRequested, order="o1")
    house.when(KEEPER, accept_order()).then_only(e.OrderAccepted, e.OffersSent)
    assert len(house.happened(n.OfferMade)) == 2
    house.when(ANN, take(offer_to(house, ANN))).then_only(e.DriverAssigned, e.OffersTaken)
    house.then(n.JobAssigned, order="o1").then(n.OfferClosed, cause="TAKEN")
    assert house.result["status"] == "assigned"
    house.when(ANN, at_shop()).then_only(e.DriverArrived)
    house.when(ANN, pick_up()).then_only(e.PackagePickedUp)
    house.when(ANN, at_door()).then(e.DriverArrived, stop="DROPOFF")
    house.when(ANN, code(right_code())).then_only(e.DeliveryCodeAccepted, e.OrderCompleted)
    house.then(EscrowReleased, is_last=True)
    assert house.result["status"] == "COMPLETED"
    assert house.state(ESCROW).status == "released"
    assert house.balance(payable("seller", KEEPER.user)) == TOTAL - TOTAL // 10
    assert job_of(house).status == "COMPLETED"
    assert zone_of(house).drivers["ann"].state == "AVAILABLE"
    statuses = [line["status"] for line in house.view(CUSTOMER, DELIVERY)["timeline"]]
    assert list(dict.fromkeys(statuses)) == [
        "PENDING_SHOP_APPROVAL",
        "ACCEPTED_BY_SHOP",
        "DRIVER_ASSIGNED",
        "OUT_FOR_DELIVERY",
        "COMPLETED",
    ]


def test_customer_and_shop_are_told(house: House) -> None:
    """Each step, in their private rooms, whether they follow the delivery or not."""
    out_for_delivery(house).given((ANN, code(right_code())))
    for room in ("user:carla", "user:keeper"):
        heard = [applied.event for applied in house.log if applied.room.name == room]
        seen = [x.status for x in heard if isinstance(x, n.OrderUpdated | n.ShopNotified)]
        assert seen[-3:] == ["DRIVER_ASSIGNED", "OUT_FOR_DELIVERY", "COMPLETED"]
