"""What a gateway listens to in a shard: each room once, each class of viewers without a gap.

A room's frames are heard on its own channel. Every frame of a class has the next `seq`: one that
does not follow shows that something was lost, and the writer is asked for it.
"""

from collections.abc import Callable

from msgspec import Struct

from engine.kernel.actor import Actor
from engine.ports import FanOut
from persistence.bus import wire
from persistence.bus.counts import GatewayEnd
from persistence.bus.keys import room_channel
from persistence.bus.line import RedisEar

KEPT_MAX = 10_000
"""Frames that may wait for what was missed before them. Beyond, listeners have to come back."""


class Viewer(Struct):
    """Eyes with which connections of this gateway look at a room."""

    connections: int = 0
    audience: str | None = None
    """None until the writer has said."""


class Rejoining(Struct):
    """What was missed is on its way."""

    n: int
    viewers: list[Actor]
    after: int
    """What was heard of all classes when it was asked for."""
    awaited: set[str] | None = None
    """Classes whose frames have not come; None until the classes are known."""
    kept: list[wire.InRoom] = []


class FarRoom:
    """A room that somebody here listens to, or wants to."""

    __slots__ = ("heard", "is_heard", "joins", "kept", "name", "rejoining", "viewers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.viewers: dict[Actor, Viewer] = {}
        self.heard: dict[str, int] = {}
        """Class -> `seq` up to which its frames were passed on."""
        self.joins: set[int] = set()
        """Requests to listen that are not yet answered."""
        self.kept: list[wire.Heard] = []
        """Frames of classes that nobody is known to be of, while somebody joins."""
        self.is_heard = False
        self.rejoining: Rejoining | None = None

    def tidy(self) -> None:
        """Forget classes that nobody is of: their frames stop, and may begin again later."""
        classes = {viewer.audience for viewer in self.viewers.values()}
        for audience in [known for known in self.heard if known not in classes]:
            del self.heard[audience]


class FarRooms:
    """All rooms of a shard that somebody at this gateway listens to."""

    def __init__(
        self,
        shard: int,
        gateway: str,
        fan_out: FanOut,
        ear: RedisEar,
        ask: Callable[[wire.Request], None],
        number: Callable[[], int],
        log_id: Callable[[], str],
        counts: GatewayEnd,
    ) -> None:
        self._shard = shard
        self._gateway = gateway
        self._fan_out = fan_out
        self._ear = ear
        self._ask = ask
        self._number = number
        self._log_id = log_id
        self._counts = counts
        self._rooms: dict[str, FarRoom] = {}
        self._rejoining: dict[int, FarRoom] = {}

    # What connections want.

    def listen(self, request: wire.Join) -> None:
        """Ask to listen, once the room's channel is heard."""
        name = request.room
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = FarRoom(name)
        room.viewers.setdefault(request.viewer, Viewer()).connections += 1
        room.joins.add(request.n)
        if room.is_heard:
            self._ask(request)
            return

        def heard() -> None:
            room.is_heard = True
            self._ask(request)

        self._ear.hear(room_channel(self._shard, name), heard)

    def listen_again(self, request: wire.Join) -> None:
        """Ask once more, unless the first time is still to come."""
        room = self._rooms.get(request.room)
        if room is not None and room.is_heard:
            self._ask(request)

    def answered(self, request: wire.Join) -> None:
        """Whoever asked knows where they stand."""
        room = self._rooms.get(request.room)
        if room is not None:
            room.joins.discard(request.n)
            if not room.joins:
                room.kept.clear()

    def leave(self, name: str, actor: Actor) -> None:
        """One connection fewer."""
        room = self._rooms.get(name)
        viewer = room.viewers.get(actor) if room else None
        if room is None or viewer is None:
            return
        viewer.connections -= 1
        if viewer.connections:
            return
        del room.viewers[actor]
        room.tidy()
        self._ask(wire.Leave(name, actor))
        if not room.viewers:
            del self._rooms[name]
            if room.rejoining:
                del self._rejoining[room.rejoining.n]
            self._ear.leave(room_channel(self._shard, name))

    def succeed(self, name: str, before: Actor, actor: Actor) -> None:
        """A connection looks with other eyes."""
        room = self._rooms.get(name)
        if room is None:
            return
        viewer = room.viewers.get(actor)
        if viewer is None:
            viewer = room.viewers[actor] = Viewer()
            self._ask(wire.Look(name, actor))
        viewer.connections += 1
        self.leave(name, before)

    def audience(self, name: str, actor: Actor) -> str | None:
        """The class of a viewer, as far as it is known."""
        room = self._rooms.get(name)
        viewer = room.viewers.get(actor) if room else None
        return viewer.audience if viewer else None

    # What the writer says.

    def joined(
        self, request: wire.Join, said: wire.Joined, joined: Callable[[str, int], None]
    ) -> None:
        """Frames of the viewer's class come from now on; some may have come already."""
        room = self._rooms.get(request.room)
        if room is None:
            return
        if viewer := room.viewers.get(request.viewer):
            viewer.audience = said.audience
        is_new = said.audience not in room.heard
        room.heard.setdefault(said.audience, said.since)
        joined(said.audience, said.since)
        if is_new:
            kept, room.kept = room.kept, []
            for frame in kept:
                self._hear_frame(room, frame)

    def hear(self, name: str, said: wire.InRoom) -> None:
        """Something was said in a room."""
        room = self._rooms.get(name)
        if room is None:
            return
        if room.rejoining is not None:
            room.rejoining.kept.append(said)
            if len(room.rejoining.kept) > KEPT_MAX:
                self._lose(room)
        elif isinstance(said, wire.Heard):
            self._hear_frame(room, said)
        elif isinstance(said, wire.HeardSoft):
            self._fan_out.publish_soft(name, said.audience, said.key, said.frame)
        elif said.gateway == self._gateway:
            self._regroup(room, {said.viewer: said.audience}, said.seq)

    def rejoin(self) -> None:
        """Whatever was said lately may not have been heard: ask for it, in every room."""
        self._rejoining.clear()
        for room in self._rooms.values():
            self._rejoin(room)

    def classes(self, said: wire.Classes) -> None:
        """The first answer to a rejoin."""
        room = self._rejoining.get(said.n)
        if room is None or room.rejoining is None:
            return
        viewers = room.rejoining.viewers
        room.rejoining.awaited = {audience for audience in said.audiences if audience}
        after = room.rejoining.after
        self._regroup(room, dict(zip(viewers, said.audiences, strict=True)), after)
        self._end_if_complete(room)

    def recovered(self, said: wire.Recovered) -> bool:
        """What a class has missed. False: this is no answer to a rejoin."""
        room = self._rejoining.get(said.n)
        if room is None:
            return False
        if room.rejoining is None or room.rejoining.awaited is None:
            return True
        if not said.recovered:
            self._lose(room)
            return True
        first = said.seq - len(said.frames) + 1
        for seq, frame in enumerate(said.frames, first):
            self._pass_on(room, said.audience, seq, frame)
        room.rejoining.awaited.discard(said.audience)
        self._end_if_complete(room)
        return True

    def refused(self, n: int) -> bool:
        """Whether this was a rejoin. It is asked anew when the writer has come back."""
        return n in self._rejoining

    # Inside.

    def _hear_frame(self, room: FarRoom, said: wire.Heard) -> None:
        known = room.heard.get(said.audience)
        if known is None:
            if room.joins:
                room.kept.append(said)
        elif said.seq > known + 1:
            self._rejoin(room)
        else:
            self._pass_on(room, said.audience, said.seq, said.frame)

    def _pass_on(self, room: FarRoom, audience: str, seq: int, frame: bytes) -> None:
        if seq > room.heard.get(audience, seq):
            room.heard[audience] = seq
            self._fan_out.publish(room.name, audience, seq, frame)

    def _regroup(self, room: FarRoom, audiences: dict[Actor, str], seq: int) -> None:
        """Viewers are of these classes from `seq` on."""
        for actor, audience in audiences.items():
            viewer = room.viewers.get(actor)
            if viewer is None or viewer.audience == audience:
                continue
            viewer.audience = audience
            if audience:
                room.heard.setdefault(audience, seq)
            self._fan_out.regroup(room.name, actor.user)
        room.tidy()

    def _rejoin(self, room: FarRoom) -> None:
        if not room.heard:
            return
        if room.rejoining is not None:
            self._rejoining.pop(room.rejoining.n, None)
        n = self._number()
        viewers = list(room.viewers)
        after = min(room.heard.values())
        room.rejoining = Rejoining(n, viewers, after)
        self._rejoining[n] = room
        self._ask(wire.Rejoin(n, room.name, viewers, after, self._log_id()))

    def _end_if_complete(self, room: FarRoom) -> None:
        rejoining = room.rejoining
        if rejoining is None or rejoining.awaited is None or rejoining.awaited:
            return
        room.rejoining = None
        del self._rejoining[rejoining.n]
        self._counts.filled += 1
        for said in rejoining.kept:
            self.hear(room.name, said)

    def _lose(self, room: FarRoom) -> None:
        """Too much was missed. Listeners that come back see the room as it is."""
        if room.rejoining is not None:
            self._rejoining.pop(room.rejoining.n, None)
            room.rejoining = None
        self._counts.lost += 1
        self._fan_out.lost(room.name)
