"""Scans of one device follow from one another, or are flagged (X2)."""

from base64 import urlsafe_b64encode
from typing import Any

from msgspec.structs import replace

from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody import qr
from engine.domains.custody.messages import ScanReported
from engine.domains.custody.scanner import (
    DeviceKeyReplaced,
    DeviceRegistered,
    DeviceRevoked,
    ScanNoted,
)
from engine.kernel.actor import Actor
from engine.kernel.time import HOUR
from engine.ledger.escrow.commands import Fund, Open
from engine.ledger.escrow.terms import ShareTerms
from testkit.house import House
from tests.engine.domains.custody.cast import (
    BOOKINGS,
    EVE,
    FEE,
    KEYS,
    MOD,
    ROOM,
    SAM,
    TOM,
    device,
    plan,
    planned,
    refused_scan,
    scan,
    state_of,
    token,
    tried,
)

PHONE = "scanner:phone"


def bad(house: House, counter: int, previous: str = "", key: str = "phone") -> Any:
    """A scan that is refused, and is a scan of the device all the same."""
    return scan("forged", house.now, device=device(counter, previous, key))


def flagged(house: House, who: Actor, command: Any, flags: tuple[str, ...]) -> None:
    """The scan is refused, and the scanner's room has these flags for it."""
    tried(house, (who, command))
    assert house.happened(ScanNoted)[0].flags == flags


def hash_of(house: House, counter: int, previous: str = "") -> str:
    return qr.scan_hash(device(counter, previous), "forged", "there", house.now)


def test_scans_that_follow_from_one_another_are_not_flagged() -> None:
    """Refused ones count, too: the device cannot know."""
    with House() as house:
        planned(house)
        flagged(house, TOM, bad(house, 1), ())
        first = hash_of(house, 1)
        good = scan(token(house, 1), house.now, device=device(2, first))
        house.when(TOM, good).then(e.HandoffScanned).then(ScanNoted, flags=())
        assert not house.happened(e.ScanFlagged)
        expected = qr.scan_hash(device(2, first), good.qr_token, "there", house.now)
        assert house.result["scan_hash"] == expected
        shown = {"highest": 2, "hash": expected, "public_key": None, "revoked_at": None}
        assert house.view(TOM, PHONE) == shown


def test_a_gap_is_flagged_and_the_scan_stands() -> None:
    """COUNTER_GAP, for staff."""
    with House() as house:
        planned(house)
        good = scan(token(house, 1), house.now, device=device(3))
        house.when(TOM, good).then(e.ScanFlagged, flags=("COUNTER_GAP",))
        assert house.view(MOD, ROOM)["flagged_scans"] == {"s1.q1.1": ["COUNTER_GAP"]}
        assert state_of(house).holder == ("TRAVELER", "tom")
        assert house.history(SAM, ROOM)[-1] == {}


def test_what_comes_after_its_successor_is_out_of_order() -> None:
    """It fills the gap; if it fits, that is all."""
    with House() as house:
        planned(house)
        second = bad(house, 2, hash_of(house, 1))
        flagged(house, TOM, second, ("COUNTER_GAP",))
        flagged(house, TOM, bad(house, 1), ("OUT_OF_ORDER",))
        assert house.state(PHONE).missing == []


def test_a_number_that_comes_twice_is_flagged() -> None:
    """COUNTER_REPEATED: a clone of the device, or a device that was set back."""
    with House() as house:
        tried(planned(house), (TOM, bad(house, 1)))
        flagged(house, TOM, bad(house, 1), ("COUNTER_REPEATED",))


def test_a_hash_that_does_not_fit_is_flagged() -> None:
    """HASH_MISMATCH, of the one before and of the one after."""
    with House() as house:
        tried(planned(house), (TOM, bad(house, 1)))
        flagged(house, TOM, bad(house, 2, "0" * 64), ("HASH_MISMATCH",))
        tried(house, (TOM, bad(house, 4, "1" * 64)))
        flagged(house, TOM, bad(house, 3), ("OUT_OF_ORDER", "HASH_MISMATCH"))
        first = bad(house, 1, "2" * 64, "other")
        flagged(house, TOM, first, ("HASH_MISMATCH",))


