"""Tests of engine/sequencer.py: the output gate, batches, bounds, and failure of the log."""

import msgspec
import pytest

from engine.kernel.record import Record
from engine.sequencer import Accepted, Done, Heard, Refused
from tests.engine.shell import Shell
from tests.engine.toys import ADA, BOB, START

# The gate (architecture rule 1).


def test_an_answer_leaves_when_its_records_are_durable() -> None:
    """Not when decided, not while being written: after the commit."""
    shell = Shell()
    id_ = shell.play(text="hi")
    assert shell.take() == []
    assert [r.command_id for r in shell.begin()] == [id_]
    assert shell.take() == []
    shell.finish()
    (answer,) = shell.take()
    assert isinstance(answer, Accepted)
    assert (answer.to, answer.id, answer.room) == (id_, id_, "toy:t1")
    assert (answer.seq, answer.at, answer.duplicate) == (1, START, False)
    assert msgspec.json.decode(answer.result)["count"] == 1


def test_a_refusal_waits_for_what_it_rested_on() -> None:
    """It was decided on state that is not durable yet, and would be wrong if that were lost."""
    shell = Shell()
    first = shell.play(text="a")
    second = shell.play(no=True)
    assert shell.names() == []
    shell.begin()
    third = shell.play(no=True)
    assert shell.names() == []
    shell.finish()
    assert shell.names() == [first, f"{second} TOY_NO", f"{third} TOY_NO"]


def test_a_refusal_that_rests_on_nothing_leaves_at_once() -> None:
    """When all is durable there is nothing to wait for, and nothing to write."""
    shell = Shell()
    id_ = shell.play(no=True)
    assert shell.names() == [f"{id_} TOY_NO"]
    assert shell.sequencer.next_batch() is None


def test_an_answer_without_events_waits_too() -> None:
    """A command that only reads may have read what is not durable."""
    shell = Shell()
    first = shell.play()
    second = shell.play(times=0)
    assert shell.names() == []
    shell.begin()
    shell.finish()
    assert shell.names() == [first, second]


def test_what_was_read_from_the_state_waits_too() -> None:
    """Snapshots for subscribers pass the same gate, in their turn."""
    shell = Shell()
    first = shell.play()
    shell.sequencer.show("to", "a snapshot")
    second = shell.play()
    shell.begin()
    assert shell.take() == []
    shell.finish()
    assert shell.names() == [first, "a snapshot", second]
    shell.sequencer.show("to", "another")
    assert shell.take() == [Done("to", "another")]


def test_frames_leave_before_the_answer_and_in_the_order_of_the_log() -> None:
    """Whoever has the answer to a command has been sent its events."""
    shell = Shell()
    shell.listening = {"toy:t1": ("public",), "toy:t2": ("public",), "user:bob": ("owner",)}
    id_ = shell.play(text="hi", tell=("toy:t2",), notify=("bob",), times=2)
    shell.begin()
    shell.finish()
    assert shell.names() == [
        "toy:t1 1",
        "toy:t1 2",
        "toy:t2 1",
        "user:bob 1",
        "toy:t2 2",
        "user:bob 2",
        id_,
    ]


def test_a_frame_is_made_once_for_each_class_and_for_nobody_else() -> None:
    """Two classes, two frames; a room that nobody hears has none."""
    shell = Shell()
    shell.listening = {"toy:t1": ("public", "insiders")}
    shell.play(secret="psst", tell=("toy:t2",), text="hi")
    heard = [o for o in shell.write_all() if isinstance(o, Heard)]
    assert [(h.room, h.audience, b"psst" in h.frame) for h in heard] == [
        ("toy:t1", "public", False),
        ("toy:t1", "insiders", True),
    ]


# Pipelined group commit (architecture rule 2).


def test_what_comes_while_a_batch_is_written_forms_the_next() -> None:
    """One batch is under way at a time, and the writer goes on deciding."""
    shell = Shell()
    a = shell.play()
    assert len(shell.begin()) == 1
    b, c = shell.play(), shell.play()
    assert shell.sequencer.next_batch() is None
    shell.finish()
    assert shell.names() == [a]
    assert [r.position for r in shell.begin()] == [2, 3]
    d = shell.play()
    shell.finish()
    assert shell.names() == [b, c]
    assert [r.position for r in shell.begin()] == [4]
    shell.finish()
    assert shell.names() == [d]


def test_a_batch_under_way_does_not_change() -> None:
    """The log may read it in another thread meanwhile."""
    shell = Shell()
    shell.play()
    batch = shell.begin()
    before = list(batch)
    shell.play()
    assert list(batch) == before


def test_a_batch_is_bounded_and_a_decision_never_split() -> None:
    """A batch that is full is closed; the records of one command stay together."""
    shell = Shell(batch_max=3)
    for times in (2, 2, 1, 5, 1):
        shell.play(times=times)
    sizes = []
    while batch := shell.sequencer.next_batch():
        sizes.append(len(batch.records))
        shell.finish()
    assert sizes == [4, 6, 1]


def test_the_log_is_written_in_order_without_gaps() -> None:
    """Whatever the rhythm of commits, positions are 1, 2, 3 …"""
    shell = Shell(batch_max=2)
    written: list[Record] = []
    writing = False
    for number in range(30):
        shell.play(toy=f"t{number % 3}", tell=("toy:t9",), text="x")
        if writing and number % 3 == 0:
            shell.finish()
            writing = False
        elif not writing and number % 4 == 0:
            written += shell.begin()
            writing = True
    if writing:
        shell.finish()
    shell.write_all()
    assert [r.position for r in written + shell.written] == list(range(1, 61))


