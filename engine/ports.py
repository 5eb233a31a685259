"""The top floor: what the house needs of the world outside. The engine never calls these itself."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from engine.contract import Command
from engine.core import Core
from engine.kernel.actor import Actor
from engine.kernel.outcome import Rejected
from engine.kernel.outside import Ask, StoredFile
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.look import Sight
from engine.mail import TakeLetter
from engine.sequencer import Accepted, Errands, Refused

COMMANDS = "commands"
"""The mark of a log that `append` moves: how far the stream of commands is decided."""


class Acquired(Struct, frozen=True):
    """What the owner of a shard is told when the lease becomes its own."""

    epoch: int
    """Number of the ownership, higher at each change of hands: the fence of every append."""
    log_id: str
    """Random name of this log, made with it: the `epoch` that clients see. A `seq` means
    something only together with it."""
    alive_at: Millis | None
    """When the log was last known to be served, ms by the log's clock; None if never."""


class Snapshot(Struct, frozen=True):
    """State at a position of the log, encoded."""

    position: int
    data: bytes


class EventLog(Protocol):
    """The append-only log of one shard, and the lease that says who may append.

    Raises `persistence.errors.LogUnavailable` when the log cannot be reached or written (the
    outcome of an append is then unknown), and `LeaseLost` when someone else owns the shard.
    """

    async def acquire(self, owner: str) -> Acquired:
        """Become the one writer; `owner` names this process for operators.

        Raises LeaseHeld if a living process holds the lease."""

    async def renew(self, is_serving: bool = True) -> None:
        """Say that the owner lives; due every third of the lease's time. Raises LeaseLost.

        If it also serves, `alive_at` is now: an outage ends when somebody serves, and not
        when somebody takes the lease."""

    async def release(self) -> None:
        """Give the lease up, so that the next owner need not wait."""

    async def append(self, records: Sequence[Record], cursor: int | None = None) -> None:
        """Write all records durably in one transaction, or none, if the lease still holds.

        `cursor` says how far the stream of commands is decided with them; it is kept in the same
        transaction as the mark COMMANDS, so that the next owner neither skips nor repeats any."""

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        """Records of the shard with a position above `after`, in order, at most `limit`."""

    async def read_room(self, room: str, after: int, limit: int) -> Sequence[Record]:
        """Records of a room with a seq above `after`, in order, at most `limit`."""

    async def head(self) -> int:
        """Position of the last record, 0 if there is none."""

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep this snapshot durably; earlier ones may go."""

    async def load_snapshot(self) -> Snapshot | None:
        """The latest snapshot, or None."""

    async def save_mark(self, name: str, position: int) -> None:
        """Keep durably how far something beside the log has come with it. A mark never goes
        back: a lower position leaves it where it is. Raises LeaseLost."""

    async def load_mark(self, name: str) -> int:
        """The position of a mark, 0 if it was never set."""

    async def close(self) -> None:
        """Let go of files and connections. The lease ends with `release`, not with this."""


class FanOut(Protocol):
    """Carries what was decided to those who listen."""

    def audiences(self, room: str) -> Collection[str]:
        """The classes of viewer that listen to a room now; empty if nobody does."""

    def publish(self, room: str, audience: str, seq: int, frame: bytes) -> None:
        """Hand on one event frame (JSON), for everyone of this class in this room. Called in
        the order of the room, after the event is durable."""

    def publish_soft(self, room: str, audience: str, key: str, frame: bytes) -> None:
        """Hand on a frame of something that moves (JSON). Whoever is slow gets the latest of
        each key only."""

    def regroup(self, room: str, user: str) -> None:
        """The user may be a viewer of another class in this room from now on: ask the sink, at
        once, for nothing is decided before this returns."""

    def dismiss(self, user: str, session: str, reason: str) -> None:
        """End the user's connections: those of one session, or all if `session` is empty."""

    def lost(self, room: str) -> None:
        """What has happened in the room cannot be told without a gap: its listeners have to come
        back, and look at it anew."""

    def positions(self) -> Mapping[str, int]:
        """Every room that is listened to, with the seq up to which its listeners have heard."""


