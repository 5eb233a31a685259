"""The rooms `outbox:{market}` and `inbox:{market}`: messages for rooms of other markets, and from
them (architecture rule 4). Letters of a pair are numbered, so each is taken once, in order.
"""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from engine.contract import (
    Command,
    Context,
    Decision,
    Domain,
    Event,
    Hand,
    Message,
    Notify,
    Reaction,
    Send,
    fields_of,
)
from engine.kernel.actor import STAFF, SYSTEM, Actor
from engine.kernel.ids import HOUSE, MarketName, room_name, split_room
from engine.kernel.money import AMOUNT_MAX
from engine.kernel.outcome import FORBIDDEN, Code, Rejected
from engine.kernel.outside import Errand, Forward
from engine.kernel.time import Millis

OUTBOX_DOMAIN = "outbox"
INBOX_DOMAIN = "inbox"

OUT_OF_ORDER = Code("OUT_OF_ORDER", "later", 409)


class PostLetter(Message, frozen=True, tag="outbox.post"):
    """The core has a message or a notice for a room of the outbox's market."""

    to_room: str
    message: str
    """As JSON."""
    is_notice: bool
    from_room: str
    from_seq: int


def letter_of(reaction: Send | Notify, to_room: str, from_room: str, from_seq: int) -> PostLetter:
    """What is to be posted, instead of being done in this market."""
    is_notice = isinstance(reaction, Notify)
    said = reaction.event if isinstance(reaction, Notify) else reaction.message
    return PostLetter(
        to_room=to_room,
        message=msgspec.json.encode(said).decode(),
        is_notice=is_notice,
        from_room=from_room,
        from_seq=from_seq,
    )


class LetterSent(Event, frozen=True, tag="outbox.sent"):
    """A letter for another market, in the log together with what caused it."""

    number: int
    """1, 2, 3 … without gaps for each market that letters go to."""
    to_room: str
    message: str
    is_notice: bool
    from_room: str
    from_seq: int


class TakeLetter(Command, frozen=True, tag="inbox.take"):
    """A letter has come from another market. It may come again. The house alone carries letters."""

    ROLES: ClassVar[frozenset[str]] = frozenset({SYSTEM})

    source: MarketName
    """The market that sent it."""
    number: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
    to_room: str
    message: str
    is_notice: bool

    def room(self, actor: Actor) -> str:
        return room_name(INBOX_DOMAIN, self.source)


class LetterTaken(Event, frozen=True, tag="inbox.taken"):
    """The letter's message is decided in the same step. A refusal is a dead letter."""

    number: int
    to_room: str
    message: str
    is_notice: bool


class Counter(Struct):
    """The number of the last letter."""

    number: int = 0


def _post(state: Counter, letter: PostLetter, _: Context) -> Decision:
    return [
        LetterSent(
            number=state.number + 1,
            to_room=letter.to_room,
            message=letter.message,
            is_notice=letter.is_notice,
            from_room=letter.from_room,
            from_seq=letter.from_seq,
        )
    ]


def _take(state: Counter, letter: TakeLetter, ctx: Context) -> Decision:
    if ctx.actor.user != HOUSE:
        return Rejected(FORBIDDEN, "nobody but the house carries letters")
    if letter.number <= state.number:
        return []
    expected = state.number + 1
    if letter.number > expected:
        reason = f"letter {expected} of {letter.source} has not come yet: send that one first"
        return Rejected(OUT_OF_ORDER, reason, {"expected": expected})
    return [
        LetterTaken(
            number=letter.number,
            to_room=letter.to_room,
            message=letter.message,
            is_notice=letter.is_notice,
        )
    ]


def _count(state: Counter, event: LetterSent | LetterTaken, _: Millis) -> None:
    assert event.number == state.number + 1, "letters are numbered without gaps"
    state.number = event.number


def _hand_over(_: Counter, event: LetterTaken, __: Context) -> list[Reaction]:
    return [Hand(event.to_room, event.message, event.is_notice)]


def _forward(_: Counter, __: LetterSent, ctx: Context) -> Iterable[Errand]:
    return (Forward(split_room(ctx.room)[1]),)


def _audience(_: Counter, ctx: Context) -> str:
    return "staff" if ctx.actor.role in STAFF | {SYSTEM} else ""


def _show(_: Counter, event: Event, __: str) -> Any:
    return fields_of(event)


def _view_outbox(state: Counter, _: Context) -> Any:
    return {"sent": state.number}


def _view_inbox(state: Counter, _: Context) -> Any:
    return {"taken": state.number}


OUTBOX = Domain(
    name=OUTBOX_DOMAIN,
    summary="Messages for rooms of another market.",
    initial=Counter,
    decide={PostLetter: _post},
    evolve={LetterSent: _count},
    errands=_forward,
    audience=_audience,
    show=_show,
    view=_view_outbox,
)
INBOX = Domain(
    name=INBOX_DOMAIN,
    summary="Messages from rooms of another market.",
    initial=Counter,
    decide={TakeLetter: _take},
    evolve={LetterTaken: _count},
    react=_hand_over,
    audience=_audience,
    show=_show,
    view=_view_inbox,
    codes=(OUT_OF_ORDER,),
)
