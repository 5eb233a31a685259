"""Codes and links: shown, issued again, ended (custody Q1, Q2, Q6, 10, 11.8)."""

import pytest

from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody import qr
from engine.domains.custody.terms import LINK_MS, QR_LIFE_MS
from engine.kernel.actor import Actor
from engine.kernel.outside import Letter
from engine.kernel.time import HOUR, MINUTE
from testkit.house import House
from tests.engine.domains.custody.cast import (
    BOOKINGS,
    BOSS,
    EVE,
    GUEST,
    KEYS,
    LEA,
    MOD,
    RITA,
    ROOM,
    SAM,
    TOM,
    cancel,
    confirm,
    delivered,
    handed_on,
    link,
    photos,
    planned,
    problem,
    reissue,
    scan,
    show,
    state_of,
    token,
)


def test_only_the_giver_sees_a_steps_code() -> None:
    """Custody 10: nobody else, staff neither."""
    with House() as house:
        planned(house)
        for other in (TOM, LEA, RITA, MOD, BOSS):
            house.when(other, show(1)).then_rejected("FORBIDDEN")
        house.when(EVE, show(1)).then_rejected("FORBIDDEN")
        house.when(GUEST, show(1)).then_rejected("UNAUTHENTICATED")
        house.when(SAM, show(9)).then_rejected("FORBIDDEN")
        house.when(SAM, show(1)).then_nothing_happened()


def test_the_recipient_shows_the_last_code_by_link() -> None:
    """Q8, custody 10: with the delivery code, which nobody else learns."""
    with House() as house:
        handed_on(house)
        for carrier in (TOM, LEA):
            house.when(carrier, show(3)).then_rejected("FORBIDDEN")
        house.when(GUEST, show(3, link=link())).then_nothing_happened()
        shown = house.revealed(GUEST, show(3, link=link()))
        assert shown["delivery_code"] == qr.delivery_code(KEYS, "s1.q3", 1)
        house.when(LEA, scan(shown["token"], house.now)).then(e.HandoffScanned)


def test_a_token_rotates_and_can_be_checked_by_anybody() -> None:
    """X2: another one each minute; the public key stands in the view."""
    with House() as house:
        planned(house)
        first, later = token(house, 1), token(house, 1, house.now + 60_000)
        assert first != later
        shown = house.when(SAM, show(1)).then_accepted().result
        minute = house.now - house.now % MINUTE
        assert shown["show_again_at"] == minute + MINUTE
        assert shown["good_until"] == minute + 5 * MINUTE
        assert shown["expires_at"] == house.now + QR_LIFE_MS
        parsed = qr.parse(first)
        assert parsed is not None
        assert house.view(TOM, ROOM)["qr_public_key"] == qr.public_key(KEYS)
        assert KEYS.is_signed(qr.PURPOSE, parsed.signed, parsed.signature)
        assert not KEYS.is_signed(qr.PURPOSE, parsed.signed + b"x", parsed.signature)


def test_a_secret_has_at_least_128_bits_and_only_its_hash_is_kept() -> None:
    """Q2, invariant 7."""
    with House() as house:
        planned(house)
        secret = qr.secret_of(KEYS, "s1.q1", 1)
        assert qr.SECRET_BYTES * 8 >= 128
        assert state_of(house).codes["s1.q1"].token_hash == qr.hash_of(secret)
        assert all(secret.encode() not in applied.record.event for applied in house.log)


def test_a_code_of_a_step_to_come_is_not_shown() -> None:
    """Q4."""
    with House() as house:
        planned(house).when(TOM, show(2)).then_rejected("STEP_OUT_OF_ORDER", expected=1)
        house.given((TOM, scan(token(house, 1), house.now)))
        house.when(TOM, show(2)).then_rejected("PHOTO_REQUIRED")
        house.when(SAM, show(1)).then_rejected("QR_ALREADY_USED")


def test_an_old_version_is_not_shown() -> None:
    """ShowQr with a version that was replaced."""
    with House() as house:
        planned(house).given((SAM, reissue(1)))
        house.when(SAM, show(1, version=1)).then_rejected("QR_REVOKED", version=2)
        house.when(SAM, show(1, version=2)).then_nothing_happened()


