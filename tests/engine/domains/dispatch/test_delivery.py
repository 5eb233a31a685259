"""From the shop to the door, and the code that proves it (dispatch P1-P2, C1-C6)."""

import msgspec
import pytest

from engine.domains.dispatch import events as e
from engine.domains.dispatch.decide_delivery import code_of
from engine.domains.dispatch.terms import (
    LOCK_AT,
    LOCK_MS,
    OBJECTION_MS,
    OPS_ONLY_AT,
    REISSUES_MAX,
)
from engine.ledger.escrow.events import EscrowRefunded, EscrowReleased
from testkit.house import House
from testkit.world import vault
from tests.engine.domains.dispatch.cast import (
    ANN,
    BEN,
    CUSTOMER,
    KEEPER,
    MOD,
    RIVAL,
    STRANGER,
    assigned,
    at_door,
    at_shop,
    code,
    convert,
    fail,
    job_of,
    objection,
    online,
    ordered,
    out_for_delivery,
    override,
    pick_up,
    reissue,
    release,
    returned,
    right_code,
    show_code,
    wrong_code,
    zone_of,
)


def test_the_package_must_be_the_right_one(house: House) -> None:
    """P1: the id read off the package is that of the driver's own job."""
    ordered(house, "o2")
    assigned(house).when(ANN, at_shop("o2")).then_rejected("ORDER_ID_MISMATCH", field="order")
    house.when(ANN, pick_up("o99")).then_rejected("ORDER_ID_MISMATCH")
    house.when(ANN, at_shop()).then(e.DriverArrived, stop="PICKUP")
    house.when(ANN, at_shop()).then_nothing_happened()
    house.when(ANN, pick_up()).then(e.PackagePickedUp)
    house.when(ANN, pick_up()).then_rejected("INVALID_TRANSITION", status="OUT_FOR_DELIVERY")


def test_only_the_assigned_driver_has_a_say(house: House) -> None:
    """NOT_ASSIGNED_DRIVER, at every step."""
    assigned(house).given((BEN, online()))
    for command in (at_shop(), pick_up(), code("0000", "o1"), at_door("o1"), release()):
        house.when(BEN, command).then_rejected("NOT_ASSIGNED_DRIVER")
    house.when(BEN, code("0000")).then_rejected("NOT_ASSIGNED_DRIVER")
    house.when(BEN, at_door()).then_rejected("NOT_ASSIGNED_DRIVER")


def test_a_shop_may_object_for_five_minutes(house: House) -> None:
    """P2: operators are alerted, the state stays."""
    out_for_delivery(house).when(RIVAL, objection()).then_rejected("FORBIDDEN")
    house.advance(OBJECTION_MS).when(KEEPER, objection()).then(e.PickupObjected)
    house.then(e.OpsAlerted, alert="PICKUP_OBJECTED", note="the wrong bag")
    assert job_of(house).status == "OUT_FOR_DELIVERY"
    house.advance(1).when(KEEPER, objection()).then_rejected("INVALID_TRANSITION")


def test_the_code_has_four_digits(house: House) -> None:
    """C1: a string of exactly four, leading zeros kept; of all orders some begin with zero."""
    codes = [code_of(vault(), f"o{number}", 1) for number in range(300)]
    assert all(len(found) == 4 and found.isdigit() for found in codes)
    assert any(found.startswith("0") for found in codes)
    for digits in ("042", "00042", "12a4", "١٢٣٤", "123\n", ""):
        fields = {"type": "dispatch.enter_delivery_code", "code": digits}
        with pytest.raises(msgspec.ValidationError):
            convert(house, fields)


def test_the_customer_reads_the_code(house: House) -> None:
    """C2, C3: from the assignment on, for the customer alone, in the reply and nowhere else."""
    ordered(house).when(CUSTOMER, show_code()).then_rejected("INVALID_TRANSITION")
    assigned(house, order="o2").when(CUSTOMER, show_code("o2")).then_nothing_happened()
    assert house.revealed(CUSTOMER, show_code("o2"))["code"] == right_code(order="o2")
    for other in (ANN, KEEPER, MOD, STRANGER):
        house.when(other, show_code("o2")).then_rejected("FORBIDDEN")


def test_the_code_is_in_no_log_and_no_payload(house: House) -> None:
    """C2, invariant 7: not in an event, a view, a notice or the state; typed digits neither."""
    out_for_delivery(house).given((CUSTOMER, reissue()))
    digits = right_code(2)
    house.when(ANN, code(digits)).then(e.OrderCompleted)
    for applied in house.log:
        assert f'"{digits}"'.encode() not in applied.record.event
        assert f'"{digits}"'.encode() not in applied.record.result
    rooms = list(house.core.rooms)
    for room in rooms:
        assert f'"{digits}"' not in msgspec.json.encode(house.state(room)).decode()


