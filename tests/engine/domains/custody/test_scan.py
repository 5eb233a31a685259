"""Why a scan is refused, in which order, and what is kept of it (custody Q1 to Q8, H8, H12)."""

import pytest

from engine.domains.custody import events as e
from engine.domains.custody import qr
from engine.domains.custody.terms import QR_LIFE_MS
from engine.kernel.actor import TRAVELER, Actor
from engine.kernel.time import DAY, HOUR, MINUTE
from testkit.house import House
from tests.engine.domains.custody.cast import (
    CHAIN,
    EVE,
    FAR,
    HERE,
    KEYS,
    LEA,
    MOD,
    RITA,
    ROOM,
    SAM,
    TOM,
    at_the_door,
    cancel,
    customs,
    device,
    handed_on,
    photos,
    picked_up,
    planned,
    problem,
    refused_scan,
    reissue,
    replan,
    scan,
    show,
    state_of,
    token,
    tried,
)


def test_a_shipment_that_nobody_planned_is_not_found() -> None:
    """SHIPMENT_NOT_FOUND; and a token without a shipment tells nothing but QR_INVALID."""
    with House() as house:
        now = house.now
        house.when(TOM, scan("x", now)).then_rejected("SHIPMENT_NOT_FOUND", shipment="s1")
        for text in ("x", "s9.q1~1~1~x~y", "s@east.q1~1~1~x~y", "@.q1~", ".q1~", "a b\n.q1~1"):
            house.when(TOM, scan(text, now, shipment=None)).then_rejected("QR_INVALID")
            assert house.refusal is not None
            assert house.refusal.details == {}


def test_a_forged_token_is_invalid_without_detail() -> None:
    """QR_INVALID, whatever is wrong with it; kept for the audit."""
    with House() as house:
        planned(house)
        good = token(house, 1)
        signed, _, signature = good.rpartition("~")
        qr_id, version, slot, secret = signed.split("~")
        forgeries = (
            "",
            "hello",
            f"{signed}~",
            f"{signed}~{signature[:-4]}AAAA",
            f"{qr_id}~{version}~{int(slot) + 1}~{secret}~{signature}",
            f"{qr_id}~2~{slot}~{secret}~{signature}",
            f"s1.q9~{version}~{slot}~{secret}~{signature}",
            good + "\u00e9",
            f"{signed}~%%%",
            f"{qr_id}~x~{slot}~{secret}~{signature}",
        )
        for forged in forgeries:
            house.when(TOM, scan(forged, house.now))
            refused_scan(house, "QR_INVALID")
            assert house.refusal is not None
            assert house.refusal.details == {}


