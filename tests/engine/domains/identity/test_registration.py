"""Registering, and proving addresses (identity 3, I1-I9)."""

import pytest

from engine.domains.identity import commands as c
from engine.domains.identity import events as e
from engine.domains.identity import otp
from engine.domains.identity.notices import Welcomed
from engine.domains.identity.terms import INDEX, NOBODY, person_room
from engine.kernel.actor import SHOPKEEPER, USER, Actor
from engine.kernel.market import BUILT_IN, Market
from engine.kernel.time import DAY, HOUR, MINUTE, SECOND
from testkit.house import House
from tests.engine.domains.identity.cast import (
    ADA,
    BOB,
    GUEST,
    OTHER_PHONE,
    OUTSIDER,
    PASSWORD,
    PHONE,
    account,
    active,
    code,
    index,
    letters,
    login,
    me,
    pending,
    register,
    resend,
    revealed,
    start,
    the_whole_log,
    user_of,
    verify,
    wrong,
)


def test_an_account_waits_for_both_codes(house: House) -> None:
    """Identity 3, I5: two codes go out, and until they are typed nothing is open."""
    house.when(GUEST, register(email=f"  {ADA.upper()} ")).then(e.Enrolled, number=1)
    house.then(e.Registered).then(e.OtpRequested, channel="email", purpose="signup")
    house.then(e.OtpRequested, channel="phone", purpose="signup")
    assert account(house).status == "pending_verification"
    assert [(x.channel, x.to) for x in letters(house)] == [("email", ADA), ("sms", PHONE)]
    assert {len(x.fields["code"]) for x in letters(house)} == {6}
    assert {x.expires_at for x in letters(house)} == {house.now + 10 * MINUTE}


def test_both_codes_make_it_active(house: House) -> None:
    """I5: one is not enough; the last one lets its sender in."""
    pending(house)
    house.when(GUEST, verify("email", code(house, ADA))).then_only(e.ChannelVerified)
    assert house.result["status"] == "pending_verification"
    assert "refresh_token" not in revealed(house, GUEST, verify("email", "000000"))
    last = verify("phone", code(house, PHONE), device_type="ios")
    house.when(GUEST, last).then_only(e.ChannelVerified, e.UserActivated, e.SessionOpened)
    assert house.happened(Welcomed, f"user:{user_of(house)}")
    assert letters(house)[-1].template == "welcome"
    answer = revealed(house, GUEST, last)
    assert answer["refresh_token"].startswith(f"{user_of(house)}.s1.0.")
    assert answer["access"] == {
        "user": user_of(house),
        "session": "s1",
        "role": "user",
        "also": [],
        "kyc": "none",
        "expires_at": house.now + DAY,
    }


def test_no_secret_is_ever_written(house: House) -> None:
    """Identity 1: no password, code or token in an event or a stored result."""
    last = login()
    active(house).when(GUEST, last).then_accepted()
    said = revealed(house, GUEST, last)["refresh_token"]
    log = the_whole_log(house)
    secrets = [x.fields["code"] for x in letters(house) if "code" in x.fields]
    assert len(secrets) == 2
    for secret in (PASSWORD, said, said.rpartition(".")[2], *secrets):
        assert f'"{secret}"' not in log, secret


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (register(email="nobody"), "EMAIL_INVALID"),
        (register(email="a b@c.d"), "EMAIL_INVALID"),
        (register(phone="08030000000"), "PHONE_INVALID"),
        (register(phone="+0123456789"), "PHONE_INVALID"),
        (register(phone="+23408030000001"), "PHONE_INVALID"),
        (register(phone="+12025550100", currency="NGN"), "PHONE_INVALID"),
        (register(password="Short-1"), "PASSWORD_WEAK"),
        (register(password="abcdefg1"), "PASSWORD_WEAK"),
        (register(password="Abcdefgh"), "PASSWORD_WEAK"),
        (register(password="A1" + "x" * 127), "PASSWORD_WEAK"),
    ],
)
def test_what_does_not_fit_is_refused(house: House, command: c.Register, refusal: str) -> None:
    """I1, I2: address, number and password, without quoting the password."""
    house.when(GUEST, command).then_rejected(refusal)
    assert house.refusal is not None
    assert command.password not in str(house.refusal)


@pytest.mark.parametrize(
    "command",
    [
        register(password="Abcdefg1"),
        register(password="A1" + "x" * 126),
        register(currency="NGN"),
        register(phone="+12025550100"),
    ],
)
def test_what_fits_is_taken(house: House, command: c.Register) -> None:
    """I1, I2: the least and the longest password; +234 in its market, E.164 elsewhere."""
    house.when(GUEST, command).then(e.Registered)


