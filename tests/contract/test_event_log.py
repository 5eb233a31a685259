"""What the house relies on in a log, proved of the one in memory, of SQLite and of Postgres."""

import asyncio

import pytest

from engine.kernel.limits import BATCH_RECORDS_MAX
from engine.kernel.record import Record
from engine.ports import COMMANDS, EventLog, Snapshot
from persistence.errors import LeaseLost, LogUnavailable
from tests.contract.places import Open, Place
from tests.persistence.samples import batch, record


async def test_bytes_come_back_exactly(log: EventLog) -> None:
    """Events and results are hashed and replayed, so not a space of them may change."""
    odd = Record(
        position=1,
        room="user:ß",
        seq=1,
        at=0,
        actor="Ọlá",
        event='{"event":"x",  "b":1.50,"a":"₦ 😀 \\u0000 \\"","a":"twice"}'.encode(),
        hash="0f" * 32,
        command_id="läuft",
        command_hash="",
        result='[ "é" ]'.encode(),
    )
    bare = Record(2, "user:ß", 2, 2**53, "house", b"{}", "")
    await log.append([odd, bare])
    assert list(await log.read(0, 10)) == [odd, bare]
    assert list(await log.read_room("user:ß", 0, 10)) == [odd, bare]


async def test_an_empty_log_is_empty(log: EventLog) -> None:
    """A house that has never run starts from nothing."""
    assert await log.head() == 0
    assert list(await log.read(0, 10)) == []
    assert list(await log.read_room("auction:a1", 0, 10)) == []


async def test_read_gives_pages_in_order(log: EventLog) -> None:
    """Replay goes through the log page by page and meets every record once."""
    await log.append(batch(1, 3))
    await log.append(batch(4, 7))
    pages = [[r.position for r in await log.read(after, 3)] for after in (0, 3, 6, 7)]
    assert pages == [[1, 2, 3], [4, 5, 6], [7], []]
    assert await log.head() == 7


async def test_read_room_gives_that_room_alone(log: EventLog) -> None:
    """The history of a room is its own seqs in order, whatever lies between them."""
    rooms = ["auction:a1", "auction:a10", "auction:a1", "user:u1", "auction:a1"]
    seqs = [1, 1, 2, 1, 3]
    await log.append([record(i + 1, rooms[i], seqs[i]) for i in range(5)])
    history = [await log.read_room("auction:a1", after, 2) for after in (0, 2, 3)]
    assert [[(r.position, r.seq) for r in page] for page in history] == [
        [(1, 1), (3, 2)],
        [(5, 3)],
        [],
    ]


async def test_a_batch_is_written_whole_or_not_at_all(log: EventLog) -> None:
    """What one command causes in several rooms is one transaction."""
    await log.append([record(1)])
    with pytest.raises(LeaseLost):
        await log.append([record(2), record(3, seq=1)])
    assert await log.head() == 1
    assert [r.position for r in await log.read_room("auction:a1", 0, 10)] == [1]


@pytest.mark.parametrize("positions", [(3,), (2, 4), (1,)], ids=["later", "hole", "again"])
async def test_positions_have_no_gaps(log: EventLog, positions: tuple[int, ...]) -> None:
    """A batch after one that failed must not be written: it would leave a hole in the log."""
    await log.append([record(1)])
    with pytest.raises(AssertionError):
        await log.append([record(position) for position in positions])
    assert await log.head() == 1


async def test_batches_of_none_and_of_the_most(log: EventLog) -> None:
    """The smallest and the greatest batch that the sequencer makes."""
    await log.append([])
    assert await log.head() == 0
    records = batch(1, BATCH_RECORDS_MAX)
    await log.append(records)
    assert list(await log.read(0, BATCH_RECORDS_MAX + 1)) == records


async def test_what_is_appended_outlives_the_process(log: EventLog, open_log: Open) -> None:
    """A restart finds every record, and goes on after the last."""
    await log.append(batch(1, 3))
    await log.release()
    await log.close()
    reopened = open_log()
    await reopened.acquire("second")
    await reopened.append([record(4)])
    assert list(await reopened.read(0, 10)) == batch(1, 4)