def test_a_token_of_another_shipment_is_invalid_here() -> None:
    """A code belongs to one shipment."""
    with House() as house:
        planned(house)
        other = qr.token_for(KEYS, "s2.q1", 1, house.now // MINUTE)
        house.when(TOM, scan(other, house.now))
        refused_scan(house, "QR_INVALID")


def test_twenty_invalid_tokens_in_an_hour_are_enough() -> None:
    """Custody 7: RATE_LIMITED for that device, and nobody else; an hour later it may try again."""
    with House() as house:
        planned(house)
        tried(house, *((EVE, scan("forged", house.now)) for _ in range(20)))
        house.when(EVE, scan("forged", house.now)).then_rejected("RATE_LIMITED")
        house.advance(HOUR).when(EVE, scan("forged", house.now))
        refused_scan(house, "QR_INVALID")
        house.when(TOM, scan(token(house, 1), house.now)).then(e.HandoffScanned)


def test_another_device_gives_no_new_tries_and_another_user_of_it_none_either() -> None:
    """Counted by user and by device."""
    with House() as house:
        planned(house)
        made = [scan("x", house.now, device=device(n, key=f"d{n % 2}")) for n in range(1, 21)]
        tried(house, *((EVE, one) for one in made))
        other = scan("x", house.now, device=device(1, key="new"))
        house.when(EVE, other).then_rejected("RATE_LIMITED")
        shared = [scan("x", house.now, device=device(n, key="d0")) for n in range(21, 31)]
        tried(house, *((LEA, one) for one in shared))
        house.when(RITA, shared[0]).then_rejected("RATE_LIMITED")
        house.when(RITA, scan("x", house.now)).then_noted(e.ScanRejected, "QR_INVALID")


def test_a_code_is_good_for_one_scan() -> None:
    """Q3: QR_ALREADY_USED, and the loser is recorded with whom he lost to."""
    with House() as house:
        planned(house)
        good = token(house, 1)
        house.given((TOM, scan(good, house.now)))
        house.when(LEA, scan(good, house.now))
        refused_scan(house, "QR_ALREADY_USED")
        assert house.happened(e.ScanRejected)[0].rival_of == state_of(house).steps[0].scan_id
        assert state_of(house).holder == ("TRAVELER", "tom")


def test_a_code_expires_after_72_hours() -> None:
    """Q6, QrDue."""
    with House() as house:
        planned(house)
        house.advance(QR_LIFE_MS).then(e.QrExpired, step_seq=1, cause="TIME")
        house.when(TOM, scan(token(house, 1), house.now))
        refused_scan(house, "QR_EXPIRED")


def test_a_picture_of_a_code_goes_stale() -> None:
    """X2: a token is good for five minutes from the minute in which it was shown."""
    with House() as house:
        planned(house)
        old = token(house, 1)
        house.advance(5 * MINUTE)
        house.when(TOM, scan(old, house.now))
        refused_scan(house, "QR_EXPIRED")
        house.when(TOM, scan(token(house, 1, house.now - 3 * MINUTE), house.now))
        house.then(e.HandoffScanned)


def test_a_code_that_was_replaced_is_revoked() -> None:
    """Reissued, replanned, called off: QR_REVOKED."""
    with House() as house:
        planned(house)
        first = token(house, 1)
        house.given((SAM, reissue(1)))
        house.when(TOM, scan(first, house.now))
        refused_scan(house, "QR_REVOKED")
        second = token(house, 1)
        house.given((MOD, replan(*CHAIN)))
        house.when(TOM, scan(second, house.now))
        refused_scan(house, "QR_REVOKED")
        third = token(house, 1)
        house.given((SAM, cancel()))
        house.when(TOM, scan(third, house.now))
        refused_scan(house, "QR_REVOKED")


def test_steps_go_strictly_in_order() -> None:
    """Q4: STEP_OUT_OF_ORDER; parties are told which is next, others are not."""
    with House() as house:
        planned(house)
        house.when(LEA, scan(token(house, 2), house.now))
        refused_scan(house, "STEP_OUT_OF_ORDER", expected=1)
        house.when(EVE, scan(token(house, 2), house.now))
        refused_scan(house, "STEP_OUT_OF_ORDER")
        assert house.refusal is not None
        assert house.refusal.details == {}
        assert "1" not in house.refusal.message


def test_the_next_step_waits_for_the_photo_of_the_one_before() -> None:
    """H1: PHOTO_REQUIRED."""
    with House() as house:
        planned(house).given((TOM, scan(token(house, 1), house.now)))
        house.when(LEA, scan(token(house, 2), house.now))
        refused_scan(house, "PHOTO_REQUIRED")


def test_only_the_planned_person_scans() -> None:
    """Q5, Q8: WRONG_SCANNER for strangers and parties alike; SELF_HANDOFF for who shows it."""
    with House() as house:
        planned(house)
        for stranger in (EVE, LEA, RITA):
            house.when(stranger, scan(token(house, 1), house.now))
            refused_scan(house, "WRONG_SCANNER")
        house.when(SAM, scan(token(house, 1), house.now))
        refused_scan(house, "SELF_HANDOFF")


def test_the_recipient_does_not_scan_the_own_code() -> None:
    """Q8: the last carrier does."""
    with House() as house:
        handed_on(house).when(RITA, scan(token(house, 3), house.now))
        refused_scan(house, "SELF_HANDOFF")


@pytest.mark.parametrize("kyc", ["none", "pending", "rejected"])
def test_a_carrier_has_been_identified_at_each_scan(kyc: str) -> None:
    """H8: KYC_REQUIRED."""
    with House() as house:
        planned(house)
        house.when(Actor("tom", TRAVELER, kyc), scan(token(house, 1), house.now))
        refused_scan(house, "KYC_REQUIRED", kyc=kyc)


@pytest.mark.parametrize("place", ["", "   "])
def test_a_scan_names_its_place(place: str) -> None:
    """Q7: LOCATION_REQUIRED."""
    with House() as house:
        planned(house)
        house.when(TOM, scan(token(house, 1), house.now, scan_location_id=place))
        refused_scan(house, "LOCATION_REQUIRED", field="scan_location_id")


@pytest.mark.parametrize(
    ("pos", "flags"), [(None, ()), (HERE, ()), (FAR, ("LOCATION_WARN",))], ids=str
)
def test_a_scan_far_from_the_place_is_taken_and_flagged(pos: object, flags: object) -> None:
    """Q7: more than 1,000 m; from where nobody said that it would be, nothing is far."""
    with House() as house:
        planned(house)
        house.when(TOM, scan(token(house, 1), house.now, pos=pos))
        house.then(e.HandoffScanned, flags=flags)
        house.given((TOM, photos(1, "p1")))
        house.when(LEA, scan(token(house, 2), house.now, pos=FAR))
        house.then(e.HandoffScanned, flags=())


def test_a_late_upload_is_taken_and_marked() -> None:
    """H12, X4: what was scanned offline counts if it was good then; both times are kept."""
    with House() as house:
        planned(house)
        scanned_at = house.now + 10 * MINUTE
        good = token(house, 1, scanned_at)
        house.advance(9 * HOUR)
        house.when(TOM, scan(good, scanned_at))
        lateness_ms = house.now - scanned_at
        house.then(e.HandoffScanned, device_at=scanned_at, lateness_ms=lateness_ms, flags=("LATE",))
        assert house.result["lateness_ms"] == lateness_ms
        assert state_of(house).holders[-1].since == house.now


def test_a_code_that_expired_meanwhile_is_good_for_what_was_scanned_before() -> None:
    """H12: ACTIVE at device_at is what counts."""
    with House() as house:
        planned(house).advance(QR_LIFE_MS - HOUR)
        scanned_at = house.now
        good = token(house, 1)
        house.advance(2 * HOUR)
        assert state_of(house).codes["s1.q1"].state == "EXPIRED"
        house.when(TOM, scan(good, scanned_at)).then(e.HandoffScanned)


def test_a_scan_kept_for_more_than_a_day_is_too_old() -> None:
    """H12: SCAN_TOO_OLD; so is one from the future."""
    with House() as house:
        planned(house)
        scanned_at = house.now
        good = token(house, 1)
        house.advance(DAY).when(TOM, scan(good, scanned_at - 1))
        refused_scan(house, "SCAN_TOO_OLD")
        house.when(TOM, scan(token(house, 1), house.now + HOUR))
        refused_scan(house, "SCAN_TOO_OLD")
        house.when(TOM, scan(good, scanned_at)).then(e.HandoffScanned)


def test_a_scan_from_before_the_code_was_active_is_refused() -> None:
    """H12."""
    with House() as house:
        planned(house)
        before = house.now - HOUR
        house.when(TOM, scan(token(house, 1, before), before))
        refused_scan(house, "QR_EXPIRED")


def test_a_chain_of_offline_scans_arrives_after_the_event() -> None:
    """H12: the second counts from the device time of the first, not from its arrival."""
    with House() as house:
        picked_up(house)
        first_at = house.now + HOUR
        lea_scan = scan(token(house, 2, first_at), first_at)
        second_at = first_at + HOUR
        lea_shown = token(house, 3, second_at)
        house.advance(5 * HOUR)
        house.given((LEA, lea_scan))
        house.when(LEA, scan(lea_shown, second_at)).then(e.HandoffScanned, step_seq=3)


def test_nothing_is_scanned_while_disputed() -> None:
    """Invariant 9: CUSTODY_DISPUTED."""
    with House() as house:
        picked_up(house).given((TOM, problem("LOSS")))
        house.when(LEA, scan(token(house, 2), house.now))
        refused_scan(house, "CUSTODY_DISPUTED")


def test_an_international_parcel_waits_for_customs() -> None:
    """H10: CUSTOMS_MISSING for the code and for the scan, until it is declared."""
    with House() as house:
        planned(house, is_international=True)
        house.when(SAM, show(1)).then_rejected("CUSTOMS_MISSING")
        house.when(TOM, scan(token(house, 1), house.now))
        refused_scan(house, "CUSTOMS_MISSING")
        house.when(SAM, customs()).then_only(e.CustomsDeclared, e.StepReady)
        house.when(TOM, scan(token(house, 1), house.now)).then(e.HandoffScanned)


def test_a_declaration_may_come_with_the_plan() -> None:
    """H10."""
    with House() as house:
        planned(house, is_international=True, customs=customs().declaration)
        house.when(SAM, show(1)).then_nothing_happened()


def test_a_scan_of_a_parcel_that_has_arrived_is_refused() -> None:
    """Its code was used."""
    with House() as house:
        at_the_door(house)
        house.when(LEA, scan(token(house, 3), house.now))
        refused_scan(house, "QR_ALREADY_USED")
        house.given((LEA, photos(3, "l2")))
        house.when(LEA, scan(token(house, 3), house.now))
        refused_scan(house, "QR_ALREADY_USED")


def test_a_scan_finds_its_shipment_by_the_token() -> None:
    """The field `shipment` may be left out."""
    with House() as house:
        planned(house)
        house.when(TOM, scan(token(house, 1), house.now, shipment=None)).then(e.HandoffScanned)


def test_staff_see_what_was_refused_and_others_do_not() -> None:
    """Custody 10."""
    with House() as house:
        tried(planned(house), (EVE, scan("forged", house.now)))
        assert house.view(MOD, ROOM)["rejected_scans"][0]["event"]["code"] == "QR_INVALID"
        assert "rejected_scans" not in house.view(SAM, ROOM)
        assert house.history(SAM, ROOM)[-1] == {}


def test_a_snapshot_shows_the_latest_rejected_scans_only() -> None:
    """All of them are in the log; 50 are shown."""
    with House() as house:
        planned(house)
        for _ in range(3):
            people = (EVE, LEA, RITA)
            tried(house, *((who, scan("x", house.now)) for who in people for _ in range(19)))
            house.advance(HOUR)
        assert len(state_of(house).rejected) == 50
        assert len(state_of(house).bad_tokens) == 3