def test_an_expired_code_is_issued_again() -> None:
    """Q6: version + 1, and 72 hours more."""
    with House() as house:
        planned(house).advance(QR_LIFE_MS)
        house.when(SAM, show(1)).then_rejected("QR_EXPIRED")
        house.when(SAM, reissue(1)).then_only(e.QrIssued, e.StepReady)
        code = state_of(house).codes["s1.q1"]
        assert (code.version, code.state) == (2, "ACTIVE")
        assert code.expires_at == house.now + QR_LIFE_MS


def test_a_code_is_issued_again_five_times_at_most() -> None:
    """Q6: REISSUE_LIMIT."""
    with House() as house:
        planned(house).given(*((SAM, reissue(1)) for _ in range(5)))
        house.when(SAM, reissue(1)).then_rejected("REISSUE_LIMIT", limit=5)


def test_whoever_shows_a_code_and_staff_issue_it_again() -> None:
    """Custody 4: staff say why; a code that was used or has not come is not issued again."""
    with House() as house:
        planned(house)
        for other in (TOM, RITA):
            house.when(other, reissue(1)).then_rejected("FORBIDDEN")
        house.when(MOD, reissue(1)).then_rejected("REASON_REQUIRED")
        house.when(MOD, reissue(1, "it leaked")).then(e.QrRevoked, cause="REISSUED", version=1)
        house.when(TOM, reissue(2)).then_rejected("STEP_OUT_OF_ORDER")
        house.given((TOM, scan(token(house, 1), house.now)))
        house.when(SAM, reissue(1)).then_rejected("QR_ALREADY_USED")


def test_the_recipient_issues_the_last_code_again_and_with_it_the_digits() -> None:
    """Q6, H5: a new version has another delivery code."""
    with House() as house:
        handed_on(house).when(GUEST, reissue(3, link=link())).then(e.QrIssued, version=2)
        shown = house.when(GUEST, show(3, link=link())).then_accepted().revealed(GUEST, show(3))
        assert shown["delivery_code"] == qr.delivery_code(KEYS, "s1.q3", 2)


def test_staff_end_a_code() -> None:
    """ExpireQr; what is offline in somebody's pocket dies with it, whatever time it names."""
    with House() as house:
        planned(house)
        before = house.advance(HOUR).now
        house.advance(HOUR)
        house.when(SAM, _expire("s1.q1")).then_rejected("FORBIDDEN")
        house.when(MOD, _expire("s1.q9")).then_rejected("QR_INVALID")
        house.when(MOD, _expire("s1.q2")).then_rejected("STEP_OUT_OF_ORDER")
        house.when(BOOKINGS, _expire("s1.q1")).then(e.QrExpired, cause="BY_HAND")
        house.when(MOD, _expire("s1.q1")).then_rejected("QR_EXPIRED")
        house.when(TOM, scan(token(house, 1), house.now)).then_noted(e.ScanRejected, "QR_EXPIRED")
        waits = scan(token(house, 1, before), before)
        house.when(TOM, waits).then_noted(e.ScanRejected, "QR_EXPIRED")
        house.given((SAM, reissue(1)), (TOM, scan(_again(house), house.now)))
        house.when(MOD, _expire("s1.q1")).then_rejected("QR_ALREADY_USED")


