"""A rule that breaks off half-way: the writer ends rather than go on with what it left behind."""

import asyncio
import time

import pytest

from engine.core import Core
from engine.sequencer import Refused
from persistence.memory import MemoryLog, MemoryStore
from tests.runtime.writer.writing import ADMIN, ask, deposit, new_writer


async def test_a_bug_in_a_rule_stops_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that rests on the broken step is answered, written or kept."""
    store = MemoryStore(lambda: time.time_ns() // 1_000_000)
    writer = new_writer(MemoryLog(store))
    await writer.start("test")
    running = asyncio.create_task(writer.run())
    await ask(writer, deposit("1"))

    def breaks_off(*_: object) -> None:
        raise AssertionError("planted")

    answers: list[object] = []
    writer.submit(deposit("2"), ADMIN, answers.append)
    monkeypatch.setattr(Core, "_evolve", breaks_off)
    answered = await ask(writer, deposit("3"))
    assert isinstance(answered, Refused)
    assert answered.rejected.code.name == "UNAVAILABLE"
    assert [type(a) for a in answers] == [Refused], "what was not yet durable is refused too"
    with pytest.raises(AssertionError, match="planted"):
        await running
    await writer.stop()
    assert not writer.is_ready
    assert store.snapshot is None
    assert [r.command_id for r in store.records if r.command_id] == ["1"]
