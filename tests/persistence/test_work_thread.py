"""Tests of persistence/work_thread.py. That work is done in order, in one thread, is proved for the
log's own thread in test_sqlite_thread.py."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from persistence.work_thread import WorkThread


@pytest.fixture
def thread() -> Iterator[WorkThread]:
    """A thread that is closed in the end."""
    thread = WorkThread("worker")
    yield thread
    thread.close()


async def test_what_work_raises_is_raised_where_it_is_awaited(thread: WorkThread) -> None:
    """The thread lives on."""
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    assert await thread.run(lambda: 1) == 1


async def test_work_that_nobody_waits_for_any_more_is_left_out(thread: WorkThread) -> None:
    """What is under way is finished, and tells nobody; what was to come never begins."""
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        go_on.wait()
        done.append("first")

    tasks = [
        asyncio.create_task(thread.run(first)),
        asyncio.create_task(thread.run(lambda: done.append("second"))),
    ]
    await asyncio.to_thread(begun.wait)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    go_on.set()
    await thread.run(lambda: done.append("third"))
    assert done == ["first", "third"]


def test_a_loop_that_has_ended_is_told_nothing() -> None:
    """Work that outlives its loop ends quietly, and the next loop is served by the same thread."""
    thread = WorkThread("worker")
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait()

    async def leave() -> None:
        waiting = asyncio.create_task(thread.run(work))
        await asyncio.to_thread(begun.wait)
        waiting.cancel()

    asyncio.run(leave())
    go_on.set()
    assert asyncio.run(thread.run(lambda: 1)) == 1
    thread.close()


async def test_it_begins_again_after_it_was_closed(thread: WorkThread) -> None:
    """As a connection that was closed is opened anew; to close it twice is no harm."""
    first = await thread.run(threading.current_thread)
    thread.close()
    thread.close()
    assert not first.is_alive()
    assert not thread.is_running
    assert await thread.run(threading.current_thread) is not first
