"""Answers that the writer gives by itself, without asking the sequencer."""

from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.record import Record
from engine.sequencer import Accepted, Recall, Refused


def unavailable(id_: str) -> Refused:
    """Nobody decides now: the log is being recovered, or another process may own it."""
    return Refused(
        None,
        id_,
        Rejected(UNAVAILABLE, "the log cannot be written now; try again with the same id"),
    )


def stored(recall: Recall, record: Record) -> Accepted:
    """The first answer to a command that came again, from its record."""
    assert record.command_id == recall.id, f"position {record.position} is another command's"
    return Accepted(
        recall.to, recall.id, record.room, record.seq, record.at, record.result, duplicate=True
    )
