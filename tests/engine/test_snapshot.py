"""Tests of engine/snapshot.py: the whole state as bytes."""

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import snapshot
from engine.contract import presence_key
from engine.core import Core
from engine.kernel.actor import ADMIN, Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.posting import Hold
from engine.ledger.commands import Adjust, Deposit, Withdraw
from tests.engine.toys import ADA, START, Play, toy_core, toy_registry

ids = count(1)
ADMINA = Actor("admina", ADMIN)


def _play(core: Core, **fields: Any) -> None:
    command = Play(id=str(next(ids)), **fields)
    core.step(command, command.room(ADA), ADA, max(core.now, START))


def _busy_core() -> Core:
    """Something of everything that a core can hold."""
    core = toy_core()
    limit = BUILT_IN["NGN"].adjustment_alone_max
    for command in (
        Deposit(id="1", user="ada", amount=900, currency="NGN", reference="r"),
        Deposit(id="2", user="bob", amount=900, currency="USD", reference="r"),
        Withdraw(id="3", amount=1, currency="NGN"),
        Adjust(id="4", user="ada", amount=limit + 1, currency="NGN", reason="why"),
    ):
        actor = ADA if isinstance(command, Withdraw) else ADMINA
        core.step(command, command.room(actor), actor, START)
    _play(core, text="hi", tell=("toy:t2", "nobody:1"), notify=("bob",), wake_at=START + 9)
    _play(core, moves=(Hold("ada", 5, "NGN", "toy:t1"),), keys=(presence_key("bob", "toy:t1"),))
    return core


def _restore(data: bytes) -> Core | None:
    return snapshot.restore(data, toy_registry(), dict(BUILT_IN))


def test_a_snapshot_holds_everything() -> None:
    """State, position, time, claims, watchers, book: all that replay would have made."""
    core = _busy_core()
    twin = _restore(snapshot.take(core))
    assert twin is not None
    assert snapshot.digest(twin) == snapshot.digest(core)
    assert (twin.position, twin.now, twin.last_at) == (core.position, START, START)
    assert (twin.claims, twin.watchers) == (core.claims, core.watchers)
    assert twin.book == core.book
    for name, room in core.rooms.items():
        other = twin.rooms[name]
        assert (other.seq, other.hash, other.state) == (room.seq, room.hash, room.state)
        assert other.domain.name == room.domain.name


def test_a_restored_core_goes_on_as_if_nothing_had_happened() -> None:
    """The next command gives the same records and the same state in both."""
    core = _busy_core()
    twin = _restore(snapshot.take(core))
    assert twin is not None
    command = Play(id="next", text="on", tell=("toy:t2",), moves=(Hold("ada", 6, "NGN", "x"),))
    outcomes = [c.step(command, "toy:t1", ADA, START + 1) for c in (core, twin)]
    records = [[a.record for a in outcome.applied] for outcome in outcomes]
    assert records[0] == records[1]
    assert snapshot.digest(twin) == snapshot.digest(core)


def test_equal_states_have_equal_bytes_whatever_their_history() -> None:
    """Rooms and keys are in order: the order in which they came does not show."""
    a, b = toy_core(), toy_core()
    for core, order in ((a, ("t1", "t2")), (b, ("t2", "t1"))):
        for toy in order:
            _play(core, toy=toy, text=toy, keys=(f"key:{toy}",))
    for core in (a, b):
        # Positions differ in history, and so do receipts; nothing else may.
        for room in core.rooms.values():
            room.hash = ""
    assert snapshot.take(a) == snapshot.take(b)


def test_the_digest_changes_with_the_state() -> None:
    """A single event more is another digest."""
    core = _busy_core()
    before = snapshot.digest(core)
    _play(core)
    assert snapshot.digest(core) != before


def test_the_digest_is_of_what_the_log_says() -> None:
    """Time that passes without an event is not in the log, so it is not in the digest."""
    core = _busy_core()
    before = snapshot.digest(core)
    core.now += 1_000
    assert snapshot.digest(core) == before


def test_a_snapshot_of_nothing() -> None:
    """An empty core has one too."""
    twin = _restore(snapshot.take(toy_core()))
    assert twin is not None
    assert (twin.position, twin.rooms) == (0, {})


@pytest.mark.parametrize("data", [b"", b"null", b"{}", b"[]", b"\xff\xfe"])
def test_what_is_no_snapshot_is_none(data: bytes) -> None:
    """Then the log is replayed from the start; a snapshot only saves time."""
    assert _restore(data) is None


@pytest.mark.parametrize(
    "other",
    [
        {"version": snapshot.VERSION + 1},
        {"position": "x"},
        {"rooms": [["nobody:1", 1, "", {}]]},
        {"rooms": [["toy:t1", 1, "", {"texts": 1}]]},
        {"rooms": [["toy:t1", 1]]},
        {"book": None},
    ],
    ids=["version", "type", "domain", "state", "short room", "no book"],
)
def test_a_snapshot_of_another_release_is_none(other: dict[str, Any]) -> None:
    """One field that this version cannot read is enough."""
    image = msgspec.json.decode(snapshot.take(_busy_core()).partition(b"\n")[2])
    assert _restore(snapshot.seal(msgspec.json.encode(image))) is not None
    assert _restore(snapshot.seal(msgspec.json.encode(image | other))) is None


@given(st.integers(0, 4_000), st.binary(max_size=4))
def test_damaged_bytes_are_no_snapshot(place: int, junk: bytes) -> None:
    """Whatever a disk has done to a snapshot, the start goes on without it."""
    data = snapshot.take(_busy_core())
    place %= len(data)
    for damaged in (data[:place] + junk + data[place + len(junk) :], data[:place] + junk):
        assert (_restore(damaged) is None) == (damaged != data)