class Subscribed(Struct, frozen=True):
    """The answer to a subscription: all that was missed, or a snapshot, never a part."""

    room: str
    audience: str
    seq: int
    """The subscriber knows everything up to here; live frames go on with `seq + 1`."""
    recovered: bool
    frames: Sequence[bytes]
    """What was missed (JSON, in order), if recovered."""
    state: bytes
    """The snapshot (JSON), if not recovered; else empty."""


class World(Protocol):
    """What lies outside the house: slow work, notifiers, providers."""

    def recovered(self, core: Core) -> None:
        """Called when state has been made from the log, before anything new is decided: at the
        start, and after the log failed. Errands of what the log holds and nobody was sent out
        for are now to be found. Never blocks; never fails."""

    async def answer(self, ask: Ask) -> Any:
        """The answer to a question, or a `Rejected` if nobody can give it now."""

    def send_out(self, errands: Errands) -> None:
        """Begin work that a durable event calls for. Never blocks; never fails."""


class FileStore(Protocol):
    """Where uploaded files are kept. A file never changes."""

    async def save(
        self, owner: str, chunks: AsyncIterable[bytes]
    ) -> tuple[str, StoredFile] | Rejected:
        """Keep a file durably: its id, made of owner and content, and what it is. Refused if it
        is too large, of no kind that is taken, or cannot be written now."""

    async def find(self, id_: str) -> StoredFile | None:
        """What a file is; None if there is no such file, or its id cannot be one."""

    def read(self, id_: str) -> AsyncIterator[bytes]:
        """The content of a file that was found."""


Answer = Accepted | Refused
AnswerTo = Callable[[Answer], None]


class CommandSink(Protocol):
    """The writer, as gateways know it. What it hands to a `to` is durable.

    `submit`, `subscribe` and `see` answer exactly once, before they return or later, in the
    order of decision. None of them blocks."""

    @property
    def log_id(self) -> str:
        """The `epoch` of the wire: a seq means something only together with it."""

    @property
    def is_ready(self) -> bool:
        """Recovered, and the log can be written."""

    def now(self) -> Millis:
        """Engine time, ms since 1970."""

    def submit(self, command: Command, actor: Actor, to: AnswerTo) -> None:
        """Have a command decided."""

    def subscribe(
        self,
        room: str,
        viewer: Actor,
        after: int | None,
        log_id: str | None,
        joined: Callable[[str, int], None],
        to: Callable[[Subscribed | Refused], None],
    ) -> None:
        """Begin to listen, until `leave`. Unless it is refused, `joined` is told the viewer's class
        and the seq of the room, from which on the caller must collect frames of that class
        (`FanOut.audiences` names it from then on): once, before any later frame is published, and
        before `to` is answered."""

    def leave(self, room: str, viewer: Actor) -> None:
        """What began with `joined` has ended."""

    def succeed(self, room: str, before: Actor, viewer: Actor) -> None:
        """Somebody else listens now in the place of `before`."""

    def audience(self, room: str, viewer: Actor) -> str | None:
        """The class of a viewer in a room at this moment; "" if they may not look. None: it has to
        be asked for, and `FanOut.regroup` will say when it is known."""

    def gate(self, to: Callable[[Any], None], value: Any) -> None:
        """Hand `value` to `to` when everything that was decided until now is durable and has
        been published. If it never becomes durable, a `Refused` is handed over instead."""

    def see(self, room: str, viewer: Actor, to: Callable[[Sight | Refused], None]) -> None:
        """The snapshot that the viewer may see."""

    async def history(
        self, room: str, viewer: Actor, after: int, limit: int
    ) -> Sequence[bytes] | Rejected:
        """Event frames (JSON) after a seq, as the viewer may see them; empty at the end."""

    def admit(self, actor: Actor) -> Actor | Rejected:
        """Who this is by now, whatever the token says; or why nothing is taken from them. A sink
        far away looks when it has got what they ask for."""

    def refuse(self, command: type[Command], actor: Actor) -> Rejected | None:
        """Why somebody who was admitted may not send such a command at all, if so."""

    def presence(self, user: str, online: bool) -> None:
        """A user's first session has come, or the last has gone."""


class Peer(Protocol):
    """The writers of other markets, as one who carries letters knows them."""

    async def take(self, market: str, letter: TakeLetter) -> Answer:
        """Have a letter taken by its market, in the name of the house. What is accepted is durable
        there. Letters that are handed over one after the other, without waiting, are decided in
        that order. Whatever it raises, the letter will come again."""