def test_a_device_has_one_owner() -> None:
    """FOREIGN_DEVICE."""
    with House() as house:
        tried(planned(house), (TOM, bad(house, 1)))
        flagged(house, EVE, bad(house, 2, hash_of(house, 1)), ("FOREIGN_DEVICE",))


def test_of_two_devices_that_claim_one_hand_over_the_first_to_arrive_wins() -> None:
    """X2: the loser is recorded, though it scanned earlier."""
    with House() as house:
        planned(house)
        earlier = house.now
        first = scan(token(house, 1), earlier, device=device(1, key="tablet"))
        house.advance(60_000 * 30)
        second = scan(token(house, 1), house.now, device=device(1))
        house.given((TOM, second)).when(TOM, first)
        refused_scan(house, "QR_ALREADY_USED")
        (rejected,) = house.happened(e.ScanRejected)
        assert (rejected.rival_of, rejected.device_at) == ("s1.q1.1", earlier)
        assert house.happened(ScanNoted, "scanner:tablet")


def test_only_the_owner_and_staff_see_a_scanner() -> None:
    """What is odd about a scan is for staff."""
    with House() as house:
        tried(planned(house), (TOM, bad(house, 2)))
        assert house.audience(TOM, PHONE) == "owner"
        assert house.audience(SAM, PHONE) == ""
        assert "flags" not in house.history(TOM, PHONE)[0]
        assert house.history(MOD, PHONE)[0]["flags"] == ["COUNTER_GAP"]
        assert house.view(MOD, PHONE)["missing"] == [1]


def test_a_scanner_forgets_what_is_long_past() -> None:
    """A bound on what is kept of a device."""
    with House() as house:
        for number in range(1, 300):
            made = device(number * 1_000)
            house.when_told(
                PHONE,
                ScanReported(
                    device=made,
                    user="tom",
                    shipment="s1",
                    scan_id="",
                    scan_hash=f"{number:064x}",
                    device_at=house.now,
                ),
            ).then(ScanNoted, flags=("COUNTER_GAP",))
        assert len(house.state(PHONE).hashes) == 256
        assert len(house.state(PHONE).missing) == 256


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def register(purpose: str = "tom's phone") -> c.RegisterDevice:
    """The vault plays the device: each purpose is a key."""
    return c.RegisterDevice(id="c", key_id="phone", public_key=text(KEYS.public_key(purpose)))


def signed(scanned: c.ScanHandoff, purpose: str = "tom's phone") -> c.ScanHandoff:
    """With the device's signature over the scan's hash."""
    made = scanned.device
    assert made is not None
    hashed = qr.scan_hash(made, scanned.qr_token, scanned.scan_location_id, scanned.device_at)
    signature = text(KEYS.sign(purpose, hashed.encode()))
    return replace(scanned, device=replace(made, signature=signature))


def test_a_device_with_a_key_signs_its_scans() -> None:
    """X2: what it has signed is not flagged; its owner sees the key."""
    with House() as house:
        planned(house).when(TOM, register()).then(DeviceRegistered, user="tom")
        flagged(house, TOM, signed(bad(house, 1)), ())
        good = scan(token(house, 1), house.now, device=device(2, hash_of(house, 1)))
        house.when(TOM, signed(good)).then(e.HandoffScanned).then(ScanNoted, flags=())
        assert house.view(TOM, PHONE)["public_key"] == register().public_key
        assert house.view(TOM, PHONE)["highest"] == 2


