"""The writer's loop over a log in memory that can be made to fail."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec
import pytest

from engine.domains.auction.commands import ApproveAuction, CreateAuction
from engine.kernel.limits import RESUME_EVENTS_MAX
from engine.kernel.record import Record
from engine.sequencer import Accepted, Refused
from persistence.errors import LeaseLost, LogUnavailable
from persistence.memory import MemoryLog, MemoryStore
from runtime.writer.writer import Writer
from tests.runtime.writer.writing import ADMIN, Listener, answer, ask, deposit, new_writer, until


class Held(MemoryLog):
    """A log whose appends wait until they are let go, and may fail after having written."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.gate = asyncio.Event()
        self.gate.set()
        self.appending = asyncio.Event()
        self.lose_answer = False
        self.refuse = False

    async def append(self, records: Sequence[Record], cursor: int | None = None) -> None:
        self.appending.set()
        await self.gate.wait()
        if self.refuse:
            raise LogUnavailable("switched off by the test")
        await super().append(records, cursor)
        if self.lose_answer:
            self.lose_answer = False
            raise LogUnavailable("the answer got lost")


def _joined(audience: str, seq: int) -> None:
    assert audience == "owner"


@pytest.fixture
def store() -> MemoryStore:
    """What outlives a log."""
    return MemoryStore(lambda: time.time_ns() // 1_000_000)


@pytest.fixture
def log(store: MemoryStore) -> Held:
    """A log that the test can hold."""
    return Held(store)


@pytest.fixture
def listener() -> Listener:
    """Who listens."""
    return Listener()


@pytest.fixture
async def writer(log: Held, listener: Listener) -> AsyncIterator[Writer]:
    """A running writer."""
    made = new_writer(log, listener)
    await made.start("test")
    running = asyncio.create_task(made.run())
    yield made
    log.refuse = False
    log.gate.set()
    await made.stop()
    await running


async def test_an_answer_waits_until_its_record_is_durable(log: Held, writer: Writer) -> None:
    """ENG-1: nothing is answered before it is in the log, and refusals wait too."""
    log.gate.clear()
    log.appending.clear()
    answers: list[Accepted | Refused] = []
    writer.submit(deposit("1"), ADMIN, answers.append)
    writer.submit(deposit("1", amount=5), ADMIN, answers.append)
    await log.appending.wait()
    assert answers == []
    log.gate.set()
    assert isinstance(await ask(writer, deposit("2")), Accepted)
    first, second = answers
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert second.rejected.code.name == "CMD_ID_REUSED"


async def test_what_comes_while_a_batch_is_written_goes_into_the_next(
    log: Held, store: MemoryStore, writer: Writer
) -> None:
    """Group commit: the writer goes on deciding."""
    log.gate.clear()
    log.appending.clear()
    answers: list[Accepted | Refused] = []
    writer.submit(deposit("first"), ADMIN, answers.append)
    await log.appending.wait()
    for number in range(50):
        writer.submit(deposit(str(number)), ADMIN, answers.append)
    assert store.records == []
    log.gate.set()
    await ask(writer, deposit("last"))
    assert len(answers) == 51
    assert writer.counts.batch_records.counts[0] == 0, "no batch of a single record"
    assert sum(writer.counts.batch_records.counts) <= 3


async def test_a_repeated_command_gets_the_first_answer(writer: Writer) -> None:
    """ENG-2: same id and body, one event, and the same result byte for byte."""
    first = await ask(writer, deposit("1"))
    again = await ask(writer, deposit("1"))
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert again == msgspec.structs.replace(first, duplicate=True, to=again.to)


async def test_a_repeated_command_gets_the_first_answer_after_a_restart(
    store: MemoryStore, writer: Writer
) -> None:
    """ENG-2 holds over a restart: the ids travel in the log."""
    first = await ask(writer, deposit("1"))
    await writer.stop()
    successor = new_writer(MemoryLog(store))
    await successor.start("successor")
    again = await ask(successor, deposit("1"))
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert again.duplicate
    assert (again.result, again.seq, again.at) == (first.result, first.seq, first.at)


async def test_when_the_log_fails_nothing_is_acknowledged_and_the_house_goes_on(
    log: Held, store: MemoryStore, writer: Writer
) -> None:
    """What was being written is UNKNOWN, what came later UNAVAILABLE; then it works again."""
    await ask(writer, deposit("0"))
    log.gate.clear()
    log.appending.clear()
    answers: list[Accepted | Refused] = []
    writer.submit(deposit("1"), ADMIN, answers.append)
    await log.appending.wait()
    writer.submit(deposit("2"), ADMIN, answers.append)
    log.refuse = True
    log.gate.set()
    await until(lambda: len(answers) == 2)
    names = [a.rejected.code.name for a in answers if isinstance(a, Refused)]
    assert names == ["UNKNOWN", "UNAVAILABLE"]
    log.refuse = False
    await until(lambda: writer.is_ready)
    retried = await ask(writer, deposit("1"))
    assert isinstance(retried, Accepted)
    assert not retried.duplicate
    assert sum(b"ledger.deposited" in r.event for r in store.records) == 2


async def test_a_lost_answer_of_the_log_loses_nothing_and_repeats_nothing(
    log: Held, store: MemoryStore, writer: Writer, listener: Listener
) -> None:
    """The batch was written though the log said nothing: a retry tells, listeners hear it."""
    listener.listen("ledger:NGN", "books")
    log.lose_answer = True
    lost = await ask(writer, deposit("1"))
    assert isinstance(lost, Refused)
    assert lost.rejected.code.name == "UNKNOWN"
    await until(lambda: writer.is_ready)
    retried = await ask(writer, deposit("1"))
    assert isinstance(retried, Accepted)
    assert retried.duplicate
    assert sum(b"ledger.deposited" in r.event for r in store.records) == 1
    assert [seq for seq, _ in listener.heard["ledger:NGN"]] == [1]


async def test_a_writer_that_lost_its_lease_answers_nobody(
    log: Held, store: MemoryStore, listener: Listener
) -> None:
    """ENG-11: another owner took over; the append is refused and the loop ends."""
    paused = new_writer(log, listener)
    await paused.start("paused")
    running = asyncio.create_task(paused.run())
    store.lease_until = 0
    successor = new_writer(MemoryLog(store))
    await successor.start("successor")
    answered = await ask(paused, deposit("1"))
    assert isinstance(answered, Refused)
    assert answered.rejected.code.name == "UNKNOWN"
    with pytest.raises(LeaseLost):
        await running
    assert not paused.is_ready
    assert store.records == []


async def test_subscribers_hear_everything_after_their_snapshot(
    writer: Writer, listener: Listener
) -> None:
    """The seq of a subscription and the live frames after it have no gap and no overlap."""
    await ask(writer, deposit("1"))
    listener.listen("user:u1", "owner")
    owner = msgspec.structs.replace(ADMIN, user="u1", role="user")
    subscribed = await answer(
        lambda to: writer.subscribe("user:u1", owner, None, None, _joined, to)
    )
    assert not subscribed.recovered
    assert b'"available":100' in subscribed.state
    await ask(writer, deposit("2"))
    assert [seq for seq, _ in listener.heard["user:u1"]] == [subscribed.seq + 1]


async def test_a_resumed_subscriber_gets_what_it_missed(writer: Writer) -> None:
    """From memory if it is there, in order, once."""
    for number in range(5):
        await ask(writer, deposit(str(number)))
    owner = msgspec.structs.replace(ADMIN, user="u1", role="user")
    resumed = await answer(
        lambda to: writer.subscribe("user:u1", owner, 2, writer.log_id, _joined, to)
    )
    assert resumed.recovered
    assert [msgspec.json.decode(f)["seq"] for f in resumed.frames] == [3, 4, 5]


async def test_what_memory_has_forgotten_is_resumed_from_the_log(writer: Writer) -> None:
    """As long as it is no more than a client should be told one by one."""
    for number in range(600):
        writer.submit(deposit(str(number)), ADMIN, lambda _: None)
    await ask(writer, deposit("last"))
    owner = msgspec.structs.replace(ADMIN, user="u1", role="user")
    resumed = await answer(
        lambda to: writer.subscribe("user:u1", owner, 1, writer.log_id, _joined, to)
    )
    assert resumed.recovered
    seqs = [msgspec.json.decode(f)["seq"] for f in resumed.frames]
    assert seqs == list(range(2, 602))


async def test_who_missed_too_much_gets_a_snapshot(writer: Writer) -> None:
    """A burst of all events would be taken for a slow reader's debt."""
    for number in range(RESUME_EVENTS_MAX + 1):
        writer.submit(deposit(str(number)), ADMIN, lambda _: None)
    await ask(writer, deposit("last"))
    owner = msgspec.structs.replace(ADMIN, user="u1", role="user")
    for after, recovered in ((1, False), (2, True)):
        subscribe = partial(writer.subscribe, "user:u1", owner, after, writer.log_id, _joined)
        resumed = await answer(subscribe)
        assert resumed.recovered is recovered
        assert bool(resumed.state) is not recovered
        assert len(resumed.frames) == (RESUME_EVENTS_MAX if recovered else 0)


async def test_a_resume_from_another_log_gets_a_snapshot(writer: Writer) -> None:
    """A seq means nothing without the log that it belongs to."""
    await ask(writer, deposit("1"))
    owner = msgspec.structs.replace(ADMIN, user="u1", role="user")
    for after, epoch in ((1, "another"), (99, writer.log_id)):
        subscribe = partial(writer.subscribe, "user:u1", owner, after, epoch, _joined)
        resumed = await answer(subscribe)
        assert not resumed.recovered
        assert resumed.frames == []
        assert resumed.state


async def test_a_stopped_writer_leaves_a_snapshot_and_no_lease(
    store: MemoryStore, writer: Writer
) -> None:
    """The next start replays nothing and waits for nobody."""
    await ask(writer, deposit("1"))
    await writer.stop()
    assert store.snapshot is not None
    successor = new_writer(MemoryLog(store))
    recovered = await successor.start("successor")
    assert recovered.replayed == 0
    assert recovered.core.book.available("u1", "NGN") == 100


async def test_after_an_advance_the_alarm_is_set_anew(writer: Writer, listener: Listener) -> None:
    """What falls due just beyond the new time does not wait for what was left at the old."""
    room = "auction:a1"
    now = writer.clock.now()
    hour = 3_600_000
    create = CreateAuction(
        id="c",
        auction="a1",
        vehicle="v1",
        kind="timed",
        currency="NGN",
        start_price=100_00,
        start_at=now + hour + 300,
        end_at=now + 2 * hour,
    )
    for command in (create, ApproveAuction(id="d", auction="a1")):
        assert isinstance(await ask(writer, command), Accepted)
    listener.listen(room, "staff")
    await writer.advance(hour)
    await until(lambda: any(b"auction.started" in frame for _, frame in listener.heard[room]))


async def test_a_log_that_opens_and_cannot_be_written_is_given_time(
    log: Held, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    """As a full one: the next failure follows a wait, and a success forgets it."""
    log.refuse = True
    for number in range(2):
        refused = await ask(writer, deposit(f"d{number}"))
        assert isinstance(refused, Refused)
        await until(lambda: writer.is_ready)
    waits = [r.args[1] for r in caplog.records if "next attempt" in r.msg and r.args]
    assert waits == [200]
    log.refuse = False
    assert isinstance(await ask(writer, deposit("d3")), Accepted)
    log.refuse = True
    caplog.clear()
    await ask(writer, deposit("d4"))
    await until(lambda: writer.is_ready)
    assert not [record for record in caplog.records if "next attempt" in record.msg]