async def test_anyone_may_read(log: EventLog, open_log: Open) -> None:
    """A reader needs no lease, and sees what the owner has appended."""
    reader = open_log()
    await log.append(batch(1, 2))
    assert list(await reader.read(0, 10)) == batch(1, 2)
    assert await reader.head() == 2


async def test_readers_see_whole_batches_during_appends(log: EventLog) -> None:
    """Reading beside the writer gives the beginning of the log, cut between two batches."""
    writing = asyncio.ensure_future(_append_in_tens(log, 40))
    seen: set[int] = set()
    while not writing.done():
        page = await log.read(0, 1_000)
        assert list(page) == batch(1, len(page))
        seen.add(len(page) % 10)
    await writing
    assert seen == {0}
    assert await log.head() == 400


async def _append_in_tens(log: EventLog, times: int) -> None:
    for i in range(times):
        await log.append(batch(10 * i + 1, 10 * i + 10))


async def test_the_latest_snapshot_wins(log: EventLog, open_log: Open) -> None:
    """Recovery starts from the highest position, also when it is saved twice."""
    assert await log.load_snapshot() is None
    await log.append(batch(1, 9))
    for position, data in ((3, b"3"), (9, b"9"), (9, b"\0nine"), (6, b"6")):
        await log.save_snapshot(Snapshot(position, data))
    assert await log.load_snapshot() == Snapshot(9, b"\0nine")
    await log.release()
    assert await open_log().load_snapshot() == Snapshot(9, b"\0nine")


async def test_a_snapshot_holds_only_what_is_durable(log: EventLog) -> None:
    """A snapshot ahead of the log would bring back what was never answered."""
    await log.append([record(1)])
    with pytest.raises(AssertionError):
        await log.save_snapshot(Snapshot(2, b"ahead"))
    assert await log.load_snapshot() is None


async def test_a_mark_outlives_the_process_and_never_goes_back(
    log: EventLog, open_log: Open
) -> None:
    """A cursor that is saved late, or twice, loses nothing; others are not touched by it."""
    await log.append(batch(1, 9))
    assert await log.load_mark("errands") == 0
    for position in (3, 7, 5):
        await log.save_mark("errands", position)
    await log.save_mark("other", 1)
    await log.release()
    reopened = open_log()
    assert await reopened.load_mark("errands") == 7
    assert await reopened.load_mark("other") == 1


async def test_a_mark_stands_at_what_is_durable(log: EventLog) -> None:
    """A mark ahead of the log would skip what is yet to be written."""
    await log.append([record(1)])
    with pytest.raises(AssertionError):
        await log.save_mark("errands", 2)
    assert await log.load_mark("errands") == 0


async def test_the_cursor_of_the_commands_moves_with_the_records(
    log: EventLog, open_log: Open
) -> None:
    """Both or none: else the next owner would skip commands, or decide them twice."""
    assert await log.load_mark(COMMANDS) == 0
    await log.append([record(1)], 5 << 20)
    await log.append([record(2)])
    with pytest.raises(AssertionError):
        await log.append([record(7)], 9 << 20)
    await log.release()
    assert await open_log().load_mark(COMMANDS) == 5 << 20


async def test_it_works_again_after_an_outage(log: EventLog, place: Place) -> None:
    """The same object says that the log is unavailable, and later goes on, without a restart."""
    await log.append([record(1)])
    with place.unwritable():
        for _ in range(2):
            with pytest.raises(LogUnavailable):
                await log.append([record(2)])
        with pytest.raises(LogUnavailable):
            await log.renew()
    await log.renew()
    await log.append([record(2)])
    assert list(await log.read(0, 10)) == batch(1, 2)


async def test_acquiring_again_settles_an_outage(log: EventLog, place: Place) -> None:
    """An owner that does not know what became of an append asks anew, and head tells."""
    await log.append([record(1)])
    with place.unwritable(), pytest.raises(LogUnavailable):
        await log.append([record(2)])
    assert (await log.acquire("first")).epoch == 2
    head = await log.head()
    await log.append([record(head + 1)])
    assert list(await log.read(0, 10)) == batch(1, head + 1)
