"""Logging in, staying in and being put out (I3, J1-J6, S1-S3)."""

from hashlib import sha256

import pytest
from msgspec.structs import replace

from engine.contract import Dismiss
from engine.domains.identity import commands as c
from engine.domains.identity import events as e
from engine.domains.identity import tokens
from engine.domains.identity.notices import NewDevice, SignedOut
from engine.domains.identity.terms import NOBODY
from engine.kernel.actor import ADMIN, USER, Actor
from engine.kernel.market import BUILT_IN, Market
from engine.kernel.outside import CheckPassword, IdTokenChecked, PasswordChecked
from engine.kernel.time import DAY, HOUR, MINUTE
from testkit.house import House
from testkit.world import vault
from tests.engine.domains.identity.cast import (
    ADA,
    BOB,
    BOSS,
    GUEST,
    MEG,
    OTHER_PHONE,
    OUTSIDER,
    PASSWORD,
    PHONE,
    account,
    active,
    code,
    letters,
    login,
    me,
    oauth,
    pending,
    refresh,
    register,
    revealed,
    start,
    user_of,
    verify,
)

WEB = {"device_type": "web", "device_fingerprint": "f1", "user_agent": "Mozilla"}


def force(user: str, session: str = "", reason: str = "stolen phone") -> c.ForceLogout:
    return c.ForceLogout(id="c", user=user, session=session, reason=reason)


def logout(session: str = "") -> c.Logout:
    return c.Logout(id="c", session=session)


def logged_in(house: House) -> str:
    """Ada logs in on the web; her refresh token."""
    active(house).given((GUEST, login()))
    token: str = revealed(house, GUEST, login())["refresh_token"]
    return token


def test_a_password_opens_a_session(house: House) -> None:
    """Identity 3: and what is known of the device is kept (S4 fields)."""
    active(house)
    command = login(**WEB)
    house.when(GUEST, command).then(e.SessionOpened, session="s2", expires_at=house.now + 7 * DAY)
    answer = revealed(house, GUEST, command)
    assert answer["access"]["expires_at"] == house.now + DAY
    assert answer["granted"]["user"] == user_of(house)
    shown = house.view(me(house, session="s2"), f"identity:{user_of(house)}")["sessions"]
    assert [(x["device_fingerprint"], x["user_agent"]) for x in shown] == [("f1", "Mozilla")]


@pytest.mark.parametrize("command", [login("Wrong-hat-1"), login(email=BOB), login("")])
def test_unknown_and_wrong_are_one_answer(house: House, command: c.Login) -> None:
    """I4: one code, one sentence, and the same work."""
    active(house).when(GUEST, command).then_rejected("INVALID_CREDENTIALS")
    assert house.refusal is not None
    assert house.refusal.details == {}
    assert isinstance(house.core.ask(command, GUEST), CheckPassword)


def test_nobodys_password_is_checked_against_nothing(house: House) -> None:
    """I4: the work is asked for, and the room of nobody remembers nothing."""
    ask = house.core.ask(login(), GUEST)
    assert isinstance(ask, CheckPassword)
    assert ask.hash == ""
    house.when(GUEST, login()).then_rejected("INVALID_CREDENTIALS")
    assert NOBODY not in house.core.rooms


def test_status_is_told_after_a_right_secret_only(house: House) -> None:
    """Identity 8: a stranger does not learn that an account waits or is suspended."""
    pending(house)
    house.when(GUEST, login("Wrong-hat-1")).then_rejected("INVALID_CREDENTIALS")
    house.when(GUEST, login()).then_rejected("ACCOUNT_NOT_VERIFIED", missing=["email", "phone"])
    house.given((GUEST, verify("email", code(house, ADA))))
    house.when(GUEST, login()).then_rejected("ACCOUNT_NOT_VERIFIED", missing=["phone"])
    house.given((GUEST, verify("phone", code(house, PHONE))))
    house.given((BOSS, c.Suspend(id="c", user=user_of(house), reason="fraud")))
    house.when(GUEST, login("Wrong-hat-1")).then_rejected("INVALID_CREDENTIALS")
    house.when(GUEST, login()).then_rejected("ACCOUNT_SUSPENDED", reason="fraud")
    house.advance(MINUTE).given((GUEST, start()))
    typed = verify("email", code(house, ADA), "login")
    house.when(GUEST, typed).then_rejected("ACCOUNT_SUSPENDED")


