"""The checker of the log and of every answer, outside the house.

It is told what people sent, what they were answered at the moment the house let go of it, and
what the log wrote. From that it knows at every step whether the house keeps its word.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from engine import snapshot
from engine.contract import Command
from engine.core import Core
from engine.domains.auction.codes import BID_TOO_LOW
from engine.domains.auction.commands import PlaceBid
from engine.house import DEAD_LETTERS, ErrandFailed
from engine.kernel.market import Market
from engine.kernel.outcome import CMD_ID_REUSED, OVERLOADED, UNAVAILABLE, UNKNOWN, refusal_in
from engine.kernel.record import CHAIN_START, Record, chain_hash
from engine.ports import Answer, Snapshot
from engine.registry import Registry
from engine.room import chain_key
from engine.sequencer import Accepted, Refused, encode
from testkit.naive_custody import NaiveCustody
from testkit.naive_dispatch import NaiveDispatch
from testkit.naive_identity import NaiveIdentity
from testkit.naive_market import NaiveMarket
from testkit.violation import Violation, expect
from testkit.virtual_loop import Life
from testkit.world import vault

ASK_AGAIN = (UNKNOWN, UNAVAILABLE, OVERLOADED)
"""Refusals that do not say what became of the command."""

Key = tuple[str, str]
"""User and command id."""


class Auditor:
    """All that is known of a run from outside."""

    def __init__(self, registry: Registry, markets: dict[str, Market]) -> None:
        self.records: list[Record] = []
        self.heads: dict[str, Record] = {}
        """Room -> its latest record."""
        self.market = NaiveMarket()
        self.custody = NaiveCustody()
        self.dispatch = NaiveDispatch()
        self.identity = NaiveIdentity()
        self.kinds: Counter[str] = Counter()
        """How often each event happened, and those with a cause also of each cause."""
        self.twin = Core(registry, markets, vault())
        """What replay makes of the log, record by record."""
        self._vault = vault()
        self._registry = registry
        self._markets = markets
        self._slow_twin = Core(registry, markets)
        """The same, up to the latest snapshot."""
        self._sent: defaultdict[Key, dict[str, Command]] = defaultdict(dict)
        """By the hashes of their bodies."""
        self._under_way: defaultdict[Key, list[Life]] = defaultdict(list)
        """The processes that have a copy of the command and have not answered it."""
        self._decided: dict[Key, Record] = {}
        self._acknowledged: set[Key] = set()
        """Commands whose first answer has left, which happens at most once."""
        self._refused: set[Key] = set()
        """Commands that were given up after a refusal, and of which no copy is left."""

    # What people do.

    def sent(self, user: str, command: Command, life: Life) -> None:
        """A copy of a command has reached a process, perhaps with another body."""
        key = (user, command.id)
        self._sent[key][self._hash(command)] = command
        self._under_way[key].append(life)

    def answered(self, user: str, command: Command, answer: Answer, life: Life) -> None:
        """A process lets go of an answer to a copy."""
        key = (user, command.id)
        self._under_way[key].remove(life)
        if isinstance(answer, Accepted):
            self._accepted(key, command, answer)
        elif answer.rejected.code not in ASK_AGAIN:
            self._refused_copy(key, command, answer)

    def took_no(self, user: str, id_: str) -> None:
        """Somebody was refused and does not ask again: if no copy is under way, that is final."""
        key = (user, id_)
        record = self._decided.get(key)
        if record and refusal_in(record.result):
            return
        expect(record is None, f"ENG-5: {key} was refused, and is in the log")
        if not any(life.is_alive for life in self._under_way[key]):
            self._refused.add(key)

    def _accepted(self, key: Key, command: Command, answer: Accepted) -> None:
        record = self._decided.get(key)
        head = self.heads.get(answer.room)
        expect(answer.seq <= (head.seq if head else 0), f"ENG-1: {answer} is ahead of the log")
        if record is None:
            expect(b'"receipt":' not in answer.result, f"ENG-1: {answer} is not in the log")
            expect(not answer.duplicate, f"ENG-2: {answer} repeats what is not in the log")
            return
        is_this = self._hash(command) == record.command_hash
        expect(is_this, f"ENG-2: {command} is answered as what made {record}")
        found = (answer.room, answer.seq, answer.at, self._without_secrets(command, answer, record))
        stored = (record.room, record.seq, record.at, record.result)
        expect(found == stored, f"ENG-2: {answer} is not the first answer {stored}")
        expect(f'"receipt":"{record.hash}"'.encode() in answer.result, "auction X8: no receipt")
        if not answer.duplicate:
            expect(key not in self._acknowledged, f"ENG-2: {answer} was decided twice")
            self._acknowledged.add(key)

    def _without_secrets(self, command: Command, answer: Accepted, record: Record) -> bytes:
        """The result as it is stored: what was revealed beside it is in no log."""
        if type(command) not in self._registry.reveals:
            return answer.result
        said, stored = msgspec.json.decode(answer.result), msgspec.json.decode(record.result)
        return msgspec.json.encode({name: said.get(name) for name in stored})

    def _refused_copy(self, key: Key, command: Command, answer: Refused) -> None:
        record = self._decided.get(key)
        if answer.rejected.code == CMD_ID_REUSED:
            is_other = record is not None and self._hash(command) != record.command_hash
            expect(is_other, f"ENG-2: {command} came again, and is refused")
            return
        if record and (noted := refusal_in(record.result)):
            said = (answer.rejected.code.name, answer.rejected.message)
            first = (noted.code, noted.message)
            expect(said == first, f"ENG-2: {answer} is not the first refusal {noted}")
            return
        if isinstance(command, PlaceBid) and answer.rejected.code == BID_TOO_LOW:
            minimum = answer.rejected.details["minimum"]
            known = self.market.auctions[f"auction:{command.auction}"].minima
            expect(command.amount < minimum, f"auction B4, B5: {answer} to {command}")
            expect(minimum in known, f"ENG-1: {answer} rests on what is not in the log")

    # What the log does.

    def written(self, records: Sequence[Record]) -> None:
        """A batch is durable."""
        commands = self._commands_of(records)
        for record, command in zip(records, commands, strict=True):
            self._follows(record)
            event = msgspec.json.decode(record.event)
            self._is_no_dead_letter(record, event)
            self.market.take(record, event, command)
            self.custody.take(record, event)
            self.dispatch.take(record, event)
            self.identity.take(record, event, command)
            self._count(event)
            self.twin.replay(record)
            self.records.append(record)
            self.heads[record.room] = record
            if record.command_id:
                self._decide(record)
        self.market.finish()
        self.identity.finish()
        self.twin.check()

    def _count(self, event: Mapping[str, Any]) -> None:
        self.kinds[event["event"]] += 1
        if cause := event.get("cause"):
            self.kinds[f"{event['event']} {cause}"] += 1

    def saved(self, image: Snapshot) -> None:
        """A snapshot is durable: it must be what replay makes."""
        if image.position < self._slow_twin.position:
            self._slow_twin = Core(self._registry, self._markets)
        for record in self.records[self._slow_twin.position : image.position]:
            self._slow_twin.replay(record)
        expect(
            image.data == snapshot.take(self._slow_twin),
            f"ENG-9: the snapshot at {image.position} is not what replay makes",
        )

    def _commands_of(self, records: Sequence[Record]) -> list[Command | None]:
        """The command of each record. Its id stands on the last record that it made."""
        commands: list[Command | None] = []
        later: Record | None = None
        for record in reversed(records):
            if record.command_id:
                later = record
            elif later is not None and not _is_same_step(record, later):
                later = None
            command = self._command_of(later) if later else None
            commands.append(command)
        return commands[::-1]

    def _command_of(self, record: Record) -> Command:
        command = self._sent[record.actor, record.command_id].get(record.command_hash)
        if command is None:
            raise Violation(f"nobody has sent what made {record}")
        return command

    def _hash(self, command: Command) -> str:
        key = self._vault.mac("command-hash", "")
        return blake2b(encode(command), digest_size=8, key=key).hexdigest()

    def _follows(self, record: Record) -> None:
        expect(record.position == len(self.records) + 1, f"ENG-3: a gap at {record.position}")
        before = self.heads.get(record.room)
        expect(record.seq == (before.seq if before else 0) + 1, f"ENG-3: a gap in {record.room}")
        latest = self.records[-1].at if self.records else 0
        expect(record.at >= latest, f"ENG-4: time goes back at {record.position}")
        chain = chain_hash(
            chain_key(self._vault, record.room),
            before.hash if before else CHAIN_START,
            record.room,
            record.seq,
            record.at,
            record.actor,
            record.event,
        )
        expect(record.hash == chain, f"ENG-10: the receipt of position {record.position}")

    def _decide(self, record: Record) -> None:
        key = (record.actor, record.command_id)
        expect(key not in self._decided, f"ENG-2: {key} is decided twice")
        expect(key not in self._refused, f"ENG-5: {key} was refused, and is in the log")
        self._decided[key] = record

    def has_decided(self, user: str, id_: str) -> bool:
        """Whether a command of somebody is in the log."""
        return (user, id_) in self._decided

    def _is_no_dead_letter(self, record: Record, event: Any) -> None:
        # An errand that failed is told of there, as it should be.
        is_told = (
            record.room != DEAD_LETTERS or event["event"] == ErrandFailed.__struct_config__.tag
        )
        expect(is_told, f"ENG-7: {record.event.decode()}")


def _is_same_step(record: Record, later: Record) -> bool:
    """Whether a record right before one of a command is of that command, too."""
    return (record.room, record.actor, record.at) == (later.room, later.actor, later.at)