def test_what_it_has_not_signed_is_flagged_and_tells_nothing_about_it() -> None:
    """SIGNATURE_INVALID: none, another key's, another scan's. The count goes on as if it had not
    come; and who holds the parcel is decided as ever."""
    with House() as house:
        planned(house).given((TOM, register()))
        flagged(house, TOM, bad(house, 1), ("SIGNATURE_INVALID",))
        flagged(house, TOM, signed(bad(house, 1), "another"), ("SIGNATURE_INVALID",))
        other = signed(bad(house, 2)).device
        assert other is not None
        forged = replace(bad(house, 1), device=replace(other, counter=1))
        flagged(house, TOM, forged, ("SIGNATURE_INVALID",))
        flagged(house, EVE, bad(house, 9), ("FOREIGN_DEVICE", "SIGNATURE_INVALID"))
        flagged(house, TOM, signed(bad(house, 1)), ())
        plain = scan(token(house, 1), house.now, device=device(2, hash_of(house, 1)))
        house.when(TOM, plain).then(e.ScanFlagged, flags=("SIGNATURE_INVALID",))
        assert state_of(house).holder == ("TRAVELER", "tom")
        assert house.view(TOM, PHONE)["highest"] == 1


def test_a_device_keeps_its_key_and_its_owner() -> None:
    """Whoever wants another key names another device; the same again has no effect."""
    with House() as house:
        tried(planned(house), (TOM, bad(house, 1)))
        house.when(EVE, register()).then_rejected("FORBIDDEN")
        house.when(TOM, register()).then_only(DeviceRegistered)
        house.when(TOM, register()).then_nothing_happened()
        house.when(TOM, register("another")).then_rejected("INVALID_TRANSITION")
        house.when(EVE, register("another")).then_rejected("FORBIDDEN")
        assert house.history(TOM, PHONE)[-1]["user"] == "tom"


def test_a_key_may_come_before_the_first_scan() -> None:
    """Then the device is its own from the start."""
    with House() as house:
        planned(house).when(EVE, register()).then(DeviceRegistered)
        flagged(house, TOM, signed(bad(house, 1)), ("FOREIGN_DEVICE",))
        assert house.audience(EVE, PHONE) == "owner"
        assert house.audience(TOM, PHONE) == ""


def replacing(
    new: str = "her next key", signer: str = "tom's phone", **said: str
) -> c.ReplaceDeviceKey:
    """The key of `signer` names the key of `new`; `said` is what it signs instead."""
    key = text(KEYS.public_key(new))
    words = qr.replacement(said.get("key_id", "phone"), said.get("public_key", key))
    signature = text(KEYS.sign(signer, words.encode()))
    return c.ReplaceDeviceKey(id="c", key_id="phone", public_key=key, signature=signature)


REVOKE = c.RevokeDevice(id="c", key_id="phone")


def test_a_key_is_replaced_by_the_word_of_the_key_before() -> None:
    """From then on the new key signs, and the old one is worth nothing; the count goes on."""
    with House() as house:
        tried(planned(house).given((TOM, register())), (TOM, signed(bad(house, 1))))
        first = hash_of(house, 1)
        house.when(TOM, replacing()).then_only(DeviceKeyReplaced)
        flagged(house, TOM, signed(bad(house, 2, first)), ("SIGNATURE_INVALID",))
        flagged(house, TOM, signed(bad(house, 2, first), "her next key"), ())
        assert house.view(TOM, PHONE)["highest"] == 2
        house.when(TOM, replacing(signer="her next key")).then_nothing_happened()


def test_a_thief_of_the_account_replaces_no_key() -> None:
    """Nor does somebody else, nor a signature that was made for another key or device."""
    with House() as house:
        house.when(TOM, replacing()).then_rejected("FORBIDDEN")
        house.given((TOM, register()))
        house.when(EVE, replacing()).then_rejected("FORBIDDEN")
        for command in (
            replacing(signer="her next key"),
            replacing(key_id="tablet"),
            replacing(public_key=text(KEYS.public_key("another"))),
        ):
            house.when(TOM, command).then_rejected("FORBIDDEN", field="signature")


