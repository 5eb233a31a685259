"""What the writer answers beside the sequencer's own outputs."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from engine import look
from engine.contract import Command, Vault
from engine.core import Core
from engine.kernel.actor import Actor
from engine.kernel.limits import HISTORY_PAGE_MAX
from engine.kernel.outcome import ARCHIVED, UNAVAILABLE, Rejected, refusal_in
from engine.kernel.record import Record
from engine.look import Sight
from engine.ports import Answer, AnswerTo, EventLog, Subscribed
from engine.registry import Registry
from engine.sequencer import Accepted, Recall, Refused
from persistence.errors import Archived, LogUnavailable
from persistence.order import ARCHIVED as ARCHIVED_TO


def unavailable(id_: str) -> Refused:
    """Nobody decides now: the log is being recovered, or another process may own it."""
    return Refused(
        None,
        id_,
        Rejected(UNAVAILABLE, "the log cannot be written now; try again with the same id"),
    )


def stored(recall: Recall, record: Record, registry: Registry) -> Answer:
    """The first answer to a command that came again, from its record."""
    assert record.command_id == recall.id, f"position {record.position} is another command's"
    if refused := refusal_in(record.result):
        code = registry.code(refused.code)
        return Refused(recall.to, recall.id, Rejected(code, refused.message, refused.details))
    return Accepted(
        recall.to, recall.id, record.room, record.seq, record.at, record.result, duplicate=True
    )


def stored_in_memory(recall: Recall, core: Core, registry: Registry) -> Answer | None:
    """The same, if the room's tail still has the record."""
    room = core.rooms.get(recall.room)
    for record in reversed(room.tail if room else ()):
        if record.position == recall.position:
            return stored(recall, record, registry)
    return None


async def recall_from_log(recall: Recall, log: EventLog, registry: Registry) -> None:
    """The same, where memory has the record no more."""
    try:
        (record,) = await log.read(recall.position - 1, 1)
    except LogUnavailable:
        recall.to(unavailable(recall.id))
    except Archived:
        gone = Rejected(ARCHIVED, "this was decided long ago, and its answer has been archived")
        recall.to(Refused(recall.to, recall.id, gone))
    else:
        recall.to(stored(recall, record, registry))


def feed_in_memory(core: Core, sight: Sight, after: int | None) -> Subscribed | None:
    """The answer to a subscriber who knows everything up to `after`, or wants a snapshot; None
    if memory has not all that they missed."""
    if after is None:
        return Subscribed(sight.room, sight.audience, sight.seq, False, [], sight.state)
    missed = look.tail_after(core, sight.room, after)
    if missed is None:
        return None
    frames = look.frames(core, missed, sight.audience)
    return Subscribed(sight.room, sight.audience, sight.seq, True, frames, b"")


async def missed_in_log(
    sight: Sight, after: int, core: Core, log: EventLog
) -> Subscribed | Refused:
    """The answer to a subscriber who missed more than memory has."""
    try:
        missed = await log.read_room(sight.room, after, sight.seq - after)
    except LogUnavailable:
        return unavailable("")
    except Archived:
        return Subscribed(sight.room, sight.audience, sight.seq, False, [], sight.state)
    if len(missed) < sight.seq - after:
        return unavailable("")
    frames = look.frames(core, missed, sight.audience)
    return Subscribed(sight.room, sight.audience, sight.seq, True, frames, b"")


async def history(
    core: Core, log: EventLog, room: str, viewer: Actor, after: int, limit: int
) -> Sequence[bytes] | Rejected:
    """Event frames of a room after a seq, as the viewer may see them; or from which seq on the log
    has them, if that one has been archived."""
    sight = look.see(core, room, viewer)
    if isinstance(sight, Rejected):
        return sight
    try:
        records = await log.read_room(room, after, min(limit, HISTORY_PAGE_MAX))
        if (
            not records
            and after < _seq_before_tail(core, room)
            and await log.load_mark(ARCHIVED_TO)
        ):
            return _archived(room, _seq_before_tail(core, room) + 1)
    except LogUnavailable:
        return unavailable("").rejected
    except Archived as gap:
        return _archived(room, gap.first)
    return look.frames(core, records, sight.audience)


def _seq_before_tail(core: Core, room: str) -> int:
    """Up to here memory has nothing of the room, and the log everything, unless it is archived."""
    found = core.rooms.get(room)
    if found is None:
        return 0
    return found.tail[0].seq - 1 if found.tail else found.seq


def _archived(room: str, first: int) -> Rejected:
    return Rejected(
        ARCHIVED,
        f"what happened in {room} before seq {first} has been archived: ask for what came after "
        f"{first - 1}, or for the room as it is",
        {"room": room, "first_seq": first},
    )


def revealing(
    command: Command, actor: Actor, to: AnswerTo, registry: Registry, vault: Vault
) -> AnswerTo:
    """Where the answer goes by way of the domain's `reveal`: it leaves with secrets that no log
    holds, and leaves with the same ones when the command comes again."""
    reveal: Callable[[Any, Any, Actor, Vault], dict[str, Any]] = registry.reveals[type(command)]

    def answer(found: Answer) -> None:
        if isinstance(found, Accepted):
            result = msgspec.json.decode(found.result)
            said = reveal(command, result, actor, vault)
            found = replace(found, result=msgspec.json.encode({**result, **said}))
        to(found)

    return answer
