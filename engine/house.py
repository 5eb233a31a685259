"""The rooms `house:{id}`: what operators must see. Now: letters that could not be delivered."""

from typing import Any

from msgspec import Struct

from engine.contract import Context, Domain, Event, fields_of
from engine.kernel.actor import STAFF, SYSTEM
from engine.kernel.time import Millis

DEAD_LETTERS = "house:dead_letters"
LETTERS_SHOWN = 100


class DeadLetter(Event, frozen=True, tag="house.dead_letter"):
    """A message from one room was refused by another (architecture rule 4)."""

    to_room: str
    message: str
    """The message as JSON, for a person to read and act on."""
    code: str
    reason: str
    from_room: str
    from_seq: int


class DeadLetters(Struct):
    """How many there were, and the latest."""

    count: int = 0
    latest: list[DeadLetter] = []


def _on_dead_letter(state: DeadLetters, event: DeadLetter, _: Millis) -> None:
    state.count += 1
    state.latest.append(event)
    if len(state.latest) > LETTERS_SHOWN:
        del state.latest[0]


def _audience(_: DeadLetters, ctx: Context) -> str:
    return "staff" if ctx.actor.role in STAFF | {SYSTEM} else ""


def _show(_: DeadLetters, event: DeadLetter, __: str) -> Any:
    return fields_of(event)


def _view(state: DeadLetters, _: Context) -> Any:
    return {"count": state.count, "latest": [fields_of(letter) for letter in state.latest]}


HOUSE = Domain(
    name="house",
    always=True,
    summary="What operators must see.",
    initial=DeadLetters,
    decide={},
    evolve={DeadLetter: _on_dead_letter},
    audience=_audience,
    show=_show,
    view=_view,
)
