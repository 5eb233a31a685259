"""Photos, the recipient's word and the delivery code (custody H1 to H5)."""

import pytest

from engine.domains.custody import events as e
from engine.domains.custody.terms import CODE_LOCK_MS
from engine.kernel.actor import Actor
from testkit.house import House
from tests.engine.domains.custody.cast import (
    EVE,
    GUEST,
    LEA,
    MOD,
    RITA,
    SAM,
    TOM,
    at_the_door,
    code_of,
    confirm,
    delivered,
    enter,
    handed_on,
    link,
    photos,
    picked_up,
    planned,
    problem,
    reissue,
    scan,
    state_of,
    token,
    tried,
    wrong_code,
)


def test_the_giver_may_add_the_photos_too() -> None:
    """Custody 4: scanner and giver."""
    with House() as house:
        planned(house).given((TOM, scan(token(house, 1), house.now)))
        house.when(SAM, photos(1, "s1", "s2")).then(e.PhotosAdded, taken_by="sam")
        house.then(e.StepConfirmed)


def test_others_add_no_photos() -> None:
    """FORBIDDEN; so does a step that the plan does not have."""
    with House() as house:
        planned(house).given((TOM, scan(token(house, 1), house.now)))
        for actor in (LEA, RITA, EVE, MOD):
            house.when(actor, photos(1, "p1")).then_rejected("FORBIDDEN")
        house.when(TOM, photos(9, "p1")).then_rejected("FORBIDDEN")


def test_photos_follow_a_scan() -> None:
    """H1."""
    with House() as house:
        planned(house).when(TOM, photos(1, "p1")).then_rejected("INVALID_TRANSITION")
        house.given((TOM, scan(token(house, 1), house.now)), (TOM, photos(1, "p1")))
        house.when(TOM, photos(2, "p1")).then_rejected("INVALID_TRANSITION")


def test_photos_must_be_what_was_uploaded() -> None:
    """PHOTO_INVALID: no file, another hash, no picture, more than six, twice the same."""
    with House() as house:
        planned(house).given((TOM, scan(token(house, 1), house.now)))
        bad = (
            photos(1, "nowhere"),
            photos(1, "p1", hashes=("sha-p2",)),
            photos(1, "p1", hashes=()),
            photos(1, "text"),
            photos(1, "p1", "p1"),
            photos(1, "p1", "p2", "p3", "p4", "p5", "p6", "p7"),
        )
        for command in bad:
            house.when(TOM, command).then_rejected("PHOTO_INVALID")
        house.when(TOM, photos(1)).then_rejected("PHOTO_REQUIRED")
        house.when(TOM, photos(1, "p1", "p2", "p3", "p4", "p5", "p6")).then(e.PhotosAdded)


def test_later_photos_are_additions() -> None:
    """H3: none is replaced, and none is added twice."""
    with House() as house:
        picked_up(house).when(TOM, photos(1, "p2")).then_only(e.PhotosAdded)
        assert [photo.file_id for photo in state_of(house).steps[0].photos] == ["p1", "p2"]
        house.when(TOM, photos(1, "p1")).then_rejected("PHOTO_INVALID", file_id="p1")


def test_a_step_has_only_so_many_photos() -> None:
    """24, so that a room's state is bounded."""
    with House() as house:
        picked_up(house)
        for number in range(4):
            names = [f"more-{number}-{index}" for index in range(6)]
            for name in names:
                house.world.files[name] = house.world.files["p1"]
            hashes = ("sha-p1",) * 6
            house.when(TOM, photos(1, *names, hashes=hashes)).then_any()
        house.when(TOM, photos(1, "p3")).then_accepted()
        assert len(state_of(house).steps[0].photos) <= 24


def test_the_recipient_confirms_by_link_with_a_photo() -> None:
    """H2, ConfirmReceipt."""
    with House() as house:
        at_the_door(house)
        command = confirm(photo_file_ids=("g1",), link=link())
        house.when(GUEST, command).then(e.PhotosAdded, is_delivery=True)
        house.then(e.DeliveryProofRecorded, photo_ids=("g1",)).then(e.ShipmentDelivered)


