"""The load in a process of its own: it must share no interpreter with what shows the progress, and
leaves nothing behind for the next measurement."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from multiprocessing import active_children, get_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class CrewFailed(Exception):
    """What went wrong in the other process, in words: many exceptions do not travel."""


class Crew:
    """One other process, that does one thing after another."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    async def do(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function there. Raises CrewFailed, and BrokenProcessPool if the process dies."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(_attempt, work, *args, **kwargs))


@asynccontextmanager
async def crew() -> AsyncIterator[Crew]:
    """A fresh process, until the block ends."""
    # Spawned, not forked: nothing of this process comes along, its event loop least of all.
    pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin)
    try:
        yield Crew(pool)
    except BaseException:
        for child in active_children():
            child.kill()
        raise
    finally:
        pool.shutdown()


def _attempt(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return work(*args, **kwargs)
    except Exception as problem:
        raise CrewFailed(f"{type(problem).__name__}: {problem}") from problem


def _begin() -> None:
    # Ctrl-C is for the parent, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # For tests; it makes a loop several times slower.
    os.environ.pop("PYTHONASYNCIODEBUG", None)
