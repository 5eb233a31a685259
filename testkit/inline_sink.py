"""A writer without a loop: the real sequencer over a log that is a list.

What is decided is durable at once or, while `held`, when the test says `commit`. Nothing is
awaited, so that a test sees the effect of a call when the call returns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine import look
from engine.contract import Command, Dismiss
from engine.core import Core
from engine.kernel.actor import Actor
from engine.kernel.market import BUILT_IN, Market
from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.look import Sight
from engine.ports import AnswerTo, CommandSink, FanOut, Subscribed
from engine.registry import Registry
from engine.sequencer import (
    Accepted,
    Done,
    Errands,
    Heard,
    HeardSoft,
    Output,
    Recall,
    Refused,
    Remembered,
    Sequencer,
)
from runtime.writer.answers import revealing, stored
from testkit.house import OPENING
from testkit.world import PaperWorld, vault


class InlineSink(CommandSink):
    """A `CommandSink` in the hands of a test."""

    def __init__(
        self,
        registry: Registry,
        fan_out: FanOut,
        markets: Mapping[str, Market] | None = None,
        opening: Millis = OPENING,
    ) -> None:
        self.log: list[Record] = []
        self.held = False
        """Whether batches wait for `commit`."""
        self.presences: list[tuple[str, bool]] = []
        self._fan_out = fan_out
        self._now = opening
        self._failed = False
        core = Core(registry, {**BUILT_IN, **(markets or {})}, vault())
        self.world = PaperWorld()
        self._sequencer = Sequencer(core, fan_out.audiences, Remembered())

    # In the hands of the test.

    def commit(self) -> None:
        """Make everything durable that was decided, and release what rested on it."""
        self._write()

    def fail(self) -> None:
        """The log is gone for good, and with it what was not yet durable."""
        self._failed = True
        for refused in self._sequencer.abandon():
            refused.to(refused)

    @property
    def core(self) -> Core:
        """The state that the log makes, to be looked at."""
        return self._sequencer.core

    def advance(self, ms: Millis) -> None:
        """Let time pass, and fire what falls due."""
        self._now += ms
        self._sequencer.tick(self._now)
        self._after_step()

    # CommandSink.

    @property
    def log_id(self) -> str:
        return "log-1"

    @property
    def is_ready(self) -> bool:
        return not self._failed

    def now(self) -> Millis:
        return self._now

    def submit(self, command: Command, actor: Actor, to: AnswerTo) -> None:
        if self._failed:
            to(_unavailable(command.id))
            return
        ask = self.core.ask(command, actor)
        proof = self.world.answer_now(ask) if ask else None
        if type(command) in self.core.registry.reveals:
            to = revealing(command, actor, to, self.core.registry, vault())
        self._sequencer.submit(command, actor, to, self._now, proof)
        self._after_step()

    def subscribe(
        self,
        room: str,
        viewer: Actor,
        after: int | None,
        log_id: str | None,
        joined: Callable[[str, int], None],
        to: Callable[[Subscribed | Refused], None],
    ) -> None:
        if self._failed:
            to(_unavailable(""))
            return
        core = self._sequencer.core
        sight = look.see(core, room, viewer)
        if isinstance(sight, Rejected):
            self.gate(to, Refused(to, "", sight))
            return
        joined(sight.audience, sight.seq)
        if after is None or log_id not in (None, self.log_id) or not look.can_resume(sight, after):
            self.gate(to, Subscribed(room, sight.audience, sight.seq, False, [], sight.state))
        else:
            missed = look.tail_after(core, room, after)
            assert missed is not None, "tests write less than a room remembers"
            frames = look.frames(core, missed, sight.audience)
            self.gate(to, Subscribed(room, sight.audience, sight.seq, True, frames, b""))

    def leave(self, room: str, viewer: Actor) -> None:
        """Who listens is known to the fan-out."""

    def succeed(self, room: str, before: Actor, viewer: Actor) -> None:
        """Who listens is known to the fan-out."""

    def audience(self, room: str, viewer: Actor) -> str:
        return "" if self._failed else look.audience_of(self._sequencer.core, room, viewer)

    def gate(self, to: Callable[[Any], None], value: Any) -> None:
        self._sequencer.show(to, value)
        self._after_step()

    def see(self, room: str, viewer: Actor, to: Callable[[Sight | Refused], None]) -> None:
        if self._failed:
            to(_unavailable(""))
            return
        sight = look.see(self._sequencer.core, room, viewer)
        self.gate(to, Refused(to, "", sight) if isinstance(sight, Rejected) else sight)

    async def history(
        self, room: str, viewer: Actor, after: int, limit: int
    ) -> Sequence[bytes] | Rejected:
        core = self._sequencer.core
        sight = look.see(core, room, viewer)
        if isinstance(sight, Rejected):
            return sight
        records = [record for record in self.log if record.room == room and record.seq > after]
        return look.frames(core, records[:limit], sight.audience)

    def admit(self, actor: Actor) -> Actor | Rejected:
        return self.core.admit(actor)

    def refuse(self, command: type[Command], actor: Actor) -> Rejected | None:
        return self.core.registry.refuse(command, actor)

    def presence(self, user: str, online: bool) -> None:
        self.presences.append((user, online))
        self._sequencer.presence(user, online, self._now)
        self._after_step()

    # Inside.

    def _after_step(self) -> None:
        for room, user in self._sequencer.take_regrouped():
            self._fan_out.regroup(room, user)
        self._release()
        if not self.held:
            self._write()

    def _write(self) -> None:
        while (batch := self._sequencer.next_batch()) is not None:
            self.log += batch.records
            self._sequencer.committed()
            self._release()

    def _release(self) -> None:
        for output in self._sequencer.take_outputs():
            self._hand_over(output)

    def _hand_over(self, output: Output) -> None:
        match output:
            case Heard():
                self._fan_out.publish(output.room, output.audience, output.seq, output.frame)
            case HeardSoft():
                self._fan_out.publish_soft(output.room, output.audience, output.key, output.frame)
            case Dismiss():
                self._fan_out.dismiss(output.user, output.session, output.reason)
            case Errands():
                self.world.send_out(output)
            case Done():
                output.to(output.value)
            case Recall():
                output.to(stored(output, self.log[output.position - 1], self.core.registry))
            case Accepted() | Refused():
                output.to(output)


def _unavailable(id_: str) -> Refused:
    return Refused(None, id_, Rejected(UNAVAILABLE, "the log is gone; try again"))
