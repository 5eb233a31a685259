"""Floor 8: the single writer, without I/O.

Feed it commands and the time; take batches to write and, when a batch is durable, the outputs
that rested on it. After every call: `take_outputs()` may be released at once, and
`next_batch()` may be written. No output leaves before what it rests on (architecture rule 1).
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from engine.contract import (
    Command,
    Dismiss,
    Message,
    Outage,
    Presence,
    Wake,
    no_errands,
    nobody,
)
from engine.core import Applied, Core, Outcome
from engine.kernel.actor import THE_HOUSE, Actor
from engine.kernel.limits import BACKLOG_RECORDS_MAX, BATCH_RECORDS_MAX, COMMANDS_REMEMBERED
from engine.kernel.outcome import CMD_ID_REUSED, OVERLOADED, UNAVAILABLE, UNKNOWN, Rejected
from engine.kernel.outside import Errand
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.look import frame, soft_frame

encode = msgspec.json.Encoder().encode

PART_COMMANDS = 8_192
"""In a part of the commands that are remembered: so few come and go within 2 ms."""


class Accepted(Struct, frozen=True, gc=False):
    """A command was decided; its events are durable."""

    to: Any
    id: str
    room: str
    seq: int
    at: Millis
    result: bytes
    duplicate: bool = False
    """Whether this is the stored answer to an earlier sending of the command."""


class Refused(Struct, frozen=True):
    """A command was refused, and nothing happened, but perhaps that this was written down."""

    to: Any
    id: str
    rejected: Rejected


class Recall(Struct, frozen=True, gc=False):
    """A command came again: its first answer stands in the log at `position`."""

    to: Any
    id: str
    room: str
    position: int


class Heard(Struct, frozen=True, gc=False):
    """An event frame for the viewers of one class in a room."""

    room: str
    audience: str
    seq: int
    frame: bytes


class Done(Struct, frozen=True):
    """Something read from state that is now durable: hand `value` to `to`."""

    to: Any
    value: Any


class HeardSoft(Struct, frozen=True, gc=False):
    """Something that moves, for the viewers of one class in a room: latest only by `key`."""

    room: str
    audience: str
    key: str
    frame: bytes


class Errands(Struct, frozen=True):
    """Work outside that the record at `position` calls for."""

    position: int
    room: str
    errands: Sequence[Errand]


Output = Accepted | Refused | Recall | Heard | HeardSoft | Dismiss | Errands | Done


class Batch(Struct):
    """Records that are written together, and what leaves when they are durable."""

    records: list[Record] = []
    outputs: list[Output] = []
    cursor: int | None = None
    """How far the stream of commands is decided with these records; None if there is none."""


class Remembered:
    """Which commands were answered: `user, id` -> body hash and position in the log.

    Two generations: when the younger is full the older is dropped, so about half of `most` are
    known at any time. They are in parts, by a checksum of the key, for a dict of half a million
    takes 20 ms to grow in one step, and 60 to go, in which nobody would be answered.

    Guests have no name of their own, so theirs are known by what they said: the same words of two
    of them are one command."""

    __slots__ = ("_full", "_old", "_young")

    def __init__(self, most: int = COMMANDS_REMEMBERED) -> None:
        parts = max(1, most // PART_COMMANDS)
        self._full = most // parts // 2
        self._young: list[dict[str, tuple[str, int]]] = [{} for _ in range(parts)]
        self._old: list[dict[str, tuple[str, int]]] = [{} for _ in range(parts)]

    def find(self, user: str, id_: str, body_hash: str) -> tuple[str, int] | None:
        """What is remembered of a command; `body_hash` matters of a guest's only."""
        key = f"{user}\n{id_}" if user else f"\n{id_}\n{body_hash}"
        part = crc32(key.encode()) % len(self._young)
        return self._young[part].get(key) or self._old[part].get(key)

    def add(self, record: Record) -> None:
        """Remember the answer on this record, if it carries one."""
        if not record.command_id:
            return
        key = f"{record.actor}\n{record.command_id}"
        if not record.actor:
            key = f"{key}\n{record.command_hash}"
        part = crc32(key.encode()) % len(self._young)
        young = self._young[part]
        young[key] = (record.command_hash, record.position)
        if len(young) >= self._full:
            self._old[part], self._young[part] = young, {}


