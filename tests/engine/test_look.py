"""Tests of engine/look.py: what a viewer may see."""

from itertools import count
from typing import Any

import msgspec
import pytest

from engine import look
from engine.core import Core, Outcome
from engine.kernel.actor import Actor
from engine.kernel.limits import TAIL_RECORDS
from engine.kernel.outcome import Rejected
from tests.engine.toys import ADA, CHIEF, START, STRANGER, Play, toy_core

ids = count(1)


def _play(core: Core, **fields: Any) -> Outcome:
    command = Play(id=str(next(ids)), **fields)
    outcome = core.step(command, command.room(ADA), ADA, START)
    assert isinstance(outcome, Outcome)
    return outcome


def test_a_viewer_sees_the_room_as_it_stands() -> None:
    """Class, seq and snapshot belong together, made for this viewer."""
    core = toy_core()
    _play(core, text="hello")
    sight = look.see(core, "toy:t1", ADA)
    assert sight == look.Sight("toy:t1", "public", 1, b'{"texts":["hello"],"for":"ada"}')
    chief = look.see(core, "toy:t1", CHIEF)
    assert isinstance(chief, look.Sight)
    assert chief.audience == "insiders"


@pytest.mark.parametrize(
    ("room", "actor", "code"),
    [
        ("toy:t1", STRANGER, "FORBIDDEN"),
        ("toy:t9", ADA, "ROOM_NOT_FOUND"),
        ("nobody:1", ADA, "ROOM_NOT_FOUND"),
        ("toy:hidden", ADA, "ROOM_NOT_FOUND"),
        ("user:bob", ADA, "FORBIDDEN"),
    ],
)
def test_what_a_viewer_may_not_see(room: str, actor: Actor, code: str) -> None:
    """Not theirs, not there, or there for others only: a refusal that names the room."""
    core = toy_core()
    _play(core)
    _play(core, toy="hidden", text="hidden")
    refusal = look.see(core, room, actor)
    assert isinstance(refusal, Rejected)
    assert refusal.code.name == code
    assert refusal.details["room"] == room


def test_looking_makes_no_room() -> None:
    """A room that is always there is shown before its first event, and still does not exist."""
    core = toy_core()
    sight = look.see(core, "user:ada", ADA)
    assert isinstance(sight, look.Sight)
    assert (sight.seq, sight.audience) == (0, "owner")
    assert core.rooms == {}


@pytest.mark.parametrize(
    ("room", "actor", "audience"),
    [
        ("toy:t1", ADA, "public"),
        ("toy:t1", CHIEF, "insiders"),
        ("toy:t1", STRANGER, ""),
        ("toy:t9", ADA, ""),
        ("user:ada", ADA, "owner"),
        ("nobody:1", ADA, ""),
    ],
)
def test_the_class_of_a_viewer(room: str, actor: Actor, audience: str) -> None:
    """Whose frames they get now; none where they may not look."""
    core = toy_core()
    _play(core)
    assert look.audience_of(core, room, actor) == audience


def test_a_frame_is_an_event_on_the_wire() -> None:
    """PROTOCOL, feeds: type, room, seq, at, event, data, redacted for the class."""
    core = toy_core()
    (applied,) = _play(core, text="hi", secret="psst").applied
    frames = {
        audience: look.frame(applied.room, applied.record, applied.event, audience)
        for audience in ("public", "insiders")
    }
    frame = msgspec.json.decode(frames["public"])
    data = frame.pop("data")
    assert frame == {
        "type": "event",
        "room": "toy:t1",
        "seq": 1,
        "at": START,
        "event": "toy.played",
    }
    assert data["text"] == "hi"
    assert b"psst" not in frames["public"]
    assert b"psst" in frames["insiders"]


def test_frames_are_the_same_live_and_from_history() -> None:
    """Whoever listened and whoever reads the log later have the very same bytes."""
    core = toy_core()
    applied = []
    for number in range(20):
        tell = ("toy:t2", "nobody:1") if number % 3 else ()
        applied += _play(core, text=f"t{number}", tell=tell, notify=("ada",), hops=1).applied
    for audience in ("public", "insiders", "owner", "staff"):
        live = [look.frame(a.room, a.record, a.event, audience) for a in applied]
        assert look.frames(core, [a.record for a in applied], audience) == live


def test_a_subscriber_resumes_from_memory_while_it_reaches_back() -> None:
    """All records after a seq, or None: never a part."""
    core = toy_core()
    _play(core, times=TAIL_RECORDS + 10)
    last = TAIL_RECORDS + 10
    for seq in (10, 11, last - 1):
        records = look.tail_after(core, "toy:t1", seq)
        assert records is not None
        assert [r.seq for r in records] == list(range(seq + 1, last + 1))
    assert look.tail_after(core, "toy:t1", 9) is None
    assert look.tail_after(core, "toy:t1", 0) is None


def test_who_knows_everything_has_missed_nothing() -> None:
    """Also in a room in which nothing has happened, or with a seq from the future."""
    core = toy_core()
    _play(core)
    assert look.tail_after(core, "toy:t1", 1) == []
    assert look.tail_after(core, "toy:t1", 5) == []
    assert look.tail_after(core, "toy:t9", 0) == []


def test_a_room_whose_tail_was_not_loaded_needs_the_log() -> None:
    """After a start from a snapshot, memory may have no record of a room that has some."""
    core = toy_core()
    _play(core)
    core.rooms["toy:t1"].tail.clear()
    assert look.tail_after(core, "toy:t1", 0) is None
    assert look.tail_after(core, "toy:t1", 1) == []
