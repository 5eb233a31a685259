"""A parcel goes its way: the happy path, the holder at every instant, the money (custody 3)."""

from engine.domains.custody import events as e
from engine.domains.custody.notices import HandoffDue, ShipmentUpdate
from engine.ledger.escrow.events import EscrowReleased
from testkit.house import House
from tests.engine.domains.custody.cast import (
    BOOKINGS,
    CHAIN,
    ESCROW,
    LEA,
    RITA,
    ROOM,
    SAM,
    TOM,
    at_the_door,
    confirm,
    delivered,
    handed_on,
    held,
    photos,
    picked_up,
    plan,
    planned,
    scan,
    show,
    state_of,
    step,
    token,
)


def test_a_plan_gives_the_parcel_to_the_sender_and_a_code_to_each_step() -> None:
    """Custody 3, first row; Q1."""
    with House() as house:
        held(house).when(BOOKINGS, plan()).then(e.HandoffsPlanned, sender="sam")
        issued = house.happened(e.QrIssued)
        assert [event.step_seq for event in issued] == [1, 2, 3]
        assert len({event.token_hash for event in issued}) == 3
        house.then(e.StepReady, step_seq=1).then(e.RecipientLinkIssued, version=1)
        state = state_of(house)
        assert (state.status, state.holder) == ("AWAITING_PICKUP", ("SENDER", "sam"))
        assert [step.kind for step in state.steps] == ["PICKUP", "TRANSFER", "DELIVERY"]


def test_the_traveller_scans_the_senders_code_and_is_the_holder() -> None:
    """Q8, Q9, Q10: scan, custody and tracking in one batch; no next step before a photo (H1)."""
    with House() as house:
        planned(house).when(TOM, scan(token(house, 1), house.now))
        house.then_only(e.HandoffScanned, e.CustodyChanged, e.TrackingRecorded)
        state = state_of(house)
        assert (state.status, state.holder) == ("IN_CUSTODY", ("TRAVELER", "tom"))
        assert state.steps[1].state == "PENDING"


def test_photos_confirm_a_pick_up_and_make_the_next_step_ready() -> None:
    """H1."""
    with House() as house:
        planned(house).given((TOM, scan(token(house, 1), house.now)))
        house.when(TOM, photos(1, "p1")).then(e.PhotosAdded).then(e.StepConfirmed, step_seq=1)
        house.then(e.StepReady, step_seq=2)
        assert {n.step_seq for n in house.happened(HandoffDue)} == {2}


def test_a_transfer_needs_no_photo() -> None:
    """H1: minimum 0."""
    with House() as house:
        picked_up(house).when(LEA, scan(token(house, 2), house.now))
        house.then(e.CustodyChanged, to_id="lea").then(e.StepConfirmed, step_seq=2)
        house.then(e.StepReady, step_seq=3)


def test_the_last_carrier_scans_the_recipients_code_and_waits_for_proof() -> None:
    """Custody 3: the holder does not change before the proof."""
    with House() as house:
        handed_on(house).when(LEA, scan(token(house, 3), house.now))
        house.then_only(e.HandoffScanned, e.TrackingRecorded)
        state = state_of(house)
        assert (state.status, state.holder[1]) == ("DELIVERY_PENDING_PROOF", "lea")


def test_a_photo_proves_the_delivery_and_pays_every_carrier_once() -> None:
    """H2, H6."""
    with House() as house:
        at_the_door(house).when(LEA, photos(3, "l2"))
        house.then(e.DeliveryProofRecorded, method="QR", photo_ids=("l2",), receiver_name="Rita")
        house.then(e.CustodyChanged, to_type="RECIPIENT").then(e.ShipmentDelivered)
        assert len(house.happened(EscrowReleased)) == 1
        assert [_owed(house, user) for user in ("tom", "lea")] == [60_00, 30_00]
        assert state_of(house).holder == ("RECIPIENT", "rita")
        assert house.state(ESCROW).status == "released"
        told = [n.status for n in house.happened(ShipmentUpdate, "user:sam")]
        assert told == ["DELIVERED"]


def _owed(house: House, user: str) -> int:
    return sum(line.amount for line in house.core.book.payables(user))


def test_the_recipients_word_proves_the_delivery() -> None:
    """H2."""
    with House() as house:
        at_the_door(house).when(RITA, confirm(receiver_name="Rita R."))
        house.then(e.DeliveryProofRecorded, receiver_name="Rita R.", photo_ids=())
        house.then(e.ShipmentDelivered)


def test_the_history_of_holders_has_no_gap() -> None:
    """Invariant 1, 2; X5."""
    with House() as house:
        delivered(house)
        holders = state_of(house).holders
        assert [held.party_id for held in holders] == ["sam", "tom", "lea", "rita"]
        assert [held.step_seq for held in holders] == [0, 1, 2, 3]


def test_a_two_leg_parcel_has_one_carrier() -> None:
    """The shortest plan: from the sender by one traveller to the recipient."""
    legs = (CHAIN[0], step("TRAVELER:tom", "RECIPIENT:rita", "door"))
    with House() as house:
        picked_up(house, steps=legs)
        house.given((TOM, scan(token(house, 2), house.now)), (TOM, photos(2, "p2")))
        assert state_of(house).status == "DELIVERED"


def test_a_code_is_shown_to_its_giver_and_scanned_as_shown() -> None:
    """Q2: the token comes by `reveal`; neither the result nor the log holds it."""
    with House() as house:
        planned(house).when(SAM, show(1)).then_nothing_happened()
        assert "token" not in house.result
        shown = house.revealed(SAM, show(1))
        assert shown["token"] not in str([applied.record for applied in house.log])
        house.when(TOM, scan(shown["token"], house.now)).then(e.HandoffScanned)
        assert house.state(ROOM).status == "IN_CUSTODY"
