"""A toy domain that does whatever a test tells it to, to exercise the machinery around it."""

from collections.abc import Iterable
from typing import Any, ClassVar

from msgspec import Struct

from engine.contract import (
    Command,
    Context,
    Decision,
    Domain,
    Event,
    Message,
    Notify,
    Outage,
    Presence,
    Reaction,
    Send,
    Wake,
    fields_of,
)
from engine.core import Core
from engine.house import HOUSE
from engine.kernel.actor import ADMIN, SIGNED_IN, USER, Actor
from engine.kernel.ids import room_name, split_room
from engine.kernel.market import BUILT_IN
from engine.kernel.outcome import Code, Rejected
from engine.kernel.posting import Posting, Transfer
from engine.kernel.time import Millis
from engine.ledger.accounts import clearing, escrow
from engine.ledger.journal import JOURNAL
from engine.ledger.messages import PaymentCaptured
from engine.ledger.user import USER as USER_ROOMS
from engine.registry import Registry, build_registry

START = 1_732_147_200_000

ADA = Actor("ada", USER, "approved")
BOB = Actor("bob", USER, "approved")
CHIEF = Actor("chief", ADMIN)
STRANGER = Actor("stranger", USER)

TOY_NO = Code("TOY_NO", "never", 409)


class Play(Command, frozen=True, tag="toy.play"):
    """Write `times` events that do what the fields say, or be refused with `no`."""

    ROLES: ClassVar = SIGNED_IN
    toy: str = "t1"
    text: str = ""
    secret: str = ""
    times: int = 1
    no: bool = False
    tell: tuple[str, ...] = ()
    """Rooms that are told `text`."""
    hops: int = 0
    """How often those who are told tell the first of `tell` again."""
    notify: tuple[str, ...] = ()
    wake_at: Millis | None = None
    lazy: bool = False
    """Whether a wake is answered with nothing."""
    keys: tuple[str, ...] = ()
    freed: tuple[str, ...] = ()
    moves: tuple[Posting, ...] = ()

    def room(self, actor: Actor) -> str:
        return room_name("toy", self.toy)


class Told(Message, frozen=True, tag="toy.told"):
    """Refused if the text is `no`, of no effect if it is empty."""

    text: str
    back: str
    hops: int


class Played(Event, frozen=True, tag="toy.played"):
    """What a command did."""

    text: str
    secret: str
    tell: tuple[str, ...]
    hops: int
    notify: tuple[str, ...]
    wake_at: Millis | None
    lazy: bool


class Heard(Event, frozen=True, tag="toy.heard"):
    """What another room said."""

    text: str
    back: str
    hops: int


class Woken(Event, frozen=True, tag="toy.woken"):
    """A timer fired."""

    due: Millis


class Seen(Event, frozen=True, tag="toy.seen"):
    """An outage or a presence."""

    what: str


class Notice(Event, frozen=True, tag="toy.notice"):
    """A private notice."""

    text: str


class Toy(Struct):
    """The state of a toy's room."""

    texts: list[str] = []
    wake_at: Millis | None = None
    lazy: bool = False


def _play(_: Toy, command: Play, __: Context) -> Decision:
    if command.no:
        return Rejected(TOY_NO, "you said so", {"text": command.text})
    played = Played(
        text=command.text,
        secret=command.secret,
        tell=command.tell,
        hops=command.hops,
        notify=command.notify,
        wake_at=command.wake_at,
        lazy=command.lazy,
        claims=command.keys,
        frees=command.freed,
        postings=command.moves,
    )
    return [played] * command.times


def _told(_: Toy, message: Told, __: Context) -> Decision:
    if message.text == "no":
        return Rejected(TOY_NO, "I do not listen")
    if not message.text:
        return ()
    return [Heard(text=message.text, back=message.back, hops=message.hops)]


def _captured(_: Toy, message: PaymentCaptured, ctx: Context) -> Decision:
    paid = Transfer(
        clearing(message.provider),
        escrow(*split_room(ctx.room)),
        message.amount,
        message.currency,
        "auction_payment",
        message.payment,
    )
    return [Heard(text=f"{message.payer} paid", back="", hops=0, postings=(paid,))]


def _wake(state: Toy, _: Wake, ctx: Context) -> Decision:
    if state.lazy or state.wake_at is None or state.wake_at > ctx.now:
        return ()
    return [Woken(due=state.wake_at)]


def _outage(_: Toy, message: Outage, __: Context) -> Decision:
    return [Seen(what=f"outage since {message.since}")]


def _presence(_: Toy, message: Presence, __: Context) -> Decision:
    return [Seen(what=f"{message.user} {'on' if message.online else 'off'}")]


def _on_played(state: Toy, event: Played, _: Millis) -> None:
    state.texts.append(event.text)
    state.wake_at = event.wake_at
    state.lazy = event.lazy


def _on_heard(state: Toy, event: Heard, _: Millis) -> None:
    state.texts.append(event.text)


def _on_woken(state: Toy, event: Woken, at: Millis) -> None:
    state.texts.append(f"woken at {at}")
    state.wake_at = None


def _on_seen(state: Toy, event: Seen, _: Millis) -> None:
    state.texts.append(event.what)


def _react(_: Toy, event: Event, ctx: Context) -> Iterable[Reaction]:
    match event:
        case Played():
            for room in event.tell:
                yield Send(room, Told(text=event.text, back=ctx.room, hops=event.hops))
            for user in event.notify:
                yield Notify(user, Notice(text=event.text))
        case Heard(hops=hops) if hops:
            yield Send(event.back, Told(text=event.text, back=ctx.room, hops=hops - 1))


def _due(state: Toy, _: Millis) -> Millis | None:
    return state.wake_at


def _audience(_: Toy, ctx: Context) -> str:
    if ctx.actor == STRANGER:
        return ""
    return "insiders" if ctx.actor.is_staff else "public"


def _show(_: Toy, event: Event, audience: str) -> Any:
    facts = fields_of(event)
    if audience != "insiders":
        facts.pop("secret", None)
    return facts


def _view(state: Toy, ctx: Context) -> Any:
    return None if "hidden" in state.texts else {"texts": state.texts, "for": ctx.actor.user}


def _result(state: Toy, command: Any, _: Any, __: Context) -> Any:
    return {"count": len(state.texts)} if command.text != "mute" else None


def _check(state: Toy) -> None:
    assert "broken" not in state.texts, "toy INV-1"


TOY = Domain(
    name="toy",
    initial=Toy,
    decide={
        Play: _play,
        Told: _told,
        PaymentCaptured: _captured,
        Wake: _wake,
        Outage: _outage,
        Presence: _presence,
    },
    evolve={Played: _on_played, Heard: _on_heard, Woken: _on_woken, Seen: _on_seen},
    audience=_audience,
    show=_show,
    view=_view,
    result=_result,
    react=_react,
    due=_due,
    check=_check,
    notices=(Notice,),
    codes=(TOY_NO,),
)


def toy_registry() -> Registry:
    """The toy, and the rooms that every house has."""
    return build_registry([TOY, HOUSE, JOURNAL, USER_ROOMS])


def toy_core() -> Core:
    """A core in which nothing has happened."""
    return Core(toy_registry(), dict(BUILT_IN))
