"""Commands that the gateway answers itself: they concern one connection and never reach a room."""

from typing import Annotated

from msgspec import Meta, Struct

from engine.kernel.ids import CommandId, RoomName
from gateway.limits import TOKEN_CHARACTERS_MAX


class SessionCommand(
    Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, tag_field="type"
):
    """A request about the connection itself. Anyone may send it, guests too."""

    id: CommandId


class Auth(SessionCommand, frozen=True, tag="auth"):
    """Say who you are. May be sent again, with a newer token or another user's."""

    token: Annotated[str, Meta(max_length=TOKEN_CHARACTERS_MAX, description="a JWT")]


class Subscribe(SessionCommand, frozen=True, tag="subscribe"):
    """Listen to a room. With `after` and `epoch`, what was missed since then comes first."""

    room: RoomName
    after: Annotated[int, Meta(ge=0, description="the last seq that was heard")] | None = None
    epoch: Annotated[str, Meta(max_length=64, description="as received with it")] | None = None


class Unsubscribe(SessionCommand, frozen=True, tag="unsubscribe"):
    """Listen no more."""

    room: RoomName


class Ping(SessionCommand, frozen=True, tag="ping"):
    """Ask for a sign of life, and for the house's time."""


SESSION_COMMANDS: tuple[type[SessionCommand], ...] = (Auth, Subscribe, Unsubscribe, Ping)