def test_no_scan_of_a_revoked_device_is_taken() -> None:
    """At once, those that it made before and kept too; another device may scan the same code."""
    with House() as house:
        planned(house).given((TOM, register()))
        kept = signed(scan(token(house, 1), house.now, device=device(1)))
        house.advance(60_000).when(TOM, REVOKE).then_only(DeviceRevoked)
        house.when(TOM, kept)
        refused_scan(house, "DEVICE_REVOKED")
        assert house.happened(ScanNoted)[0].flags == ("DEVICE_REVOKED",)
        shown = house.view(TOM, PHONE)
        assert (shown["highest"], shown["revoked_at"]) == (0, house.now)
        good = scan(token(house, 1), house.now, device=device(1, key="tablet"))
        house.when(TOM, good).then(e.HandoffScanned)


def test_a_revoked_device_stays_revoked() -> None:
    """Whoever has its key would only give it another."""
    with House() as house:
        house.given((TOM, register()), (TOM, REVOKE))
        for command in (register(), register("another"), replacing(), REVOKE):
            house.when(TOM, command).then_rejected("DEVICE_REVOKED")


def test_its_owner_and_staff_revoke_a_device() -> None:
    """Staff with a reason; the owner is not told who it was."""
    with House() as house:
        house.when(MOD, REVOKE).then_rejected("INVALID_TRANSITION")
        house.given((TOM, register())).when(EVE, REVOKE).then_rejected("FORBIDDEN")
        house.when(MOD, REVOKE).then_rejected("REASON_REQUIRED")
        why = replace(REVOKE, reason="it was stolen")
        house.when(MOD, why).then(DeviceRevoked, reason="it was stolen")
        assert house.history(TOM, PHONE)[-1] == {"reason": "it was stolen"}
        assert house.history(MOD, PHONE)[-1]["by"] == MOD.user


def two_parcels(house: House) -> House:
    """s1 and s2, both of sam's."""
    planned(house)
    shares = (ShareTerms("tom", "carrier", FEE),)
    terms: dict[str, Any] = {"payer": "sam", "currency": "NGN", "total": FEE, "shares": shares}
    escrow = Open(id="c", escrow="shipment.s2", **terms)
    paid = Fund(id="c", escrow="shipment.s2")
    return house.given((BOOKINGS, escrow), (SAM, paid), (BOOKINGS, plan(shipment="s2")))


def test_invalid_tokens_of_a_device_are_counted_over_all_shipments() -> None:
    """Custody 7: twenty in an hour, wherever they are tried; an hour later it may try again."""
    with House() as house:
        two_parcels(house)
        for number in range(20):
            shipment = f"s{number % 2 + 1}"
            made = replace(bad(house, number + 1), shipment=shipment)
            tried(house, (TOM, made))
        again = bad(house, 21)
        house.when(TOM, again).then_rejected("RATE_LIMITED", retry_after_ms=HOUR)
        house.when(TOM, scan(token(house, 1), house.now)).then(e.HandoffScanned)
        house.advance(HOUR - 1).when(TOM, again).then_rejected("RATE_LIMITED", retry_after_ms=1)
        house.advance(1).when(TOM, bad(house, 21))
        refused_scan(house, "QR_INVALID")


def test_nobody_locks_the_device_of_another() -> None:
    """Who is not its owner, or has not signed with its key, uses up no tries of it."""
    with House() as house:
        two_parcels(house).given((TOM, register()))
        for number in range(15):
            tried(house, (EVE, bad(house, number + 1)))
            tried(house, (TOM, replace(bad(house, number + 1), shipment="s2")))
        assert house.state(PHONE).invalid_at == []
        good = scan(token(house, 1), house.now, device=device(1))
        house.when(TOM, signed(good)).then(e.HandoffScanned)
