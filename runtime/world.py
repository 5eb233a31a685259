"""The world outside, as the writer knows it: who answers which ask, who runs which errand."""

from typing import Any

from engine.kernel.outcome import UNAVAILABLE, Rejected
from engine.kernel.outside import Ask, CheckPassword, HashPassword
from engine.ports import World
from engine.sequencer import Errands
from runtime.passwords import Passwords


class OutsideWorld(World):
    """Everything that the configuration has provided."""

    def __init__(self) -> None:
        self._passwords = Passwords()

    async def answer(self, ask: Ask) -> Any:
        if isinstance(ask, HashPassword | CheckPassword):
            return await self._passwords.answer(ask)
        return Rejected(UNAVAILABLE, f"nobody here answers a {type(ask).__name__}")

    def send_out(self, errands: Errands) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Let go of threads and connections."""
        self._passwords.close()
