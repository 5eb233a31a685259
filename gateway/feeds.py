"""What one connection listens to: joining without a gap, and changing class without one.

A subscriber joins at a known `seq`: from then on the frames of its class are kept for it, until
the snapshot or the missed events have arrived; those go first, then what was kept, and then it
is live. When a viewer's class changes, frames are rendered for the new class at once, and the
delivery changes over at the very place in the stream where the class did (`CommandSink.gate`).
"""

from collections.abc import Callable
from typing import Protocol

from engine.kernel.actor import ANYONE, Actor
from engine.kernel.outcome import (
    FORBIDDEN,
    INVALID_TRANSITION,
    OVERLOADED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Rejected,
)
from engine.ports import CommandSink, Subscribed
from engine.sequencer import Refused
from gateway import replies
from gateway.channel import Channel
from gateway.counts import Counts
from gateway.frames import frame_text
from gateway.hub import Hub
from gateway.limits import (
    CLOSE_BAD_TOKEN,
    CLOSE_POSITION_LOST,
    JOINING_BYTES_MAX,
    SUBSCRIPTIONS_MAX,
)
from gateway.session_commands import Subscribe


class Line(Protocol):
    """The connection, as far as feeds use it."""

    @property
    def congested(self) -> bool:
        """Whether the client reads more slowly than it is sent to."""

    def send_framed(self, frame: bytes) -> None:
        """Send a websocket frame."""

    def close(self, code: int, reason: str) -> None:
        """Send what is under way, then close."""


Refuse = Callable[[str | None, Rejected], None]
"""Tells the client that a request, or nothing it asked now (None), was refused."""


class Subscription:
    """One room that one connection listens to."""

    __slots__ = ("_feeds", "_id", "_kept", "_kept_bytes", "audience", "channel", "is_open", "seq")

    def __init__(self, feeds: "Feeds", id_: str, channel: Channel, seq: int) -> None:
        self._feeds = feeds
        self._id: str | None = id_
        self._kept: list[tuple[int, bytes]] = []
        self._kept_bytes = 0
        self.audience = channel.audience
        """The viewer's class. Its channel follows when the stream has come so far."""
        self.channel = channel
        self.seq = seq
        """The client knows everything up to here, or will when its snapshot has arrived."""
        self.is_open = True

    @property
    def is_joining(self) -> bool:
        """Whether the answer to `subscribe` is still awaited."""
        return self._id is not None

    def offer(self, seq: int, framed: bytes) -> None:
        """A frame of the channel, while this subscription is not yet in step."""
        if seq <= self.seq:
            return
        if not self.is_joining:
            self.channel.join(self, self._feeds.send_framed)
            return
        self._kept.append((seq, framed))
        self._kept_bytes += len(framed)
        if self._kept_bytes > JOINING_BYTES_MAX:
            refusal = Rejected(
                OVERLOADED,
                f"{self.channel.room} moves faster than its snapshot arrives; subscribe again",
                {"room": self.channel.room},
            )
            id_, self._id = self._id, None
            self._feeds.drop(self)
            self._feeds.refuse(id_, refusal)

    def soft(self, key: str, framed: bytes, frame: bytes) -> None:
        """Something that moves: latest only, where the client is slow."""
        self._feeds.soft(self.channel.room, key, framed, frame)

    def lose(self) -> None:
        """The stream of events has a gap: the client has to come back."""
        self._feeds.cut_off(self.channel.room)

    def begin(self, answer: Subscribed | Refused) -> None:
        """The answer to `subscribe` has come: pass it on, then what was kept, and go live."""
        id_, self._id = self._id, None
        if id_ is None:
            return
        if not self.is_open:
            self._feeds.refuse(id_, _overtaken(self.channel.room))
            return
        if isinstance(answer, Refused):
            self._feeds.drop(self)
            self._feeds.refuse(id_, answer.rejected)
            return
        assert answer.seq >= self.seq, "the answer is no older than the frames that were kept"
        self._feeds.pass_on(id_, answer)
        self.seq = answer.seq
        kept = [framed for seq, framed in self._kept if seq > answer.seq]
        self._kept.clear()
        if kept:
            self._feeds.send_framed(b"".join(kept))
        self._settle()

    def change_over(self, target: Channel) -> None:
        """Hear `target` instead, from the next frame on."""
        self.channel.leave(self)
        self.channel = target
        self._settle()

    def _settle(self) -> None:
        """Go live, unless the client knows, or will know, more than has been published."""
        if self.is_joining or self._feeds.hub.heard(self.channel.room) < self.seq:
            self.channel.watchers[self] = None
        else:
            self.channel.join(self, self._feeds.send_framed)


