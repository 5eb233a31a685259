"""The rooms `profile:{user}`: what anybody may know of a person (identity 11).

It is a room of its own, so that whoever listens to it hears nothing of logins and reviews."""

from typing import Any

from msgspec import Struct

from engine.contract import Context, Decision, Domain, Event, fields_of
from engine.domains.identity.messages import ShowProfile
from engine.kernel.ids import room_name
from engine.kernel.time import Millis

PROFILE_DOMAIN = "profile"


class ProfileShown(Event, frozen=True, tag="profile.shown"):
    """What others may see from now on."""

    display_name: str
    is_active: bool


class Profile(Struct):
    """The public side of a person."""

    display_name: str = ""
    is_active: bool = False
    since: Millis = 0


def profile_room(user: str) -> str:
    """The room of a person's profile."""
    return room_name(PROFILE_DOMAIN, user)


def _decide(state: Profile, message: ShowProfile, _: Context) -> Decision:
    if (state.display_name, state.is_active) == (message.display_name, message.is_active):
        return ()
    return [ProfileShown(display_name=message.display_name, is_active=message.is_active)]


def _on_shown(state: Profile, event: ProfileShown, at: Millis) -> None:
    state.display_name, state.is_active = event.display_name, event.is_active
    state.since = state.since or at


def _audience(_: Profile, __: Context) -> str:
    return "public"


def _show(_: Profile, event: Event, __: str) -> Any:
    return fields_of(event)


def _view(state: Profile, _: Context) -> Any:
    return {
        "display_name": state.display_name,
        "is_active": state.is_active,
        "since": state.since,
    }


PROFILE = Domain(
    name=PROFILE_DOMAIN,
    summary="What anybody may know of a person.",
    initial=Profile,
    decide={ShowProfile: _decide},
    evolve={ProfileShown: _on_shown},
    audience=_audience,
    show=_show,
    view=_view,
)
