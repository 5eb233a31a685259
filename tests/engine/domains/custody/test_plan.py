"""Plans: the chain, the money, changes, the end before the beginning (custody 3, H8, H9)."""

import pytest

from engine.contract import Person
from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody import qr
from engine.domains.custody.notices import ShipmentUpdate
from engine.domains.custody.terms import StepTerms
from engine.ledger.escrow.events import EscrowRefunded
from engine.room import StepContext
from testkit.house import House
from tests.engine.domains.custody.cast import (
    BOOKINGS,
    CHAIN,
    ESCROW,
    EVE,
    KEYS,
    LEA,
    MOD,
    ROOM,
    SAM,
    TOM,
    cancel,
    customs,
    give_back,
    handed_on,
    held,
    picked_up,
    plan,
    planned,
    problem,
    replan,
    scan,
    state_of,
    step,
    token,
)

PICKUP, TRANSFER, DELIVERY = CHAIN

BROKEN: dict[str, tuple[StepTerms, ...]] = {
    "no steps": (),
    "one step": (step("SENDER:sam", "RECIPIENT:rita", "door"),),
    "not from the sender": (TRANSFER, DELIVERY),
    "from another sender": (step("SENDER:eve", "TRAVELER:tom", "x"), TRANSFER, DELIVERY),
    "a gap": (PICKUP, DELIVERY),
    "another type": (PICKUP, step("LOCAL_COURIER:tom", "RECIPIENT:rita", "door")),
    "not to a recipient": (PICKUP, TRANSFER),
    "a recipient in the middle": (
        step("SENDER:sam", "RECIPIENT:rita", "x"),
        step("RECIPIENT:rita", "RECIPIENT:rob", "y"),
    ),
    "a wrong kind": (PICKUP, step("TRAVELER:tom", "RECIPIENT:rita", "x", kind="TRANSFER")),
}


@pytest.mark.parametrize("steps", BROKEN.values(), ids=list(BROKEN))
def test_a_chain_that_does_not_hold_is_refused(steps: tuple[StepTerms, ...]) -> None:
    """CHAIN_BROKEN."""
    with House() as house:
        held(house).when(BOOKINGS, plan(steps=steps)).then_rejected("CHAIN_BROKEN")


def test_nobody_hands_a_parcel_to_themselves() -> None:
    """SELF_HANDOFF."""
    steps = (step("SENDER:sam", "TRAVELER:sam", "x"), step("TRAVELER:sam", "RECIPIENT:rita", "y"))
    with House() as house:
        held(house).when(BOOKINGS, plan(steps=steps)).then_rejected("SELF_HANDOFF", step=1)


def test_a_plan_waits_for_the_money() -> None:
    """H9: ESCROW_NOT_HELD."""
    with House() as house:
        house.when(BOOKINGS, plan()).then_rejected("ESCROW_NOT_HELD")


def test_a_shipment_is_planned_once_and_by_the_house() -> None:
    """Custody 4."""
    with House() as house:
        planned(house).when(BOOKINGS, plan()).then_rejected("INVALID_TRANSITION")
        house.when(SAM, plan()).then_rejected("FORBIDDEN")


def test_another_way_replaces_what_was_not_scanned() -> None:
    """Replan: old codes die, new ones are issued, the first of them is good."""
    with House() as house:
        picked_up(house)
        new = (step("TRAVELER:tom", "LOCAL_COURIER:max", "paris"),)
        last = step("LOCAL_COURIER:max", "RECIPIENT:rita", "door")
        house.when(MOD, replan(*new, last)).then(e.HandoffsReplanned, first_seq=2)
        revoked = [event.qr_id for event in house.happened(e.QrRevoked)]
        assert revoked == ["s1.q2", "s1.q3"]
        issued = [(event.qr_id, event.step_seq) for event in house.happened(e.QrIssued)]
        assert issued == [("s1.q4", 2), ("s1.q5", 3)]
        house.then(e.StepReady, step_seq=2)
        assert "lea" in state_of(house).carriers
        told = house.happened(ShipmentUpdate, "user:lea")
        assert [(update.status, update.cause) for update in told] == [("IN_CUSTODY", "REPLANNED")]
        assert not house.happened(ShipmentUpdate, "user:tom")
        assert not any("dropped" in data for data in house.history(TOM, ROOM))


def test_another_way_waits_for_photos_that_are_missing() -> None:
    """H1 still holds."""
    with House() as house:
        planned(house).given((TOM, scan(token(house, 1), house.now)))
        house.when(MOD, replan(TRANSFER, DELIVERY)).then(e.HandoffsReplanned)
        assert not house.happened(e.StepReady)