def test_a_known_address_is_answered_in_the_same_words(house: House) -> None:
    """I4, INV-2: one event and the same result; the owner gets a letter, nobody an account."""
    house.when(GUEST, register(BOB, OTHER_PHONE)).then(e.Registered)
    first = house.result
    assert len(house.happened(e.Enrolled)) == 1
    active(house).advance(HOUR)
    house.when(GUEST, register(phone=OTHER_PHONE)).then(e.EnrolmentRepeated, channel="email")
    assert house.result.keys() == first.keys()
    assert house.result["status"] == first["status"]
    here = [x for x in house.log if x.room.name == INDEX and x.record.at == house.now]
    assert len(here) == 1
    assert (letters(house)[-1].to, letters(house)[-1].template) == (ADA, "already_registered")
    assert index(house).registered == 2


def test_a_known_phone_is_answered_in_the_same_words(house: House) -> None:
    """I1, I4: its owner hears of it by SMS; the other address gets nothing."""
    active(house).advance(HOUR)
    house.when(GUEST, register(BOB)).then(e.EnrolmentRepeated, channel="phone")
    assert (letters(house)[-1].channel, letters(house)[-1].to) == ("sms", PHONE)
    assert f"email:{BOB}" not in house.core.claims


def test_nobody_is_flooded_with_letters(house: House) -> None:
    """I8: a second registration within a minute is answered the same, and sends nothing."""
    active(house).given((GUEST, register()))
    sent = len(letters(house))
    house.when(GUEST, register()).then_only(e.EnrolmentRepeated)
    assert len(letters(house)) == sent


def test_whoever_tries_codes_for_a_known_address_learns_nothing(house: House) -> None:
    """I4: wrong codes are counted there as for a new account, and none is right."""
    active(house).advance(HOUR)
    house.given((GUEST, register()))
    for left in (4, 3):
        house.when(GUEST, verify("email", "000000"))
        house.then_noted(e.OtpFailed, "OTP_INVALID", tries_left=left)
    house.when(GUEST, verify("phone", "000000"))
    house.then_noted(e.OtpFailed, "OTP_INVALID", tries_left=4)


def test_a_market_may_say_that_an_address_is_taken() -> None:
    """I4: with invite-only tools."""
    open_house = Market(currency="USD", tells_taken=True)
    with House({**BUILT_IN, "USD": open_house}) as house:
        active(house)
        house.when(GUEST, register(currency="USD")).then_rejected("EMAIL_TAKEN")
        other = register(BOB, currency="USD")
        house.when(GUEST, other).then_rejected("PHONE_TAKEN", field="phone")


def test_the_kind_of_account_brings_its_role(house: House) -> None:
    """Identity 6: a shopkeeper is one at once; a driver waits for an approval (K1)."""
    active(house, account_kind="seller")
    admitted = house.core.admit(me(house))
    assert isinstance(admitted, Actor)
    assert (admitted.role, admitted.also) == (USER, frozenset({SHOPKEEPER}))
    active(house, BOB, OTHER_PHONE, account_kind="driver")
    driver = house.core.admit(me(house, BOB))
    assert isinstance(driver, Actor)
    assert driver.also == frozenset()


# One-time codes.


def test_a_code_lives_ten_minutes(house: House) -> None:
    """I6: at ten minutes it is void."""
    pending(house)
    house.at(house.now + 10 * MINUTE - 1)
    house.when(GUEST, verify("email", code(house, ADA))).then(e.ChannelVerified)
    house.advance(1)
    house.when(GUEST, verify("phone", code(house, PHONE))).then_rejected("OTP_EXPIRED")


def test_a_code_works_once(house: House) -> None:
    """I6, INV-6: it is gone when it has been typed."""
    pending(house)
    right = verify("email", code(house, ADA))
    house.given((GUEST, right))
    house.when(GUEST, right).then_rejected("OTP_INVALID")


def test_five_wrong_tries_kill_a_code(house: House) -> None:
    """I7: the right one comes too late; a new one may be asked for."""
    pending(house)
    for left in (4, 3, 2, 1, 0):
        house.when(GUEST, verify("email", wrong(house, ADA)))
        house.then_noted(e.OtpFailed, "OTP_INVALID", tries_left=left)
    house.when(GUEST, verify("email", code(house, ADA))).then_rejected("OTP_LOCKED")
    house.advance(MINUTE).given((GUEST, resend()))
    house.when(GUEST, verify("email", code(house, ADA))).then(e.ChannelVerified)


