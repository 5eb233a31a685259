"""Commands that the house itself sends, and does not let be lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from engine.contract import Command
from engine.kernel.actor import THE_HOUSE
from engine.ports import Answer, CommandSink
from engine.sequencer import Accepted

AGAIN_S = 1.0


async def decided(
    sink: CommandSink, command: Command, pause: Callable[[float], Awaitable[None]]
) -> Answer:
    """The answer to a command of the house: accepted, or refused by a rule. While the log is away
    it is sent again, with the same id."""
    while True:
        answer = await answered(sink, command)
        if isinstance(answer, Accepted) or answer.rejected.code.retry in ("never", "refresh"):
            return answer
        await pause(AGAIN_S)


async def answered(sink: CommandSink, command: Command) -> Answer:
    """The answer to a command of the house, sent once."""
    answer: Answer = await _handed(lambda to: sink.submit(command, THE_HOUSE, to))
    return answer


async def settled(sink: CommandSink) -> bool:
    """Wait until what was decided until now is durable and has left. False: it will not be."""
    return await _handed(lambda to: sink.gate(to, None)) is None


async def _handed(call: Callable[[Callable[[Any], None]], None]) -> Any:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def settle(answer: Any) -> None:
        # Whoever waited may have been cancelled.
        if not future.done():
            future.set_result(answer)

    call(settle)
    return await future