def test_another_way_starts_with_the_holder_and_ends_with_the_recipient() -> None:
    """CHAIN_BROKEN otherwise; staff say why; nobody else does it."""
    with House() as house:
        picked_up(house)
        house.when(MOD, replan(DELIVERY)).then_rejected("CHAIN_BROKEN")
        other = step("TRAVELER:tom", "RECIPIENT:rob", "door")
        house.when(MOD, replan(other)).then_rejected("CHAIN_BROKEN")
        house.when(MOD, replan(TRANSFER, DELIVERY, reason=" ")).then_rejected("REASON_REQUIRED")
        house.when(SAM, replan(TRANSFER, DELIVERY)).then_rejected("FORBIDDEN")
        house.given((TOM, problem("LOSS")))
        house.when(MOD, replan(TRANSFER, DELIVERY)).then_rejected("CUSTODY_DISPUTED")


def test_before_the_pick_up_the_sender_calls_it_off_and_gets_the_money_back() -> None:
    """CancelShipment, H7."""
    with House() as house:
        planned(house).when(SAM, cancel("changed my mind"))
        assert [event.cause for event in house.happened(e.QrRevoked)] == ["CANCELLED"] * 3
        house.then(e.ShipmentCancelled, by="sam").then(EscrowRefunded)
        assert house.state(ESCROW).status == "refunded"
        assert house.available("sam") == 1_000_00
        assert state_of(house).holder == ("SENDER", "sam")
        assert house.happened(ShipmentUpdate, "user:sam")[0].status == "CANCELLED"


def test_staff_say_why_they_call_it_off() -> None:
    """REASON_REQUIRED; and nobody else calls it off."""
    with House() as house:
        planned(house).when(MOD, cancel()).then_rejected("REASON_REQUIRED")
        for actor in (TOM, LEA, EVE):
            house.when(actor, cancel("x")).then_rejected("FORBIDDEN")
        house.when(MOD, cancel("fraud")).then(e.ShipmentCancelled, reason="fraud")
    own = (step("SENDER:mod", "TRAVELER:tom", "lagos"), *CHAIN[1:])
    with House() as house:
        planned(house, sender="mod", steps=own).when(MOD, cancel()).then(e.ShipmentCancelled)


def test_after_the_pick_up_it_is_too_late() -> None:
    """INVALID_TRANSITION."""
    with House() as house:
        handed_on(house).when(SAM, cancel("x")).then_rejected("INVALID_TRANSITION")


def test_customs_are_declared_by_the_sender_or_staff_before_the_pick_up() -> None:
    """H10."""
    with House() as house:
        planned(house, is_international=True)
        house.when(TOM, customs()).then_rejected("FORBIDDEN")
        house.when(MOD, customs()).then(e.CustomsDeclared, by="mod").then(e.StepReady)
        house.when(SAM, customs()).then_only(e.CustomsDeclared)
        house.given((TOM, scan(token(house, 1), house.now)))
        house.when(SAM, customs()).then_rejected("INVALID_TRANSITION")


def test_a_parcel_that_stays_at_home_declares_nothing() -> None:
    """INVALID_TRANSITION."""
    with House() as house:
        planned(house).when(SAM, customs()).then_rejected("INVALID_TRANSITION")


def test_carriers_have_been_identified_before_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """H8: KYC_REQUIRED, for a plan, another one, and a way back; known ones have first names."""
    kyc = "pending"

    def card(_: StepContext, room: str) -> Person:
        return Person(display_name=room.partition(":")[2].title(), is_active=True, kyc=kyc)

    monkeypatch.setattr(StepContext, "card", card)
    with House() as house:
        held(house).when(BOOKINGS, plan()).then_rejected("KYC_REQUIRED", kyc="pending")
        kyc = "approved"
        house.given((BOOKINGS, plan()), (TOM, scan_of(house, 1)))
        assert house.view(SAM, ROOM)["holder"]["name"] == "Tom"
        kyc = "rejected"
        house.when(MOD, replan(TRANSFER, DELIVERY)).then_rejected("KYC_REQUIRED")
        direct = step("TRAVELER:tom", "SENDER:sam", "lagos")
        house.when(MOD, give_back(steps=(direct,))).then_rejected("KYC_REQUIRED")
        house.when(MOD, give_back()).then(e.ReturnStarted)


def scan_of(house: House, seq: int) -> c.ScanHandoff:
    """The scan of a plan's first version, which may not stand yet."""
    return scan(qr.token_for(KEYS, f"s1.q{seq}", 1, house.now // 60_000), house.now)


def test_a_shipment_has_only_so_long_a_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound on what parties and staff may add: OVERLOADED."""
    monkeypatch.setattr("engine.domains.custody.guards.HISTORY_MAX", 4)
    with House() as house:
        planned(house, is_international=True)
        house.given((TOM, problem("NO_SHOW")), (TOM, problem("NO_SHOW")), (SAM, customs()))
        wrong = c.CorrectTracking(
            id="c", shipment="s1", number=1, cause="did_not_occur", reason="x"
        )
        for actor, command in (
            (TOM, problem("NO_SHOW")),
            (SAM, customs()),
            (MOD, replan(*CHAIN)),
            (MOD, wrong),
        ):
            house.when(actor, command).then_rejected("OVERLOADED", limit=4)
        house.when(TOM, scan_of(house, 1)).then(e.HandoffScanned)
