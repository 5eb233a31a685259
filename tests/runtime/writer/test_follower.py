"""A standby has what the log has, bears its outages, and hands over nothing that is damaged."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from engine import snapshot
from engine.core import Core
from engine.kernel.market import BUILT_IN
from engine.kernel.record import Record
from engine.ports import Acquired, EventLog, Snapshot
from engine.registry import build_registry, find_domains
from engine.sequencer import Accepted, Remembered
from persistence.errors import LeaseHeld, LogUnavailable
from persistence.memory import MemoryLog, MemoryStore
from persistence.postgres import PostgresLog
from runtime.writer import follower as follower_module
from runtime.writer.follower import Follower
from runtime.writer.recovery import Recovered, Replay, recover
from runtime.writer.writer import Writer
from testkit.world import vault
from tests.runtime.writer.writing import ADMIN, ask, deposit, new_writer, until


class Reader(MemoryLog):
    """The follower's own log: it counts what is asked, and can hold an answer back."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.snapshots_loaded = 0
        self.is_closed = False
        self.held_back: asyncio.Event | None = None
        self.is_holding = asyncio.Event()

    async def acquire(self, owner: str) -> Acquired:
        raise AssertionError("a standby owns nothing")

    async def load_snapshot(self) -> Snapshot | None:
        self.snapshots_loaded += 1
        return await super().load_snapshot()

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        page = await super().read(after, limit)
        if self.held_back and len(page) > 1:
            self.is_holding.set()
            await self.held_back.wait()
        return page

    async def close(self) -> None:
        self.is_closed = True


