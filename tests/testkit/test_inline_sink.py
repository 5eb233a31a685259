"""The writer of the gateway's tests keeps the promises of its port."""

from typing import Any

import msgspec

from engine.kernel.actor import ADMIN, ANYONE, Actor
from engine.kernel.outcome import Rejected
from engine.ledger.commands import Deposit
from engine.ports import Subscribed
from engine.registry import build_registry, find_domains
from engine.sequencer import Accepted, Refused
from gateway.counts import Counts
from gateway.hub import Hub
from testkit.inline_sink import InlineSink

BOSS = Actor("boss", ADMIN)
OWNER = Actor("u1", "user")


def new_sink() -> InlineSink:
    return InlineSink(build_registry(find_domains()), Hub(lambda callback: None, Counts()))


def deposit(id_: str, amount: int = 5) -> Deposit:
    return Deposit(id=id_, user="u1", amount=amount, currency="NGN", reference=id_)


def test_what_is_decided_is_durable_at_once() -> None:
    """The answer comes before the call returns."""
    sink, answers = new_sink(), list[Any]()
    sink.submit(deposit("1"), BOSS, answers.append)
    (answer,) = answers
    assert isinstance(answer, Accepted)
    assert [record.room for record in sink.log] == ["ledger:NGN", "user:u1"]


def _anything(audience: str, seq: int) -> None:
    """Who joins is no concern of this test."""


def _never(audience: str, seq: int) -> None:
    raise AssertionError("nobody may join")


def test_held_back_nothing_leaves_before_it_is_committed() -> None:
    """Neither replies nor snapshots nor what waits at the gate, and then all in order."""
    sink, out = new_sink(), list[Any]()
    sink.held = True
    sink.submit(deposit("1"), BOSS, out.append)
    sink.gate(out.append, "gate")
    joined: list[tuple[str, int]] = []
    sink.subscribe("user:u1", OWNER, None, None, lambda *at: joined.append(at), out.append)
    sink.see("user:u1", OWNER, out.append)
    assert joined == [("owner", 1)]
    assert out == []
    assert sink.log == []
    sink.commit()
    assert [type(value).__name__ for value in out] == ["Accepted", "str", "Subscribed", "Sight"]


def test_the_same_command_is_given_its_first_answer() -> None:
    """From the log."""
    sink, answers = new_sink(), list[Any]()
    for _ in range(2):
        sink.submit(deposit("1"), BOSS, answers.append)
    first, again = answers
    assert (again.duplicate, again.result, again.seq) == (True, first.result, first.seq)
    assert len(sink.log) == 2


def test_a_failed_log_refuses_what_waited_and_what_comes() -> None:
    """And is ready no more."""
    sink, out = new_sink(), list[Any]()
    sink.held = True
    sink.submit(deposit("1"), BOSS, out.append)
    sink.fail()
    sink.submit(deposit("2"), BOSS, out.append)
    sink.subscribe("user:u1", OWNER, None, None, _never, out.append)
    sink.see("user:u1", OWNER, out.append)
    assert [type(value) for value in out] == [Refused] * 4
    assert not sink.is_ready
    assert sink.audience("user:u1", OWNER) == ""


def test_a_subscription_resumes_or_begins_anew() -> None:
    """By the position that it names."""
    sink, out = new_sink(), list[Subscribed]()
    for number in range(3):
        sink.submit(deposit(str(number)), BOSS, lambda answer: None)
    for after, epoch in ((1, sink.log_id), (1, None), (1, "other"), (9, None), (None, None)):
        sink.subscribe("user:u1", OWNER, after, epoch, _anything, out.append)  # type: ignore[arg-type]
    assert [found.recovered for found in out] == [True, True, False, False, False]
    assert [msgspec.json.decode(frame)["seq"] for frame in out[0].frames] == [2, 3]


async def test_history_is_redacted_and_refused_as_the_room_is() -> None:
    """In pages."""
    sink = new_sink()
    for number in range(3):
        sink.submit(deposit(str(number)), BOSS, lambda answer: None)
    page = await sink.history("user:u1", OWNER, 1, 1)
    assert not isinstance(page, Rejected)
    assert [msgspec.json.decode(frame)["seq"] for frame in page] == [2]
    assert isinstance(await sink.history("user:u1", ANYONE, 0, 9), Rejected)


def test_time_is_the_tests() -> None:
    """It moves when it is told to."""
    sink = new_sink()
    before = sink.now()
    sink.advance(1_000)
    assert sink.now() == before + 1_000
    sink.presence("u1", True)
    assert sink.presences == [("u1", True)]
