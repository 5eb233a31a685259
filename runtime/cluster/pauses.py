"""Waiting that can be cut short, by a clock that a test may replace."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from engine.kernel.time import Millis

Pause = Callable[[Millis], Coroutine[Any, Any, object]]


async def sleep_ms(ms: Millis) -> None:
    """Let time pass."""
    await asyncio.sleep(ms / 1_000)


async def pause_unless(ended: asyncio.Event, ms: Millis, pause: Pause = sleep_ms) -> None:
    """Wait `ms`, or until `ended` is set."""
    waits = [asyncio.create_task(pause(ms)), asyncio.create_task(ended.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiting in waits:
            waiting.cancel()
