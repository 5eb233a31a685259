"""Whatever people and staff do, and in whatever order: the invariants hold after each step, the log
gives the same state, and no secret is ever written."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contract import Command, Stage
from engine.domains.identity import commands as c
from engine.domains.identity import tokens
from engine.domains.identity.otp import digits
from engine.domains.identity.state import Account
from engine.domains.identity.terms import INDEX, person_room
from engine.domains.identity.workload import workload
from engine.kernel.actor import ADMIN, USER, Actor
from engine.kernel.time import DAY, HOUR, MINUTE
from testkit.house import House
from testkit.world import vault
from tests.engine.domains.identity.cast import (
    ADDRESS,
    BOSS,
    CAC,
    DRIVING,
    FORM,
    GUEST,
    ID,
    MEG,
    PASSWORD,
    active,
    the_whole_log,
)

EMAILS = tuple(f"p{n}@example.com" for n in range(3))
PHONES = tuple(f"+234803000000{n}" for n in range(3))
LEAPS = (1, MINUTE, MINUTE, MINUTE, 10 * MINUTE, HOUR, HOUR, DAY, 7 * DAY)


class Walk:
    """Somebody who knows every code, and now and then types another."""

    def __init__(self, house: House, dice: Any) -> None:
        self.house = house
        self.dice = dice

    def step(self) -> None:
        """One thing that anybody does, right or wrong."""
        makers: tuple[Callable[[], tuple[Actor, Command]], ...] = (
            *(self.register, self.start, self.resend, self.login, self.oauth),
            *(self.verify,) * 4,
            *(self.refresh, self.own, self.own, self.staff, self.staff, self.staff),
        )
        self.house.when(*self.dice.choice(makers)()).then_any()
        if self.dice.random() < 0.2:
            self.house.advance(self.dice.choice(LEAPS))
        self.look()

    def look(self) -> None:
        """INV-2, INV-8, over all rooms."""
        rooms = self.house.core.rooms
        people = [room.state for room in rooms.values() if isinstance(room.state, Account)]
        emails = [x.email for x in people if x.email]
        assert len(emails) == len(set(emails))
        admins = sorted(x.user for x in people if ADMIN in x.roles and x.status == "active")
        assert sorted(rooms[INDEX].state.admins if INDEX in rooms else []) == admins

    def email(self) -> str:
        return str(self.dice.choice(EMAILS))

    def somebody(self) -> Account:
        """An account, or a made-up one."""
        states = [room.state for room in self.house.core.rooms.values()]
        people = [x for x in states if isinstance(x, Account) and x.user]
        alive = [x for x in people if x.status in ("active", "suspended")]
        if alive and self.dice.random() < 0.8:
            people = alive
        return self.dice.choice(people) if people else Account(user="u0", email=EMAILS[0])

    def register(self) -> tuple[Actor, Command]:
        kind = self.dice.choice(("customer", "seller", "driver"))
        phone = self.dice.choice(PHONES)
        command = c.Register(
            id="c", email=self.email(), phone=phone, password=PASSWORD, account_kind=kind
        )
        return GUEST, command

    def start(self) -> tuple[Actor, Command]:
        return GUEST, c.StartEmailLogin(id="c", email=self.email())

    def resend(self) -> tuple[Actor, Command]:
        channel = self.dice.choice(("email", "phone"))
        return GUEST, c.ResendOtp(id="c", email=self.email(), channel=channel)

    def login(self) -> tuple[Actor, Command]:
        password = self.dice.choice((PASSWORD, PASSWORD, "x"))
        device = self.dice.choice(("web", "ios"))
        command = c.Login(id="c", email=self.email(), password=password, device_type=device)
        return GUEST, command

    def oauth(self) -> tuple[Actor, Command]:
        token = f"paper {self.dice.choice('ab')}"
        return GUEST, c.OAuthLogin(id="c", provider="google", id_token=token)

    def verify(self) -> tuple[Actor, Command]:
        person = self.somebody()
        slots = [*person.codes, "email:signup"]
        channel, purpose = self.dice.choice(slots).split(":")
        challenge = person.codes.get(f"{channel}:{purpose}")
        serial = challenge.serial if challenge else 0
        code = digits(person.user, channel, purpose, serial, vault())
        typed = self.dice.choice((code, code, code, "000000"))
        actor = Actor(person.user, USER) if purpose == "step_up" else GUEST
        command = c.VerifyOtp(
            id="c", email=person.email or EMAILS[0], channel=channel, purpose=purpose, code=typed
        )
        return actor, command

    def refresh(self) -> tuple[Actor, Command]:
        person = self.somebody()
        session = self.dice.choice([*person.sessions, *person.ended, "s1"])
        held = person.sessions.get(session)
        counter = (held.counter if held else 0) - self.dice.choice((0, 0, 0, 1))
        token = tokens.make(person.user, session, max(counter, 0), vault())
        return GUEST, c.Refresh(id="c", refresh_token=token)

    def own(self) -> tuple[Actor, Command]:
        person = self.somebody()
        commands: tuple[Command, ...] = (
            c.SubmitKyc(id="c", kind="dealer", files=(CAC, ID, ADDRESS), form=FORM),
            c.SubmitKyc(id="c", kind="driver", files=(ID, DRIVING)),
            c.SubmitKyc(id="c", kind="personal", files=(ID,)),
            c.AddPhone(id="c", phone=self.dice.choice(PHONES)),
            c.ResendOtp(id="c", channel="phone"),
            c.Logout(id="c", session="s1"),
            c.CloseAccount(id="c"),
        )
        return Actor(person.user, USER), self.dice.choice(commands)

    def staff(self) -> tuple[Actor, Command]:
        person = self.somebody()
        user = person.user
        waiting = [x.application for x in person.applications.values()]
        application = self.dice.choice([*waiting, "k1"])
        expires_at = self.dice.choice((None, self.house.now + DAY))
        role = self.dice.choice(("admin", "dealer", "driver", "verified_seller"))
        commands: tuple[Command, ...] = (
            *(
                c.ApproveKyc(
                    id="c", user=user, application=application, documents_expire_at=expires_at
                ),
            )
            * 3,
            c.RejectKyc(id="c", user=user, application=application, reason="no"),
            c.GrantRole(id="c", user=user, role=role, reason="yes"),
            c.RevokeRole(id="c", user=user, role=role, reason="no"),
            c.Suspend(id="c", user=user, reason="no"),
            c.Reinstate(id="c", user=user, reason="yes"),
            c.ForceLogout(id="c", user=user, reason="no"),
            c.CloseAccount(id="c", user=user, reason="no"),
        )
        return self.dice.choice((BOSS, BOSS, MEG)), self.dice.choice(commands)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=True))
def test_whatever_people_do_every_account_stays_sound(dice: Any) -> None:
    """INV-1 to INV-9 after each of 60 steps; replay and snapshot agree at the end."""
    with House() as house:
        walk = Walk(house, dice)
        for email, phone in zip(EMAILS[:2], PHONES, strict=False):
            active(house, email, phone)
        for _ in range(60):
            walk.step()
        log = the_whole_log(house)
        assert PASSWORD not in log
        for text in (x.fields["code"] for x in house.world.errands if "code" in x.fields):
            assert f'"{text}"' not in log


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_workload_keeps_the_rules(dice: Any) -> None:
    """What the simulator asks for is taken or refused, and breaks nothing."""
    with House() as house:
        for number in range(60):

            def look(room: str) -> Any:
                return house.view(BOSS, room) if room in house.core.rooms else None

            stage = Stage(
                id=f"c{number}",
                now=house.now,
                span_ms=HOUR,
                currency="USD",
                people={USER: ("ann", "bob"), ADMIN: ("boss",)},
                things=(0, 1, 2),
                look=look,
            )
            house.when(*workload(dice, stage)).then_any()
            house.advance(dice.choice((1, MINUTE)))


@given(st.text(max_size=40), st.integers(0, 99), st.integers(0, 9))
def test_a_refresh_token_says_what_it_was_made_of(user: str, session: int, counter: int) -> None:
    """J5: for any name, and nothing for a token that was changed in any letter."""
    token = tokens.make(user, f"s{session}", counter, vault())
    assert tokens.read(token, vault()) == tokens.Refreshing(user, f"s{session}", counter)
    assert tokens.read(token[1:], vault()) is None
    assert tokens.read(f"{token}0", vault()) is None


@given(st.text(max_size=200))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    """J5: reading never fails, whatever comes; it names a room or none."""
    assert tokens.read(text, vault()) is None
    assert len(person_room(tokens.user_of(text))) <= 75