def test_wrong_codes_are_counted_and_lock(house: House) -> None:
    """C4: five, then ten minutes; ten, then operators only; right digits do not help."""
    out_for_delivery(house)
    for attempt in range(1, LOCK_AT + 1):
        left = LOCK_AT - attempt or OPS_ONLY_AT - LOCK_AT
        house.when(ANN, code(wrong_code()))
        house.then_noted(e.DeliveryCodeRejected, "DELIVERY_CODE_INVALID", tries_left=left)
    until = house.now + LOCK_MS
    house.then_noted(e.CodeLocked, "DELIVERY_CODE_INVALID", locked_until=until)
    house.when(ANN, code(right_code())).then_rejected("DELIVERY_CODE_LOCKED", until=until)
    house.at(until - 1).when(ANN, code(right_code())).then_rejected("DELIVERY_CODE_LOCKED")
    house.at(until)
    for attempt in range(LOCK_AT + 1, OPS_ONLY_AT + 1):
        left = OPS_ONLY_AT - attempt
        house.when(ANN, code(wrong_code()))
        house.then_noted(e.DeliveryCodeRejected, "DELIVERY_CODE_INVALID", tries_left=left)
        assert job_of(house).code_attempts == attempt
    assert [event.until for event in house.happened(e.CodeLocked)] == [None]
    house.advance(LOCK_MS)
    house.when(ANN, code(right_code())).then_rejected("DELIVERY_CODE_LOCKED", until=None)
    house.when(MOD, override()).then(e.OrderCompleted).then(EscrowReleased)


def test_after_the_lock_the_right_code_opens(house: House) -> None:
    """C4: the lock ends by itself."""
    out_for_delivery(house)
    for _ in range(LOCK_AT):
        house.when(ANN, code(wrong_code())).then_rejected("DELIVERY_CODE_INVALID")
    house.advance(LOCK_MS).when(ANN, code(right_code())).then(e.OrderCompleted)


def test_a_new_code_kills_the_old_one(house: House) -> None:
    """C5: three times at most, by the customer; the tries are not given back."""
    out_for_delivery(house).when(ANN, code(wrong_code())).then_rejected("DELIVERY_CODE_INVALID")
    house.when(ANN, reissue()).then_rejected("FORBIDDEN")
    for version in range(2, REISSUES_MAX + 2):
        house.when(CUSTOMER, reissue()).then(e.CodeReissued, version=version)
        assert house.revealed(CUSTOMER, reissue())["code"] == right_code(version)
    house.when(CUSTOMER, reissue()).then_rejected("CODE_REISSUE_LIMIT")
    assert job_of(house).code_attempts == 1
    house.when(ANN, code(right_code(1)))
    house.then_noted(e.DeliveryCodeRejected, "DELIVERY_CODE_INVALID", tries_left=3)
    house.when(ANN, code(right_code(4))).then(e.OrderCompleted)


def test_a_code_before_the_pick_up_is_no_try(house: House) -> None:
    """C6: only OUT_FOR_DELIVERY counts."""
    assigned(house).when(ANN, code(wrong_code())).then_rejected("NOT_PICKED_UP")
    house.when(ANN, at_door()).then_rejected("INVALID_TRANSITION")
    assert job_of(house).code_attempts == 0
    house.given((ANN, pick_up()), (ANN, at_door()), (ANN, code(right_code())))
    house.when(ANN, code(right_code(), "o1")).then_rejected("INVALID_TRANSITION")


def test_override_needs_a_reason(house: House) -> None:
    """Operators complete it with a reason and a photo (invariant 4)."""
    out_for_delivery(house).when(MOD, override(" ")).then_rejected("REASON_REQUIRED")
    house.when(KEEPER, override()).then_rejected("FORBIDDEN")
    house.when(MOD, override()).then(e.DeliveryOverridden, by="mod", photo="photo1")
    house.then(EscrowReleased)
    assert zone_of(house).drivers["ann"].deliveries == 1


def test_a_failed_delivery_goes_back(house: House) -> None:
    """RETURNING until the shop has it; then the money goes back and the driver is free."""
    out_for_delivery(house).when(MOD, fail("")).then_rejected("REASON_REQUIRED")
    house.when(KEEPER, returned()).then_rejected("INVALID_TRANSITION")
    house.when(MOD, fail()).then(e.DeliveryFailed)
    house.when(ANN, code(right_code())).then_rejected("INVALID_TRANSITION", status="RETURNING")
    assert zone_of(house).drivers["ann"].state == "BUSY"
    house.when(RIVAL, returned()).then_rejected("FORBIDDEN")
    house.when(KEEPER, returned()).then(e.PackageReturned).then(EscrowRefunded)
    assert job_of(house).status == "RETURNED"
    assert zone_of(house).drivers["ann"].state == "AVAILABLE"
