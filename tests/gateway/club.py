"""A small domain for the gateway's tests: what is said in a club, only its members hear.

Anyone may look from outside; a member sees all; who was banned may not even look. So a single
command moves its sender, or another, from one class of viewer to the next.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import Struct

from engine.contract import (
    Command,
    Context,
    Decision,
    Dismiss,
    Domain,
    Event,
    Notify,
    Reaction,
    Soft,
    Text,
    Vault,
    fields_of,
)
from engine.kernel.actor import GUEST, SIGNED_IN, STAFF, Actor
from engine.kernel.ids import Id, room_name
from engine.kernel.outcome import Code, Rejected
from engine.kernel.time import Millis

NOT_A_MEMBER = Code("NOT_A_MEMBER", "never", 403)


class ClubCommand(Command, frozen=True):
    ROLES: ClassVar = SIGNED_IN
    club: Id

    def room(self, actor: Actor) -> str:
        return room_name("club", self.club)


class Join(ClubCommand, frozen=True, tag="club.join"):
    """Become a member."""


class Leave(ClubCommand, frozen=True, tag="club.leave"):
    """Be one no more."""


class Say(ClubCommand, frozen=True, tag="club.say"):
    """Say something to the members."""

    text: Text


class Ban(ClubCommand, frozen=True, tag="club.ban"):
    """Never see someone again."""

    ROLES: ClassVar = STAFF
    user: Id


class Wave(ClubCommand, frozen=True, tag="club.wave"):
    """Move a hand: members see it, and nobody remembers."""

    hand: int


class Eject(ClubCommand, frozen=True, tag="club.eject"):
    """End somebody's connections: those of one session, or all."""

    ROLES: ClassVar = STAFF
    user: Id
    session: str = ""


class Enter(ClubCommand, frozen=True, tag="club.enter"):
    """Show a pass, and be given another: what a login does."""

    ROLES: ClassVar = SIGNED_IN | {GUEST}
    refresh_token: str = ""


class Entered(Event, frozen=True, tag="club.entered"):
    user: str


class Ejected(Event, frozen=True, tag="club.ejected"):
    user: str
    session: str


class Joined(Event, frozen=True, tag="club.joined"):
    user: str


class Left(Event, frozen=True, tag="club.left"):
    user: str


class Said(Event, frozen=True, tag="club.said"):
    user: str
    text: str


class Banned(Event, frozen=True, tag="club.banned"):
    user: str


class Club(Struct):
    members: list[str] = []
    banned: list[str] = []


def _join(state: Club, command: Join, ctx: Context) -> Decision:
    return [] if ctx.actor.user in state.members else [Joined(user=ctx.actor.user)]


def _leave(state: Club, command: Leave, ctx: Context) -> Decision:
    return [Left(user=ctx.actor.user)] if ctx.actor.user in state.members else []


def _say(state: Club, command: Say, ctx: Context) -> Decision:
    if ctx.actor.user not in state.members:
        return Rejected(NOT_A_MEMBER, "only members speak; join first", {"club": command.club})
    return [Said(user=ctx.actor.user, text=command.text)]


def _ban(state: Club, command: Ban, ctx: Context) -> Decision:
    return [Banned(user=command.user)]


def _wave(state: Club, command: Wave, ctx: Context) -> Decision:
    return []


def _waved(soft: dict[str, int], state: Club, command: Wave, ctx: Context) -> list[Soft]:
    user = ctx.actor.user
    soft[user] = soft.get(user, 0) + 1
    data = {"user": user, "hand": command.hand, "times": soft[user]}
    return [Soft(ctx.room, "member", user, "club.waved", data)]


def _eject(state: Club, command: Eject, ctx: Context) -> Decision:
    return [Ejected(user=command.user, session=command.session)]


def _enter(state: Club, command: Enter, ctx: Context) -> Decision:
    if command.refresh_token != "the pass":
        return Rejected(NOT_A_MEMBER, "show the pass", {"club": command.club})
    return [Entered(user="u7")]


def _entered(command: Enter, result: Any, actor: Actor, vault: Vault) -> dict[str, Any]:
    access = {
        "user": "u7",
        "session": "s1",
        "role": "user",
        "kyc": "none",
        "also": ["driver"],
        "expires_at": 2**53,
    }
    return {"access": access, "refresh_token": "the next pass"}


def _on_entered(state: Club, event: Entered, at: Millis) -> None:
    """It was seen, and is forgotten."""


def _on_ejected(state: Club, event: Ejected, at: Millis) -> None:
    """They may come back."""


def _on_joined(state: Club, event: Joined, at: Millis) -> None:
    state.members.append(event.user)


def _on_left(state: Club, event: Left, at: Millis) -> None:
    state.members.remove(event.user)


def _on_said(state: Club, event: Said, at: Millis) -> None:
    """It was heard, and is forgotten."""


def _on_banned(state: Club, event: Banned, at: Millis) -> None:
    state.banned.append(event.user)


def _audience(state: Club, ctx: Context) -> str:
    if ctx.actor.user in state.banned:
        return ""
    return "member" if ctx.actor.user in state.members else "public"


def _regroups(state: Club, event: Event) -> tuple[str, ...]:
    return (event.user,) if isinstance(event, Joined | Left | Banned) else ()


def _show(state: Club, event: Event, audience: str) -> Any:
    return fields_of(event) if audience == "member" else {}


def _view(state: Club, ctx: Context) -> Any:
    return {"count": len(state.members), "member": ctx.actor.user in state.members}


def _react(state: Club, event: Event, ctx: Context) -> Sequence[Reaction]:
    if isinstance(event, Ejected):
        return [Dismiss(event.user, event.session, "ejected")]
    return [Notify(event.user, event)] if isinstance(event, Banned) else []


CLUB = Domain(
    name="club",
    initial=Club,
    decide={
        Join: _join,
        Leave: _leave,
        Say: _say,
        Ban: _ban,
        Wave: _wave,
        Eject: _eject,
        Enter: _enter,
    },
    soft=dict,
    touch={Wave: _waved},
    reveal={Enter: _entered},
    evolve={
        Joined: _on_joined,
        Left: _on_left,
        Said: _on_said,
        Banned: _on_banned,
        Ejected: _on_ejected,
        Entered: _on_entered,
    },
    audience=_audience,
    regroups=_regroups,
    show=_show,
    view=_view,
    react=_react,
    codes=(NOT_A_MEMBER,),
    summary="A club for tests.",
)