def test_a_hash_of_yesterday_is_replaced(house: House) -> None:
    """I3: with the next login; the hash is shown to nobody."""
    active(house)
    old = account(house).password_hash
    checked = PasswordChecked(hash=old, fits=True, rehashed="argon2id of today")
    command = login()
    outcome = house.core.step(command, command.room(GUEST), GUEST, house.now, proof=checked)
    house._collect(outcome)
    house.then(e.PasswordRehashed).then(e.SessionOpened)
    assert account(house).password_hash == "argon2id of today"
    for viewer in (me(house), BOSS, MEG):
        seen = str(house.history(viewer, f"identity:{user_of(house)}"))
        assert "argon2id" not in seen
        assert old not in seen


def test_a_check_of_an_older_hash_proves_nothing(house: House) -> None:
    """Time passes between the check and the decision: the hash must still be the current one."""
    active(house)
    stale = PasswordChecked(hash=sha256(b"old").hexdigest(), fits=True)
    command = login()
    outcome = house.core.step(command, command.room(GUEST), GUEST, house.now, proof=stale)
    house._take(outcome)
    house.then_rejected("INVALID_CREDENTIALS")


def test_one_session_for_each_type_of_device(house: House) -> None:
    """S1, INV-4: a new login ends the older of its type, and its connections; others stay."""
    active(house).given((GUEST, login(device_type="ios")))
    house.when(GUEST, login()).then(e.SessionEnded, session="s1", cause="REPLACED")
    house.then(e.SessionOpened, session="s3")
    assert house.dismissed() == [Dismiss(user_of(house), "s1", "REPLACED")]
    assert house.happened(SignedOut)
    assert sorted(account(house).sessions) == ["s2", "s3"]
    house.when(me(house), logout()).then_rejected("SESSION_REVOKED", cause="REPLACED")
    house.when(me(house, session="s2"), logout()).then_only(e.SessionEnded)


def test_a_new_device_is_told_of(house: House) -> None:
    """Once for each fingerprint, but for the first: in the private feed and by email."""
    active(house)
    assert letters(house)[-1].template == "welcome"
    house.when(GUEST, login(**WEB)).then(NewDevice, user_agent="Mozilla")
    assert (letters(house)[-1].to, letters(house)[-1].template) == (ADA, "new_device")
    house.when(GUEST, login(**WEB)).then(e.SessionOpened)
    assert not house.happened(NewDevice)


# Refreshing.


def test_a_refresh_token_is_changed_for_the_next(house: House) -> None:
    """J1, J5: access for another 24 h, the session for another 7 days."""
    first = refresh(logged_in(house))
    house.advance(HOUR).when(GUEST, first).then_only(e.SessionRefreshed)
    answer = revealed(house, GUEST, first)
    assert answer["access"]["expires_at"] == house.now + DAY
    assert account(house).sessions["s2"].expires_at == house.now + 7 * DAY
    house.when(GUEST, refresh(answer["refresh_token"])).then(e.SessionRefreshed, counter=2)


def test_a_used_token_ends_the_session(house: House) -> None:
    """J5: whoever has stolen it, or whoever it was stolen from, is out, and so is the other."""
    first = refresh(logged_in(house))
    house.given((GUEST, first))
    second = refresh(revealed(house, GUEST, first)["refresh_token"])
    house.when(GUEST, first).then_noted(e.SessionEnded, "REFRESH_REUSED", cause="REUSE_DETECTED")
    assert house.dismissed() == [Dismiss(user_of(house), "s2", "REUSE_DETECTED")]
    house.when(GUEST, second).then_rejected("REFRESH_REUSED")
    house.when(GUEST, first).then_rejected("REFRESH_REUSED")
    house.when(me(house, session="s2"), logout()).then_rejected("SESSION_REVOKED")


def test_a_session_lasts_seven_days(house: House) -> None:
    """J1: then it ends by itself, and its token says so."""
    token = logged_in(house)
    house.advance(7 * DAY).then(e.SessionEnded, cause="EXPIRED")
    house.when(GUEST, refresh(token)).then_rejected("TOKEN_EXPIRED")


@pytest.mark.parametrize("spoil", ["", "x", "a.b.c.d", "u.s1.0.00", "a b.s1.0.é", "." * 9])
def test_a_token_of_somebody_else_is_none(house: House, spoil: str) -> None:
    """J5: only the house can have made it."""
    house.when(GUEST, refresh(spoil)).then_rejected("TOKEN_INVALID")


