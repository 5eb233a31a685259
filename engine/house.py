"""The rooms `house:{id}`: what operators must see. Messages between rooms that were refused, and
errands to the world outside that failed for good."""

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from engine.contract import Command, Context, Decision, Domain, Event, fields_of
from engine.kernel.actor import STAFF, SYSTEM, Actor
from engine.kernel.money import AMOUNT_MAX
from engine.kernel.time import Millis

DEAD_LETTERS = "house:dead_letters"
LETTERS_SHOWN = 100

Word = Annotated[str, Meta(max_length=100)]


class DeadLetter(Event, frozen=True, tag="house.dead_letter"):
    """A message from one room was refused by another (architecture rule 4)."""

    to_room: str
    message: str
    """The message as JSON, for a person to read and act on."""
    code: str
    reason: str
    from_room: str
    from_seq: int


class ReportErrand(Command, frozen=True, tag="house.report_errand"):
    """The house could not do an errand, and has stopped trying (notifications NOT-7)."""

    ROLES: ClassVar[frozenset[str]] = frozenset({SYSTEM})

    source: str
    """The room whose event called for it."""
    position: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
    """Of that event, in the log."""
    channel: Word
    template: Word
    attempts: Annotated[int, Meta(ge=0, le=1_000)]
    problem: Word
    """In a few fixed words. What was to be said, and to whom, stands nowhere."""

    def room(self, actor: Actor) -> str:
        return DEAD_LETTERS


class ErrandFailed(Event, frozen=True, tag="house.errand_failed"):
    """A letter, or a sentence, that an event called for did not come about."""

    source: str
    position: int
    channel: str
    template: str
    attempts: int
    problem: str


class DeadLetters(Struct):
    """How many there were, and the latest."""

    count: int = 0
    latest: list[DeadLetter] = []
    errands_count: int = 0
    errands_latest: list[ErrandFailed] = []


def _report_errand(_: DeadLetters, command: ReportErrand, __: Context) -> Decision:
    failed = ErrandFailed(
        source=command.source,
        position=command.position,
        channel=command.channel,
        template=command.template,
        attempts=command.attempts,
        problem=command.problem,
    )
    return [failed]


def _on_dead_letter(state: DeadLetters, event: DeadLetter, _: Millis) -> None:
    state.count += 1
    state.latest.append(event)
    if len(state.latest) > LETTERS_SHOWN:
        del state.latest[0]


def _on_errand_failed(state: DeadLetters, event: ErrandFailed, _: Millis) -> None:
    state.errands_count += 1
    state.errands_latest.append(event)
    if len(state.errands_latest) > LETTERS_SHOWN:
        del state.errands_latest[0]


def _audience(_: DeadLetters, ctx: Context) -> str:
    return "staff" if ctx.actor.role in STAFF | {SYSTEM} else ""


def _show(_: DeadLetters, event: DeadLetter, __: str) -> Any:
    return fields_of(event)


def _view(state: DeadLetters, _: Context) -> Any:
    return {
        "count": state.count,
        "latest": [fields_of(letter) for letter in state.latest],
        "errands_count": state.errands_count,
        "errands_latest": [fields_of(failed) for failed in state.errands_latest],
    }


HOUSE = Domain(
    name="house",
    always=True,
    summary="What operators must see.",
    initial=DeadLetters,
    decide={ReportErrand: _report_errand},
    evolve={DeadLetter: _on_dead_letter, ErrandFailed: _on_errand_failed},
    audience=_audience,
    show=_show,
    view=_view,
)
