"""Commands that arrived in one turn of the loop, decided together.

One after another, in the order in which they came; but between two decisions nothing is parsed
and nothing is sent, so that the rules and their state stay in the processor's caches. It saves
about an eighth of what a bid costs (140 -> 122 µs of CPU, means of three runs each in turn).
"""

import asyncio
from collections.abc import Callable
from typing import Any

from engine.contract import Command
from engine.kernel.actor import Actor
from engine.ports import AnswerTo

TURN_MAX = 128
"""Commands that are decided in one turn, some 8 ms. Answers that are durable meanwhile, and what is
written to the log, would otherwise wait for all that came while the loop was held up."""

TOGETHER_MAX = 4_096
"""Beyond so many nobody waits for the end of the turn."""

Asked = tuple[Command, Actor, AnswerTo, Any]
"""A command, who sends it, where the answer goes, and the world's proof if it needs one."""


class Intake:
    """What has been asked, and is not yet decided."""

    __slots__ = ("_asked", "_decide")

    def __init__(self, decide: Callable[[list[Asked]], None]) -> None:
        self._decide = decide
        self._asked: list[Asked] = []

    def add(self, asked: Asked) -> None:
        """Have it decided at the end of this turn, or behind what came before it."""
        self._asked.append(asked)
        if len(self._asked) == 1:
            asyncio.get_running_loop().call_soon(self._turn)
        elif len(self._asked) >= TOGETHER_MAX:
            self.flush()

    def flush(self) -> None:
        """Decide now: somebody wants to see what comes of it."""
        asked, self._asked = self._asked, []
        if asked:
            self._decide(asked)

    def _turn(self) -> None:
        asked, self._asked = self._asked[:TURN_MAX], self._asked[TURN_MAX:]
        if self._asked:
            asyncio.get_running_loop().call_soon(self._turn)
        if asked:
            self._decide(asked)
