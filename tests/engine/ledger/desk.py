"""The ledger's desk: send a command as a person, and see what came of it."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from engine.contract import Command, Event, tag_of
from engine.core import Core, Outcome
from engine.kernel.actor import ADMIN, ANYONE, CONCIERGE, MANAGER, THE_HOUSE, USER, Actor
from engine.kernel.outcome import Rejected
from engine.kernel.posting import Hold, Posting
from engine.ledger.accounts import wallet
from engine.ledger.commands import Deposit
from engine.look import see
from engine.snapshot import digest
from tests.engine.toys import CHIEF, START, Play, toy_core

NGN, USD = "NGN", "USD"
LEDGER = "ledger:NGN"

ADA = Actor("ada", USER, "approved")
BOB = Actor("bob", USER, "approved")
ADMINA = Actor("admina", ADMIN)
ADMIR = Actor("admir", ADMIN)
MARA = Actor("mara", MANAGER)
MIRO = Actor("miro", MANAGER)
CONNY = Actor("conny", CONCIERGE)
GUEST = ANYONE
HOUSE = THE_HOUSE

SomeEvent = TypeVar("SomeEvent", bound=Event)


class Desk:
    """A real core with the rules of the ledger, and toys to pay for."""

    def __init__(self) -> None:
        self.core: Core = toy_core()
        self.now = START
        self._asked = 0

    def ask(self, actor: Actor, make: Callable[..., Command], **fields: Any) -> Outcome | Rejected:
        """Send a command in NGN, unless told otherwise, as the gateway would: role first. A
        refusal must leave no trace, and everything else must keep every invariant."""
        self._asked += 1
        fields = {"id": str(self._asked), "currency": NGN} | fields
        command = msgspec.convert(fields, make)
        if refusal := self.core.registry.refuse(type(command), actor):
            return refusal
        before = digest(self.core)
        self.now += 1
        outcome = self.core.step(command, command.room(actor), actor, self.now)
        if isinstance(outcome, Rejected):
            assert digest(self.core) == before, "a refusal left a trace"
        self.core.check()
        return outcome

    def done(self, actor: Actor, make: Callable[..., Command], **fields: Any) -> dict[str, Any]:
        """Send a command that must be accepted; its result."""
        outcome = self.ask(actor, make, **fields)
        assert isinstance(outcome, Outcome), outcome
        result: dict[str, Any] = msgspec.json.decode(outcome.result)
        return result

    def refused(self, actor: Actor, make: Callable[..., Command], **fields: Any) -> Rejected:
        """Send a command that must be refused."""
        outcome = self.ask(actor, make, **fields)
        assert isinstance(outcome, Rejected), outcome
        assert outcome.message, "a refusal says what to do"
        return outcome

    def fund(self, user: str, amount: int, currency: str = NGN) -> None:
        """Money for a test to work with."""
        reference = f"fund {self._asked}"
        self.done(ADMINA, Deposit, user=user, amount=amount, reference=reference, currency=currency)

    def hold(self, user: str, amount: int, currency: str = NGN, reference: str = "toy:t1") -> None:
        """A leading bid of the user, as far as the ledger knows."""
        self.play(Hold(user, amount, currency, reference))

    def play(self, *moves: Posting) -> None:
        """Have the toy t1 move money."""
        self._asked += 1
        command = Play(id=str(self._asked), moves=moves)
        outcome = self.core.step(command, "toy:t1", CHIEF, self.now)
        assert isinstance(outcome, Outcome)

    def event(self, room: str, type_: type[SomeEvent]) -> SomeEvent:
        """The room's latest event, which must be of this type."""
        (*_, record) = self.core.rooms[room].tail
        event = self.core.registry.event_decoder.decode(record.event)
        assert type(event) is type_, tag_of(type(event))
        return event

    def wallet(self, user: str, currency: str = NGN) -> tuple[int, int]:
        """Balance and what of it is available."""
        book = self.core.book
        return book.balance(wallet(user), currency), book.available(user, currency)

    def balance(self, account: str, currency: str = NGN) -> int:
        """Any account's balance."""
        return self.core.book.balance(account, currency)

    def seen(self, actor: Actor, room: str = LEDGER) -> Any:
        """What the actor sees of a room: the snapshot, or the code of the refusal."""
        sight = see(self.core, room, actor)
        return sight.code.name if isinstance(sight, Rejected) else msgspec.json.decode(sight.state)