def test_only_the_recipient_confirms() -> None:
    """And only what waits for proof."""
    with House() as house:
        handed_on(house).when(RITA, confirm()).then_rejected("INVALID_TRANSITION")
        house.given((LEA, scan(token(house, 3), house.now)))
        for actor in (SAM, LEA, MOD):
            house.when(actor, confirm()).then_rejected("FORBIDDEN")
        house.when(GUEST, confirm()).then_rejected("UNAUTHENTICATED")
        bad = confirm(photo_file_ids=("nowhere",))
        house.when(RITA, bad).then_rejected("PHOTO_INVALID")


def test_there_is_one_proof() -> None:
    """Invariant 5."""
    with House() as house:
        delivered(house).when(RITA, confirm()).then_rejected("INVALID_TRANSITION")
        house.when(LEA, photos(3, "l3")).then_rejected("INVALID_TRANSITION")


def test_the_right_code_stands_for_the_scan() -> None:
    """H5; the code that might have been scanned is dead."""
    with House() as house:
        handed_on(house).when(LEA, enter(code_of(house)))
        house.then(e.BackupCodeAccepted, carrier="lea").then(e.QrRevoked, cause="CODE_USED")
        assert state_of(house).status == "DELIVERY_PENDING_PROOF"
        house.when(LEA, photos(3, "l2")).then(e.DeliveryProofRecorded, method="CODE")


def test_a_wrong_code_is_counted_and_says_how_many_are_left() -> None:
    """H5: DELIVERY_CODE_INVALID."""
    with House() as house:
        handed_on(house)
        for left in (4, 3, 2, 1, 0):
            house.when(LEA, enter(wrong_code(house)))
            house.then_noted(e.DeliveryCodeRejected, "DELIVERY_CODE_INVALID", tries_left=left)


def test_five_wrong_codes_lock_for_ten_minutes() -> None:
    """H5: DELIVERY_CODE_LOCKED, for the right one too; a scan is still possible."""
    with House() as house:
        tried(handed_on(house), *((LEA, enter(wrong_code(house))) for _ in range(5)))
        until = house.now + CODE_LOCK_MS
        house.when(LEA, enter(code_of(house))).then_rejected("DELIVERY_CODE_LOCKED", until=until)
        house.advance(CODE_LOCK_MS).when(LEA, enter(code_of(house))).then(e.BackupCodeAccepted)


def test_ten_wrong_codes_lock_for_good() -> None:
    """H5: only staff decide; a new code gives no new tries."""
    with House() as house:
        tried(handed_on(house), *((LEA, enter(wrong_code(house))) for _ in range(5)))
        house.advance(CODE_LOCK_MS)
        tried(house, *((LEA, enter(wrong_code(house))) for _ in range(5)))
        house.given((RITA, reissue(3)))
        house.when(LEA, enter(code_of(house))).then_rejected("DELIVERY_CODE_LOCKED", until=None)
        house.when(LEA, scan(token(house, 3), house.now)).then(e.HandoffScanned)


def test_only_the_last_carrier_enters_the_code_and_only_at_the_last_step() -> None:
    """A code that comes too early is no try (C6 of dispatch)."""
    with House() as house:
        picked_up(house)
        house.when(TOM, enter("0000")).then_rejected("WRONG_SCANNER")
        house.when(EVE, enter("0000")).then_rejected("FORBIDDEN")
        house.when(LEA, enter("0000")).then_rejected("STEP_OUT_OF_ORDER")
        assert state_of(house).wrong_codes == 0
        house.given((LEA, scan(token(house, 2), house.now)))
        stranger = Actor("lea", "user", "none")
        house.when(stranger, enter(code_of(house))).then_rejected("KYC_REQUIRED")


def test_an_expired_code_takes_no_digits() -> None:
    """Q6: the digits live as long as the code that they stand for."""
    with House() as house:
        handed_on(house).advance(72 * 3_600_000)
        house.when(LEA, enter(code_of(house))).then_rejected("QR_EXPIRED")


@pytest.mark.parametrize("kind", ["LOSS", "MISMATCH"])
def test_no_evidence_is_added_while_disputed(kind: str) -> None:
    """Invariant 9."""
    with House() as house:
        picked_up(house).given((TOM, problem(kind)))
        house.when(TOM, photos(1, "p2")).then_rejected("CUSTODY_DISPUTED")
        house.when(LEA, enter("0000")).then_rejected("CUSTODY_DISPUTED")