class Request:
    """A `subscribe` that the sink has not yet taken up."""

    __slots__ = ("_feeds", "_id", "_subscription", "room", "viewer")

    def __init__(self, feeds: "Feeds", id_: str, room: str, viewer: Actor) -> None:
        self.room = room
        self.viewer = viewer
        self._feeds = feeds
        self._id = id_
        self._subscription: Subscription | None = None

    def joined(self, audience: str, seq: int) -> None:
        """`CommandSink.subscribe` has taken it up."""
        self._subscription = self._feeds.join(self, self._id, audience, seq)

    def answered(self, answer: Subscribed | Refused) -> None:
        """`CommandSink.subscribe` has answered."""
        if self._subscription:
            self._subscription.begin(answer)
        elif isinstance(answer, Refused):
            self._feeds.forget(self)
            self._feeds.refuse(self._id, answer.rejected)
        else:
            self._feeds.refuse(self._id, _overtaken(self.room))


class Feeds:
    """All that one connection listens to."""

    __slots__ = (
        "_asked",
        "_by_room",
        "_counts",
        "_line",
        "_sink",
        "_soft",
        "actor",
        "hub",
        "refuse",
        "send_framed",
    )

    def __init__(
        self, hub: Hub, sink: CommandSink, counts: Counts, line: Line, refuse: Refuse
    ) -> None:
        self.hub = hub
        self.send_framed = line.send_framed
        self.refuse = refuse
        self._line = line
        self._soft: dict[tuple[str, str], tuple[bytes, int]] = {}
        """(room, key) -> the latest frame that waits for a slow client, and how many before it."""
        self.actor: Actor = ANYONE
        """Who listens."""
        self._sink = sink
        self._counts = counts
        self._asked: dict[str, Request] = {}
        self._by_room: dict[str, Subscription] = {}

    def __len__(self) -> int:
        return len(self._by_room)

    def subscribe(self, command: Subscribe) -> None:
        """Listen to a room; a subscription that was there is replaced. The reply, and the
        snapshot or what was missed, are sent when they have come."""
        room = command.room
        self.unsubscribe(room)
        if len(self._by_room) + len(self._asked) >= SUBSCRIPTIONS_MAX:
            self.refuse(command.id, _too_many())
            return
        request = self._asked[room] = Request(self, command.id, room, self.actor)
        self._sink.subscribe(
            room, self.actor, command.after, command.epoch, request.joined, request.answered
        )

    def unsubscribe(self, room: str) -> None:
        """Listen no more; harmless where nobody listened."""
        self._asked.pop(room, None)
        subscription = self._by_room.get(room)
        if subscription is not None:
            self.drop(subscription)

    def drop(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        if not subscription.is_open:
            return
        subscription.is_open = False
        del self._by_room[subscription.channel.room]
        self._counts.subscriptions -= 1
        subscription.channel.leave(subscription)
        self.hub.tidy(subscription.channel)
        self._sink.leave(subscription.channel.room, self.actor)

    def drop_all(self) -> None:
        """Listen to nothing any more: the connection has gone, or is about to."""
        self._asked.clear()
        for subscription in list(self._by_room.values()):
            self.drop(subscription)

    def soft(self, room: str, key: str, framed: bytes, frame: bytes) -> None:
        """Send something that moves, or keep the latest of each key until the client has read
        what lies before it."""
        if not self._line.congested:
            self.send_framed(framed)
            return
        _, replaced = self._soft.get((room, key), (b"", -1))
        self._soft[room, key] = (frame, replaced + 1)
        self._counts.conflated += replaced >= 0

    def drained(self) -> None:
        """The client has read on: send what is the latest by now."""
        waiting, self._soft = self._soft, {}
        for (room, _), (frame, replaced) in waiting.items():
            if room in self._by_room:
                self.send_framed(frame_text(replies.conflated(frame, replaced)))

    def cut_off(self, room: str) -> None:
        """Close the connection, for a room that it listens to cannot be told without a gap."""
        self._line.close(CLOSE_POSITION_LOST, f"events of {room} were missed; come back now")

    def hang_up(self, reason: str) -> None:
        """Close the connection, for its user's session has ended. What happened before goes
        first."""
        self.drop_all()
        refusal = Rejected(
            UNAUTHENTICATED,
            f"your session has ended ({reason}); log in again",
            {"rule": "session", "reason": reason},
        )
        self.refuse(None, refusal)
        self._line.close(CLOSE_BAD_TOKEN, refusal.message)

    def review(self, room: str, known: dict[Actor, str]) -> None:
        """Follow the viewer into another class, if a decision has put them there just now.
        `known` are the classes of viewers in this room, as far as they were asked for."""
        subscription = self._by_room.get(room)
        # While the log is being recovered nothing is decided, and nobody can tell the class.
        if subscription is None or not self._sink.is_ready:
            return
        audience = known.get(self.actor)
        if audience is None:
            audience = self._sink.audience(room, self.actor)
            if audience is None:
                return
            known[self.actor] = audience
        if audience == subscription.audience:
            return
        if audience:
            self._follow(subscription, audience)
            return
        self.drop(subscription)
        refusal = Rejected(
            FORBIDDEN,
            f"{room} is no longer yours to see; you are not subscribed to it any more",
            {"room": room},
        )
        self.refuse(None, refusal)

    def change_viewer(self, actor: Actor) -> None:
        """Somebody else looks through this connection: see what changes for each room."""
        if actor == self.actor:
            return
        before, self.actor = self.actor, actor
        is_ready = self._sink.is_ready
        for room, subscription in list(self._by_room.items()):
            self._sink.succeed(room, before, actor)
            if is_ready:
                self.review(room, {})
            else:
                self.drop(subscription)
                self.refuse(None, _torn_off(room))

    def pass_on(self, id_: str, found: Subscribed) -> None:
        """Send the reply to `subscribe`, and the missed events or the snapshot behind it."""
        epoch = self._sink.log_id
        frames = [replies.subscribed(id_, found, epoch, self._sink.now())]
        frames += found.frames if found.recovered else [replies.snapshot(found, epoch)]
        self.send_framed(b"".join(map(frame_text, frames)))

    def forget(self, request: Request) -> bool:
        """Wait no more for this request; tells whether anybody still did."""
        if self._asked.get(request.room) is not request:
            return False
        del self._asked[request.room]
        return True

    def join(self, request: Request, id_: str, audience: str, seq: int) -> Subscription | None:
        """Collect what this class hears of a room after `seq`; None if nobody waits for it now."""
        room = request.room
        if not self.forget(request):
            self._sink.leave(room, request.viewer)
            return None
        channel = self.hub.open(room, audience, seq)
        subscription = self._by_room[room] = Subscription(self, id_, channel, seq)
        channel.watchers[subscription] = None
        self._counts.subscriptions += 1
        if request.viewer != self.actor:
            self._sink.succeed(room, request.viewer, self.actor)
            self.review(room, {})
        return subscription

    def _follow(self, subscription: Subscription, audience: str) -> None:
        """Have frames rendered for the new class from now on, and hear them once the stream has
        come to this point."""
        subscription.audience = audience
        room = subscription.channel.room
        target = self.hub.open(room, audience, self.hub.heard(room))
        target.awaited += 1

        def arrived(answer: object) -> None:
            target.awaited -= 1
            before = subscription.channel
            if subscription.is_open:
                if isinstance(answer, Refused):
                    self.drop(subscription)
                    self.refuse(None, _torn_off(room))
                else:
                    subscription.change_over(target)
            self.hub.tidy(before)
            self.hub.tidy(target)

        self._sink.gate(arrived, None)


def _too_many() -> Rejected:
    return Rejected(
        FORBIDDEN,
        f"a connection listens to {SUBSCRIPTIONS_MAX} rooms at most; unsubscribe from one first",
        {"limit": SUBSCRIPTIONS_MAX},
    )


def _overtaken(room: str) -> Rejected:
    return Rejected(
        INVALID_TRANSITION,
        f"another subscribe or unsubscribe for {room} came before this one was answered",
        {"room": room},
    )


def _torn_off(room: str) -> Rejected:
    return Rejected(
        UNAVAILABLE,
        f"the log failed while your view of {room} was changing; subscribe again",
        {"room": room},
    )
