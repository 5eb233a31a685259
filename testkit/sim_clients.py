"""People who ask, listen, give up, ask again with the same id, and come back after every break."""

import asyncio
from random import Random
from typing import Any, TypeGuard

import msgspec

from engine.contract import Command
from engine.kernel.actor import GUEST, Actor
from engine.kernel.outcome import OVERLOADED, Rejected
from engine.ports import Answer
from engine.sequencer import Accepted, Refused
from gateway.session_commands import Subscribe
from testkit.auditor import ASK_AGAIN
from testkit.sim_house import Host, Line, World
from testkit.violation import expect

PATIENCE_S = 12.0
BACK_OFF_US = 500_000
BACK_OFF_US_MAX = 16_000_000
KEEP_US = 3_000_000
"""The longest that somebody waits before they look after their connection."""


class Heard:
    """What one person has heard of one room, over all of their connections."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.seq: int | None = None
        """They know everything up to here."""
        self.frames: list[tuple[int, bytes]] = []
        self.audiences: set[str] = set()
        """All classes of viewer that they have been of."""
        self.line: Line | None = None
        """The connection that they listen on."""
        self.expects_snapshot = False


class Person:
    """One user, or one guest, with at most one connection at a time."""

    def __init__(
        self, world: World, hosts: list[Host], actor: Actor, rooms: list[str], dice: Random
    ) -> None:
        self.actor = actor
        self.heard = {room: Heard(room) for room in rooms}
        self.line: Line | None = None
        self.away_until_us = 0
        self.busy = 0
        """Commands whose fate is not known yet."""
        self._world = world
        self._hosts = hosts
        self._dice = dice
        self._ids = 0

    # Being there.

    async def stay(self) -> None:
        """Keep a connection, and listen on it, for ever."""
        while True:
            if self.is_away:
                self._hang_up()
            elif self._connected() is not None:
                self._listen()
            await asyncio.sleep(self._dice.randrange(KEEP_US) / 1_000_000)

    @property
    def is_away(self) -> bool:
        return self._world.loop.now_us < self.away_until_us

    def leave(self, for_us: int) -> None:
        """Go offline for a while."""
        self.away_until_us = self._world.loop.now_us + for_us
        self._hang_up()

    def _hang_up(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None

    def _connected(self) -> Line | None:
        """The connection, made anew if it is broken and there is somebody to connect to."""
        if self.line is not None and self.line.is_open:
            return self.line
        processes = [host.process for host in self._hosts]
        serving = [process for process in processes if process and process.is_serving]
        if not serving:
            return None
        process = self._dice.choice(serving)
        self.line = Line(self._world, process, self.actor, self._receive, self._refused)
        return self.line

    # Asking.

    async def ask(self, actor: Actor, command: Command) -> Answer:
        """Send a command again and again until it is known what became of it: that."""
        self._ids += 1
        command = msgspec.structs.replace(command, id=str(self._ids))
        self.busy += 1
        options = self._world.options
        answer = await self._until_known(actor, command)
        if isinstance(answer, Accepted) and b'"receipt":' in answer.result:
            if self._dice.randrange(1_000) < options.again:
                await self._until_known(actor, command)
            if self._dice.randrange(1_000) < options.other_body:
                await self._reuse(actor, command)
        elif isinstance(answer, Refused):
            self._world.auditor.took_no(actor.user, command.id)
        self.busy -= 1
        return answer

    async def _reuse(self, actor: Actor, command: Command) -> None:
        """Another command with the same id is refused, now and after a restart."""
        fields = ("amount", "max_amount", "reason")
        field = next((n for n in fields if getattr(command, n, None) is not None), None)
        if field is None:
            return
        other: Any = "another reason" if field == "reason" else getattr(command, field) + 1
        body = msgspec.structs.replace(command, **{field: other})
        answer = await self._until_known(actor, body)
        refused = isinstance(answer, Refused) and answer.rejected.code.name == "CMD_ID_REUSED"
        expect(refused, f"ENG-2: {body} has the id of {command}, and is answered {answer}")

    async def _until_known(self, actor: Actor, command: Command) -> Answer:
        patience_us = BACK_OFF_US
        while True:
            answer = await self._once(actor, command)
            self._world.chronicle.note(_kind(answer), f"{actor.user} {command.id}")
            if answer is not None and not _says_again(answer):
                return answer
            await asyncio.sleep(self._dice.randrange(1, patience_us) / 1_000_000)
            patience_us = min(2 * patience_us, BACK_OFF_US_MAX)

    async def _once(self, actor: Actor, command: Command) -> Answer | None:
        """Send it; None if the answer does not come."""
        line = None if self.is_away else self._connected()
        if line is None:
            return None
        options, dice = self._world.options, self._dice
        self._world.chronicle.note("ask", f"{actor.user} {command}")
        future = line.submit(actor, command)
        if dice.randrange(1_000) < options.twice:
            _ = line.submit(actor, command)
        is_impatient = dice.randrange(1_000) < options.impatient and not self._world.weather.is_calm
        await asyncio.wait([future], timeout=0.01 if is_impatient else PATIENCE_S)
        if not future.done():
            self._hang_up()
            return None
        answer = future.result()
        if answer is not None and _says_again(answer) and answer.rejected.code != OVERLOADED:
            self._hang_up()
        return answer

    # Listening.

    def _listen(self) -> None:
        for heard in self.heard.values():
            line = self.line
            if line is not None and heard.line is not line and self._exists(heard.room):
                heard.line = line
                after = heard.seq
                epoch = None if after is None else self._world.store.log_id
                command = Subscribe(id=heard.room, room=heard.room, after=after, epoch=epoch)
                line.subscribe(command, heard.audiences)

    def _exists(self, room: str) -> bool:
        """Whether there is anything to hear, as somebody else might tell them."""
        domain = self._world.registry.domain_of(room)
        assert domain is not None, f"no domain for {room}"
        return domain.always or room in self._world.auditor.heads

    def _refused(self, room: str | None, rejected: Rejected) -> None:
        """A subscription that is refused, or ends, is tried again later."""
        name = room or str(rejected.details.get("room"))
        if name in self.heard:
            self.heard[name].line = None

    def _receive(self, data: bytes) -> None:
        """What the connection brings: websocket frames, one or several."""
        for payload in unframed(data):
            message = msgspec.json.decode(payload)
            heard = self.heard[message["room"]]
            assert self.line is not None, "nothing arrives without a connection"
            heard.audiences.add(self.line.audience(heard.room))
            self._take(heard, message, payload)

    def _take(self, heard: Heard, message: dict[str, Any], payload: bytes) -> None:
        room, seq, kind = heard.room, message["seq"], message["type"]
        who = f"{self.actor.user or GUEST} in {room}"
        head = self._world.auditor.heads.get(room)
        expect(seq <= (head.seq if head else 0), f"ENG-1: {who} hears {seq} before the log has it")
        if kind == "ok":
            recovered = message["result"]["recovered"]
            expect(recovered == (heard.seq is not None), f"feeds: {who} resumes and gets {message}")
            heard.expects_snapshot = not recovered
        elif kind == "snapshot":
            expect(heard.expects_snapshot, f"feeds: {who} gets a snapshot that nobody promised")
            heard.seq, heard.expects_snapshot = seq, False
        else:
            expect(kind == "event", f"feeds: {who} gets {message}")
            expect(heard.seq is not None, f"feeds: {who} hears {seq} before the snapshot")
            assert heard.seq is not None, "just looked at"
            expect(seq == heard.seq + 1, f"feeds: {who} hears {seq} after {heard.seq}")
            heard.seq = seq
            heard.frames.append((seq, payload))
        self._world.chronicle.note("hear", f"{who} {kind} {seq}")


def unframed(data: bytes) -> list[bytes]:
    """The payloads of unmasked websocket text frames (RFC 6455 section 5.2)."""
    payloads = []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        payloads.append(data[start : start + size])
        data = data[start + size :]
    return payloads


def _says_again(answer: Answer) -> TypeGuard[Refused]:
    return isinstance(answer, Refused) and answer.rejected.code in ASK_AGAIN


def _kind(answer: Answer | None) -> str:
    if answer is None:
        return "no answer"
    if isinstance(answer, Accepted):
        return "duplicate" if answer.duplicate else "accepted"
    return answer.rejected.code.name
