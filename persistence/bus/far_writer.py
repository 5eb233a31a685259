"""The writer, as a gateway in another process knows it (`ports.CommandSink`).

Requests travel in a stream; answers, and what is heard, come back over channels. Whatever is not
yet answered is asked again, with the same ids, when a writer has taken over or Redis was away: the
writer gives its first answer once more. What a room's listeners missed meanwhile is asked for in
the same way. So losing Redis, or a writer, loses nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from engine.contract import Command
from engine.kernel.actor import Actor
from engine.kernel.outcome import OVERLOADED, UNAVAILABLE, UNKNOWN, Rejected
from engine.kernel.time import Millis
from engine.look import Sight
from engine.ports import AnswerTo, FanOut, Subscribed
from engine.registry import Registry
from engine.sequencer import Accepted, Refused
from persistence.bus import wire
from persistence.bus.counts import GatewayEnd
from persistence.bus.far_rooms import FarRooms
from persistence.bus.keys import replies_channel, room_of, shard_channel
from persistence.bus.line import RedisEar
from persistence.bus.sender import Sender

logger = logging.getLogger(__name__)

ALIVE_SECONDS = 1.0
WRITER_SILENT_SECONDS_MAX = 20.0
"""After so long without a writer's hello the shard is not ready."""
ANSWER_SECONDS_MAX = 20.0
PENDING_MAX = 100_000


class Pending(Struct):
    """A request that waits for its answer."""

    request: wire.Submit | wire.See | wire.History | wire.Join
    to: Callable[[Any], None]
    id: str
    asked_s: float
    is_repeated: bool = False