def test_a_token_cannot_be_changed(house: House) -> None:
    """J5: neither for another session nor for another counter."""
    token = logged_in(house)
    user, session, counter, mac = token.rsplit(".", 3)
    for forged in (f"{user}.s9.{counter}.{mac}", f"{user}.{session}.7.{mac}", token[:-1]):
        house.when(GUEST, refresh(forged)).then_rejected("TOKEN_INVALID")


def test_a_session_that_nobody_remembers_is_revoked(house: House) -> None:
    """Identity 8: its token is ours, but it opens nothing."""
    logged_in(house)
    forgotten = tokens.make(user_of(house), "s99", 0, vault())
    house.when(GUEST, refresh(forgotten)).then_rejected("SESSION_REVOKED")


def test_a_suspended_account_is_not_refreshed(house: House) -> None:
    """K7: and a closed one neither."""
    token = logged_in(house)
    house.given((BOSS, c.Suspend(id="c", user=user_of(house), reason="fraud")))
    house.when(GUEST, refresh(token)).then_rejected("ACCOUNT_SUSPENDED")
    house.given((BOSS, c.CloseAccount(id="c", user=user_of(house), reason="fraud")))
    house.when(GUEST, refresh(token)).then_rejected("ACCOUNT_CLOSED")


def test_a_market_has_its_own_figures() -> None:
    """J1, open point 6: 24 hours are long for a house of money."""
    brief = Market(currency="USD", access_ms=15 * MINUTE, refresh_ms=DAY)
    with House({**BUILT_IN, "USD": brief}) as house:
        active(house, currency="USD").given((GUEST, login()))
        access = revealed(house, GUEST, login())["access"]
        assert access["expires_at"] == house.now + 15 * MINUTE
        house.advance(DAY).then(e.SessionEnded, cause="EXPIRED")


# Going out.


def test_logging_out_ends_the_session(house: House) -> None:
    """S3: its token opens nothing, its cookie is forgotten, its connections end."""
    token = logged_in(house)
    actor = me(house, session="s2")
    house.when(actor, logout()).then_only(e.SessionEnded)
    assert revealed(house, actor, logout())["refresh_token"] == ""
    assert house.dismissed() == [Dismiss(user_of(house), "s2", "LOGOUT")]
    house.when(GUEST, refresh(token)).then_rejected("SESSION_REVOKED", cause="LOGOUT")
    house.when(actor, logout()).then_rejected("SESSION_REVOKED")


def test_another_session_of_ones_own_may_be_ended(house: House) -> None:
    """Identity 11: the owner sees them, and can end them."""
    active(house).given((GUEST, login(device_type="ios")))
    house.when(me(house), logout("s2")).then(e.SessionEnded, session="s2")
    assert "refresh_token" not in revealed(house, me(house), logout("s2"))
    house.when(me(house), logout("s2")).then_rejected("SESSION_REVOKED", session="s2")
    house.when(OUTSIDER, logout()).then_rejected("ACCOUNT_NOT_FOUND")


def test_staff_end_all_sessions(house: House) -> None:
    """S3, R2: with a reason, which the person is told; connections end."""
    active(house).given((GUEST, login(device_type="ios")))
    user = user_of(house)
    house.when(MEG, force(user, reason="")).then_rejected("REASON_REQUIRED")
    house.when(MEG, force(user)).then_only(e.SessionEnded, e.SessionEnded)
    assert {(x.cause, x.by, x.reason) for x in house.happened(e.SessionEnded)} == {
        ("FORCED", "meg", "stolen phone")
    }
    assert [x.session for x in house.dismissed()] == ["s1", "s2"]
    assert len(house.happened(SignedOut, f"user:{user}")) == 2
    house.when(MEG, force("nobody")).then_rejected("ACCOUNT_NOT_FOUND")


def test_staff_end_one_session(house: House) -> None:
    """S3: the others stay."""
    active(house).given((GUEST, login(device_type="ios")))
    house.when(BOSS, force(user_of(house), "s2")).then_only(e.SessionEnded)
    assert list(account(house).sessions) == ["s1"]
    house.when(BOSS, force(user_of(house), "s2")).then_rejected("SESSION_REVOKED")


