"""What stands around a sequencer in these tests: it writes batches when it is told to."""

from collections.abc import Collection, Sequence
from itertools import count
from typing import Any

from engine.core import Core
from engine.kernel.actor import Actor
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.sequencer import Accepted, Heard, Output, Recall, Refused, Remembered, Sequencer
from tests.engine.toys import ADA, START, Play, toy_core

ids = count(1)


class Shell:
    """A sequencer, a log of what was written, and the order in which outputs left."""

    def __init__(self, core: Core | None = None, **bounds: int) -> None:
        self.listening: dict[str, Collection[str]] = {}
        self.remembered = Remembered()
        self.sequencer = Sequencer(
            core or toy_core(), lambda room: self.listening.get(room, ()), self.remembered, **bounds
        )
        self.written: list[Record] = []

    @property
    def core(self) -> Core:
        """The state behind it."""
        return self.sequencer.core

    def play(
        self, now: Millis = START, actor: Actor = ADA, id_: str | None = None, **fields: Any
    ) -> str:
        """Submit a toy's command; its id, which is also where its answer goes."""
        id_ = id_ or f"c{next(ids)}"
        self.sequencer.submit(Play(id=id_, **fields), actor, id_, now)
        return id_

    def take(self) -> list[Output]:
        """What may leave now."""
        return self.sequencer.take_outputs()

    def names(self) -> list[str]:
        """What may leave now, in short: ids of answers, `room seq` of frames."""
        return [_name(output) for output in self.take()]

    def begin(self) -> Sequence[Record]:
        """Begin to write the next batch, which there must be."""
        batch = self.sequencer.next_batch()
        assert batch is not None, "nothing to write"
        return batch.records

    def finish(self) -> None:
        """The batch under way is durable."""
        self.sequencer.committed()

    def write_all(self) -> list[Output]:
        """Write until there is nothing left; what may leave then."""
        while (batch := self.sequencer.next_batch()) is not None:
            self.written += batch.records
            self.sequencer.committed()
        return self.take()

    def texts(self, room: str = "toy:t1") -> list[str]:
        """What has happened in a toy's room."""
        texts: list[str] = self.core.rooms[room].state.texts
        return texts


def _name(output: Output) -> str:
    if isinstance(output, Heard):
        return f"{output.room} {output.seq}"
    if isinstance(output, Refused):
        return f"{output.id} {output.rejected.code.name}"
    if isinstance(output, Accepted):
        return output.id
    return f"recall {output.position}" if isinstance(output, Recall) else str(output.value)