class FarWriter:
    """The writer of one shard. Call `run` as a task."""

    def __init__(
        self,
        url: str,
        shard: int,
        name: str,
        registry: Registry,
        fan_out: FanOut,
        *,
        wall_ms: Callable[[], Millis],
    ) -> None:
        """`name` is this gateway's, and no other's, not even of its own earlier life."""
        self.counts = GatewayEnd()
        self._name = name
        self._shard = shard
        self._registry = registry
        self._fan_out = fan_out
        self._wall_ms = wall_ms
        self._sender = Sender(url, shard, name)
        self._ear = RedisEar(url, self._told, self._opened)
        self._rooms = FarRooms(
            shard,
            name,
            fan_out,
            self._ear,
            self._sender.add,
            self._number,
            lambda: self._log_id,
            self.counts,
        )
        self._pending: dict[int, Pending] = {}
        self._joining: dict[int, Callable[[str, int], None]] = {}
        self._online: dict[str, None] = {}
        self._numbers = 0
        self._writer = (0, 0)
        """Epoch and life of the writer that is heard."""
        self._heard_s = time.monotonic()
        self._log_id = ""
        self._ahead_ms = 0
        self._ready = asyncio.Event()
        self._sender.add(wire.Arrive())
        self._ear.hear(shard_channel(shard), lambda: None)
        self._ear.hear(replies_channel(shard, name), lambda: None)

    async def run(self) -> None:
        """Serve for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ear.run())
            tasks.create_task(self._sender.run())
            tasks.create_task(self._keep())

    async def close(self) -> None:
        """Let go of Redis."""
        await self._sender.close()

    async def until_ready(self) -> None:
        """Wait for the first word of a writer."""
        await self._ready.wait()

    @property
    def waiting(self) -> int:
        """Requests that are not answered yet."""
        return len(self._pending)

    @property
    def silent_s(self) -> float:
        """How long ago the writer was last heard, s."""
        return time.monotonic() - self._heard_s

    # CommandSink

    @property
    def log_id(self) -> str:
        return self._log_id

    @property
    def is_ready(self) -> bool:
        return self.silent_s < WRITER_SILENT_SECONDS_MAX

    def now(self) -> Millis:
        return self._wall_ms() + self._ahead_ms

    def submit(self, command: Command, actor: Actor, to: AnswerTo) -> None:
        raw = Raw(wire.encode(command))
        self._ask(wire.Submit(self._number(), raw, actor), to, command.id)

    def subscribe(
        self,
        room: str,
        viewer: Actor,
        after: int | None,
        log_id: str | None,
        joined: Callable[[str, int], None],
        to: Callable[[Subscribed | Refused], None],
    ) -> None:
        n = self._number()
        request = wire.Join(n, room, viewer, after, log_id)

        def answered(answer: Subscribed | Refused) -> None:
            self._joining.pop(n, None)
            to(answer)
            if isinstance(answer, Refused):
                self.leave(room, viewer)
            self._rooms.answered(request)

        self._joining[n] = joined
        if self._enter(request, answered, ""):
            self._rooms.listen(request)

    def leave(self, room: str, viewer: Actor) -> None:
        self._rooms.leave(room, viewer)

    def succeed(self, room: str, before: Actor, viewer: Actor) -> None:
        self._rooms.succeed(room, before, viewer)

    def audience(self, room: str, viewer: Actor) -> str | None:
        return self._rooms.audience(room, viewer)

    def gate(self, to: Callable[[Any], None], value: Any) -> None:
        # A change of class is told at its very place among the frames.
        to(value)

    def see(self, room: str, viewer: Actor, to: Callable[[Sight | Refused], None]) -> None:
        self._ask(wire.See(self._number(), room, viewer), to, "")

    async def history(
        self, room: str, viewer: Actor, after: int, limit: int
    ) -> Sequence[bytes] | Rejected:
        found: asyncio.Future[list[bytes] | Refused] = asyncio.get_running_loop().create_future()

        def settle(answer: list[bytes] | Refused) -> None:
            if not found.done():
                found.set_result(answer)

        self._ask(wire.History(self._number(), room, viewer, after, limit), settle, "")
        answer = await found
        return answer.rejected if isinstance(answer, Refused) else answer

    def admit(self, actor: Actor) -> Actor | Rejected:
        # The writer knows who that is by now, and looks.
        return actor

    def refuse(self, command: type[Command], actor: Actor) -> Rejected | None:
        return None

    def presence(self, user: str, online: bool) -> None:
        if online:
            self._online[user] = None
        else:
            self._online.pop(user, None)
        self._sender.add(wire.Present(user, online))

    # Asking

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _ask(
        self,
        request: wire.Submit | wire.See | wire.History,
        to: Callable[[Any], None],
        id_: str,
    ) -> None:
        if self._enter(request, to, id_):
            self._sender.add(request)

    def _enter(
        self,
        request: wire.Submit | wire.See | wire.History | wire.Join,
        to: Callable[[Any], None],
        id_: str,
    ) -> bool:
        if not self.is_ready:
            what = "nobody decides here just now; try again with the same id"
            to(Refused(to, id_, Rejected(UNAVAILABLE, what)))
            return False
        if len(self._pending) >= PENDING_MAX:
            what = "too much waits for its answer; wait a moment, then try again"
            to(Refused(to, id_, Rejected(OVERLOADED, what)))
            return False
        self._pending[request.n] = Pending(request, to, id_, time.monotonic())
        return True

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            self._sender.add(wire.Alive())
            last = time.monotonic() - ANSWER_SECONDS_MAX
            late = []
            for pending in self._pending.values():
                if pending.asked_s > last:
                    break
                late.append(pending)
            for pending in late:
                what = "no answer in time: the outcome is not known; ask again with the same id"
                self._settle(
                    pending.request.n, Refused(pending.to, pending.id, Rejected(UNKNOWN, what))
                )

    def _settle(self, n: int, answer: Any) -> None:
        if pending := self._pending.pop(n, None):
            pending.to(answer)

    # Hearing

    def _opened(self) -> None:
        """Redis is heard, perhaps again. What was said meanwhile is not known."""
        if self._log_id:
            self.counts.breaks += 1
            self._begin_anew()

    def _told(self, channel: bytes, body: bytes) -> None:
        try:
            message = wire.decode_message(body)
        except msgspec.MsgspecError as problem:
            logger.error("what was published in %r cannot be read: %s", channel, problem)
            return
        writer = (message.epoch, message.life)
        is_of_before = message.epoch < self._writer[0]
        if is_of_before and self.is_ready:
            return
        # If it is the only one that is heard, its log was put back to an older state.
        if writer > self._writer or is_of_before:
            is_first = self._writer == (0, 0)
            self._writer = writer
            if not is_first or self._pending:
                self._begin_anew()
        room = room_of(channel)
        for said in message.said:
            if isinstance(said, wire.InRoom):
                self._rooms.hear(room, said)
            elif isinstance(said, wire.ToAll):
                self._hear_all(said)
            else:
                self._hear_reply(said)

    def _hear_all(self, said: wire.ToAll) -> None:
        if isinstance(said, wire.Dismissed):
            self._fan_out.dismiss(said.user, said.session, said.reason)
            return
        self._heard_s = time.monotonic()
        self._log_id = said.log_id
        self._ahead_ms = said.now - self._wall_ms()
        self._ready.set()

    def _hear_reply(self, said: wire.Reply) -> None:
        match said:
            case wire.Done():
                self._done(said)
            case wire.No():
                code = self._registry.code(said.code)
                rejected = Rejected(code, said.message, said.details)
                if not self._rooms.refused(said.n):
                    self._settle(said.n, Refused(None, said.id, rejected))
            case wire.Joined():
                self._joined(said)
            case wire.Recovered():
                self._recovered(said)
            case wire.Classes():
                self._rooms.classes(said)
            case wire.Seen():
                self._settle(said.n, Sight(said.room, said.audience, said.seq, said.state))
            case wire.Past():
                self._settle(said.n, said.frames)
            case wire.Stranger():
                self._begin_anew()

    def _done(self, said: wire.Done) -> None:
        pending = self._pending.get(said.n)
        if pending is None:
            return
        # To the client it is the first answer, even where this gateway had to ask twice.
        duplicate = said.duplicate and not pending.is_repeated
        answer = Accepted(pending.to, said.id, said.room, said.seq, said.at, said.result, duplicate)
        self._settle(said.n, answer)

    def _joined(self, said: wire.Joined) -> None:
        pending = self._pending.get(said.n)
        joined = self._joining.pop(said.n, None)
        if pending and joined and isinstance(pending.request, wire.Join):
            self._rooms.joined(pending.request, said, joined)

    def _recovered(self, said: wire.Recovered) -> None:
        if self._rooms.recovered(said):
            return
        pending = self._pending.get(said.n)
        if pending and isinstance(pending.request, wire.Join):
            room = pending.request.room
            answer = Subscribed(
                room, said.audience, said.seq, said.recovered, said.frames, said.state
            )
            self._settle(said.n, answer)

    def _begin_anew(self) -> None:
        """Say again who is here and what they listen to, and ask again what is not answered."""
        self._sender.clear()
        self._sender.add(wire.Arrive())
        for user in self._online:
            self._sender.add(wire.Present(user, True))
        self._rooms.rejoin()
        for pending in list(self._pending.values()):
            request = pending.request
            pending.is_repeated = True
            if isinstance(request, wire.Join):
                self._rooms.listen_again(request)
            else:
                self._sender.add(request)
