"""Floor 6: the one place where decide meets evolve.

`Core.step` decides one command and applies everything that it causes in all rooms of the
shard, at once. It is synchronous and either refuses without a trace or applies the whole.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from engine.contract import (
    CLAIM_MARK,
    Command,
    Decision,
    Dismiss,
    Event,
    Hand,
    Message,
    Noted,
    Notify,
    Reaction,
    Send,
    Soft,
    Vault,
    user_of_presence,
    user_of_stake,
)
from engine.house import DEAD_LETTERS, DeadLetter
from engine.kernel.actor import THE_HOUSE, Actor
from engine.kernel.ids import MAIN, MARKET_MARK, room_name, split_address, user_room
from engine.kernel.limits import REACTIONS_MAX
from engine.kernel.market import Market
from engine.kernel.outcome import (
    MALFORMED,
    ROOM_NOT_FOUND,
    UNKNOWN_COMMAND,
    Rejected,
    refusal_as_result,
)
from engine.kernel.outside import Ask
from engine.kernel.posting import Transfer
from engine.kernel.record import Record, chain_hash
from engine.kernel.time import Millis
from engine.ledger.accounts import user_of_wallet
from engine.ledger.book import Book
from engine.ledger.events import EntryPosted
from engine.mail import OUTBOX_DOMAIN, letter_of
from engine.registry import Registry
from engine.room import Room, StepContext, chain_key

encode = msgspec.json.Encoder().encode


def _unhashed(_: Command) -> str:
    """For those who do not care."""
    return ""


class Applied(Struct, frozen=True, gc=False):
    """An event that has just been applied, with the room it belongs to."""

    room: Room
    record: Record
    event: Event


class Outcome(Struct, frozen=True):
    """What a command did: records in the order of the log, and the reply's result as JSON."""

    room: str
    seq: int
    applied: Sequence[Applied]
    result: bytes
    aside: Sequence[Soft | Dismiss] = ()
    """What is to be told and is not written."""
    rejected: Rejected | None = None
    """Set if all this is the record of a refusal."""


