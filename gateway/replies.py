"""What the server says, as PROTOCOL has it, apart from event frames: those the engine makes."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from engine.kernel.outcome import Rejected, Retry
from engine.kernel.time import Millis
from engine.ports import Subscribed
from engine.sequencer import Accepted

encode = msgspec.json.Encoder().encode

RESTART = "RESTART"


class Frame(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type"):
    """One message from the server; `type` tells which."""


class Ok(Frame, frozen=True, tag="ok"):
    """A command was decided, and its events are durable."""

    id: str
    room: str
    epoch: str
    """Random name of the log; a seq means something only together with it."""
    seq: int
    """The room's latest seq after the command."""
    at: Millis
    result: Raw
    """Facts about the outcome: an object, by command."""
    duplicate: bool = False
    """Whether this is the stored first answer to a command that came again."""


class SessionOk(Frame, frozen=True, tag="ok"):
    """A session command was carried out."""

    id: str
    at: Millis
    result: Raw
    room: str | None = None
    epoch: str | None = None
    seq: int | None = None


class Error(Frame, frozen=True, tag="error"):
    """A request was refused; nothing happened. `message` says what to do about it."""

    id: str | None
    """The request's, or null where it could not be read."""
    code: str
    message: str
    retry: Retry
    details: dict[str, Any]


class Identified(Struct, frozen=True):
    """Whom the server takes the client for: the result of `auth`."""

    user: str
    role: str
    kyc: str
    expires_at: Millis


class Recovery(Struct, frozen=True):
    """How the feed goes on: the result of `subscribe`."""

    recovered: bool
    """True: the missed events follow. False: a snapshot does."""
    seq: int
    epoch: str


class Pong(Struct, frozen=True):
    """The result of `ping`."""

    server_time: Millis


class Limits(Struct, frozen=True, kw_only=True):
    """What a client should keep to."""

    message_bytes_max: int
    subscriptions_max: int
    user_calls_per_minute: int
    """0: no limit."""
    guest_calls_per_minute: int
    """For each address; 0: no limit."""


class Welcome(Frame, frozen=True, tag="welcome"):
    """The first frame of a connection."""

    protocol: str
    session: str
    user: str | None
    role: str
    server_time: Millis
    """The house's time, by which deadlines are set."""
    ping_interval_ms: int
    limits: Limits


class Snapshot(Frame, frozen=True, tag="snapshot"):
    """A room as the viewer may see it after the event `seq`."""

    room: str
    epoch: str
    seq: int
    state: Raw


class Soft(Frame, frozen=True, tag="soft"):
    """Something that moves: latest only, and unnumbered."""

    room: str
    event: str
    data: Raw
    conflated: int = 0
    """How many before it were left out, because the client had not read on."""


class Goodbye(Frame, frozen=True, tag="goodbye"):
    """The server is about to close. Come back after `reconnect_after_ms` and resume."""

    code: str
    reconnect_after_ms: int


class RoomView(Struct, frozen=True):
    """A room as the viewer may see it, over HTTP."""

    room: str
    epoch: str
    seq: int
    state: Raw


class History(Struct, frozen=True):
    """A page of a room's event frames, oldest first; empty at the end."""

    room: str
    epoch: str
    events: Sequence[Raw]


def ok(answer: Accepted, epoch: str) -> bytes:
    """The reply to a command that was decided."""
    return encode(
        Ok(
            id=answer.id,
            room=answer.room,
            epoch=epoch,
            seq=answer.seq,
            at=answer.at,
            result=Raw(answer.result),
            duplicate=answer.duplicate,
        )
    )


def conflated(frame: bytes, replaced: int) -> bytes:
    """A soft frame that stands for so many others too."""
    return b'%s,"conflated":%d}' % (frame[:-1], replaced) if replaced else frame


def error(id_: str | None, rejected: Rejected) -> bytes:
    """The reply to a request that was refused; `id_` is None where the request had none."""
    code = rejected.code
    return encode(
        Error(
            id=id_,
            code=code.name,
            message=rejected.message,
            retry=code.retry,
            details=rejected.details,
        )
    )


def confirmed(id_: str, at: Millis, result: Identified | Pong | None = None) -> bytes:
    """The reply to a session command other than `subscribe`."""
    return encode(SessionOk(id=id_, at=at, result=Raw(encode(result) if result else b"{}")))


def subscribed(id_: str, found: Subscribed, epoch: str, at: Millis) -> bytes:
    """The reply to `subscribe`. Missed events, or a snapshot, are to follow."""
    return encode(
        SessionOk(
            id=id_,
            at=at,
            result=Raw(encode(Recovery(found.recovered, found.seq, epoch))),
            room=found.room,
            epoch=epoch,
            seq=found.seq,
        )
    )


def snapshot(found: Subscribed, epoch: str) -> bytes:
    """The snapshot that begins a feed."""
    return encode(Snapshot(room=found.room, epoch=epoch, seq=found.seq, state=Raw(found.state)))