class Sequencer:
    """Order, dedupe, timers, batches and the output gate of one shard."""

    def __init__(
        self,
        core: Core,
        listeners: Callable[[str], Collection[str]],
        remembered: Remembered,
        *,
        backlog_max: int = BACKLOG_RECORDS_MAX,
        batch_max: int = BATCH_RECORDS_MAX,
    ) -> None:
        self.core = core
        self.backlog_max = backlog_max
        self.batch_max = batch_max
        self.backlog = 0
        """Records decided and not yet durable."""
        # Hashes of commands are in the log. Of one that holds a short code, a plain hash would
        # give the code away.
        self._hash_key = core.vault.mac("command-hash", "") if core.vault else b""
        self._listeners = listeners
        self._remembered = remembered
        self._batches: deque[Batch] = deque()
        self._writing = False
        self._cursor: int | None = None
        self._ready: list[Output] = []
        self._regrouped: dict[tuple[str, str], None] = {}
        self._armed: dict[str, Millis] = {}
        self._timers: list[tuple[Millis, str]] = []
        for name in core.rooms:
            self._arm(name)

    # What comes in.

    def resume(
        self, since: Millis | None, now: Millis, online: Collection[str] = frozenset()
    ) -> None:
        """First call after recovery: tell rooms that the house did not answer from `since`,
        and which users are connected; then fire what fell due meanwhile."""
        now = max(now, self.core.now)
        if since is not None and since < now:
            for room in sorted(self._armed):
                if Outage in self.core.rooms[room].domain.decide:
                    self._order(Outage(since=since), room, now)
        for user in sorted(self.core.watchers):
            self._tell_of_presence(user, user in online, now)
        self.tick(now)

    def submit(
        self, command: Command, actor: Actor, to: Any, now: Millis, proof: Any = None
    ) -> None:
        """Decide a command. Its answer goes to `to` when it is durable. `proof`: the world's
        answer, if the command had to be prepared."""
        if self.backlog >= self.backlog_max:
            refusal = Rejected(OVERLOADED, "the log is behind; wait a moment, then try again")
            self._ready.append(Refused(to, command.id, refusal))
            return
        now = self.tick(now)
        body_hash = "" if actor.user else self._hash_of(command)
        if found := self._remembered.find(actor.user, command.id, body_hash):
            self._gate(_again(command, actor, to, self._hash_of(command), found))
            return
        outcome = self.core.step(command, command.room(actor), actor, now, self._hash_of, proof)
        if isinstance(outcome, Rejected):
            self._gate(Refused(to, command.id, outcome))
            return
        self._absorb(outcome)
        if outcome.rejected:
            self._gate(Refused(to, command.id, outcome.rejected))
        else:
            self._gate(Accepted(to, command.id, outcome.room, outcome.seq, now, outcome.result))
        if outcome.aside:
            # The answer goes before the end of the connection that it goes to.
            self._tell(outcome)

    def presence(self, user: str, online: bool, now: Millis) -> None:
        """A user's first session has come or the last has gone (auction X10)."""
        self._tell_of_presence(user, online, self.tick(now))

    def tick(self, now: Millis) -> Millis:
        """Fire every timer that is due, in order. Returns the stamp: engine time never goes
        back, whatever the clock does."""
        now = max(now, self.core.now)
        while self._timers and self._timers[0][0] <= now:
            due, room = heappop(self._timers)
            if self._armed.get(room) != due:
                continue
            del self._armed[room]
            if not self._order(Wake(), room, now):
                again = self._arm(room)
                assert again is None or again > now, f"{room} does not do what it woke for"
        self.core.now = now
        return now

    def read_to(self, cursor: int) -> None:
        """All that the stream of commands holds up to `cursor` has been asked."""
        self._cursor = cursor

    def show(self, to: Any, value: Any) -> None:
        """Hand `value`, read from the state just now, to `to` once it is durable."""
        self._gate(Done(to, value))

    @property
    def next_due(self) -> Millis | None:
        """When `tick` should be called at the latest, ms."""
        while self._timers and self._armed.get(self._timers[0][1]) != self._timers[0][0]:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    # What goes out.

    def take_outputs(self) -> list[Output]:
        """Outputs that may leave now, in order."""
        ready, self._ready = self._ready, []
        return ready

    def take_regrouped(self) -> Collection[tuple[str, str]]:
        """(room, user): whose class may have changed since this was last asked. To be looked at
        before anything else is decided, so that the frames that follow are made for it."""
        regrouped, self._regrouped = self._regrouped, {}
        return regrouped

    def next_batch(self) -> Batch | None:
        """What is to be written now, or None. One batch is under way at a time: call `committed`
        when it is durable."""
        if self._writing or not self._batches:
            return None
        self._writing = True
        batch = self._batches[0]
        if len(self._batches) == 1:
            batch.cursor = self._cursor
        return batch

    def committed(self) -> None:
        """The batch under way is durable: what rested on it may leave."""
        assert self._writing, "nothing was being written"
        self._writing = False
        batch = self._batches.popleft()
        self.backlog -= len(batch.records)
        self._ready += batch.outputs

    def abandon(self) -> Iterator[Refused]:
        """The log has failed: refuse whatever waited. This sequencer must not be used again.

        Whether the batch under way was written is not known; later ones were not."""
        for index, batch in enumerate(self._batches):
            unknown = index == 0 and self._writing
            for output in batch.outputs:
                if isinstance(output, Accepted | Refused | Recall):
                    yield Refused(output.to, output.id, _lost(unknown))
                elif isinstance(output, Done):
                    yield Refused(output.to, "", _lost(False))

    def _gate(self, output: Output) -> None:
        if self._batches:
            self._batches[-1].outputs.append(output)
        else:
            self._ready.append(output)

    def _hash_of(self, command: Command) -> str:
        return blake2b(encode(command), digest_size=8, key=self._hash_key).hexdigest()

    def _tell_of_presence(self, user: str, online: bool, now: Millis) -> None:
        for room in sorted(self.core.watchers.get(user, ())):
            self._order(Presence(user=user, online=online), room, now)

    def _order(self, message: Message, room: str, now: Millis) -> bool:
        """Let the house itself send a message. Tells whether anything came of it."""
        outcome = self.core.step(message, room, THE_HOUSE, now)
        if isinstance(outcome, Rejected):
            return False
        self._absorb(outcome)
        self._tell(outcome)
        return bool(outcome.applied)

    def _absorb(self, outcome: Outcome) -> None:
        """Put a decision's records into a batch, its frames behind the gate, its timers on."""
        if outcome.applied:
            self._write(outcome)

    def _tell(self, outcome: Outcome) -> None:
        """What is told and not written, behind the gate."""
        for told in outcome.aside:
            if isinstance(told, Dismiss):
                self._gate(told)
            elif told.audience in self._listeners(told.room):
                self._gate(HeardSoft(told.room, told.audience, told.key, soft_frame(told)))

    def _write(self, outcome: Outcome) -> None:
        batch = self._open_batch()
        touched: dict[str, None] = {}
        for applied in outcome.applied:
            record = applied.record
            batch.records.append(record)
            self._remembered.add(record)
            self._render(applied, batch)
            domain = applied.room.domain
            if domain.errands is not no_errands:
                self._send_out(applied, batch)
            if domain.regroups is not nobody:
                for user in domain.regroups(applied.room.state, applied.event):
                    self._regrouped[record.room, user] = None
            if applied.room.has_timers:
                touched[record.room] = None
        self.backlog += len(outcome.applied)
        for name in touched:
            self._arm(name)

    def _open_batch(self) -> Batch:
        closed = self._writing and len(self._batches) == 1
        if not self._batches or closed or len(self._batches[-1].records) >= self.batch_max:
            if self._batches and not closed:
                self._batches[-1].cursor = self._cursor
            self._batches.append(Batch())
        return self._batches[-1]

    def _render(self, applied: Applied, batch: Batch) -> None:
        record = applied.record
        for audience in self._listeners(record.room):
            body = frame(applied.room, record, applied.event, audience)
            batch.outputs.append(Heard(record.room, audience, record.seq, body))

    def _send_out(self, applied: Applied, batch: Batch) -> None:
        if errands := errands_of(self.core, applied):
            batch.outputs.append(Errands(applied.record.position, applied.room.name, errands))

    def _arm(self, name: str) -> Millis | None:
        room = self.core.rooms[name]
        due = room.domain.due(room.state, self.core.now)
        if due is None:
            self._armed.pop(name, None)
        elif self._armed.get(name) != due:
            self._armed[name] = due
            heappush(self._timers, (due, name))
        return due


def errands_of(core: Core, applied: Applied) -> Sequence[Errand]:
    """What the world is to do about an event: when it happens, and again after a restart if it
    is not known to be done."""
    room = applied.room
    context = core.context(room.name, THE_HOUSE)
    return tuple(room.domain.errands(room.state, applied.event, context))


def _again(
    command: Command, actor: Actor, to: Any, body_hash: str, found: tuple[str, int]
) -> Recall | Refused:
    first_hash, position = found
    if body_hash == first_hash:
        return Recall(to, command.id, command.room(actor), position)
    refusal = Rejected(
        CMD_ID_REUSED,
        f"id {command.id!r} was used for another command; choose a new id",
        {"field": "id"},
    )
    return Refused(to, command.id, refusal)


def _lost(unknown: bool) -> Rejected:
    if unknown:
        return Rejected(
            UNKNOWN, "whether this was written is not known; ask again with the same id"
        )
    return Rejected(UNAVAILABLE, "the log cannot be written; try again with the same id")