def test_nothing_is_committed_that_was_not_being_written() -> None:
    """A second `committed` for one batch is a bug of the caller."""
    shell = Shell()
    shell.play()
    shell.begin()
    shell.finish()
    with pytest.raises(AssertionError, match="nothing was being written"):
        shell.finish()


# Bounds (architecture rule 11).


def test_beyond_the_backlog_commands_are_refused_at_once() -> None:
    """OVERLOADED waits for nothing, leaves no trace, and ends when a batch is durable."""
    shell = Shell(backlog_max=3)
    shell.play(times=2)
    shell.play(times=2)
    assert shell.sequencer.backlog == 4
    refused = shell.play()
    assert shell.names() == [f"{refused} OVERLOADED"]
    assert shell.core.position == 4
    shell.begin()
    assert shell.play(id_="x") == "x"
    assert shell.names() == ["x OVERLOADED"]
    shell.finish()
    assert shell.sequencer.backlog == 0
    shell.take()
    again = shell.play()
    shell.begin()
    shell.finish()
    assert shell.names() == [again]


def test_the_house_is_not_refused_for_overload() -> None:
    """A deadline is a promise: timers fire however long the backlog is."""
    shell = Shell(backlog_max=1)
    shell.play(wake_at=START + 5)
    shell.sequencer.tick(START + 5)
    assert shell.texts()[-1] == f"woken at {START + 5}"


# When the log fails.


def test_what_was_in_flight_is_unknown_and_what_waited_is_not_done() -> None:
    """The batch under way may have been written; later ones were not (PROTOCOL, codes)."""
    shell = Shell()
    shell.listening = {"toy:t1": ("public",)}
    shell.play(id_="first")
    shell.play(id_="refused", no=True)
    shell.begin()
    shell.play(id_="second")
    shell.play(id_="second refused", no=True)
    shell.sequencer.show("viewer", "a snapshot")
    lost = [(r.to, r.id, r.rejected.code.name) for r in shell.sequencer.abandon()]
    assert lost == [
        ("first", "first", "UNKNOWN"),
        ("refused", "refused", "UNKNOWN"),
        ("second", "second", "UNAVAILABLE"),
        ("second refused", "second refused", "UNAVAILABLE"),
        ("viewer", "", "UNAVAILABLE"),
    ]


def test_a_repeated_command_in_flight_is_unknown_too() -> None:
    """Its first answer may not be in the log either."""
    shell = Shell()
    shell.play(id_="x")
    shell.play(id_="x")
    shell.begin()
    lost = list(shell.sequencer.abandon())
    assert [r.rejected.code.name for r in lost] == ["UNKNOWN", "UNKNOWN"]


def test_nothing_is_unknown_when_nothing_was_being_written() -> None:
    """Batches that were not begun are certainly not in the log."""
    shell = Shell()
    shell.play(id_="x")
    lost = list(shell.sequencer.abandon())
    assert [r.rejected.code.name for r in lost] == ["UNAVAILABLE"]
    assert lost[0].rejected.code.retry == "same_id"


def test_who_has_been_answered_is_not_told_otherwise() -> None:
    """Only what waited is abandoned."""
    shell = Shell()
    shell.play()
    shell.write_all()
    assert list(shell.sequencer.abandon()) == []


# One answer for each command id (architecture rule 8).


def test_a_repeated_command_is_not_decided_again() -> None:
    """It is answered from the record that bears its first answer, behind the gate."""
    shell = Shell()
    shell.play(id_="x", text="once", times=2)
    shell.play(id_="x", text="once", times=2)
    assert shell.names() == []
    assert shell.core.position == 2
    shell.begin()
    shell.finish()
    assert shell.names() == ["x", "recall 2"]
    shell.play(id_="x", text="once", times=2)
    assert shell.names() == ["recall 2"]
    answer = next(r for r in shell.core.rooms["toy:t1"].tail if r.position == 2)
    assert msgspec.json.decode(answer.result)["count"] == 2


@pytest.mark.parametrize("fields", [{"text": "other"}, {"toy": "t2"}, {"no": True}, {"times": 0}])
def test_an_id_is_not_used_for_another_command(fields: dict[str, object]) -> None:
    """Any other field, any other room: CMD_ID_REUSED, and nothing happens."""
    shell = Shell()
    shell.play(id_="x", text="once")
    shell.play(id_="x", **({"text": "once"} | fields))
    answer = shell.write_all()[-1]
    assert isinstance(answer, Refused)
    assert answer.rejected.code.name == "CMD_ID_REUSED"
    assert answer.rejected.details == {"field": "id"}
    assert shell.core.position == 1


def test_ids_are_each_user_s_own() -> None:
    """Two users may both call their first command 1."""
    shell = Shell()
    shell.play(id_="1", actor=ADA)
    shell.play(id_="1", actor=BOB)
    assert [type(o) for o in shell.write_all()] == [Accepted, Accepted]


def test_a_refused_command_may_be_sent_again_with_its_id() -> None:
    """Refusals are not stored: what was refused can be decided anew."""
    shell = Shell()
    shell.play(id_="x", no=True)
    shell.play(id_="x")
    shell.play(id_="y", times=0)
    shell.play(id_="y")
    names = [getattr(o, "id", None) for o in shell.write_all() if isinstance(o, Accepted)]
    assert names == ["x", "y", "y"]
    assert shell.core.position == 2


def test_what_the_house_does_has_no_command_id() -> None:
    """Only a user's command can be repeated."""
    shell = Shell()
    shell.play(wake_at=START + 5)
    shell.sequencer.tick(START + 5)
    shell.write_all()
    assert shell.written[-1].actor == "house"
    assert shell.written[-1].command_id == ""
