"""The state as bytes: how it is taken while the house goes on.

To encode it takes 0.1 s for a thousand rooms that are bid in, and seconds for a hundred thousand,
in which nobody would be answered. So a copy of the process does it, as in Redis: `fork` gives it
the state of this very moment. That holds up the loop for some milliseconds (3 for each 100 MB),
and what the house changes meanwhile the system copies page by page.
"""

import asyncio
import gc
import logging
import os
import select
import signal
import sys
from typing import NoReturn

from engine import snapshot
from engine.core import Core
from runtime.writer.snapshots import Image, in_place

logger = logging.getLogger(__name__)

NICENESS = 10
"""Of the copy: the house goes first where there is one core."""
COPY_S_MAX = 120.0
"""A copy that takes longer waits for something that only the house could give it."""
FILES_MAX = 1_048_576
"""More than a process has open."""


def apart(core: Core) -> Image:
    """Have a copy of this process encode it. Where there can be none, it is done in place."""
    if sys.platform != "linux":
        return in_place(core)
    file = os.memfd_create("snapshot")
    try:
        pid = _copy_to(file, core)
    except OSError as problem:
        os.close(file)
        logger.warning("a snapshot is made in place, which holds up the house: %s", problem)
        return in_place(core)
    return asyncio.get_running_loop().run_in_executor(None, _collect, pid, file)


def _copy_to(file: int, core: Core) -> int:
    """Begin; the copy's process id."""
    # A signal for both would reach the loop twice, through the pipe that they share.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        return os.fork() or _encode(core, file)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _encode(core: Core, file: int) -> NoReturn:
    """What the copy does. It leaves everything alone that it shares with the house: sockets and
    locks would otherwise outlive a house that dies meanwhile."""
    done = False
    try:
        os.closerange(3, file)
        os.closerange(file + 1, FILES_MAX)
        os.nice(NICENESS)
        # A search would touch, and so copy, every page.
        gc.disable()
        data = memoryview(snapshot.image(core))
        while data:
            data = data[os.write(file, data) :]
        done = True
    finally:
        os._exit(not done)


def _collect(pid: int, file: int) -> bytes | None:
    """Wait for the copy, and seal what it has made; hashing leaves the interpreter to the loop."""
    with os.fdopen(file, "rb") as image:
        ended = select.poll()
        ended.register(handle := os.pidfd_open(pid), select.POLLIN)
        if not ended.poll(COPY_S_MAX * 1_000):
            os.kill(pid, signal.SIGKILL)
        os.close(handle)
        _, status = os.waitpid(pid, 0)
        image.seek(0)
        return None if status else snapshot.seal(image.read())