def _again(house: House) -> str:
    return qr.token_for(KEYS, "s1.q1", 2, house.now // 60_000)


def _expire(qr_id: str) -> c.ExpireQr:
    return c.ExpireQr(id="c", shipment="s1", qr_id=qr_id)


def test_the_recipient_is_sent_a_link_that_is_in_no_log() -> None:
    """Custody 11.8: by email and by SMS."""
    with House() as house:
        planned(house)
        letters = [one for one in house.world.errands if isinstance(one, Letter)]
        assert [(one.channel, one.to) for one in letters] == [
            ("email", "rita@example.org"),
            ("sms", "+441234567890"),
        ]
        sent = letters[0].fields["link"]
        assert all(sent.encode() not in applied.record.event for applied in house.log)
        house.when(GUEST, _track(sent)).then_nothing_happened()


def _track(token: str = "") -> c.Track:
    return c.Track(id="c", shipment="s1", link=token)


def test_a_link_opens_one_shipment_only() -> None:
    """Scope: this shipment; a forged one opens nothing, not even for somebody signed in."""
    with House() as house:
        planned(house)
        for bad in ("", "forged", link(shipment="s2"), link(version=2)):
            house.when(GUEST, _track(bad)).then_rejected("UNAUTHENTICATED")
        house.when(EVE, _track("forged")).then_rejected("UNAUTHENTICATED")
        house.when(EVE, _track()).then_rejected("FORBIDDEN")
        house.when(SAM, _track()).then_rejected("FORBIDDEN")
        house.when(RITA, _track()).then_nothing_happened()


def test_a_new_link_voids_the_old_one() -> None:
    """Staff send it again."""
    with House() as house:
        planned(house)
        again = c.IssueLink(id="c", shipment="s1")
        house.when(SAM, again).then_rejected("FORBIDDEN")
        house.when(MOD, again).then(e.RecipientLinkIssued, version=2)
        house.when(GUEST, _track(link(1))).then_rejected("UNAUTHENTICATED")
        house.when(GUEST, _track(link(2))).then_nothing_happened()


def test_a_link_ends_seven_days_after_the_delivery() -> None:
    """Custody 11.8."""
    with House() as house:
        delivered(house).advance(LINK_MS - 1)
        house.when(GUEST, _track(link())).then_nothing_happened()
        house.advance(1).when(GUEST, _track(link())).then_rejected("UNAUTHENTICATED")


def test_tracking_tells_the_recipient_the_code_and_nobody_else() -> None:
    """Custody 10: the backup delivery code."""
    with House() as house:
        handed_on(house).when(GUEST, _track(link())).then_nothing_happened()
        code = qr.delivery_code(KEYS, "s1.q3", 1)
        assert house.revealed(GUEST, _track(link()))["delivery_code"] == code
        for actor in (SAM, TOM, LEA, MOD):
            house.when(actor, c.GetCustody(id="c", shipment="s1")).then_nothing_happened()
            assert "delivery" not in house.result
        house.given((LEA, scan(token(house, 3), house.now)))
        house.when(GUEST, _track(link())).then_accepted()
        assert "delivery_code" not in house.revealed(GUEST, _track(link()))


@pytest.mark.parametrize("status", ["DISPUTED", "CANCELLED", "DELIVERED"])
def test_no_code_is_shown_of_what_does_not_move(status: str) -> None:
    """CUSTODY_DISPUTED or INVALID_TRANSITION."""
    with House() as house:
        if status == "DELIVERED":
            delivered(house)
        else:
            planned(house).given((SAM, problem("LOSS") if status == "DISPUTED" else cancel()))
        code = "CUSTODY_DISPUTED" if status == "DISPUTED" else "INVALID_TRANSITION"
        house.when(SAM, show(1)).then_rejected(code)
        house.when(SAM, reissue(1)).then_rejected(code)
        house.when(MOD, _expire("s1.q1")).then_rejected(code)


def test_what_nobody_planned_is_not_found() -> None:
    """SHIPMENT_NOT_FOUND for everything that is asked of it."""
    with House() as house:
        for command in (
            show(1),
            reissue(1),
            _expire("s1.q1"),
            c.IssueLink(id="c", shipment="s1"),
            _track(link()),
            c.GetCustody(id="c", shipment="s1"),
            c.ExportEpcis(id="c", shipment="s1"),
            photos(1, "p1"),
            c.RequestUpload(id="c", shipment="s1", link=link()),
            c.OpenPhoto(id="c", shipment="s1", file="p1", link=link()),
            confirm(),
            problem("LOSS"),
            cancel(),
        ):
            actor = Actor("boss", "admin", "approved")
            house.when(actor, command).then_rejected("SHIPMENT_NOT_FOUND", shipment="s1")
