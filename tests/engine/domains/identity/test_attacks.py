"""People who try what is not theirs: every command of accounts with other people's ids, addresses
and sessions. What they are told is the same whether there is such an account or not."""

from collections.abc import Iterator

import pytest

from engine.contract import Command, tag_of
from engine.domains.identity import DOMAINS
from engine.domains.identity import commands as c
from engine.kernel.actor import CONCIERGE, DEALER, DRIVER, MANAGER, SHOPKEEPER, USER, Actor
from engine.kernel.outcome import Rejected
from testkit.house import House
from tests.engine.domains.identity.cast import (
    ADA,
    BOB,
    GUEST,
    OTHER_PHONE,
    active,
    approved,
    code,
    login,
    me,
    revealed,
    user_of,
    verify,
)

STRANGERS = tuple(Actor("eve", role, "approved") for role in (USER, DEALER, SHOPKEEPER, DRIVER))
NOBODYS = "nobody@example.com"


def about(user: str) -> Iterator[Command]:
    """Every command that names somebody's account."""
    of = {"id": "c", "user": user, "reason": "because"}
    yield c.ForceLogout(**of)
    yield c.ForceLogout(session="s1", **of)
    yield c.GrantRole(role="admin", **of)
    yield c.RevokeRole(role="dealer", **of)
    yield c.Suspend(**of)
    yield c.Reinstate(**of)
    yield c.CloseAccount(**of)
    yield c.ApproveKyc(id="c", user=user, application="k1")
    yield c.RejectKyc(id="c", user=user, application="k1", reason="because")
    yield c.OpenDocument(id="c", user=user, file="f-id")


def named(email: str) -> Iterator[Command]:
    """Every command that names somebody's address, with what its owner alone could know."""
    of = {"id": "c", "email": email}
    yield c.Login(password="Not-the-1", **of)
    for channel in ("email", "phone"):
        for purpose in ("signup", "login", "step_up"):
            yield c.VerifyOtp(channel=channel, purpose=purpose, code="000000", **of)


def refusal_of(house: House, actor: Actor, command: Command) -> Rejected:
    house.when(actor, command).then_any()
    assert house.refusal is not None, f"{command} is taken from {actor}"
    return house.refusal


def words(refusal: Rejected, user: str) -> str:
    """What was said, but for the id that the asker has given."""
    return repr(refusal).replace(user, "<user>")


def test_every_command_that_names_somebody_is_tried() -> None:
    """A new one is not forgotten here."""
    tried = {type(command) for command in (*about("u"), *named(ADA))}
    asked = {type_ for domain in DOMAINS for type_ in domain.commands()}
    naming = {type_ for type_ in asked if {"user", "email"} & {*type_.__struct_fields__}}
    answered_alike = {c.Register, c.StartEmailLogin, c.ResendOtp}
    assert naming - answered_alike == tried, "I4 is tested where registrations are"


@pytest.mark.parametrize("actor", [GUEST, *STRANGERS, Actor("eve", CONCIERGE)])
def test_strangers_do_nothing_to_an_account_and_learn_nothing_of_it(
    house: House, actor: Actor
) -> None:
    """Refused in the same words for an account with documents and for none at all."""
    approved(house)
    ada = user_of(house)
    for real, unreal in zip(about(ada), about("nobody"), strict=True):
        said = words(refusal_of(house, actor, real), ada)
        assert said == words(refusal_of(house, actor, unreal), "nobody"), tag_of(type(real))
        assert ("UNAUTHENTICATED" if actor is GUEST else "FORBIDDEN") in said
        assert ADA not in said
        assert ada not in said


def test_a_manager_is_no_admin(house: House) -> None:
    """Roles, reinstatement, closing and documents are for admins."""
    approved(house)
    ada = user_of(house)
    for command in about(ada):
        if isinstance(
            command, c.GrantRole | c.RevokeRole | c.Reinstate | c.CloseAccount | c.OpenDocument
        ):
            house.when(Actor("mia", MANAGER), command).then_rejected("FORBIDDEN")


@pytest.mark.parametrize("actor", [GUEST, *STRANGERS])
def test_an_address_does_not_tell_whether_it_has_an_account(house: House, actor: Actor) -> None:
    """A wrong password and the first wrong code are answered alike, also while a code for a step
    up is out, which only its owner may type."""
    active(house)
    house.advance(60_000)
    asked = c.ResendOtp(id="c", channel="email", purpose="step_up")
    house.given((me(house), asked))
    for real, unreal in zip(named(ADA), named(NOBODYS), strict=True):
        said = repr(refusal_of(house, actor, real))
        assert said == repr(refusal_of(house, actor, unreal)), real
    assert ADA not in said


def test_a_step_up_code_is_nothing_in_other_hands(house: House) -> None:
    """Whoever reads the letter, and is not logged in, cannot use it, and spends no try of it."""
    active(house)
    house.advance(60_000)
    house.given((me(house), c.ResendOtp(id="c", channel="email", purpose="step_up")))
    typed = verify("email", code(house, ADA), "step_up")
    for actor in (GUEST, *STRANGERS):
        for _ in range(6):
            house.when(actor, typed).then_rejected("OTP_INVALID", tries_left=4)
    house.when(me(house), typed).then_accepted()


def test_a_session_is_its_owners(house: House) -> None:
    """Another's session is none of mine, and a refresh token that was altered is none at all."""
    active(house)
    active(house, BOB, OTHER_PHONE)
    house.when(me(house, BOB), c.Logout(id="c", session="s9")).then_rejected("SESSION_REVOKED")
    house.when(
        Actor(user_of(house, BOB), USER, session="s9"), c.SetProfile(id="c", display_name="x")
    )
    house.then_rejected("SESSION_REVOKED")
    asked = login()
    house.given((GUEST, asked))
    token = revealed(house, GUEST, asked)["refresh_token"]
    ada, bob = user_of(house), user_of(house, BOB)
    for bad in (token.replace(ada, bob), token[:-2], token + "x", token.replace(ada, "nobody"), ""):
        house.when(GUEST, c.Refresh(id="c", refresh_token=bad)).then_rejected("TOKEN_INVALID")
    assert ada in token