def test_wrong_tries_are_counted_over_new_codes(house: House) -> None:
    """I7: ten within an hour, whatever the code; then an hour must pass."""
    pending(house)
    for _ in range(2):
        for _ in range(5):
            house.when(GUEST, verify("email", wrong(house, ADA)))
            house.then_noted(e.OtpFailed, "OTP_INVALID")
        house.advance(MINUTE).given((GUEST, resend()))
    house.when(GUEST, verify("email", code(house, ADA))).then_rejected("OTP_LOCKED")
    house.when(GUEST, verify("phone", code(house, PHONE))).then_rejected("OTP_LOCKED")
    house.advance(HOUR).given((GUEST, resend()))
    house.when(GUEST, verify("email", code(house, ADA))).then(e.ChannelVerified)


def test_an_old_code_dies_with_the_next(house: House) -> None:
    """Identity 3: after a resend only the new one is right."""
    pending(house)
    old = code(house, ADA)
    house.advance(MINUTE).when(GUEST, resend()).then(e.OtpRequested, serial=3)
    assert code(house, ADA) != old
    house.when(GUEST, verify("email", old)).then_noted(e.OtpFailed, "OTP_INVALID")
    house.when(GUEST, verify("email", code(house, ADA))).then(e.ChannelVerified)


def test_a_code_is_sent_again_after_a_minute(house: House) -> None:
    """I8: not sooner, for known and unknown addresses alike."""
    pending(house).advance(MINUTE - 1)
    house.when(GUEST, resend()).then_rejected("OTP_TOO_SOON", retry_after_ms=1)
    house.when(GUEST, resend("phone")).then_rejected("OTP_TOO_SOON")
    house.when(GUEST, resend(email=BOB)).then_only(e.CodeWanted)
    house.when(GUEST, resend(email=BOB)).then_rejected("OTP_TOO_SOON")
    house.advance(1).when(GUEST, resend()).then(e.OtpRequested)


def test_asking_again_for_a_login_is_asking(house: House) -> None:
    """I4: tries are counted for every address that was sent a code, so they tell nothing."""
    house.when(GUEST, resend(email=BOB, purpose="login")).then(e.OtpRequested, purpose="login")
    for left in (4, 3):
        house.when(GUEST, verify("email", wrong(house, BOB), "login", email=BOB))
        house.then_noted(e.OtpFailed, "OTP_INVALID", tries_left=left)


def test_whoever_must_wait_is_told_for_how_long(house: House) -> None:
    """In words for a person; the moment is in the details."""
    pending(house).advance(1_000)
    house.when(GUEST, resend()).then_rejected("OTP_TOO_SOON", retry_after_ms=MINUTE - 1_000)
    assert house.refusal is not None
    assert house.refusal.message == "a code was sent not long ago; ask again in 59 seconds"
    assert otp.in_words(10 * MINUTE + 1) == "11 minutes"


def test_five_codes_an_hour_for_each_channel(house: House) -> None:
    """I8: the sixth waits until the first is an hour old."""
    pending(house)
    for _ in range(4):
        house.advance(MINUTE).given((GUEST, resend()))
    house.advance(MINUTE).when(GUEST, resend()).then_rejected("OTP_TOO_SOON")
    house.when(GUEST, resend("phone")).then(e.OtpRequested, channel="phone")
    house.advance(55 * MINUTE).when(GUEST, resend()).then(e.OtpRequested)


def test_there_is_nothing_to_prove_to_an_active_account(house: House) -> None:
    """I4: asking for a sign-up code is answered, and sends none."""
    active(house).advance(HOUR)
    house.when(GUEST, resend()).then_only(e.CodeWanted)
    assert not house.happened(e.OtpRequested)


def test_a_code_for_nobody(house: House) -> None:
    """There is no such code, and nothing happens to tell who has an account."""
    house.when(GUEST, verify("email", "123456")).then_rejected("OTP_INVALID", tries_left=4)
    assert NOBODY not in house.core.rooms


def test_the_index_forgets_who_asked(house: House) -> None:
    """I8: what is older than an hour is of no use, and is not kept."""
    pending(house)
    assert len(index(house).asked) == 2
    house.advance(HOUR).given((GUEST, start(BOB)))
    assert list(index(house).asked) == [f"email|{BOB}"]


def test_who_is_not_verified_in_a_day_is_forgotten(house: House) -> None:
    """Identity 1, 3: EXPIRED, and the addresses are free again."""
    pending(house)
    user = user_of(house)
    house.advance(DAY - 1)
    assert house.state(person_room(user)).status == "pending_verification"
    house.advance(1).then(e.RegistrationExpired)
    assert house.state(person_room(user)).status == "expired"
    house.when(GUEST, register()).then(e.Registered)
    assert user_of(house) != user


# Without a password.


