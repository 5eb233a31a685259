"""The rooms `outbox:{market}` and `inbox:{market}`: messages for rooms of other markets, and from
them (architecture rule 4). Letters of a pair are numbered, so each is taken once, in order.

A market whose log was put back to an older state gives numbers anew that the other has taken. So a
letter shows receipts, its own and that of the letter before, and the inbox keeps that of the last.
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
from engine.kernel.actor import ADMIN, STAFF, SYSTEM, Actor
from engine.kernel.ids import HOUSE, MarketName, room_name, split_room
from engine.kernel.money import AMOUNT_MAX
from engine.kernel.outcome import FORBIDDEN, Code, Rejected
from engine.kernel.outside import Errand, Forward
from engine.kernel.time import Millis

OUTBOX_DOMAIN = "outbox"
INBOX_DOMAIN = "inbox"

OUT_OF_ORDER = Code("OUT_OF_ORDER", "later", 409)
OTHER_HISTORY = Code("OTHER_HISTORY", "never", 409)


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
    receipt: str = ""
    """Of the letter in its outbox, which covers all before it; "" from older versions."""
    before: str = ""
    """The receipt of the letter before, "" where it is not known."""

    def room(self, actor: Actor) -> str:
        return room_name(INBOX_DOMAIN, self.source)


class RenewInbox(Command, frozen=True, tag="inbox.renew"):
    """The log of another market was put back to an older state: letters of it behind this one are
    new ones. What was taken under their numbers before stands."""

    ROLES: ClassVar[frozenset[str]] = frozenset({ADMIN})

    source: MarketName
    """The market that was put back."""
    number: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
    """The last letter that its log still had."""

    def room(self, actor: Actor) -> str:
        return room_name(INBOX_DOMAIN, self.source)


class InboxRenewed(Event, frozen=True, tag="inbox.renewed"):
    """Letters behind this one are taken anew."""

    number: int


class LetterTaken(Event, frozen=True, tag="inbox.taken"):
    """The letter's message is decided in the same step. A refusal is a dead letter."""

    number: int
    to_room: str
    message: str
    is_notice: bool
    receipt: str = ""


class Outbox(Struct):
    """The number of the last letter."""

    number: int = 0


class Inbox(Struct):
    """The number of the last letter, and its receipt if that is known."""

    number: int = 0
    receipt: str = ""


def _post(state: Outbox, letter: PostLetter, _: Context) -> Decision:
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


def _take(state: Inbox, letter: TakeLetter, ctx: Context) -> Decision:
    if ctx.actor.user != HOUSE:
        return Rejected(FORBIDDEN, "nobody but the house carries letters")
    expected = state.number + 1
    if letter.number > expected:
        reason = f"letter {expected} of {letter.source} has not come yet: send that one first"
        return Rejected(OUT_OF_ORDER, reason, {"expected": expected})
    if letter.number < state.number and letter.receipt:
        reason = f"letter {state.number} of {letter.source} was taken: show that it is the same"
        return Rejected(OUT_OF_ORDER, reason, {"expected": state.number})
    shown = letter.before if letter.number == expected else letter.receipt
    if shown and state.receipt and shown != state.receipt:
        reason = f"another letter {state.number} of {letter.source} was taken before"
        return Rejected(OTHER_HISTORY, reason, {"taken": state.number})
    if letter.number < expected:
        return []
    return [
        LetterTaken(
            number=letter.number,
            to_room=letter.to_room,
            message=letter.message,
            is_notice=letter.is_notice,
            receipt=letter.receipt,
        )
    ]


def _renew(state: Inbox, command: RenewInbox, _: Context) -> Decision:
    if command.number >= state.number:
        reason = f"letters of {command.source} are taken up to {state.number}: name one before"
        return Rejected(OUT_OF_ORDER, reason, {"expected": state.number})
    return [InboxRenewed(number=command.number)]


def _sent(state: Outbox, event: LetterSent, _: Millis) -> None:
    assert event.number == state.number + 1, "letters are numbered without gaps"
    state.number = event.number


def _taken(state: Inbox, event: LetterTaken, _: Millis) -> None:
    assert event.number == state.number + 1, "letters are numbered without gaps"
    state.number, state.receipt = event.number, event.receipt


def _renewed(state: Inbox, event: InboxRenewed, _: Millis) -> None:
    state.number, state.receipt = event.number, ""


def _hand_over(_: Inbox, event: LetterTaken | InboxRenewed, __: Context) -> list[Reaction]:
    if isinstance(event, InboxRenewed):
        return []
    return [Hand(event.to_room, event.message, event.is_notice)]


def _forward(_: Outbox, __: LetterSent, ctx: Context) -> Iterable[Errand]:
    return (Forward(split_room(ctx.room)[1]),)


def _audience(_: Outbox | Inbox, ctx: Context) -> str:
    return "staff" if ctx.actor.role in STAFF | {SYSTEM} else ""


def _show(_: Outbox | Inbox, event: Event, __: str) -> Any:
    return fields_of(event)


def _view_outbox(state: Outbox, _: Context) -> Any:
    return {"sent": state.number}


def _view_inbox(state: Inbox, _: Context) -> Any:
    return {"taken": state.number}


OUTBOX = Domain(
    name=OUTBOX_DOMAIN,
    summary="Messages for rooms of another market.",
    initial=Outbox,
    decide={PostLetter: _post},
    evolve={LetterSent: _sent},
    errands=_forward,
    audience=_audience,
    show=_show,
    view=_view_outbox,
)
INBOX = Domain(
    name=INBOX_DOMAIN,
    summary="Messages from rooms of another market.",
    initial=Inbox,
    decide={TakeLetter: _take, RenewInbox: _renew},
    evolve={LetterTaken: _taken, InboxRenewed: _renewed},
    react=_hand_over,
    audience=_audience,
    show=_show,
    view=_view_inbox,
    codes=(OUT_OF_ORDER, OTHER_HISTORY),
)
