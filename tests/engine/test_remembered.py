"""Tests of engine/sequencer.py: which commands are remembered, and for how long."""

from engine.kernel.record import Record
from engine.sequencer import PART_COMMANDS, Recall, Remembered, Sequencer
from tests.engine.shell import Shell
from tests.engine.toys import ADA, START, Play, toy_core


def _record(position: int, actor: str = "ada", id_: str | None = None) -> Record:
    return Record(
        position=position,
        room="toy:t1",
        seq=position,
        at=START,
        actor=actor,
        event=b"{}",
        hash="",
        command_id=f"c{position}" if id_ is None else id_,
        command_hash=f"hash {position}",
    )


def test_an_answer_is_found_by_user_and_id() -> None:
    """Body hash and position, as the record has them."""
    remembered = Remembered()
    remembered.add(_record(7))
    assert remembered.find("ada", "c7", "") == ("hash 7", 7)
    assert remembered.find("bob", "c7", "") is None
    assert remembered.find("ada", "c8", "") is None


def test_records_without_an_answer_are_not_remembered() -> None:
    """Reactions, notices, and all but the last record of a command."""
    remembered = Remembered()
    remembered.add(_record(7, id_=""))
    assert remembered.find("ada", "", "") is None


def test_half_of_the_bound_is_always_known_and_never_more_than_all() -> None:
    """Two generations: the older goes as a whole when the younger is full."""
    remembered = Remembered(most=10)
    for position in range(1, 101):
        remembered.add(_record(position))
        known = [p for p in range(1, position + 1) if remembered.find("ada", f"c{p}", "")]
        assert known == list(range(position - len(known) + 1, position + 1))
        assert min(position, 5) <= len(known) <= 10


def test_many_are_remembered_in_parts_that_forget_by_themselves() -> None:
    """The latest are known and the earliest are not; between lies chance, but no more than all."""
    most = 3 * PART_COMMANDS
    last = 2 * most
    remembered = Remembered(most)
    for position in range(1, last + 1):
        remembered.add(_record(position))
    known = [p for p in range(1, last + 1) if remembered.find("ada", f"c{p}", "")]
    assert most // 2 <= len(known) <= most
    assert known[0] > most // 2
    surely = range(last - most // 3, last + 1)
    assert known[-len(surely) :] == list(surely)


def test_commands_are_remembered_across_a_restart() -> None:
    """Architecture rule 8: the ids travel in the log, so replay brings them back."""
    shell = Shell()
    shell.play(id_="x", text="once", tell=("toy:t2",))
    shell.write_all()
    core, remembered = toy_core(), Remembered()
    for record in shell.written:
        core.replay(record)
        remembered.add(record)
    again = Sequencer(core, lambda _: (), remembered)
    again.submit(Play(id="x", text="once", tell=("toy:t2",)), ADA, "to", START)
    assert again.take_outputs() == [Recall("to", "x", "toy:t1", 1)]
    again.submit(Play(id="x", text="twice", tell=("toy:t2",)), ADA, "to", START)
    (refused,) = again.take_outputs()
    assert refused.rejected.code.name == "CMD_ID_REUSED"
    assert core.position == len(shell.written)
