"""Given, when, then: the way to test a domain, over the real core and the real ledger.

    with House() as house:
        house.deposit("u1", 100_00)
        house.given((dealer, create), (manager, approve)).at(start_at)
        house.when(bidder, bid).then(BidPlaced, amount=50_00)

Every `when` must be answered by a `then…` before the next, or the test fails. After each step
all invariants are checked; at the end the log is replayed and must give the same state.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

import msgspec

from engine.contract import Command, Dismiss, Event, Message, Outage, Presence, Soft, Wake
from engine.core import Applied, Core, Outcome
from engine.kernel.actor import ADMIN, THE_HOUSE, Actor
from engine.kernel.market import BUILT_IN, Market
from engine.kernel.outcome import Rejected
from engine.kernel.time import Millis
from engine.ledger.commands import Deposit, ReportRefund
from engine.registry import build_registry, find_domains
from engine.room import Room
from engine.sequencer import errands_of
from engine.snapshot import canonical, digest, restore, take
from testkit.world import PaperWorld, vault

E = TypeVar("E", bound=Event)

OPENING = 1_700_000_000_000
"""Engine time when a house opens, ms."""

CASHIER = Actor("cashier", ADMIN, "approved")


class House:
    """A whole engine in memory, its clock in the hands of the test."""

    def __init__(
        self, markets: Mapping[str, Market] | None = None, opening: Millis = OPENING
    ) -> None:
        self._markets = {**BUILT_IN, **(markets or {})}
        self.core = Core(build_registry(find_domains()), self._markets, vault())
        self.core.now = opening
        self.world = PaperWorld()
        """What lies outside: files that a test says exist, errands that came of events."""
        self.log: list[Applied] = []
        """Everything that happened, in the order of the log."""
        self._latest: list[Applied] = []
        self._aside: list[Soft | Dismiss] = []
        self._actors: dict[Actor, None] = {}
        """Everybody who has asked for something."""
        self._classes: dict[tuple[str, Actor], str] = {}
        self._matched = 0
        self._refusal: Rejected | None = None
        self._open_question = ""
        self._result = b""
        self._deposits = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            self.close()

    def close(self) -> None:
        """The end of the test: nothing is left to assert, and the log tells the same story."""
        self._must_be_answered()
        self._replay()

    # Given.

    @property
    def now(self) -> Millis:
        """Engine time, ms."""
        return self.core.now

    def given(self, *asked: tuple[Actor, Command]) -> Self:
        """Commands that must succeed, and of which no more is asserted."""
        for actor, command in asked:
            self.when(actor, command)
            assert self._refusal is None, f"given {command}: {self._refusal}"
            self._open_question = ""
        return self

    def deposit(self, user: str, amount: int, currency: str = "NGN") -> Self:
        """Money comes into a wallet, minor units."""
        self._deposits += 1
        command = Deposit(
            id=f"deposit-{self._deposits}",
            user=user,
            amount=amount,
            currency=currency,
            reference=f"deposit-{self._deposits}",
        )
        return self.given((CASHIER, command))

    def sent_back(self, currency: str = "NGN") -> Self:
        """Payment providers have sent back whatever they were told to."""
        refunds = self.state(f"ledger:{currency}").refunds
        return self.given(
            *(
                (
                    THE_HOUSE,
                    ReportRefund(
                        id=f"refund-{currency}-{id_}-{refund.attempt}",
                        currency=currency,
                        refund=id_,
                        attempt=refund.attempt,
                        outcome="paid",
                    ),
                )
                for id_, refund in list(refunds.items())
            )
        )

    # When.

    def when(self, actor: Actor, command: Command) -> Self:
        """Somebody asks. The permission matrix is looked up first, as at the door."""
        self._must_be_answered()
        self._open_question = repr(command)
        admitted = self.core.admit(actor)
        if isinstance(admitted, Rejected):
            self._take(admitted)
            return self
        self._actors[admitted] = None
        refusal = self.core.registry.refuse(type(command), admitted)
        self._take(refusal or self._ask_and_step(command, admitted))
        return self

    def when_told(self, room: str, message: Message) -> Self:
        """The house itself, or another room, sends a message."""
        self._must_be_answered()
        self._open_question = repr(message)
        self._take(self.core.step(message, room, THE_HOUSE, self.now))
        return self

    def advance(self, ms: Millis) -> Self:
        """Let time pass."""
        return self.at(self.now + ms)

    def at(self, moment: Millis) -> Self:
        """Go to this engine time. What falls due happens in order, each at its own time; it may
        be asserted, and need not be."""
        self._must_be_answered()
        assert moment >= self.now, "time does not go back"
        self._forget()
        return self._pass_to(moment)

    def outage(self, since: Millis, until: Millis) -> Self:
        """The house does not answer for a while; recovery is at `until`."""
        self._must_be_answered()
        self._forget()
        for _, room in self._timers():
            if Outage in self.core.rooms[room].domain.decide:
                self._collect(self.core.step(Outage(since=since), room, THE_HOUSE, until))
        return self._pass_to(until)

    def presence(self, user: str, *, online: bool) -> Self:
        """A user's first session comes, or the last goes."""
        self._must_be_answered()
        self._forget()
        for room in sorted(self.core.watchers.get(user, ())):
            message = Presence(user=user, online=online)
            self._collect(self.core.step(message, room, THE_HOUSE, self.now))
        return self

    # Then.

    def then(self, event: type[E], **fields: Any) -> Self:
        """This event came of it, after those already asserted, with these fields."""
        self._open_question = ""
        assert self._refusal is None, f"refused: {self._refusal}"
        for index in range(self._matched, len(self._latest)):
            happened = self._latest[index].event
            if isinstance(happened, event) and _has(happened, fields):
                self._matched = index + 1
                return self
        raise AssertionError(f"no {event.__name__} with {fields} in {self._story()}")

    def then_only(self, *events: type[Event]) -> Self:
        """Exactly these events came of it in the room that was asked, in this order."""
        self._open_question = ""
        assert self._refusal is None, f"refused: {self._refusal}"
        room = self._latest[0].room if self._latest else None
        here = [type(applied.event) for applied in self._latest if applied.room is room]
        assert here == list(events), f"expected {events}, came {self._story()}"
        return self

    def then_noted(self, event: type[E], code: str, **details: Any) -> Self:
        """It was refused with this code, and the refusal was written down as this event."""
        self.then_rejected(code, **details)
        kinds = [type(applied.event) for applied in self._latest]
        assert event in kinds, f"no {event.__name__} in {self._story()}"
        return self

    def then_rejected(self, code: str, **details: Any) -> Self:
        """It was refused with this code, and the details hold at least these."""
        self._open_question = ""
        assert self._refusal is not None, f"not refused: {self._story()}"
        assert self._refusal.code.name == code, f"refused with {self._refusal}"
        for name, value in details.items():
            found = self._refusal.details.get(name)
            assert found == value, f"detail {name} is {found!r}, expected {value!r}"
        return self

    def then_nothing_happened(self) -> Self:
        """It was taken, and no event came of it."""
        self._open_question = ""
        assert self._refusal is None, f"refused: {self._refusal}"
        assert not self._latest, f"it happened: {self._story()}"
        return self

    def then_accepted(self) -> Self:
        """It was not refused; what came of it is asserted by other means."""
        self._open_question = ""
        assert self._refusal is None, f"refused: {self._refusal}"
        return self

    def then_any(self) -> Self:
        """Whatever came of it, an event or a refusal, is fine: for random runs."""
        self._open_question = ""
        return self

    # Looking.

    @property
    def refusal(self) -> Rejected | None:
        """How the latest command was refused, or None."""
        return self._refusal

    @property
    def result(self) -> Any:
        """The result of the latest reply."""
        return msgspec.json.decode(self._result) if self._result else None

    def happened(self, event: type[E], room: str | None = None) -> list[E]:
        """The events of a kind that came of the latest step."""
        return [
            applied.event
            for applied in self._latest
            if isinstance(applied.event, event) and room in (None, applied.room.name)
        ]

    def state(self, room: str) -> Any:
        """The state of a room."""
        return self.core.rooms[room].state

    def view(self, actor: Actor, room: str) -> Any:
        """The snapshot that the actor sees, as it stands on the wire."""
        found = self.core.rooms[room]
        return _wire(found.domain.view(found.state, self.core.context(room, actor)))

    def audience(self, actor: Actor, room: str) -> str:
        """The class of viewer that the actor is in this room."""
        found = self.core.rooms[room]
        return found.domain.audience(found.state, self.core.context(room, actor))

    def history(self, actor: Actor, room: str) -> list[Any]:
        """The data of all events of a room as the actor is shown them now."""
        found = self.core.rooms[room]
        viewer = self.audience(actor, room)
        return [
            _wire(found.domain.show(found.state, applied.event, viewer))
            for applied in self.log
            if applied.room is found
        ]

    def available(self, user: str, currency: str = "NGN") -> int:
        """What of a wallet is not held, minor units."""
        return self.core.book.available(user, currency)

    def held(self, user: str, currency: str = "NGN") -> int:
        """What of a wallet is held, minor units."""
        return sum(self.core.book.holds_of(user, currency).values())

    def balance(self, account: str, currency: str = "NGN") -> int:
        """The balance of any account, minor units."""
        return self.core.book.balance(account, currency)

    def revealed(self, actor: Actor, command: Command) -> Any:
        """What the latest reply to this command said, with what no log holds."""
        reveal = self.core.registry.reveals[type(command)]
        return {**self.result, **reveal(command, self.result, actor, vault())}

    def soft(self) -> list[Soft]:
        """What moved in the latest step."""
        return [told for told in self._aside if isinstance(told, Soft)]

    def dismissed(self) -> list[Dismiss]:
        """Whose connections the latest step ended."""
        return [told for told in self._aside if isinstance(told, Dismiss)]

    # Inside.

    def _ask_and_step(self, command: Command, actor: Actor) -> Outcome | Rejected:
        ask = self.core.ask(command, actor)
        proof = self.world.answer_now(ask) if ask else None
        if isinstance(proof, Rejected):
            return proof
        return self.core.step(command, command.room(actor), actor, self.now, proof=proof)

    def _forget(self) -> None:
        self._latest, self._matched, self._refusal, self._result = [], 0, None, b""
        self._aside = []

    def _take(self, outcome: Outcome | Rejected) -> None:
        self._forget()
        self._collect(outcome)

    def _collect(self, outcome: Outcome | Rejected) -> None:
        if isinstance(outcome, Rejected):
            self._refusal = outcome
            return
        self._regroup(outcome.applied)
        self._latest += outcome.applied
        self._aside += outcome.aside
        for applied in outcome.applied:
            self.world.errands += errands_of(self.core, applied)
        self.log += outcome.applied
        self._result = outcome.result
        self._refusal = outcome.rejected
        touched = {applied.room.name: applied.room for applied in outcome.applied}
        self.core.check(touched.values())

    def _regroup(self, applied: Sequence[Applied]) -> None:
        """Whoever sees a room otherwise than before must be named by its domain's `regroups`, or
        their connections go on as before."""
        named = {
            (a.room.name, user)
            for a in applied
            for user in a.room.domain.regroups(a.room.state, a.event)
        }
        for name in {a.room.name for a in applied}:
            for actor in self._actors:
                before = self._classes.get((name, actor))
                now = self._classes[name, actor] = self.audience(actor, name)
                told = before in (None, now) or (name, actor.user) in named
                assert told, f"{actor.user} was {before!r} in {name} and is {now!r}, untold"

    def _must_be_answered(self) -> None:
        assert not self._open_question, f"nothing was asserted about {self._open_question}"

    def _timers(self) -> list[tuple[Millis, str]]:
        moments = [(room.domain.due(room.state, self.now), room.name) for room in self._rooms()]
        return sorted((due, name) for due, name in moments if due is not None)

    def _rooms(self) -> list[Room]:
        return list(self.core.rooms.values())

    def _pass_to(self, moment: Millis) -> Self:
        while (due := self._next_due()) and due[0] <= moment:
            self._wake(max(due[0], self.now), due[1])
        self.core.now = moment
        return self

    def _next_due(self) -> tuple[Millis, str] | None:
        timers = self._timers()
        return timers[0] if timers else None

    def _wake(self, moment: Millis, room: str) -> None:
        outcome = self.core.step(Wake(), room, THE_HOUSE, moment)
        assert isinstance(outcome, Outcome), f"{room} refused to wake: {outcome}"
        self._collect(outcome)
        found = self.core.rooms[room]
        again = found.domain.due(found.state, self.now)
        idle = not outcome.applied and again is not None and again <= moment
        assert not idle, f"{room} does not do what it woke for"

    def _story(self) -> str:
        return "; ".join(f"{a.room.name} {a.event}" for a in self._latest) or "nothing"

    def _replay(self) -> None:
        """The log alone gives the same state, byte for byte, and so does a snapshot."""
        twin = Core(build_registry(find_domains()), self._markets)
        for applied in self.log:
            twin.replay(applied.record)
        for name, room in self.core.rooms.items():
            again, first = canonical(twin.rooms[name].state), canonical(room.state)
            assert again == first, f"{name} differs after replay"
        assert digest(twin) == digest(self.core), "book or claims differ after replay"
        restored = restore(take(self.core), twin.registry, self._markets)
        assert restored is not None, "the snapshot cannot be read"
        assert digest(restored) == digest(self.core), "the snapshot is not the whole state"


def _has(event: Event, fields: Mapping[str, Any]) -> bool:
    return all(getattr(event, name) == value for name, value in fields.items())


def _wire(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
