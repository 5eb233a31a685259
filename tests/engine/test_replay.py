"""Architecture rule 7: whatever happens, replay of the log makes the same state, byte for byte."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine import snapshot
from engine.contract import Command
from engine.core import Core, Outcome
from engine.kernel.actor import ADMIN, MANAGER, THE_HOUSE, USER, Actor
from engine.kernel.market import Market
from engine.kernel.outcome import Rejected
from engine.kernel.posting import Hold, Posting, Release
from engine.kernel.record import CHAIN_START, Record, chain_hash
from engine.ledger import commands as c
from engine.room import NO_KEY
from tests.engine.toys import START, Play, toy_registry

MARKETS = {"NGN": Market(currency="NGN", adjustment_alone_max=50)}
USERS = ("ada", "bob")
ADMINA, MARA, MIRO = Actor("admina", ADMIN), Actor("mara", MANAGER), Actor("miro", MANAGER)

users = st.sampled_from(USERS)
owners = users.map(lambda user: Actor(user, USER, "approved"))
staff = st.sampled_from((ADMINA, MARA, MIRO))
amounts = st.integers(1, 100)
few = st.integers(1, 3)


def _ask(actors: Any, type_: type[Command], **fields: Any) -> Any:
    """A command of this type in one of two currencies, from one of these actors."""
    fields["currency"] = st.sampled_from(("NGN", "NGN", "USD"))
    return st.tuples(actors, st.just(type_), st.fixed_dictionaries(fields))


references = st.integers(1, 20).map(lambda n: f"r{n}")
reasons = st.sampled_from(("why", "why", "why", ""))
requests = st.one_of(
    _ask(st.just(ADMINA), c.Deposit, user=users, amount=amounts, reference=references),
    _ask(
        st.just(THE_HOUSE),
        c.ProviderEvent,
        provider=st.sampled_from(("p", "q")),
        payment=references,
        kind=st.sampled_from(("captured", "failed")),
        user=users,
        amount=amounts,
        purpose=st.sampled_from(("wallet", "toy:t1", "toy:t9", "user:ada")),
    ),
    _ask(owners, c.Withdraw, amount=few),
    _ask(owners, c.Withdraw, amount=amounts),
    _ask(st.just(ADMINA), c.StartWithdrawal, withdrawal=few),
    _ask(st.just(ADMINA), c.CompleteWithdrawal, withdrawal=few),
    _ask(st.just(ADMINA), c.FailWithdrawal, withdrawal=few, reason=reasons),
    _ask(staff, c.Adjust, user=users, amount=st.integers(-100, 100), reason=reasons),
    _ask(staff, c.ApproveAdjustment, adjustment=few),
    _ask(staff, c.RefuseAdjustment, adjustment=few, reason=reasons),
    _ask(owners, c.Statement),
    st.tuples(owners, st.just(Play), st.fixed_dictionaries({"amount": amounts})),
)
histories = st.lists(st.tuples(st.integers(0, 3), requests), min_size=10, max_size=60)

OPENING = (
    Play(id="a", text="open"),
    c.Deposit(id="b", user="ada", amount=300, currency="NGN", reference="opening"),
    c.Deposit(id="c", user="bob", amount=300, currency="NGN", reference="opening"),
    c.Deposit(id="d", user="bob", amount=300, currency="USD", reference="opening 2"),
)


def _bid(core: Core, user: str, amount: int) -> tuple[Posting, ...]:
    """A hold in the room toy:t1 as rules would make it: raised, lowered or released."""
    free = core.book.available(user, "NGN") + core.book.held_for(user, "NGN", "toy:t1")
    if amount <= free:
        return (Hold(user, amount, "NGN", "toy:t1"),)
    own = core.book.held_for(user, "NGN", "toy:t1")
    return (Release(user, "NGN", "toy:t1"),) if own else ()


def _chosen(core: Core, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, with a withdrawal or adjustment that is open, if any is."""
    room = core.rooms.get(f"ledger:{fields['currency']}")
    for field, kind in (("withdrawal", "withdrawals"), ("adjustment", "proposals")):
        if field in fields:
            open_ = list(getattr(room.state, kind)) if room else []
            pick = fields[field]
            fields = fields | {field: open_[pick % len(open_)] if open_ else f"x{pick}"}
    return fields


def _command(core: Core, number: int, actor: Actor, type_: Any, fields: Any) -> Command:
    id_ = str(number)
    if type_ is not Play:
        command: Command = type_(id=id_, **_chosen(core, fields))
        return command
    tell = ("toy:t2", "nobody:1")[: number % 3]
    keys = () if core.claims.get("key") else ("key",)
    freed = () if keys else ("key",)
    return Play(
        id=id_,
        text=f"bid {number}",
        tell=tell,
        hops=number % 2,
        notify=USERS[: number % 3],
        keys=keys,
        freed=freed,
        moves=_bid(core, actor.user, fields["amount"]),
    )


def _lived(history: Any) -> tuple[Core, list[Record]]:
    """Live through a history: every refusal is without a trace, every invariant holds."""
    core = _new()
    records = [record for command in OPENING for record in _begin(core, command)]
    for number, (wait, (actor, type_, fields)) in enumerate(history):
        command = _command(core, number, actor, type_, fields)
        before = snapshot.digest(core)
        now = max(core.now, START) + wait
        outcome = core.step(command, command.room(actor), actor, now, lambda _: "hash")
        core.check()
        if isinstance(outcome, Rejected):
            assert snapshot.digest(core) == before
        else:
            records += _of(outcome)
    return core, records


def _begin(core: Core, command: Command) -> Iterator[Record]:
    outcome = core.step(command, command.room(ADMINA), ADMINA, START)
    assert isinstance(outcome, Outcome)
    return _of(outcome)


def _of(outcome: Outcome) -> Iterator[Record]:
    return (applied.record for applied in outcome.applied)


def _new() -> Core:
    return Core(toy_registry(), dict(MARKETS))


@given(histories)
def test_replay_makes_the_same_state(history: Any) -> None:
    """Same digest, watchers and tails; the chain of each room ends where the room says."""
    core, records = _lived(history)
    twin = _new()
    chains: dict[str, str] = {}
    for r in records:
        twin.replay(r)
        before = chains.get(r.room, CHAIN_START)
        chains[r.room] = chain_hash(NO_KEY, before, r.room, r.seq, r.at, r.actor, r.event)
    twin.check()
    assert snapshot.take(twin) == snapshot.take(core)
    assert chains == {name: room.hash for name, room in core.rooms.items()}
    assert {n: list(r.tail) for n, r in twin.rooms.items()} == {
        n: list(r.tail) for n, r in core.rooms.items()
    }


@given(histories, st.data())
def test_replay_from_a_snapshot_makes_the_same_state(history: Any, data: st.DataObject) -> None:
    """Wherever the snapshot was taken: what comes after it, on top of it, is the whole."""
    core, records = _lived(history)
    position = data.draw(st.integers(0, len(records)))
    half = _new()
    for record in records[:position]:
        half.replay(record)
    twin = snapshot.restore(snapshot.take(half), toy_registry(), dict(MARKETS))
    assert twin is not None
    for record in records[position:]:
        twin.replay(record)
    twin.check()
    assert snapshot.digest(twin) == snapshot.digest(core)
