"""Where what gateways ask is handed in, and what is answered leaves."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from engine.contract import Command
from engine.kernel.actor import Actor
from engine.kernel.outcome import Rejected
from engine.look import Sight
from engine.ports import Answer, CommandSink, Subscribed
from engine.registry import Registry, union_of
from engine.sequencer import Accepted, Refused
from persistence.bus import wire
from persistence.bus.far_listeners import FarListeners
from persistence.bus.guests import Guests
from persistence.bus.publisher import Publisher

logger = logging.getLogger(__name__)


class Reception:
    """One shard's. Nothing in it waits."""

    def __init__(
        self,
        registry: Registry,
        sink: CommandSink,
        listeners: FarListeners,
        publisher: Publisher,
        guests: Guests,
    ) -> None:
        self._sink = sink
        self._listeners = listeners
        self._out = publisher
        self._guests = guests
        command: Any = union_of(registry.commands.values())
        self._decode: Callable[[Any], Command] = msgspec.msgpack.Decoder(command).decode
        self._histories: set[asyncio.Task[None]] = set()
        self._by_type: dict[type[wire.Request], Callable[[str, Any], None]] = {
            wire.Submit: self._submit,
            wire.Join: self._join,
            wire.Rejoin: self._rejoin,
            wire.See: self._see,
            wire.History: self._history,
            wire.Look: lambda at, asked: listeners.look(at, asked.room, asked.viewer),
            wire.Leave: lambda at, asked: listeners.leave(at, asked.room, asked.viewer),
            wire.Present: lambda at, asked: guests.present(at, asked.user, asked.online),
            wire.Arrive: self._arrive,
            wire.Alive: lambda at, asked: None,
        }

    def take(self, body: bytes) -> bool:
        """An entry of the stream. False: it is no gateway's, such as the one that a door adds."""
        try:
            asked = wire.decode_asked(body)
        except msgspec.MsgspecError as problem:
            logger.error("an entry of the stream cannot be read: %s", problem)
            return False
        gateway, requests = asked.gateway, asked.requests
        is_known = not requests or self._guests.hear(gateway, asked.number)
        if not is_known and type(requests[0]) is not wire.Arrive:
            self._out.to_gateway(gateway, wire.Stranger())
        for request in requests:
            self._by_type[type(request)](gateway, request)
        return bool(gateway)

    def _arrive(self, gateway: str, request: wire.Arrive) -> None:
        self._guests.begin(gateway)
        self._out.greet()

    def _submit(self, gateway: str, request: wire.Submit) -> None:
        to = partial(self._answered, gateway, request.n)
        try:
            command = self._decode(request.command)
        except msgspec.MsgspecError as problem:
            logger.error("a command of gateway %s cannot be read: %s", gateway, problem)
            return
        admitted = self._sink.admit(request.actor)
        if not isinstance(admitted, Rejected):
            refused = self._sink.refuse(type(command), admitted)
            if refused is None:
                self._sink.submit(command, admitted, to)
                return
            admitted = refused
        to(Refused(to, command.id, admitted))

    def _answered(self, gateway: str, n: int, answer: Answer) -> None:
        if isinstance(answer, Accepted):
            said: wire.Reply = wire.Done(
                n,
                answer.id,
                answer.room,
                answer.seq,
                answer.at,
                answer.result,
                answer.duplicate,
            )
        else:
            said = _no(n, answer)
        self._out.to_gateway(gateway, said)

    def _join(self, gateway: str, request: wire.Join) -> None:
        to = partial(self._recovered, gateway, request.n, "")
        admitted = self._sink.admit(request.viewer)
        if isinstance(admitted, Rejected):
            to(Refused(to, "", admitted))
            return

        def joined(audience: str, seq: int) -> None:
            self._listeners.enter(gateway, request.room, request.viewer, audience, seq)
            self._out.to_gateway(gateway, wire.Joined(request.n, audience, seq))

        self._sink.subscribe(request.room, admitted, request.after, request.log_id, joined, to)

    def _recovered(self, gateway: str, n: int, audience: str, answer: Subscribed | Refused) -> None:
        if isinstance(answer, Refused):
            self._out.to_gateway(gateway, _no(n, answer))
            return
        said = wire.Recovered(
            n,
            answer.audience or audience,
            answer.seq,
            answer.recovered,
            list(answer.frames),
            answer.state,
        )
        self._out.to_gateway(gateway, said)

    def _rejoin(self, gateway: str, request: wire.Rejoin) -> None:
        """Say what class each viewer is of by now, then what each class has missed. Nothing is
        decided meanwhile, so that all this is about one moment."""
        audiences: list[str] = []
        first: dict[str, Actor] = {}
        for viewer in request.viewers:
            admitted = self._sink.admit(viewer)
            audience = ""
            if not isinstance(admitted, Rejected):
                audience = self._sink.audience(request.room, admitted) or ""
                first.setdefault(audience, admitted)
            audiences.append(audience)
            if audience:
                self._listeners.enter(gateway, request.room, viewer, audience, request.after)
            else:
                self._listeners.leave(gateway, request.room, viewer)
        first.pop("", None)
        self._out.to_gateway(gateway, wire.Classes(request.n, audiences))
        for audience, viewer in first.items():
            self._sink.subscribe(
                request.room,
                viewer,
                request.after,
                request.log_id,
                lambda audience, seq: None,
                partial(self._recovered, gateway, request.n, audience),
            )

    def _see(self, gateway: str, request: wire.See) -> None:
        to = partial(self._seen, gateway, request.n)
        admitted = self._sink.admit(request.viewer)
        if isinstance(admitted, Rejected):
            to(Refused(to, "", admitted))
        else:
            self._sink.see(request.room, admitted, to)

    def _seen(self, gateway: str, n: int, found: Sight | Refused) -> None:
        if isinstance(found, Refused):
            self._out.to_gateway(gateway, _no(n, found))
        else:
            said = wire.Seen(n, found.room, found.audience, found.seq, found.state)
            self._out.to_gateway(gateway, said)

    def _history(self, gateway: str, request: wire.History) -> None:
        task = asyncio.create_task(self._tell_past(gateway, request))
        self._histories.add(task)
        task.add_done_callback(self._histories.discard)

    async def _tell_past(self, gateway: str, request: wire.History) -> None:
        found = self._sink.admit(request.viewer)
        if not isinstance(found, Rejected):
            frames = await self._sink.history(request.room, found, request.after, request.limit)
            if not isinstance(frames, Rejected):
                self._out.to_gateway(gateway, wire.Past(request.n, list(frames)))
                return
            found = frames
        self._out.to_gateway(gateway, _no(request.n, Refused(None, "", found)))


def _no(n: int, refused: Refused) -> wire.No:
    rejected = refused.rejected
    return wire.No(n, refused.id, rejected.code.name, rejected.message, rejected.details)