class House:
    """One log, its owner, and whoever follows it."""

    def __init__(self) -> None:
        self.store = MemoryStore(lambda: time.time_ns() // 1_000_000)
        self.reader = Reader(self.store)
        self.follower = new_follower(self.reader)
        self.owner: Writer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def run(self, follower: Follower | None = None) -> asyncio.Task[None]:
        self._tasks.append(asyncio.create_task((follower or self.follower).run()))
        return self._tasks[-1]

    async def own(self, owner: str = "first", following: Follower | None = None) -> Writer:
        writer = new_writer(MemoryLog(self.store))
        await writer.start(owner, following=following)
        self._tasks.append(asyncio.create_task(writer.run()))
        self.owner = writer
        return writer

    async def write(self, first: int, last: int) -> None:
        """One deposit each, by the owner."""
        owner = self.owner or await self.own()
        for number in range(first, last + 1):
            assert isinstance(await ask(owner, deposit(f"c{number}")), Accepted)

    async def give_up(self) -> None:
        """The owner stops in good order."""
        assert self.owner, "own() comes first"
        await self.owner.stop()
        self.owner = None

    async def followed(self) -> None:
        """Await that the standby has it all."""
        await until(
            lambda: self.follower.is_ready and self.follower.position == len(self.store.records)
        )

    async def close(self) -> None:
        if self.owner:
            await self.owner.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def new_follower(log: EventLog) -> Follower:
    """A follower that does not wait between its pages."""
    registry = build_registry(find_domains())
    return Follower(log, registry, dict(BUILT_IN), vault(), pause=lambda ms: asyncio.sleep(0.001))


async def from_log(house: House, onto: Replay | None = None) -> Recovered:
    """What a start makes of the log, with or without what a standby had."""
    log = MemoryLog(house.store)
    return await recover(log, build_registry(find_domains()), dict(BUILT_IN), vault(), onto=onto)


def tails(core: Core) -> dict[str, list[Record]]:
    """What rooms keep of their latest records."""
    return {name: list(room.tail) for name, room in core.rooms.items()}


def answers(remembered: Remembered, records: Sequence[Record]) -> list[tuple[str, int] | None]:
    """What is remembered of every command in the log."""
    return [remembered.find(r.actor, r.command_id, r.command_hash) for r in records if r.command_id]


def same(found: Recovered, expected: Recovered, records: Sequence[Record]) -> None:
    """State, tails and answers are those of a start without a standby."""
    assert snapshot.digest(found.core) == snapshot.digest(expected.core)
    assert tails(found.core) == tails(expected.core)
    known = answers(found.remembered, records)
    assert known == answers(expected.remembered, records)
    assert None not in known


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """An empty one."""
    house = House()
    yield house
    await house.close()


async def test_a_takeover_goes_on_from_what_was_followed(house: House) -> None:
    """Only what came after is read anew, and the outcome is that of a start from nothing."""
    house.run()
    await house.write(1, 5)
    await house.followed()
    had = house.follower.position
    replay = house.follower.take()
    await house.write(6, 8)
    recovered = await from_log(house, replay)
    assert replay
    assert recovered.core is replay.core
    assert recovered.replayed == len(house.store.records) - had > 0
    same(recovered, await from_log(house), house.store.records)


@pytest.mark.parametrize("size", [2, 3, 1_000])
async def test_pages_of_every_size_give_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Each page begins with the last record of the one before; none is applied twice."""
    monkeypatch.setattr(follower_module, "PAGE", size)
    await house.write(1, 7)
    house.run()
    await house.followed()
    recovered = await from_log(house, house.follower.take())
    assert recovered.replayed == 0
    same(recovered, await from_log(house), house.store.records)


async def test_it_begins_with_a_snapshot(house: House) -> None:
    """What the snapshot holds is not replayed, but its answers and its tails are there."""
    await house.write(1, 5)
    await house.give_up()
    await house.write(6, 7)
    assert house.store.snapshot
    house.run()
    await house.followed()
    recovered = await from_log(house, house.follower.take())
    same(recovered, await from_log(house), house.store.records)


async def test_one_that_has_only_begun_is_of_use_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken in the midst of the log, and the rest is read when the lease is had."""
    monkeypatch.setattr(follower_module, "PAGE", 3)
    await house.write(1, 9)
    house.run()
    await until(lambda: house.follower.position > 0)
    replay = house.follower.take()
    assert replay
    recovered = await from_log(house, replay)
    same(recovered, await from_log(house), house.store.records)


async def test_a_standby_becomes_the_writer(house: House) -> None:
    """By the code of every start: it goes on where the first one stopped, and a command that the
    first one answered is answered as it was."""
    running = house.run()
    await house.write(1, 4)
    await house.followed()
    await house.give_up()
    writer = await house.own("second", house.follower)
    await running
    assert house.reader.is_closed
    again = await ask(writer, deposit("c3"))
    assert isinstance(again, Accepted)
    assert again.duplicate
    await house.write(5, 6)
    await house.give_up()
    assert house.store.snapshot
    house.store.snapshot, left = None, house.store.snapshot
    assert snapshot.take((await from_log(house)).core) == left.data


async def test_a_start_that_fails_on_the_way_leaves_no_lease(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log breaks off when the lease is had: whoever tries next need not wait for its end."""
    house.run()
    await house.write(1, 2)
    await house.give_up()
    log = MemoryLog(house.store)

    async def unreadable(after: int, limit: int) -> Sequence[Record]:
        raise LogUnavailable("away")

    monkeypatch.setattr(log, "read", unreadable)
    with pytest.raises(LogUnavailable):
        await new_writer(log).start("second", following=house.follower)
    assert house.follower.is_taken
    writer = await house.own("third")
    assert isinstance(await ask(writer, deposit("c3")), Accepted)


async def test_while_the_lease_is_held_it_follows_on(house: House) -> None:
    """A start that is refused takes nothing, and may be tried again with the same standby."""
    house.run()
    await house.write(1, 2)
    with pytest.raises(LeaseHeld):
        await new_writer(MemoryLog(house.store)).start("second", following=house.follower)
    await house.write(3, 4)
    await house.followed()
    await house.give_up()
    writer = await house.own("second", house.follower)
    assert isinstance(await ask(writer, deposit("c5")), Accepted)


async def test_an_outage_costs_nothing_but_time(house: House) -> None:
    """It is not ready meanwhile, and then goes on from what it had."""
    house.run()
    await house.write(1, 3)
    await house.followed()
    house.store.available = False
    await until(lambda: not house.follower.is_ready)
    assert house.follower.position == len(house.store.records)
    house.store.available = True
    await house.write(4, 5)
    await house.followed()
    assert house.reader.snapshots_loaded == 1


async def test_it_may_begin_in_an_outage(house: House) -> None:
    """Until there is a log there is nothing to take over, and a start begins with nothing."""
    await house.write(1, 3)
    house.store.available = False
    house.run()
    await until(lambda: house.reader.snapshots_loaded > 1)
    assert house.follower.position == 0
    house.store.available = True
    await house.followed()


def another_history(store: MemoryStore) -> None:
    """A backup is put back, and its last record is another."""
    changed = store.records[-1]
    store.records[-1] = Record(
        changed.position, changed.room, changed.seq, changed.at, changed.actor, changed.event, "0f"
    )


def a_shorter_history(store: MemoryStore) -> None:
    """A backup is put back that ends earlier."""
    store.records.pop()


@pytest.mark.parametrize("restore", [another_history, a_shorter_history])
async def test_what_is_not_in_the_log_is_not_taken_over(
    house: House, restore: Callable[[MemoryStore], None]
) -> None:
    """State of another log than the one there is would be answered from, and written on."""
    house.run()
    await house.write(1, 3)
    await house.followed()
    replay = house.follower.take()
    await house.give_up()
    house.store.snapshot = None
    restore(house.store)
    recovered = await from_log(house, replay)
    assert replay
    assert recovered.core is not replay.core
    assert snapshot.digest(recovered.core) == snapshot.digest((await from_log(house)).core)


@pytest.mark.parametrize("restore", [another_history, a_shorter_history])
async def test_what_does_not_fit_is_followed_anew(
    house: House, restore: Callable[[MemoryStore], None]
) -> None:
    """It is found out before anybody takes over, and mended."""
    house.run()
    await house.write(1, 3)
    await house.followed()
    await house.give_up()
    house.store.snapshot = None
    restore(house.store)
    await until(lambda: house.reader.snapshots_loaded > 1)
    await house.followed()
    replay = house.follower.take()
    assert replay
    assert snapshot.digest(replay.core) == snapshot.digest((await from_log(house)).core)


async def test_state_that_broke_is_thrown_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule fails in the midst of a page: half of it is applied, and nobody may have that."""
    house.run()
    await house.write(1, 3)
    await house.followed()
    broken = house.follower.position
    replay = Core.replay

    def fail(core: Core, record: Record) -> object:
        if record.position > broken + 1:
            raise KeyError(record.position)
        return replay(core, record)

    monkeypatch.setattr(Core, "replay", fail)
    await house.write(4, 6)
    await until(lambda: not house.follower.is_ready)
    monkeypatch.setattr(Core, "replay", replay)
    await until(lambda: house.reader.snapshots_loaded > 1)
    await house.followed()
    recovered = await from_log(house, house.follower.take())
    same(recovered, await from_log(house), house.store.records)


async def test_a_page_that_comes_too_late_is_not_applied(house: House) -> None:
    """It was on its way when the state was taken: somebody else goes on with that."""
    running = house.run()
    await house.write(1, 3)
    await house.followed()
    house.reader.held_back = asyncio.Event()
    await house.write(4, 6)
    await house.reader.is_holding.wait()
    position = house.follower.position
    replay = house.follower.take()
    house.reader.held_back.set()
    await running
    assert replay
    assert replay.core.position == position < len(house.store.records)
    assert house.follower.take() is None


async def test_whoever_stops_following_closes_the_log(house: House) -> None:
    """A market that is somebody else's to follow leaves no connection behind, and no state."""
    running = house.run()
    await house.write(1, 3)
    await house.followed()
    running.cancel()
    await asyncio.wait({running})
    assert house.reader.is_closed
    assert not house.follower.is_ready
    assert house.follower.take() is None


async def test_on_postgres_nothing_is_owned(postgres_url: str) -> None:
    """It begins before there are tables, and reads beside an owner, whose lease stays as it is."""
    follower = new_follower(PostgresLog(postgres_url))
    following = asyncio.create_task(follower.run())
    owner = PostgresLog(postgres_url)
    writer = new_writer(owner)
    await writer.start("owner")
    running = asyncio.create_task(writer.run())
    for number in range(3):
        assert isinstance(await ask(writer, deposit(str(number)), ADMIN), Accepted)
    head = await owner.head()
    await until(lambda: follower.is_ready and follower.position == head)
    assert isinstance(await ask(writer, deposit("last"), ADMIN), Accepted)
    assert writer.counts.lease_epoch == 1
    await writer.stop()
    await running
    second = PostgresLog(postgres_url)
    successor = new_writer(second)
    recovered = await successor.start("standby", following=follower)
    assert recovered.core.position == await second.head()
    await following
    running = asyncio.create_task(successor.run())
    again = await ask(successor, deposit("1"), ADMIN)
    assert isinstance(again, Accepted)
    assert again.duplicate
    await successor.stop()
    await running
    await owner.close()
    await second.close()