class Core:
    """All state of a shard: rooms, the book, claims, and the position in the log."""

    def __init__(
        self,
        registry: Registry,
        markets: dict[str, Market],
        vault: Vault | None = None,
        home: str = MAIN,
    ) -> None:
        """Without a vault it can replay, and decide where no keys are needed."""
        self.registry = registry
        self.markets = markets
        self.vault = vault
        self.home = home
        """The market that is served. Replay does not ask for it, so it may be set afterwards."""
        self.rooms: dict[str, Room] = {}
        self.claims: dict[str, str] = {}
        self.watchers: dict[str, set[str]] = {}
        """User -> rooms that hold a presence claim on them; derived from `claims`."""
        self.stakes: dict[str, set[str]] = {}
        """User -> rooms where something of theirs is not over; derived from `claims`."""
        self.book = Book()
        self.position = 0
        self.now: Millis = 0
        self.last_at: Millis = 0
        """Time of the last record. It is part of the state, for the log has it; `now` is not."""
        self._context = StepContext(self.rooms, self.claims, self.stakes, markets, self.book, vault)
        self._pending: deque[tuple[Room, int, Reaction]] = deque()
        self._aside: list[Soft | Dismiss] = []

    def restore(self, rooms: Iterable[Room], claims: Mapping[str, str], book: Book) -> None:
        """Take over the state of a snapshot. Only for a core that has done nothing yet."""
        assert not self.rooms, "restore comes first"
        assert not self.position, "restore comes first"
        self.rooms.update({room.name: room for room in rooms})
        for key, room in claims.items():
            self._claim(key, room)
        self.book.currencies.update(book.currencies)

    def step(
        self,
        command: Command | Message,
        room_name: str,
        actor: Actor,
        now: Millis,
        hash_of: Callable[[Command], str] = _unhashed,
        proof: Any = None,
    ) -> Outcome | Rejected:
        """Decide and apply. `now` (ms) never goes back. `hash_of`: by what a command is told from
        another of the same id; it is asked for if the command is written down. `proof`: the answer
        to what the command's `prepare` asked."""
        assert now >= self.now, "engine time went back"
        assert not self._pending, "the writer's step was entered twice"
        self.now = now
        room = self._open(room_name)
        if room is None:
            return self._nowhere(room_name)
        self._context.proof = proof
        decided = self._decide(room, command, actor)
        self._context.proof = None
        if isinstance(decided, Rejected):
            return decided
        applied: list[Applied] = []
        rejected, events = _told(decided)
        result = self._apply(room, events, actor, applied, command, hash_of, rejected)
        # A reaction may come back to this room; the answer is about the command's own events.
        seq = room.seq
        reactions = 0
        while self._pending:
            reactions += 1
            assert reactions <= REACTIONS_MAX, f"{room_name} caused too many reactions"
            self._deliver(*self._pending.popleft(), applied)
        aside, self._aside = self._aside, []
        return Outcome(room.name, seq, applied, result, aside, rejected)

    def context(self, room: str, actor: Actor) -> StepContext:
        """The context of a rule that is to be called now. The next call makes it stale."""
        context = self._context
        context.room, context.actor, context.now = room, actor, self.now
        context.home = self.home
        return context

    def ask(self, command: Command, actor: Actor) -> Ask | None:
        """What the world must be asked before this command is decided, if anything."""
        room = self._open(command.room(actor))
        prepare = room.domain.prepare.get(type(command)) if room else None
        if room is None or prepare is None:
            return None
        return prepare(room.state, command, self.context(room.name, actor))

    def admit(self, actor: Actor) -> Actor | Rejected:
        """Who this is by now: what the house knows of them goes before what a token says. Whoever
        has no room of their own is known by the token alone."""
        domain = self.registry.vouching
        room = self.rooms.get(f"{domain.name}:{actor.user}") if domain else None
        if room is None or domain is None or domain.vouch is None:
            return actor
        return domain.vouch(room.state, actor)

    def replay(self, record: Record) -> Room:
        """Apply a record of the log, without deciding anything. Returns its room."""
        assert record.position == self.position + 1, f"the log has a gap at {record.position}"
        room = self.rooms.get(record.room) or self._open(record.room)
        assert room is not None, f"position {record.position}: no domain for {record.room}"
        assert record.seq == room.seq + 1, f"{record.room} has a gap at seq {record.seq}"
        assert record.at >= self.last_at, f"time goes back at position {record.position}"
        self.now = record.at
        if not room.hears_only:
            self._evolve(room, self.registry.event_decoder.decode(record.event))
        self._enter(room, record)
        return room

    def _open(self, name: str) -> Room | None:
        """The room of this name; a new one is kept only when its first event is applied."""
        room = self.rooms.get(name)
        if room is None:
            if name.startswith(CLAIM_MARK):
                otherwise, _, claim = name[len(CLAIM_MARK) :].partition(" ")
                return self._open(self.claims.get(claim, otherwise))
            if MARKET_MARK in name:
                name, market = split_address(name)
                return self._open(name) if market == self.home else None
            domain = self.registry.domain_of(name)
            return Room(name, domain, chain_key(self.vault, name)) if domain else None
        return room

    def _nowhere(self, name: str) -> Rejected:
        market = "" if name.startswith(CLAIM_MARK) else split_address(name)[1]
        if market in ("", self.home):
            return Rejected(ROOM_NOT_FOUND, f"no room can be called {name!r}")
        return Rejected(ROOM_NOT_FOUND, f"{name} is of another market", {"market": market})

    def _abroad(self, room: str) -> str:
        """The market that a room is of, if it is another one."""
        if MARKET_MARK not in room or room.startswith(CLAIM_MARK):
            return ""
        market = split_address(room)[1]
        return market if market != self.home else ""

    def _decide(self, room: Room, command: Command | Message, actor: Actor) -> Decision:
        decide = room.domain.decide.get(type(command))
        if decide is None:
            return Rejected(UNKNOWN_COMMAND, f"{room.name} does not know this message")
        return decide(room.state, command, self.context(room.name, actor))

    def _apply(
        self,
        room: Room,
        events: Sequence[Event],
        actor: Actor,
        applied: list[Applied],
        command: Command | Message,
        hash_of: Callable[[Command], str],
        rejected: Rejected | None = None,
    ) -> bytes:
        """Apply a decision in its room and queue what it causes elsewhere. Returns the reply's
        result, or the refusal, which stands on the last record too."""
        seq = room.seq
        for event in events:
            seq += 1
            self._evolve(room, event)
            if event.postings:
                self._tell_owners(room, seq, event)
        context = self.context(room.name, actor)
        if room.soft is not None and (touch := room.domain.touch.get(type(command))):
            self._aside += touch(room.soft, room.state, command, context)
        asked = command if isinstance(command, Command) else None
        if rejected:
            answer = refusal_as_result(rejected)
        else:
            answer = _answer(room, command, events, context) if asked else b""
        user, react = actor.user, room.domain.react
        for event in events:
            body = encode(event)
            chain = chain_hash(room.key, room.hash, room.name, room.seq + 1, self.now, user, body)
            if asked and room.seq + 1 == seq:
                answer = _with_receipt(answer, chain)
                tail = (asked.id, hash_of(asked), answer)
            else:
                tail = _NO_COMMAND
            record = Record(
                self.position + 1, room.name, room.seq + 1, self.now, user, body, chain, *tail
            )
            self._enter(room, record)
            applied.append(Applied(room, record, event))
            for reaction in react(room.state, event, context):
                self._pending.append((room, record.seq, reaction))
        return answer

    def _evolve(self, room: Room, event: Event) -> None:
        if event.postings:
            self.book.apply(event.postings, self.now)
        if event.frees or event.claims:
            self._change_claims(room, event)
        evolve = room.domain.evolve.get(type(event))
        if evolve is not None:
            evolve(room.state, event, self.now)

    def _change_claims(self, room: Room, event: Event) -> None:
        for key in event.frees:
            self._free(key, room.name)
        for key in event.claims:
            self._claim(key, room.name)

    def _claim(self, key: str, room: str) -> None:
        assert key not in self.claims, f"{key} is claimed twice"
        self.claims[key] = room
        if user := user_of_presence(key):
            self.watchers.setdefault(user, set()).add(room)
        elif user := user_of_stake(key):
            self.stakes.setdefault(user, set()).add(room)

    def _free(self, key: str, room: str) -> None:
        freed = self.claims.pop(key, None)
        staker = user_of_stake(key)
        if staker and freed is None:
            return  # The room was opened before rooms claimed stakes.
        assert freed == room, f"{room} frees {key}, which {freed} holds"
        if user := user_of_presence(key):
            _leave(self.watchers, user, room)
        elif staker:
            _leave(self.stakes, staker, room)

    def _enter(self, room: Room, record: Record) -> None:
        if not room.seq:
            self.rooms[room.name] = room
        room.seq = record.seq
        room.hash = record.hash
        room.tail.append(record)
        self.position = record.position
        self.last_at = record.at

    def _tell_owners(self, room: Room, seq: int, event: Event) -> None:
        """Each transfer in or out of a wallet is a notice to its owner (accounts 12.4)."""
        for posting in event.postings:
            if type(posting) is not Transfer:
                continue
            for account, sign in ((posting.debit, -1), (posting.credit, 1)):
                if user := user_of_wallet(account):
                    entry = EntryPosted(
                        kind=posting.kind,
                        amount=sign * posting.amount,
                        currency=posting.currency,
                        balance_after=self.book.balance(account, posting.currency),
                        reference=posting.reference,
                        source=room.name,
                        source_seq=seq,
                        entry_at=self.now,
                    )
                    self._pending.append((room, seq, Notify(user, entry)))

    def _deliver(self, source: Room, seq: int, reaction: Reaction, applied: list[Applied]) -> None:
        # Most reactions are notices at home. To ask for the very type is cheaper than `isinstance`.
        if type(reaction) is Notify and not self._abroad(room := user_room(reaction.user)):
            self._write(room, reaction.event, applied)
        elif isinstance(reaction, Dismiss):
            self._aside.append(reaction)
        elif isinstance(reaction, Hand):
            self._hand_over(source, seq, reaction, applied)
        else:
            self._post_or_send(source, seq, reaction, applied)

    def _post_or_send(
        self, source: Room, seq: int, reaction: Send | Notify, applied: list[Applied]
    ) -> None:
        """Decide a message now; if it goes to another market, or is a notice there, post it."""
        to_room = user_room(reaction.user) if isinstance(reaction, Notify) else reaction.room
        if market := self._abroad(to_room):
            letter = letter_of(reaction, split_address(to_room)[0], source.name, seq)
            reaction = Send(room_name(OUTBOX_DOMAIN, market), letter)
        assert isinstance(reaction, Send), "a notice at home is written at once"
        self._send(source, seq, reaction, applied)

    def _hand_over(self, source: Room, seq: int, letter: Hand, applied: list[Applied]) -> None:
        """Do what a letter says. If it cannot be done, the letters behind it must not wait."""
        refused = None
        registry = self.registry
        decoder = registry.event_decoder if letter.is_notice else registry.message_decoder
        try:
            said = decoder.decode(letter.message)
        except msgspec.DecodeError as problem:
            refused = Rejected(MALFORMED, f"the letter cannot be read: {problem}")
        else:
            if self._abroad(letter.room):
                refused = Rejected(ROOM_NOT_FOUND, f"{letter.room} is of another market")
            elif letter.is_notice:
                self._write(letter.room, said, applied)
            else:
                self._send(source, seq, Send(letter.room, said), applied)
        if refused:
            self._bury(source, seq, letter.room, letter.message, refused, applied)

    def _send(self, source: Room, seq: int, reaction: Send, applied: list[Applied]) -> None:
        room = self._open(reaction.room)
        decided = (
            self._decide(room, reaction.message, THE_HOUSE)
            if room
            else self._nowhere(reaction.room)
        )
        if isinstance(decided, Rejected):
            message = encode(reaction.message).decode()
            self._bury(source, seq, reaction.room, message, decided, applied)
            return
        _, events = _told(decided)
        if events or (room and room.soft is not None):
            assert room is not None, "only a room decides"
            self._apply(room, events, THE_HOUSE, applied, reaction.message, _unhashed)

    def _bury(
        self,
        source: Room,
        seq: int,
        to_room: str,
        message: str,
        refused: Rejected,
        applied: list[Applied],
    ) -> None:
        """Keep a message (JSON) that was refused where operators see it."""
        letter = DeadLetter(
            to_room=to_room,
            message=message,
            code=refused.code.name,
            reason=refused.message,
            from_room=source.name,
            from_seq=seq,
        )
        self._write(DEAD_LETTERS, letter, applied)

    def _write(self, room_name: str, event: Event, applied: list[Applied]) -> None:
        """Write an event that nobody has to decide: a notice or a dead letter."""
        room = self._open(room_name)
        assert room is not None, f"no domain for {room_name}"
        body = encode(event)
        chain = chain_hash(
            room.key, room.hash, room.name, room.seq + 1, self.now, THE_HOUSE.user, body
        )
        if room.hears_only:
            changes = event.postings or event.claims or event.frees
            assert not changes, "a notice changes nothing"
        else:
            self._evolve(room, event)
        record = Record(
            self.position + 1, room.name, room.seq + 1, self.now, THE_HOUSE.user, body, chain
        )
        self._enter(room, record)
        applied.append(Applied(room, record, event))

    def check(self, rooms: Iterable[Room] | None = None) -> None:
        """Assert every invariant of the given rooms (all by default) and of the book."""
        for room in self.rooms.values() if rooms is None else rooms:
            check: Callable[[Any], None] = room.domain.check
            check(room.state)
        self.book.check()


def _told(decided: Sequence[Event] | Noted) -> tuple[Rejected | None, Sequence[Event]]:
    if isinstance(decided, Noted):
        assert decided.events, "a refusal that is written down has an event"
        return decided.rejected, decided.events
    return None, decided


_NO_COMMAND = ("", "", b"")


def _answer(room: Room, command: Any, events: Sequence[Event], context: StepContext) -> bytes:
    """The reply's `result`, from the domain."""
    answer = room.domain.result(room.state, command, events, context)
    return encode(answer) if answer is not None else b"{}"


def _with_receipt(answer: bytes, chain: str) -> bytes:
    """The result with the hash of the room's log up to its last event (auction X8)."""
    assert answer.startswith(b"{"), "a result is a JSON object"
    comma = b"," if len(answer) > 2 else b""
    return b'%s%s"receipt":"%s"}' % (answer[:-1], comma, chain.encode())


def _leave(rooms_of: dict[str, set[str]], user: str, room: str) -> None:
    rooms_of[user].discard(room)
    if not rooms_of[user]:
        del rooms_of[user]
