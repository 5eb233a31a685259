"""Floor 7: what a viewer may see of a room: snapshots, event frames, history.

An event looks the same to all viewers of one class, and the same today as in a year: frames
are made of the event and of what a room never forgets.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from engine.contract import Event, Soft, tag_of
from engine.core import Core
from engine.kernel.actor import Actor
from engine.kernel.limits import RESUME_EVENTS_MAX
from engine.kernel.outcome import FORBIDDEN, ROOM_NOT_FOUND, Rejected
from engine.kernel.record import Record
from engine.kernel.time import Millis
from engine.room import Room

encode = msgspec.json.Encoder().encode


class EventFrame(Struct, frozen=True, gc=False, tag_field="type", tag="event"):
    """One event as a subscriber receives it (PROTOCOL, feeds)."""

    room: str
    seq: int
    at: Millis
    event: str
    data: Any


class SoftFrame(Struct, frozen=True, gc=False, tag_field="type", tag="soft"):
    """Something that moves, as a subscriber receives it. The gateway adds `conflated`."""

    room: str
    event: str
    data: Any


class Sight(Struct, frozen=True):
    """What one viewer may see of a room now."""

    room: str
    audience: str
    """Their class: whose event frames they get."""
    seq: int
    state: bytes
    """The snapshot as JSON."""


def see(core: Core, room_name: str, viewer: Actor) -> Sight | Rejected:
    """The room as it stands after the latest decision, for this viewer."""
    room = _find(core, room_name)
    if room is None:
        return _not_found(room_name)
    context = core.context(room.name, viewer)
    audience = room.domain.audience(room.state, context)
    if not audience:
        return Rejected(
            FORBIDDEN, f"{room_name} is not yours to see", {"room": room_name, "role": viewer.role}
        )
    state = room.domain.view(room.state, context)
    if state is None:
        return _not_found(room_name)
    return Sight(room.name, audience, room.seq, encode(state))


def audience_of(core: Core, room_name: str, viewer: Actor) -> str:
    """The class of this viewer in a room that exists, or "" if they may not look."""
    room = _find(core, room_name)
    if room is None:
        return ""
    return room.domain.audience(room.state, core.context(room.name, viewer))


def frame(room: Room, record: Record, event: Event, audience: str) -> bytes:
    """The event's frame for a class of viewers, as JSON."""
    shown = room.domain.show(room.state, event, audience)
    return encode(EventFrame(record.room, record.seq, record.at, tag_of(type(event)), shown))


def soft_frame(soft: Soft) -> bytes:
    """The frame of something that moves, as JSON."""
    return encode(SoftFrame(soft.room, soft.event, soft.data))


def frames(core: Core, records: Iterable[Record], audience: str) -> list[bytes]:
    """Frames of records read back from the log or a room's tail."""
    decode = core.registry.event_decoder.decode
    return [
        frame(core.rooms[record.room], record, decode(record.event), audience) for record in records
    ]


def can_resume(sight: Sight, after: int | None) -> bool:
    """Whether a subscriber who knows everything up to `after` is told what it missed, rather
    than shown the room as it is."""
    return after is not None and 0 <= sight.seq - after <= RESUME_EVENTS_MAX


def tail_after(core: Core, room_name: str, seq: int) -> list[Record] | None:
    """The room's records after `seq`, if memory still has all of them; else None."""
    room = core.rooms.get(room_name)
    if room is None or room.seq <= seq:
        return []
    if room.tail and room.tail[0].seq <= seq + 1:
        return [record for record in room.tail if record.seq > seq]
    return None


def _find(core: Core, room_name: str) -> Room | None:
    """A room that exists, or that its domain shows to viewers before anything happened."""
    room = core.rooms.get(room_name)
    if room is None and (domain := core.registry.domain_of(room_name)) and domain.always:
        return Room(room_name, domain)
    return room


def _not_found(room_name: str) -> Rejected:
    return Rejected(ROOM_NOT_FOUND, f"there is no room {room_name!r}", {"room": room_name})
