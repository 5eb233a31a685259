"""A thread that does one piece of work after the other for an event loop.

`run_in_executor` does the same with two futures, several locks and five times the processor time:
it would be the dearest part of a small commit.
"""

from asyncio import Future, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

Asked = tuple[Callable[[], Any], "Future[Any]"]


class WorkThread:
    """Runs work in the order in which it comes. Work that nobody waits for any more when its turn
    comes is left out."""

    def __init__(self, name: str) -> None:
        """The thread begins with the first piece of work. It does not keep the process alive."""
        self._name = name
        self._asked: SimpleQueue[Asked | None] = SimpleQueue()
        self._thread: Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has begun, and was not closed since."""
        return self._thread is not None

    async def run(self, work: Callable[[], T]) -> T:
        """What `work()` returns or raises in the thread."""
        if self._thread is None:
            self._thread = Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        future: Future[T] = get_running_loop().create_future()
        self._asked.put((work, future))
        return await future

    def close(self) -> None:
        """End the thread, after the work that is under way."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        # Nothing is kept here while it waits: a page of a log is a lot of memory.
        while _do(self._asked.get()):
            pass


def _do(asked: Asked | None) -> bool:
    """Do the work and say so. Returns False if there is to be none any more."""
    if asked is None:
        return False
    work, future = asked
    if future.cancelled():
        return True
    try:
        result = work()
    except BaseException as error:
        _tell(future, future.set_exception, error)
    else:
        _tell(future, future.set_result, result)
    return True


def _tell(future: "Future[Any]", settle: Callable[[Any], None], outcome: object) -> None:
    def in_loop() -> None:
        if not future.done():
            settle(outcome)

    with suppress(RuntimeError):  # The loop is closed, and with it whoever waited.
        future.get_loop().call_soon_threadsafe(in_loop)
