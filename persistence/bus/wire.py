"""What gateways and writers say to one another: msgpack arrays, several in one message.

A request has a number `n` if it is answered. Numbers are a gateway's own, and never used again.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from engine.kernel.actor import Actor
from engine.kernel.time import Millis


class Said(Struct, frozen=True, gc=False, array_like=True, tag=True):
    """One thing that is said."""


# From a gateway to the writer.


class Submit(Said, frozen=True, gc=False):
    """Decide a command."""

    n: int
    command: Raw
    actor: Actor
    """As the token has it: the writer looks who that is by now."""


class Join(Said, frozen=True, gc=False):
    """Somebody wants to listen (`CommandSink.subscribe`)."""

    n: int
    room: str
    viewer: Actor
    after: int | None
    log_id: str | None


class Look(Said, frozen=True, gc=False):
    """Somebody listens in another's place: what class are they? A `Regrouped` tells."""

    room: str
    viewer: Actor


class Leave(Said, frozen=True, gc=False):
    """Nobody at this gateway listens as this viewer any more."""

    room: str
    viewer: Actor


class Rejoin(Said, frozen=True, gc=False):
    """The gateway listens to a room as these viewers, and knows it up to `after`; what came
    since may have been lost."""

    n: int
    room: str
    viewers: list[Actor]
    after: int
    log_id: str


class See(Said, frozen=True, gc=False):
    """A snapshot is wanted."""

    n: int
    room: str
    viewer: Actor


class History(Said, frozen=True, gc=False):
    """Events of the past are wanted."""

    n: int
    room: str
    viewer: Actor
    after: int
    limit: int


class Present(Said, frozen=True, gc=False):
    """A user's first session at this gateway has come, or the last has gone."""

    user: str
    online: bool


class Arrive(Said, frozen=True, gc=False):
    """The gateway begins anew: all that it listens to, and who is there, follows."""


class Alive(Said, frozen=True, gc=False):
    """The gateway lives, and wants to go on hearing."""


Request = Submit | Join | Look | Leave | Rejoin | See | History | Present | Arrive | Alive


class Asked(Struct, frozen=True, array_like=True):
    """An entry of the stream."""

    gateway: str
    requests: list[Request]
    number: int = 0
    """1, 2, 3 … as this gateway adds them to this stream: a stream that was emptied, trimmed by a
    stranger's hand or evicted is found out by what is missing. 0: not numbered."""


# From the writer to one gateway.


class Done(Said, frozen=True, gc=False):
    """A command was accepted."""

    n: int
    id: str
    room: str
    seq: int
    at: Millis
    result: bytes
    duplicate: bool


class No(Said, frozen=True, gc=False):
    """Whatever was asked is refused."""

    n: int
    id: str
    code: str
    message: str
    details: dict[str, Any]


class Joined(Said, frozen=True, gc=False):
    """Frames of this class come from `since + 1` on. The answer follows."""

    n: int
    audience: str
    since: int


class Recovered(Said, frozen=True, gc=False):
    """The answer to `Join`, and to each class of a `Rejoin`."""

    n: int
    audience: str
    seq: int
    recovered: bool
    frames: list[bytes]
    state: bytes


class Classes(Said, frozen=True, gc=False):
    """What class each viewer of a `Rejoin` is of by now, in their order; "" may not look. What
    each class has missed follows."""

    n: int
    audiences: list[str]


class Seen(Said, frozen=True, gc=False):
    """A snapshot."""

    n: int
    room: str
    audience: str
    seq: int
    state: bytes


class Past(Said, frozen=True, gc=False):
    """Events of the past, as frames."""

    n: int
    frames: list[bytes]


class Stranger(Said, frozen=True, gc=False):
    """The writer does not know this gateway, or no more: say again what you listen to."""


Reply = Done | No | Joined | Recovered | Classes | Seen | Past | Stranger


# From the writer to whoever listens to a room.


class Heard(Said, frozen=True, gc=False):
    """An event frame for one class."""

    audience: str
    seq: int
    frame: bytes


class HeardSoft(Said, frozen=True, gc=False):
    """Something that moves, for one class."""

    audience: str
    key: str
    frame: bytes


class Regrouped(Said, frozen=True, gc=False):
    """From here on a viewer at one gateway is of this class."""

    gateway: str
    viewer: Actor
    audience: str
    seq: int


InRoom = Heard | HeardSoft | Regrouped


# From the writer to all gateways.


class Hello(Said, frozen=True, gc=False):
    """Here is the writer, every second."""

    log_id: str
    now: Millis


class Dismissed(Said, frozen=True, gc=False):
    """A user's connections end (`FanOut.dismiss`)."""

    user: str
    session: str
    reason: str


ToAll = Hello | Dismissed


class Message(Struct, frozen=True, array_like=True):
    """Whatever a writer publishes."""

    epoch: int
    """Of the writer's ownership: who has been succeeded is not heard."""
    life: int
    """Counts the times that this writer could not publish: something may have been lost."""
    said: list[Reply | InRoom | ToAll]


encode = msgspec.msgpack.Encoder().encode
decode_asked = msgspec.msgpack.Decoder(Asked).decode
decode_message = msgspec.msgpack.Decoder(Message).decode
