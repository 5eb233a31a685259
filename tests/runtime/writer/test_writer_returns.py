"""A writer that slept, or whose log was away: what it does when it is back."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from engine.domains.auction.commands import ApproveAuction, CreateAuction
from engine.kernel.actor import Actor
from engine.kernel.limits import HISTORY_PAGE_MAX
from engine.kernel.market import BUILT_IN
from engine.kernel.record import Record
from engine.ports import Acquired, Snapshot
from engine.registry import build_registry, find_domains
from engine.sequencer import Accepted, Refused
from persistence.errors import LeaseHeld, LeaseLost, LogUnavailable
from persistence.memory import MemoryLog, MemoryStore
from runtime.clock import Clock
from runtime.writer import lease as lease_module
from runtime.writer import writer as writer_module
from runtime.writer.heir import HandedOver
from runtime.writer.lease import LEASE_MS
from runtime.writer.writer import Writer
from testkit.world import PaperWorld, vault
from tests.runtime.writer.writing import ADMIN, Listener, ask, deposit, new_writer, until

DEALER = Actor("dealer", "dealer", "approved")


class Fickle(MemoryLog):
    """A log that writes and then loses the answer, and that another process may have taken."""

    lose_answers = 0
    is_taken = False
    is_away = False

    async def append(self, records: Sequence[Record], cursor: int | None = None) -> None:
        await super().append(records, cursor)
        if self.lose_answers:
            self.lose_answers -= 1
            raise LogUnavailable("the answer got lost")

    async def acquire(self, owner: str) -> Acquired:
        if self.is_taken:
            raise LeaseHeld("the log", "another", 1_000)
        return await super().acquire(owner)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        if self.is_away:
            raise LogUnavailable("switched off")
        await super().save_snapshot(snapshot)


@pytest.fixture
def log() -> Fickle:
    """An empty one."""
    return Fickle(MemoryStore(lambda: time.time_ns() // 1_000_000))


async def test_what_fell_due_while_it_slept_past_its_lease_is_fired(
    log: Fickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the lease no timer may fire; as soon as the log says that the lease still stands, it
    does, without anybody having to send a command first."""
    monkeypatch.setattr(lease_module, "RENEW_MS", 200)
    slept_ns = 0
    clock = Clock(steady_ns=lambda: time.monotonic_ns() + slept_ns)
    writer = Writer(
        log,
        build_registry(find_domains()),
        dict(BUILT_IN),
        Listener(),
        clock,
        vault(),
        PaperWorld(),
    )
    await writer.start("sleeper")
    running = asyncio.create_task(writer.run())
    start_at = writer.now() + 50
    created = CreateAuction(
        id="1",
        auction="a1",
        vehicle="v1",
        kind="timed",
        currency="USD",
        start_price=1,
        start_at=start_at,
        end_at=start_at + 3_600_000,
    )
    assert isinstance(await ask(writer, created, DEALER), Accepted)
    assert isinstance(await ask(writer, ApproveAuction(id="2", auction="a1")), Accepted)
    slept_ns = (LEASE_MS + 1_000) * 1_000_000
    assert not writer.is_ready
    store = log._store
    await until(lambda: b'"auction.started"' in store.records[-1].event)
    assert writer.is_ready
    await writer.stop()
    await running


async def test_listeners_hear_all_of_a_long_batch_whose_answer_was_lost(log: Fickle) -> None:
    """More than memory keeps of a room, and more than one page of the log: no gap all the same."""
    listener = Listener()
    writer = new_writer(log, listener)
    await writer.start("test")
    running = asyncio.create_task(writer.run())
    listener.listen("ledger:NGN", "books")
    count = 2 * HISTORY_PAGE_MAX + 10
    log.lose_answers = 1
    for number in range(count):
        writer.submit(deposit(str(number)), ADMIN, lambda _: None)
    # Whoever wants to see has all of it decided now, so that it is one batch.
    writer.gate(lambda _: None, None)
    await until(lambda: len(listener.heard["ledger:NGN"]) == count)
    assert [seq for seq, _ in listener.heard["ledger:NGN"]] == list(range(1, count + 1))
    await writer.stop()
    await running


async def test_a_lease_that_is_held_when_the_log_is_back_is_a_lease_lost(log: Fickle) -> None:
    """Another process was faster: whoever watches the exit code reads 3, not 1."""
    writer = new_writer(log)
    await writer.start("slow")
    running = asyncio.create_task(writer.run())
    log.lose_answers, log.is_taken = 1, True
    writer.submit(deposit("1"), ADMIN, lambda _: None)
    with pytest.raises(LeaseLost):
        await running
    await writer.stop()


@pytest.mark.parametrize("has_heir", [True, False])
async def test_a_log_that_failed_is_left_to_whoever_has_read_it(
    log: Fickle, monkeypatch: pytest.MonkeyPatch, has_heir: bool
) -> None:
    """If it is long: the lease is free at once, and what was in flight is asked again there. Where
    there is nobody this process reads it itself, and so it does if it could never write."""

    async def give_away() -> bool:
        asked.append(writer.is_ready)
        return has_heir

    asked: list[bool] = []
    monkeypatch.setattr(writer_module, "SHORT_RECORDS", 0)
    writer = new_writer(log, give_away=give_away)
    await writer.start("slow")
    running = asyncio.create_task(writer.run())
    log.lose_answers = 1
    assert isinstance(await ask(writer, deposit("1")), Refused)
    await until(lambda: writer.is_ready)
    assert isinstance(await ask(writer, deposit("2")), Accepted)
    assert not asked
    log.lose_answers = 1
    assert isinstance(await ask(writer, deposit("3")), Refused)
    if has_heir:
        with pytest.raises(HandedOver):
            async with asyncio.timeout(10):
                await running
        await MemoryLog(log._store).acquire("heir")
    else:
        await until(lambda: writer.is_ready)
    assert asked == [False]
    await writer.stop()
    await asyncio.wait({running})


async def test_it_stops_without_its_log(log: Fickle) -> None:
    """What is acknowledged is durable, so there is nothing to wait for."""
    writer = new_writer(log)
    await writer.start("test")
    running = asyncio.create_task(writer.run())
    assert isinstance(await ask(writer, deposit("1")), Accepted)
    log.is_away = True
    await writer.stop()
    await running
    assert await log.load_snapshot() is None
