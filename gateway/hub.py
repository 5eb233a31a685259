"""Who listens to what, and one push to each listener for all that a moment brings.

A channel is a room as one class of viewer hears it. The engine renders an event once for each
channel and the hub frames it once. What is published during one turn of the loop is joined, so
that a burst of events costs each connection one push. A reply can therefore overtake the events
of its own command by the rest of that turn; both name the room's `seq`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from typing_extensions import override

from engine.ports import FanOut
from gateway.counts import Counts
from gateway.frames import frame_text

Send = Callable[[bytes], None]
Schedule = Callable[[Callable[[], None]], object]


class Watcher(Protocol):
    """Somebody who listens to a channel."""

    def offer(self, seq: int, framed: bytes) -> None:
        """A frame of its channel, while it is not yet in step. It may call `Channel.join` for this
        and all later ones."""

    def soft(self, key: str, framed: bytes, frame: bytes) -> None:
        """Something that moves, framed and as JSON; a later one of the same key replaces it."""

    def lose(self) -> None:
        """Something of its channel is missing, and cannot be had."""


class Channel:
    """A room as one class of viewer hears it."""

    __slots__ = ("_counts", "audience", "awaited", "live", "pending", "room", "watchers")

    def __init__(self, room: str, audience: str, counts: Counts) -> None:
        self.room = room
        self.audience = audience
        self.live: dict[Watcher, Send] = {}
        """Listeners in step, and where their frames go."""
        self.watchers: dict[Watcher, None] = {}
        self.awaited = 0
        """How many will come over from another class: frames are rendered for them already."""
        self.pending: list[bytes] = []
        """Frames of this turn, for those in `live`."""
        self._counts = counts

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens."""
        return not self.live and not self.watchers and not self.awaited

    def join(self, watcher: Watcher, send: Send) -> None:
        """From the next frame on, send everything."""
        self.flush()
        self.watchers.pop(watcher, None)
        self.live[watcher] = send

    def leave(self, watcher: Watcher) -> None:
        """Send nothing more."""
        self.live.pop(watcher, None)
        self.watchers.pop(watcher, None)

    def flush(self) -> None:
        """Hand on what is pending; harmless when nothing is."""
        frames = self.pending
        if not frames:
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        self._counts.deliveries += len(frames) * len(self.live)
        self._counts.delivery_bytes += len(data) * len(self.live)
        frames.clear()
        for send in self.live.values():
            send(data)


class ListenedRoom:
    """A room that somebody listens to."""

    __slots__ = ("channels", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        """The latest that was published here, or that the first listener knew."""
        self.channels: dict[str, Channel] = {}


class Hub(FanOut):
    """All channels of this process."""

    __slots__ = ("_counts", "_dirty", "_rooms", "_schedule", "on_dismiss", "on_regroup")

    def __init__(self, schedule: Schedule, counts: Counts) -> None:
        """`schedule` calls back at the next turn of the loop: `loop.call_soon`."""
        self._schedule = schedule
        self._counts = counts
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
        if not channel.live:
            return
        if not channel.pending:
            if not self._dirty:
                self._schedule(self._flush)
            self._dirty.append(channel)
        channel.pending.append(framed)

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
            channel = listened.channels[audience] = Channel(room, audience, self._counts)
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

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for channel in dirty:
            channel.flush()