def test_a_manager_does_not_put_out_an_admin(house: House) -> None:
    """Identity 3: not a higher role."""
    active(house)
    grant = c.GrantRole(id="c", user=user_of(house), role="admin", reason="new")
    house.given((BOSS, grant))
    house.when(MEG, force(user_of(house))).then_rejected("FORBIDDEN")
    odd = Actor("odd", "driver", also=frozenset({"manager"}))
    house.when(odd, force(user_of(house))).then_rejected("FORBIDDEN")


# Who somebody is by now.


def test_the_account_decides_and_not_the_token(house: House) -> None:
    """J3: claims are hints."""
    active(house)
    boasts = replace(me(house), role=ADMIN, kyc="approved")
    admitted = house.core.admit(boasts)
    assert admitted == Actor(user_of(house), USER, "none", session="s1")
    house.when(boasts, force(user_of(house))).then_rejected("FORBIDDEN")


def test_whoever_comes_from_elsewhere_is_known_by_the_token(house: House) -> None:
    """Tokens of an outside issuer, of people without an account."""
    active(house)
    assert house.core.admit(OUTSIDER) == OUTSIDER
    for name in ("index", "nobody"):
        assert house.core.admit(Actor(name, USER)) == Actor(name, USER)
        profile = c.SetProfile(id="c", display_name="x")
        house.when(Actor(name, USER), profile).then_rejected("ACCOUNT_NOT_FOUND")


def test_nothing_is_taken_from_whoever_is_not_verified(house: House) -> None:
    """INV-5: a token from elsewhere does not help."""
    pending(house)
    profile = c.SetProfile(id="c", display_name="x")
    house.when(Actor(user_of(house), USER), profile).then_rejected("ACCOUNT_NOT_VERIFIED")


# Identity providers.


def test_a_provider_lets_a_new_person_in(house: House) -> None:
    """I9: an account with the provider's address, no password, and a session at once."""
    house.when(GUEST, oauth()).then(e.Enrolled).then(e.VouchedFor).then(e.UserActivated)
    house.then(e.SessionOpened, session="s1")
    answer = revealed(house, GUEST, oauth())
    assert answer["access"]["user"] == user_of(house, "ada@paper.example")
    assert answer["access"]["session"] == "s1"
    house.when(GUEST, oauth(device_type="ios")).then(e.SessionOpened, session="s2")
    assert not house.happened(e.ProviderLinked)


@pytest.mark.parametrize(
    "named",
    [None, IdTokenChecked("a", ADA, email_verified=False), IdTokenChecked("a", "ada", True)],
)
def test_a_provider_that_vouches_for_nobody(house: House, named: IdTokenChecked | None) -> None:
    """Identity 8: a forged token, or an address that the provider has not seen proof of."""
    if named:
        house.world.id_tokens["token"] = named
    house.when(GUEST, oauth("token")).then_rejected("OAUTH_FAILED")


def test_a_provider_opens_the_account_of_the_address(house: House) -> None:
    """I9: creates or finds; from then on its own name for the person counts."""
    active(house)
    house.world.id_tokens["first"] = IdTokenChecked("g1", ADA, True)
    house.when(GUEST, oauth("first")).then(e.ProviderLinked, subject="g1")
    house.then(e.SessionEnded, cause="REPLACED").then(e.SessionOpened, session="s2")
    house.world.id_tokens["later"] = IdTokenChecked("g1", BOB, True)
    house.when(GUEST, oauth("later")).then(e.SessionOpened, session="s3")
    assert f"email:{BOB}" not in house.core.claims
    house.given((BOSS, c.Suspend(id="c", user=user_of(house), reason="fraud")))
    house.when(GUEST, oauth("first")).then_rejected("ACCOUNT_SUSPENDED")


def test_a_provider_ends_what_somebody_else_began(house: House) -> None:
    """Whoever registered with the address without owning it has no way in any more."""
    pending(house)
    house.world.id_tokens["mine"] = IdTokenChecked("g1", ADA, True)
    house.when(GUEST, oauth("mine")).then(e.RegistrationRestarted).then(e.UserActivated)
    house.when(GUEST, login(PASSWORD)).then_rejected("INVALID_CREDENTIALS")
    house.when(GUEST, register(BOB, PHONE)).then(e.Registered)
    house.given((GUEST, verify("phone", code(house, PHONE), email=BOB)))
    assert OTHER_PHONE not in str(house.core.claims)
