"""Tests of engine/house.py: what operators must see."""

import msgspec
import pytest

from engine import look
from engine.house import DEAD_LETTERS, LETTERS_SHOWN, ReportErrand
from engine.kernel.actor import ADMIN, ANYONE, CONCIERGE, MANAGER, THE_HOUSE, Actor
from engine.kernel.outcome import Rejected
from tests.engine.toys import ADA, START, Play, toy_core


@pytest.mark.parametrize(
    ("actor", "may"),
    [
        (ANYONE, False),
        (ADA, False),
        (Actor("c", CONCIERGE), False),
        (Actor("m", MANAGER), True),
        (Actor("a", ADMIN), True),
        (THE_HOUSE, True),
    ],
    ids=lambda x: getattr(x, "role", None),
)
def test_dead_letters_are_for_staff(actor: Actor, may: bool) -> None:
    """They may hold anything; an operator can look before the first of them."""
    sight = look.see(toy_core(), DEAD_LETTERS, actor)
    assert isinstance(sight, Rejected) is not may


def test_the_latest_letters_are_kept_and_all_are_counted() -> None:
    """The room's memory is bounded; the log has the rest."""
    core = toy_core()
    for number in range(LETTERS_SHOWN + 2):
        tell = (f"nobody:{number}",)
        core.step(Play(id=str(number), text="x", tell=tell), "toy:t1", ADA, START)
    sight = look.see(core, DEAD_LETTERS, THE_HOUSE)
    assert isinstance(sight, look.Sight)
    seen = msgspec.json.decode(sight.state)
    assert seen["count"] == LETTERS_SHOWN + 2
    assert [letter["to_room"] for letter in seen["latest"]] == [
        f"nobody:{number}" for number in range(2, LETTERS_SHOWN + 2)
    ]
    assert "postings" not in seen["latest"][0]


def test_a_letter_is_shown_whole() -> None:
    """An operator can read and act on it."""
    core = toy_core()
    core.step(Play(id="1", text="x", tell=("nobody:1",)), "toy:t1", ADA, START)
    (frame,) = look.frames(core, core.rooms[DEAD_LETTERS].tail, "staff")
    data = msgspec.json.decode(frame)["data"]
    assert set(data) == {"to_room", "message", "code", "reason", "from_room", "from_seq"}


def test_errands_that_failed_stand_beside_the_letters() -> None:
    """The latest are shown, all are counted; only the house itself reports them."""
    core = toy_core()
    for number in range(1, LETTERS_SHOWN + 2):
        report = ReportErrand(
            id=str(number),
            source="toy:t1",
            position=number,
            channel="sms",
            template="otp",
            attempts=5,
            problem="the provider answered 500",
        )
        assert core.registry.refuse(ReportErrand, Actor("a", ADMIN)) is not None
        assert core.registry.refuse(ReportErrand, THE_HOUSE) is None
        outcome = core.step(report, report.room(THE_HOUSE), THE_HOUSE, START)
        assert not isinstance(outcome, Rejected)
    sight = look.see(core, DEAD_LETTERS, THE_HOUSE)
    assert isinstance(sight, look.Sight)
    seen = msgspec.json.decode(sight.state)
    assert (seen["count"], seen["errands_count"]) == (0, LETTERS_SHOWN + 1)
    assert [failed["position"] for failed in seen["errands_latest"]] == list(
        range(2, LETTERS_SHOWN + 2)
    )
    assert set(seen["errands_latest"][0]) == {
        *("source", "position", "channel", "template", "attempts", "problem")
    }
