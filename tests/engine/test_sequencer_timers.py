"""Tests of engine/sequencer.py: time, timers, presence, and the first moments after a start."""

import pytest

from engine.contract import presence_key
from engine.core import Core
from engine.kernel.time import DAY, HOUR
from engine.sequencer import Accepted, Remembered, Sequencer
from tests.engine.shell import Shell
from tests.engine.toys import START, toy_core

# Time (architecture rule 6).


def test_time_never_goes_back() -> None:
    """A clock that is set back does not make engine time go back; it stands still."""
    shell = Shell()
    shell.play(now=START + 100)
    shell.play(now=START + 40)
    assert shell.sequencer.tick(START) == START + 100
    assert [o.at for o in shell.write_all() if isinstance(o, Accepted)] == [START + 100] * 2
    assert shell.sequencer.tick(START + 101) == START + 101


def test_time_passes_without_commands() -> None:
    """A tick is enough: what comes after it is not stamped earlier."""
    shell = Shell()
    shell.sequencer.tick(START + 100)
    shell.play(now=START)
    (answer,) = shell.write_all()
    assert isinstance(answer, Accepted)
    assert answer.at == START + 100


# Timers.


def test_a_timer_fires_when_its_time_has_come_and_once() -> None:
    """Not before, at the very millisecond, and with the stamp of that step."""
    shell = Shell()
    shell.play(text="a", wake_at=START + 5)
    shell.sequencer.tick(START + 4)
    assert shell.texts() == ["a"]
    shell.sequencer.tick(START + 5)
    shell.sequencer.tick(START + 6)
    assert shell.texts() == ["a", f"woken at {START + 5}"]


def test_due_timers_come_before_the_next_command() -> None:
    """A bid that is stamped at the end of an auction finds it closed."""
    shell = Shell()
    shell.play(text="a", wake_at=START + 5)
    shell.play(now=START + 5, text="b")
    assert shell.texts() == ["a", f"woken at {START + 5}", "b"]
    shell.play(now=START + 6, text="c", wake_at=START + 9)
    shell.play(now=START + 8, text="d", wake_at=START + 9)
    assert shell.texts()[-2:] == ["c", "d"]


def test_timers_fire_in_the_order_of_their_times_and_then_of_their_rooms() -> None:
    """The same whatever the order in which they were set: the log must not depend on it."""
    shell = Shell()
    for toy, due in (("c", 5), ("b", 7), ("a", 7), ("d", 6)):
        shell.play(toy=toy, wake_at=START + due)
    shell.sequencer.tick(START + HOUR)
    shell.write_all()
    woken = [r.room for r in shell.written if b"toy.woken" in r.event]
    assert woken == ["toy:c", "toy:d", "toy:a", "toy:b"]


def test_a_timer_that_was_moved_or_taken_away_does_not_fire() -> None:
    """Only what the room asks for now counts."""
    shell = Shell()
    shell.play(text="a", wake_at=START + 5)
    shell.play(text="b", wake_at=START + 9)
    shell.sequencer.tick(START + 8)
    assert shell.texts() == ["a", "b"]
    assert shell.sequencer.next_due == START + 9
    shell.play(now=START + 8, text="c")
    shell.sequencer.tick(START + HOUR)
    assert shell.texts() == ["a", "b", "c"]
    assert shell.sequencer.next_due is None


def test_a_timer_moved_away_and_back_fires_once() -> None:
    """Stale entries of the queue are of no effect."""
    shell = Shell()
    for due in (5, 9, 5, 9, 5):
        shell.play(text="a", wake_at=START + due)
    shell.sequencer.tick(START + HOUR)
    assert shell.texts() == [*["a"] * 5, f"woken at {START + HOUR}"]


def test_a_timer_may_be_set_into_the_past() -> None:
    """It is due at once: before the next command."""
    shell = Shell()
    shell.play(text="a", wake_at=START - 5)
    assert shell.sequencer.next_due == START - 5
    shell.play(text="b")
    assert shell.texts() == ["a", f"woken at {START}", "b"]


def test_a_timer_that_does_nothing_and_stays_due_stops_the_writer() -> None:
    """It would fire for ever: a bug of the domain."""
    shell = Shell()
    shell.play(wake_at=START + 5, lazy=True)
    with pytest.raises(AssertionError, match="toy:t1 does not do what it woke for"):
        shell.sequencer.tick(START + 5)


def test_the_next_due_time_is_that_of_the_earliest_timer() -> None:
    """So the shell knows how long it may sleep."""
    shell = Shell()
    assert shell.sequencer.next_due is None
    shell.play(toy="t1", wake_at=START + 9)
    shell.play(toy="t2", wake_at=START + 5)
    assert shell.sequencer.next_due == START + 5
    shell.sequencer.tick(START + 5)
    assert shell.sequencer.next_due == START + 9


def test_what_a_timer_did_passes_the_gate() -> None:
    """Its events are heard when they are durable."""
    shell = Shell()
    shell.play(wake_at=START + 5)
    shell.write_all()
    shell.listening = {"toy:t1": ("public",)}
    shell.sequencer.tick(START + 5)
    assert shell.names() == []
    shell.begin()
    shell.finish()
    assert shell.names() == ["toy:t1 2"]


def test_a_reaction_sets_timers_of_other_rooms() -> None:
    """Rooms that a step has touched are asked anew, all of them."""
    shell = Shell()
    shell.play(toy="t2", text="x", wake_at=START + 5)
    shell.play(toy="t1", text="hi", tell=("toy:t2",))
    assert shell.sequencer.next_due == START + 5


