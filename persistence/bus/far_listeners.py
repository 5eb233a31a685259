"""Who listens at which gateway, as the writer knows it (`ports.FanOut`).

A gateway names each viewer of a room once, however many connections look with the same eyes. The
classes of these viewers are what frames are rendered for.
"""

from collections import Counter
from collections.abc import Collection, Mapping

from typing_extensions import override

from engine.kernel.actor import Actor
from engine.kernel.outcome import Rejected
from engine.ports import CommandSink, FanOut
from persistence.bus import wire
from persistence.bus.publisher import Publisher


class FarRoom:
    """A room that some gateway listens to."""

    __slots__ = ("by_user", "classes", "gateways", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        """The latest that was published, or that the first listener knew."""
        self.by_user: dict[str, dict[tuple[str, Actor], str]] = {}
        """User -> (gateway, viewer) -> class."""
        self.classes: Counter[str] = Counter()
        self.gateways: Counter[str] = Counter()

    def enter(self, gateway: str, viewer: Actor, audience: str) -> None:
        """The viewer is of this class from now on."""
        self.remove(gateway, viewer)
        self.by_user.setdefault(viewer.user, {})[gateway, viewer] = audience
        self.classes[audience] += 1
        self.gateways[gateway] += 1

    def remove(self, gateway: str, viewer: Actor) -> None:
        """The viewer listens no more."""
        of_user = self.by_user.get(viewer.user, {})
        audience = of_user.pop((gateway, viewer), None)
        if audience is None:
            return
        if not of_user:
            del self.by_user[viewer.user]
        for counted, key in ((self.classes, audience), (self.gateways, gateway)):
            counted[key] -= 1
            if not counted[key]:
                del counted[key]


class FarListeners(FanOut):
    """All listeners of a shard."""

    def __init__(self) -> None:
        """`connect` comes next: it and the writer know each other."""
        self._publisher: Publisher | None = None
        self._sink: CommandSink | None = None
        self._rooms: dict[str, FarRoom] = {}
        self._by_gateway: dict[str, set[str]] = {}

    def connect(self, publisher: Publisher, sink: CommandSink) -> None:
        """Begin, for this writer."""
        self._publisher, self._sink = publisher, sink

    # What the writer calls.

    @override
    def audiences(self, room: str) -> Collection[str]:
        found = self._rooms.get(room)
        return tuple(found.classes) if found else ()

    @override
    def publish(self, room: str, audience: str, seq: int, frame: bytes) -> None:
        found = self._rooms.get(room)
        if found is not None:
            found.seq = max(found.seq, seq)
            self._out.in_room(room, wire.Heard(audience, seq, frame))

    @override
    def publish_soft(self, room: str, audience: str, key: str, frame: bytes) -> None:
        if room in self._rooms:
            self._out.in_room(room, wire.HeardSoft(audience, key, frame))

    @override
    def regroup(self, room: str, user: str) -> None:
        found = self._rooms.get(room)
        if found is None:
            return
        for (gateway, viewer), before in list(found.by_user.get(user, {}).items()):
            audience = self.audience_of(room, viewer)
            if audience != before:
                self.regroup_viewer(gateway, room, viewer, audience)

    @override
    def dismiss(self, user: str, session: str, reason: str) -> None:
        self._out.to_all(wire.Dismissed(user, session, reason))

    @override
    def lost(self, room: str) -> None:
        """Gateways find out themselves, when they ask what they have missed."""

    @override
    def positions(self) -> Mapping[str, int]:
        return {name: room.seq for name, room in self._rooms.items()}

    # What gateways ask for.

    def audience_of(self, room: str, viewer: Actor) -> str:
        """The class of whoever a token names; "" if they may not look."""
        assert self._sink is not None, "connect comes first"
        admitted = self._sink.admit(viewer)
        return "" if isinstance(admitted, Rejected) else self._sink.audience(room, admitted) or ""

    def look(self, gateway: str, room: str, viewer: Actor) -> None:
        """Somebody listens in another's place: say what class they are."""
        if room in self._rooms:
            self.regroup_viewer(gateway, room, viewer, self.audience_of(room, viewer))

    def enter(self, gateway: str, room: str, viewer: Actor, audience: str, seq: int) -> None:
        """A viewer listens from `seq` on."""
        found = self._rooms.get(room)
        if found is None:
            found = self._rooms[room] = FarRoom(seq)
        found.enter(gateway, viewer, audience)
        self._by_gateway.setdefault(gateway, set()).add(room)

    def leave(self, gateway: str, room: str, viewer: Actor) -> None:
        """A viewer listens no more."""
        if found := self._rooms.get(room):
            found.remove(gateway, viewer)
            self._tidy(gateway, room, found)

    def regroup_viewer(self, gateway: str, room: str, viewer: Actor, audience: str) -> None:
        """Have frames rendered for the viewer's new class from now on, and tell the gateway at
        this very place among them."""
        found = self._rooms.get(room)
        if found is None:
            return
        if audience:
            found.enter(gateway, viewer, audience)
        else:
            self.leave(gateway, room, viewer)

        def tell(handed: object) -> None:
            # After a failure the gateway asks anew.
            if handed is None:
                said = wire.Regrouped(gateway, viewer, audience, found.seq)
                self._out.in_room(room, said)

        assert self._sink is not None, "connect comes first"
        self._sink.gate(tell, None)

    def forget(self, gateway: str) -> None:
        """The gateway has gone, or begins anew."""
        for room in self._by_gateway.pop(gateway, set()):
            found = self._rooms[room]
            for of_user in list(found.by_user.values()):
                for at, viewer in list(of_user):
                    if at == gateway:
                        found.remove(at, viewer)
            if not found.by_user:
                del self._rooms[room]

    @property
    def _out(self) -> Publisher:
        assert self._publisher is not None, "connect comes first"
        return self._publisher

    def _tidy(self, gateway: str, room: str, found: FarRoom) -> None:
        if not found.by_user:
            del self._rooms[room]
        if gateway not in found.gateways:
            self._by_gateway.get(gateway, set()).discard(room)
