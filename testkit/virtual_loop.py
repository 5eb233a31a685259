"""An event loop whose time is a number: nothing waits, and a run is the same every time.

What runs for a simulated process carries its `Life` in the context, as tasks and timers hand it
on. A life that has ended never runs again, as after `kill -9`; one that is frozen does nothing
until it thaws, and then does it all at once, as a machine that was asleep.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from math import ceil
from random import Random
from typing import Any, TypeVar

from typing_extensions import override

T = TypeVar("T")

LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)


class Stuck(Exception):
    """Nothing is left to run, and the main task is not done."""


class Life:
    """One run of a simulated process, from its start to its end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.is_frozen = False
        self.context = copy_context()
        self.context.run(LIFE.set, self)
        self.held: list[asyncio.Handle] = []
        """What waits for the thaw, in order."""
        self.tasks: list[asyncio.Task[Any]] = []

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call into the process, so that what comes of it belongs to it."""
        assert self.is_alive, f"{self.name} has ended"
        if LIFE.get() is self:
            return function(*arguments)
        return self.context.run(function, *arguments)


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs handles in the order of their time, and of their making within one moment."""

    def __init__(self, dice: Random, lag_us_max: int = 1) -> None:
        """Timers of a life fire late by less than `lag_us_max`, as on a busy machine."""
        self.now_us = 0
        """Microseconds since the beginning of the run."""
        self._dice = dice
        self._lag_us_max = lag_us_max
        self.failure: BaseException | None = None
        """What went wrong where nobody awaits it; it ends the run."""
        self._ready: deque[asyncio.Handle] = deque()
        self._scheduled: list[tuple[int, int, asyncio.Handle]] = []
        self._made = 0
        self._spawned: set[asyncio.Task[Any]] = set()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` is done. Raises what it raises, or the first failure elsewhere."""
        task = self.create_task(main)
        asyncio._set_running_loop(self)
        try:
            while not task.done():
                self._turn()
                if self.failure is not None:
                    raise self.failure
        finally:
            asyncio._set_running_loop(None)
            _abandon(task)
        return task.result()

    def spawn(self, work: Coroutine[Any, Any, Any], context: Context | None = None) -> None:
        """Start a task that nobody awaits. It belongs to the life that runs now, or to that of
        the context."""
        task = self.create_task(work, context=context)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

    def kill(self, life: Life) -> None:
        """End a life at this very point. Not to be called from within it."""
        assert LIFE.get() is not life, "a process does not kill itself here"
        life.is_alive = False
        life.held.clear()
        # Closing them runs their `finally`, which a real death would not: nothing of it may leave.
        for task in tuple(life.tasks):
            life.context.run(_abandon, task)

    def thaw(self, life: Life) -> None:
        """Let a frozen life go on with what has piled up."""
        life.is_frozen = False
        self._ready.extend(life.held)
        life.held.clear()

    def hand_in(self, life: Life, function: Callable[..., object], *arguments: Any) -> None:
        """Call into a life from outside: at once, at its thaw, or never if it has ended."""
        if life.is_frozen:
            life.held.append(asyncio.Handle(function, arguments, self, life.context))
        elif life.is_alive:
            life.call(function, *arguments)

    def _turn(self) -> None:
        if self._ready:
            handle = self._ready.popleft()
        elif self._scheduled:
            when_us, _, handle = heapq.heappop(self._scheduled)
            self.now_us = max(self.now_us, when_us)
        else:
            raise Stuck("every task waits for another")
        if handle.cancelled():
            return
        life = handle._context.get(LIFE)  # type: ignore[attr-defined]
        if life is None or (life.is_alive and not life.is_frozen):
            handle._run()
        elif life.is_frozen and life.is_alive:
            life.held.append(handle)

    # What asyncio asks of a loop.

    @override
    def time(self) -> float:
        return self.now_us / 1_000_000

    @override
    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    @override
    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._at(self.now_us + ceil(delay * 1_000_000), callback, args, context)

    @override
    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._at(ceil(when * 1_000_000), callback, args, context)

    def _at(
        self,
        when_us: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when_us / 1_000_000, callback, args, self, context)
        if LIFE.get() is not None:
            when_us += self._dice.randrange(self._lag_us_max)
        self._made += 1
        heapq.heappush(self._scheduled, (when_us, self._made, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is passed over when its time comes."""

    @override
    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    @override
    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        life = LIFE.get() if context is None else context.get(LIFE)
        if life is not None and not life.is_alive:
            _abandon(task)
        elif life is not None:
            life.tasks.append(task)
            task.add_done_callback(life.tasks.remove)
        task.add_done_callback(self._look_at)
        return task

    def _look_at(self, task: asyncio.Task[Any]) -> None:
        """No task may end in an exception: what a process may die of, its main task catches."""
        if not task.cancelled() and (problem := task.exception()) and self.failure is None:
            self.failure = problem

    @override
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.failure is None:
            self.failure = context.get("exception") or Stuck(context["message"])

    @override
    def get_debug(self) -> bool:
        return False

    @override
    def is_running(self) -> bool:
        return asyncio._get_running_loop() is self

    @override
    def is_closed(self) -> bool:
        return False


def _abandon(task: asyncio.Task[Any]) -> None:
    """Leave a task where it stands, without a word about it."""
    if task.done():
        return
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine = task.get_coro()
    assert coroutine is not None, "a task has a coroutine"
    coroutine.close()