def test_a_code_by_email_makes_an_account(house: House) -> None:
    """I9: unknown address, code, session; no password, and the phone comes later."""
    house.when(GUEST, start()).then(e.Enrolled).then(e.OtpRequested, purpose="login")
    first = house.result
    house.when(GUEST, start()).then_rejected("OTP_TOO_SOON")
    typed = verify("email", code(house, ADA), "login")
    house.when(GUEST, typed).then_only(e.ChannelVerified, e.UserActivated, e.SessionOpened)
    assert account(house).password_hash == ""
    house.advance(MINUTE).when(GUEST, start()).then(e.CodeWanted)
    assert house.result.keys() == first.keys()
    house.when(GUEST, verify("email", code(house, ADA), "login")).then(e.SessionOpened)
    house.when(GUEST, login("")).then_rejected("INVALID_CREDENTIALS")


def test_whoever_owns_the_address_goes_before_whoever_named_it(house: House) -> None:
    """A password that somebody else registered with does not open the account of its owner."""
    pending(house, display_name="Eve", account_kind="shopkeeper")
    house.given((GUEST, verify("phone", code(house, PHONE))))
    house.advance(MINUTE).given((GUEST, start()))
    house.when(GUEST, verify("email", code(house, ADA), "login")).then(e.RegistrationRestarted)
    ada = account(house)
    assert (ada.status, ada.phone, ada.display_name, ada.roles) == ("active", "", "", [])
    house.when(GUEST, login()).then_rejected("INVALID_CREDENTIALS")
    house.when(GUEST, register(BOB)).then(e.Registered)


def test_an_address_without_a_code_is_no_login(house: House) -> None:
    """I1: not even a code is sent."""
    house.when(GUEST, start("ada")).then_rejected("EMAIL_INVALID")
    house.when(GUEST, resend(email="ada")).then_rejected("EMAIL_INVALID")


def passwordless(house: House) -> House:
    """Ada has come in by email alone."""
    house.given((GUEST, start()))
    return house.given((GUEST, verify("email", code(house, ADA), "login")))


def phone(number: str = PHONE) -> c.AddPhone:
    return c.AddPhone(id="c", phone=number)


def test_a_phone_is_added_later(house: House) -> None:
    """I9: with a code of its own, typed by whoever is logged in."""
    passwordless(house).when(me(house), phone("08030000000")).then_rejected("PHONE_INVALID")
    house.when(me(house), phone()).then(e.PhoneAdded).then(e.OtpRequested, purpose="step_up")
    house.when(me(house), phone()).then_rejected("OTP_TOO_SOON")
    typed = verify("phone", code(house, PHONE), "step_up")
    house.when(GUEST, typed).then_rejected("OTP_INVALID", tries_left=4)
    house.when(me(house), typed).then_only(e.ChannelVerified)
    assert account(house).verified == ["email", "phone"]
    house.advance(HOUR).when(me(house), phone(OTHER_PHONE)).then_rejected("INVALID_TRANSITION")


def test_a_phone_belongs_to_one_account(house: House) -> None:
    """I1, INV-2: and another may be tried while it is not verified."""
    active(house, BOB, OTHER_PHONE)
    passwordless(house).when(me(house), phone(OTHER_PHONE)).then_rejected("PHONE_TAKEN")
    house.given((me(house), phone()))
    house.advance(MINUTE).when(me(house), phone("+2348030000009")).then(e.PhoneAdded)
    assert f"phone:{PHONE}" not in house.core.claims


def test_a_phone_that_is_not_verified_in_a_day_is_free_again(house: House) -> None:
    """Identity 1."""
    passwordless(house).given((me(house), phone())).advance(DAY).then(e.PhoneDropped)
    assert account(house).phone == ""
    assert f"phone:{PHONE}" not in house.core.claims


def test_an_own_address_is_proved_once_more(house: House) -> None:
    """I8: step-up codes have limits of their own; one's own account is meant."""
    own = resend(email="")
    active(house).when(me(house), own).then_only(e.OtpRequested)
    house.when(me(house), own).then_rejected("OTP_TOO_SOON")
    house.when(GUEST, own).then_rejected("ACCOUNT_NOT_FOUND")
    house.when(OUTSIDER, own).then_rejected("ACCOUNT_NOT_FOUND")
    typed = verify("email", code(house, ADA), "step_up")
    house.advance(30 * SECOND).when(me(house), typed).then_only(e.ChannelVerified)
    passwordless_bob = start(BOB)
    house.given((GUEST, passwordless_bob))
    house.given((GUEST, verify("email", code(house, BOB), "login", email=BOB)))
    house.when(me(house, BOB), resend("phone", email="")).then_rejected("INVALID_TRANSITION")
