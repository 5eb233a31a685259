"""Whatever texts clients send, each has one reply, and a refusal leaves no trace."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contract import tag_of
from engine.domains.auction import evolve
from engine.domains.auction.events import AuctionCreated
from engine.kernel.outcome import UNAUTHENTICATED, Code, Rejected
from engine.registry import Registry, build_registry, find_domains
from gateway.decoding import Decoder, Unreadable
from gateway.desk import Desk
from gateway.session import Session
from gateway.session_commands import SESSION_COMMANDS
from testkit import fuzz_values as values
from testkit.fuzz_commands import try_commands
from testkit.inline_sink import InlineSink
from tests.gateway.open_house import club_registry

DICE = st.randoms(use_true_random=False)
FRAMES = 60
SEEDS = range(20)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return build_registry(find_domains())


@settings(max_examples=20, derandomize=True, deadline=None)
@given(DICE)
def test_every_frame_has_one_reply_and_a_refusal_no_effect(
    registry: Registry, dice: Random
) -> None:
    """Over whole runs: invariants hold after each frame, and the log gives the same state."""
    try_commands(dice, registry, FRAMES)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(DICE, st.booleans())
def test_commands_made_from_their_types_are_taken_by_the_decoder(
    registry: Registry, dice: Random, with_clubs: bool
) -> None:
    """So the fuzzer reaches the rules, also those of a domain that it has never heard of."""
    known = club_registry() if with_clubs else registry
    types = (*known.commands.values(), *SESSION_COMMANDS)
    type_ = dice.choice(types)
    text = values.text_of(values.command(dice, type_, "1"))
    decoded = Decoder(known).decode(text)
    assert not isinstance(decoded, Unreadable), decoded
    assert type(decoded) is type_


@settings(max_examples=200, derandomize=True, deadline=None)
@given(DICE)
def test_a_spoiled_command_is_read_or_refused(registry: Registry, dice: Random) -> None:
    """The decoder never raises, and what it refuses it names."""
    type_ = dice.choice(tuple(registry.commands.values()))
    members = values.command(dice, type_, "1")
    text = values.spoiled(dice, members, [tag_of(type_)])
    decoded = Decoder(registry).decode(text)
    if isinstance(decoded, Unreadable):
        assert decoded.rejected.code.name in ("MALFORMED", "UNKNOWN_COMMAND")
        assert msgspec.json.encode(decoded.rejected.details)


def test_every_number_of_a_command_has_bounds(registry: Registry) -> None:
    """A sum of numbers without bounds may have more digits than Python writes: then an event
    that has been applied could not be written down."""
    for tag, command in registry.commands.items():
        for name, number in numbers_of(msgspec.inspect.type_info(command)):
            bounds = (number.ge, number.gt), (number.le, number.lt)
            assert all(any(b is not None for b in pair) for pair in bounds), f"{tag}: {name}"


def numbers_of(info: Any, name: str = "") -> Iterator[tuple[str, msgspec.inspect.IntType]]:
    """Every whole number in a type, however deep, with the name of its field."""
    match info:
        case msgspec.inspect.IntType():
            yield name, info
        case msgspec.inspect.StructType():
            for field in info.fields:
                yield from numbers_of(field.type, field.name)
        case msgspec.inspect.Metadata():
            yield from numbers_of(info.type, name)
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            yield from numbers_of(info.item_type, name)
        case msgspec.inspect.TupleType(item_types=types) | msgspec.inspect.UnionType(types=types):
            for inner in types:
                yield from numbers_of(inner, name)


def test_the_same_seed_is_the_same_run(registry: Registry) -> None:
    """To the last byte of the state."""
    first, again = (try_commands(Random(7), registry, 200) for _ in range(2))
    assert first == again
    assert first.digest != try_commands(Random(8), registry, 200).digest


def twice(self: Session, id_: str | None, rejected: Rejected) -> None:
    """A session that says no two times."""
    for _ in range(2):
        self._connection.send(msgspec.json.encode(_error(id_, rejected)))


def _error(id_: str | None, rejected: Rejected) -> dict[str, Any]:
    code = rejected.code
    fields = {"id": id_, "code": code.name, "retry": code.retry, "message": rejected.message}
    return {"type": "error", "details": rejected.details} | fields


def strange(self: Session, id_: str | None, rejected: Rejected) -> None:
    """A session with a code that nobody knows."""
    rejected = Rejected(Code("ODD", "never", 400), rejected.message)
    self._connection.send(msgspec.json.encode(_error(id_, rejected)))


def meddlesome(self: Desk, command: Any, actor: Any) -> Rejected:
    """A desk that notes in the books whom it has turned away."""
    assert isinstance(self.sink, InlineSink)
    self.sink.core.claims[f"refused:{command.id}"] = "house:door"
    return Rejected(UNAUTHENTICATED, "not today")


def _found(registry: Registry) -> bool:
    """Whether the fuzzer finds a fault."""
    try:
        for seed in SEEDS:
            try_commands(Random(seed), registry, FRAMES)
    except Exception:
        return True
    return False


def test_planted_faults_are_found(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replies, none, an unknown code, a refusal that leaves a trace, a decoder that raises
    and an event that is applied otherwise when it is new: each is found; the house is not."""
    assert not _found(registry)
    for owner, name, planted in (
        (Session, "refuse", twice),
        (Session, "refuse", lambda self, id_, rejected: None),
        (Session, "refuse", strange),
        (Desk, "may", meddlesome),
        (Decoder, "decode", lambda self, text: msgspec.json.decode(text)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, planted)
            assert _found(registry), planted
    applied = []

    def once_only(state: Any, event: AuctionCreated, at: int) -> None:
        """The first time that anything of this kind is applied, it is applied otherwise."""
        evolve.EVOLVE[AuctionCreated](state, event, at)
        applied.append(event)
        state.relisted_from = "nowhere" if len(applied) == 1 else ""

    auction = registry.domains["auction"]
    rules: dict[Any, Any] = {**auction.evolve, AuctionCreated: once_only}
    changed = msgspec.structs.replace(auction, evolve=rules)
    others = [domain for name, domain in registry.domains.items() if name != "auction"]
    assert _found(build_registry([*others, changed]))
