"""A writer over a log in memory, and somebody who listens."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from engine.contract import Command
from engine.kernel.actor import Actor
from engine.kernel.market import BUILT_IN
from engine.ledger.commands import Deposit
from engine.ports import EventLog
from engine.registry import build_registry, find_domains
from engine.sequencer import Accepted, Refused
from runtime.clock import Clock
from runtime.writer.heir import GiveAway, nobody
from runtime.writer.writer import Writer
from testkit.world import PaperWorld, vault

ADMIN = Actor("admin", "admin", "approved")


class Listener:
    """A fan-out that keeps what it is given, for one class of viewer in each room."""

    def __init__(self) -> None:
        self.classes: dict[str, str] = {}
        self.heard: dict[str, list[tuple[int, bytes]]] = {}

    def listen(self, room: str, audience: str) -> None:
        self.classes[room] = audience
        self.heard[room] = []

    def audiences(self, room: str) -> Collection[str]:
        return (self.classes[room],) if room in self.classes else ()

    def publish(self, room: str, audience: str, seq: int, frame: bytes) -> None:
        assert audience == self.classes[room], "frames are made for those who listen"
        self.heard[room].append((seq, frame))

    def publish_soft(self, room: str, audience: str, key: str, frame: bytes) -> None:
        assert audience == self.classes[room], "frames are made for those who listen"

    def regroup(self, room: str, user: str) -> None:
        """Everybody is of one class here."""

    def dismiss(self, user: str, session: str, reason: str) -> None:
        raise AssertionError("nobody is dismissed here")

    def positions(self) -> Mapping[str, int]:
        return {room: frames[-1][0] if frames else 0 for room, frames in self.heard.items()}


def new_writer(
    log: EventLog, fan_out: Listener | None = None, give_away: GiveAway = nobody
) -> Writer:
    """A writer with all domains, not yet started."""
    registry = build_registry(find_domains())
    return Writer(
        log,
        registry,
        dict(BUILT_IN),
        fan_out or Listener(),
        Clock(),
        vault(),
        PaperWorld(),
        give_away=give_away,
    )


def deposit(id_: str, user: str = "u1", amount: int = 100) -> Deposit:
    """A command that always succeeds once."""
    return Deposit(id=id_, user=user, amount=amount, currency="NGN", reference=id_)


async def ask(writer: Writer, command: Command, actor: Actor = ADMIN) -> Accepted | Refused:
    """Submit and await the answer."""
    answered: Accepted | Refused = await answer(lambda to: writer.submit(command, actor, to))
    return answered


async def answer(call: Callable[[Callable[[Any], None]], Any]) -> Any:
    """Await what a call hands to its `to`."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    call(future.set_result)
    async with asyncio.timeout(10):
        return await future


async def until(holds: Callable[[], bool], within_s: float = 10) -> None:
    """Await what another task does, where there is no event to await."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
