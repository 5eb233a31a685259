"""Who listens to what.

The engine renders an event once for each channel and the hub frames it once; `gateway.channel`
tells when it leaves. A reply can therefore overtake the events of its own command; both name the
room's `seq`.
"""

from collections.abc import Callable, Collection, Mapping

from typing_extensions import override

from engine.ports import FanOut
from gateway.channel import AT_ONCE, Channel, Pace
from gateway.counts import Counts
from gateway.frames import frame_text

Schedule = Callable[[Callable[[], None]], object]


class ListenedRoom:
    """A room that somebody listens to."""

    __slots__ = ("channels", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        """The latest that was published here, or that the first listener knew."""
        self.channels: dict[str, Channel] = {}


class Hub(FanOut):
    """All channels of this process."""

    __slots__ = ("_counts", "_dirty", "_pace", "_rooms", "_schedule", "on_dismiss", "on_regroup")

    def __init__(self, schedule: Schedule, counts: Counts, pace: Pace = AT_ONCE) -> None:
        """`schedule` calls back at the next turn of the loop: `loop.call_soon`."""
        self._schedule = schedule
        self._counts = counts
        self._pace = pace
        self._rooms: dict[str, ListenedRoom] = {}
        self._dirty: list[Channel] = []
        self.on_dismiss: Callable[[str, str, str], object] = lambda user, session, reason: None
        """Who ends connections: (user, session or "" for all, reason)."""
        self.on_regroup: Callable[[str, str], object] = lambda user, room: None
        """Who looks what class of viewer a user is in a room by now."""

    # What the writer calls.

    @override
    def audiences(self, room: str) -> Collection[str]:
        listened = self._rooms.get(room)
        # A copy, for the caller may publish, and so close channels, while it goes through them.
        return tuple(listened.channels) if listened else ()

    @override
    def publish(self, room: str, audience: str, seq: int, frame: bytes) -> None:
        listened = self._rooms.get(room)
        channel = listened.channels.get(audience) if listened else None
        # The last listener may have gone since the frame was rendered.
        if listened is None or channel is None:
            return
        framed = frame_text(frame)
        if channel.watchers:
            for watcher in tuple(channel.watchers):
                watcher.offer(seq, framed)
        listened.seq = max(listened.seq, seq)
        if channel.live and channel.add(framed):
            if not self._dirty:
                self._schedule(self._turn_over)
            self._dirty.append(channel)

    @override
    def publish_soft(self, room: str, audience: str, key: str, frame: bytes) -> None:
        listened = self._rooms.get(room)
        channel = listened.channels.get(audience) if listened else None
        if channel is not None and channel.live:
            # What it speaks of has happened after the events that still wait here.
            channel.flush()
            framed = frame_text(frame)
            self._counts.deliveries += len(channel.live)
            for watcher in channel.live:
                watcher.soft(key, framed, frame)

    @override
    def regroup(self, room: str, user: str) -> None:
        if room in self._rooms:
            self.on_regroup(user, room)

    @override
    def dismiss(self, user: str, session: str, reason: str) -> None:
        self.on_dismiss(user, session, reason)

    @override
    def lost(self, room: str) -> None:
        listened = self._rooms.get(room)
        for channel in tuple(listened.channels.values()) if listened else ():
            # Who has all that came before the gap has less to ask for.
            channel.flush()
            for watcher in (*channel.live, *channel.watchers):
                watcher.lose()

    @override
    def positions(self) -> Mapping[str, int]:
        return {room: listened.seq for room, listened in self._rooms.items()}

    # What subscriptions call.

    def open(self, room: str, audience: str, seq: int) -> Channel:
        """The channel of this class. `seq` is the room's, where nobody has listened until now.
        The caller joins it, watches it or awaits it, and calls `tidy` when it leaves."""
        listened = self._rooms.get(room)
        if listened is None:
            listened = self._rooms[room] = ListenedRoom(seq)
        channel = listened.channels.get(audience)
        if channel is None:
            channel = Channel(room, audience, self._counts, self._pace)
            listened.channels[audience] = channel
        return channel

    def heard(self, room: str) -> int:
        """The latest seq that was published in a room that is listened to."""
        return self._rooms[room].seq

    def tidy(self, channel: Channel) -> None:
        """Forget the channel if nobody listens any more: nothing is rendered for it then."""
        listened = self._rooms.get(channel.room)
        if listened is None or not channel.is_idle:
            return
        if listened.channels.get(channel.audience) is channel:
            del listened.channels[channel.audience]
        if not listened.channels:
            del self._rooms[channel.room]

    def _turn_over(self) -> None:
        dirty, self._dirty = self._dirty, []
        for channel in dirty:
            channel.turn_over()
