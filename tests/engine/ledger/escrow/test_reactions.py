"""Tests of engine/ledger/escrow/reactions.py: what the room of the deal is told, if it asks."""

from typing import Any

import pytest
from msgspec import Struct

from engine.contract import Command, Context, Decision, Domain, Event, Message, tag_of
from engine.core import Core, Outcome
from engine.house import DEAD_LETTERS
from engine.kernel.actor import THE_HOUSE, Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.time import Millis
from engine.ledger import messages as m
from engine.ledger.escrow.terms import Award
from engine.registry import build_registry, find_domains
from tests.engine.ledger.escrow.cast import (
    HOOK,
    MARA,
    ORDER,
    PAY_UNTIL,
    ROOM,
    A,
    B,
    capture,
    resolve,
)

DEAL = "deal:d1"
WORDS = ("held", "lapsed", "released", "refunded", "disputed", "resolved")


class Noted(Event, frozen=True, tag="deal.noted"):
    """What the deal has been told."""

    message: str


class Notes(Struct):
    """All of it."""

    told: list[str] = []


def _note(_: Notes, message: Message, __: Context) -> Decision:
    return [Noted(message=tag_of(type(message)))]


def _on_noted(state: Notes, event: Noted, _: Millis) -> None:
    state.told.append(event.message)


def deal(*understands: type[Message]) -> Domain:
    """A domain that decides these messages."""
    return Domain(
        name="deal",
        initial=Notes,
        decide=dict.fromkeys(understands, _note),
        evolve={Noted: _on_noted},
        audience=lambda _, __: "",
        show=lambda _, __, ___: {},
        view=lambda _, __: None,
    )


ALL = (m.EscrowHeld, m.EscrowLapsed, m.EscrowReleased)
ALL += (m.EscrowRefunded, m.EscrowDisputed, m.EscrowResolved)  # type: ignore[assignment]


class Table:
    """A core with a deal in it, and an escrow that knows of it."""

    def __init__(self, domain: Domain, tells: tuple[Any, ...], **changes: Any) -> None:
        self.core = Core(build_registry([*find_domains(), domain]), dict(BUILT_IN))
        fields: dict[str, Any] = {
            "payer": "pia",
            "currency": "NGN",
            "total": 10_000,
            "shares": (A, B),
        }
        fields |= {"pay_until": PAY_UNTIL, "deal": DEAL, "tells": tells}
        self.tell(m.OpenEscrow(**(fields | changes)))

    def tell(self, message: Message) -> None:
        """The house, or the deal, tells the escrow."""
        assert isinstance(self.core.step(message, ROOM, THE_HOUSE, 1), Outcome)

    def ask(self, actor: Actor, command: Command) -> None:
        """Somebody asks, and is not refused."""
        outcome = self.core.step(command, command.room(actor), actor, 1)
        assert isinstance(outcome, Outcome), outcome

    @property
    def told(self) -> list[str]:
        """What the deal has heard, without the prefix that all have."""
        room = self.core.rooms.get(DEAL)
        heard = room.state.told if room else []
        return [word.removeprefix("escrow.escrow_") for word in heard]

    @property
    def letters(self) -> int:
        """How many dead letters there are."""
        room = self.core.rooms.get(DEAD_LETTERS)
        return room.state.count if room else 0


def run(table: Table) -> None:
    """Paid, partly released, disputed, resolved."""
    table.ask(HOOK, capture(10_000))
    table.tell(m.ReleaseEscrow(payee="ben"))
    table.tell(m.ReleaseEscrow(payee="ben"))
    table.tell(m.DisputeEscrow(reason="damage"))
    table.ask(MARA, resolve(4_000, Award("alma", "seller", 4_000)))


def test_a_deal_is_told_what_its_opener_asked_for() -> None:
    """In order, and each thing once, although a release came twice."""
    table = Table(deal(*ALL), WORDS)
    run(table)
    assert table.told == ["held", "released", "disputed", "resolved"]
    assert table.letters == 0


def test_a_refund_and_a_lapse_are_told() -> None:
    """The other two words."""
    table = Table(deal(*ALL), WORDS)
    table.tell(m.RefundEscrow(reason="off"))
    assert table.told == ["lapsed"]
    other = Table(deal(*ALL), WORDS)
    other.ask(HOOK, capture(10_000))
    other.tell(m.RefundEscrow(reason="off"))
    assert other.told == ["held", "refunded"]


@pytest.mark.parametrize("tells", [(), ("released",)])
def test_of_the_rest_it_is_not_told(tells: tuple[str, ...]) -> None:
    """A domain that understands one of the messages, or none, gets no dead letters."""
    table = Table(deal(*(m.EscrowReleased,) if tells else ()), tells)
    run(table)
    assert table.told == list(tells)
    assert table.letters == 0


def test_a_deal_that_asks_for_what_it_does_not_understand_is_seen() -> None:
    """That is a mistake of the opener, and operators find it."""
    table = Table(deal(), ("held",))
    table.ask(HOOK, capture(10_000))
    assert table.letters == 1
    assert table.core.rooms[ROOM].state.status == "held"


def test_messages_say_what_a_deal_needs() -> None:
    """Which escrow, how much, for whom, and whether that was all."""
    found: list[Message] = []

    def keep(_: Notes, message: Message, __: Context) -> Decision:
        found.append(message)
        return ()

    domain = deal(*ALL)
    decide: Any = dict.fromkeys(ALL, keep)
    table = Table(
        Domain(**{f: getattr(domain, f) for f in domain.__struct_fields__} | {"decide": decide}),
        WORDS,
    )
    run(table)
    assert found == [
        m.EscrowHeld(escrow=ORDER, amount=10_000, currency="NGN"),
        m.EscrowReleased(escrow=ORDER, payees=("ben",), is_last=False),
        m.EscrowDisputed(escrow=ORDER, reason="damage"),
        m.EscrowResolved(
            escrow=ORDER, outcome="split", to_payees=4_000, to_payer=4_000, reason="both are right"
        ),
    ]