# Presence (auction X10).


def _watch(shell: Shell, toy: str, user: str) -> None:
    shell.play(toy=toy, text=toy, keys=(presence_key(user, f"toy:{toy}"),))


def test_rooms_that_watch_a_user_are_told_of_their_presence() -> None:
    """In the order of their names; rooms that do not watch are not told."""
    shell = Shell()
    for toy, user in (("t2", "bob"), ("t1", "bob"), ("t3", "eve")):
        _watch(shell, toy, user)
    shell.sequencer.presence("bob", False, START + 1)
    shell.sequencer.presence("bob", True, START + 2)
    shell.write_all()
    assert [r.room for r in shell.written[3:]] == ["toy:t1", "toy:t2"] * 2
    assert [r.at for r in shell.written[3:]] == [START + 1] * 2 + [START + 2] * 2
    assert shell.texts("toy:t1") == ["t1", "bob off", "bob on"]
    assert shell.texts("toy:t3") == ["t3"]


def test_presence_comes_after_the_timers_that_are_due() -> None:
    """Whoever comes back too late is too late: presence is news from outside like a command."""
    shell = Shell()
    _watch(shell, "t1", "bob")
    shell.play(text="a", wake_at=START + 5)
    shell.sequencer.presence("bob", True, START + 6)
    assert shell.texts()[-2:] == [f"woken at {START + 6}", "bob on"]


def test_presence_of_a_user_whom_nobody_watches_is_nothing() -> None:
    """No record, no room."""
    shell = Shell()
    shell.sequencer.presence("bob", True, START)
    assert shell.core.position == 0


# After a start.


def _restarted(shell: Shell) -> tuple[Core, Sequencer]:
    shell.write_all()
    core = toy_core()
    for record in shell.written:
        core.replay(record)
    return core, Sequencer(core, lambda _: (), Remembered())


def test_timers_are_armed_again_after_replay() -> None:
    """They need no storage: they are derived from the state."""
    shell = Shell()
    shell.play(toy="t1", wake_at=START + 9)
    shell.play(toy="t2", wake_at=START + 5)
    _, sequencer = _restarted(shell)
    assert sequencer.next_due == START + 5


def test_rooms_with_a_timer_are_told_of_an_outage_before_it_fires() -> None:
    """Auction 6: an auction that ended meanwhile may be extended instead of closed."""
    shell = Shell()
    shell.play(toy="t1", text="a", wake_at=START + 5)
    shell.play(toy="t2", text="b")
    core, sequencer = _restarted(shell)
    sequencer.resume(START + 1, START + DAY)
    assert core.rooms["toy:t1"].state.texts == [
        "a",
        f"outage since {START + 1}",
        f"woken at {START + DAY}",
    ]
    assert core.rooms["toy:t2"].state.texts == ["b"]


@pytest.mark.parametrize("since", [None, START + DAY, START + DAY + 1])
def test_no_outage_is_told_where_there_was_none(since: int | None) -> None:
    """A new log, a house that is back within the millisecond, a clock that was set back."""
    shell = Shell()
    shell.play(text="a", wake_at=START + 5)
    core, sequencer = _restarted(shell)
    sequencer.resume(since, START + DAY)
    assert core.rooms["toy:t1"].state.texts == ["a", f"woken at {START + DAY}"]


def test_after_a_start_nobody_is_connected() -> None:
    """Watched users count as gone, before the timers that fell due fire."""
    shell = Shell()
    _watch(shell, "t1", "bob")
    shell.play(text="a", wake_at=START + 5, keys=(presence_key("eve", "toy:t1"),))
    core, sequencer = _restarted(shell)
    sequencer.resume(START + 1, START + HOUR)
    assert core.rooms["toy:t1"].state.texts[2:] == [
        f"outage since {START + 1}",
        "bob off",
        "eve off",
        f"woken at {START + HOUR}",
    ]


def test_who_is_connected_when_the_log_comes_back_is_not_taken_for_gone() -> None:
    """Sessions outlive a failure of the log; each watched user is reported as they are."""
    shell = Shell()
    _watch(shell, "t1", "bob")
    _watch(shell, "t1", "eve")
    core, sequencer = _restarted(shell)
    sequencer.resume(START, START + HOUR, {"eve", "ada"})
    assert core.rooms["toy:t1"].state.texts[2:] == ["bob off", "eve on"]


def test_a_start_by_a_clock_that_is_behind_goes_on_from_the_log() -> None:
    """The log's last time is the least that time can be."""
    shell = Shell()
    shell.play(now=START + HOUR, text="a", wake_at=START + HOUR + 5)
    core, sequencer = _restarted(shell)
    sequencer.resume(None, START)
    assert sequencer.tick(START) == START + HOUR
    assert core.rooms["toy:t1"].state.texts == ["a"]


def test_what_a_start_does_is_written_like_everything_else() -> None:
    """Outage, presence and timers are records in the next batch."""
    shell = Shell()
    shell.play(wake_at=START + 5)
    core, sequencer = _restarted(shell)
    sequencer.resume(START, START + HOUR)
    batch = sequencer.next_batch()
    assert batch is not None
    assert [r.position for r in batch.records] == [2, 3]
    assert sequencer.backlog == 2
    assert core.position == 3
