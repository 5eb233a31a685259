"""Subscriptions where the answer takes long: the log is read while events go on."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import msgspec
import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from engine.kernel.actor import Actor
from engine.kernel.outcome import OVERLOADED, Rejected
from engine.ports import Subscribed
from engine.sequencer import Refused
from gateway.counts import Counts
from gateway.feeds import Feeds
from gateway.hub import Hub
from gateway.limits import JOINING_BYTES_MAX
from gateway.session_commands import Subscribe
from testkit.inline_sink import InlineSink
from tests.gateway.open_house import club_registry

ROOM = "user:u1"
OWNER = Actor("u1", "user")
BOSS = Actor("boss", "admin")


class SlowSink(InlineSink):
    """Answers a subscription when the test says so, as one that must read the log first."""

    answer: Callable[[Subscribed | Refused], None]

    def subscribe(
        self,
        room: str,
        viewer: Actor,
        after: int | None,
        log_id: str | None,
        joined: Callable[[str, int], None],
        to: Callable[[Subscribed | Refused], None],
    ) -> None:
        self.answer = to
        joined("owner", 5)


class Ear:
    """One connection's feeds, without the connection."""

    def __init__(self, hub: Hub | None = None) -> None:
        self.counts = Counts()
        self.hub = hub or Hub(lambda callback: None, self.counts)
        self.sink = SlowSink(club_registry(), self.hub)
        self.sent = b""
        self.refused: list[tuple[str | None, Rejected]] = []
        self.feeds = Feeds(self.hub, self.sink, self.counts, self, self._refuse)
        self.feeds.change_viewer(OWNER)
        self.feeds.subscribe(Subscribe(id="s", room=ROOM))

    def publish(self, *seqs: int, audiences: Sequence[str] = ("owner",)) -> None:
        """Event frames of these numbers."""
        for seq, audience in product(seqs, audiences):
            self.hub.publish(ROOM, audience, seq, b'{"type":"event","seq":%d}' % seq)

    def answer(self, seq: int, *missed: int) -> None:
        """All that was missed, up to `seq`."""
        frames = [b'{"type":"event","seq":%d}' % n for n in missed]
        self.sink.answer(Subscribed(ROOM, "owner", seq, True, frames, b""))

    def heard(self) -> list[Any]:
        """The frames sent so far: an event's number, or another frame's type."""
        for room in self.hub.positions():
            for audience in self.hub.audiences(room):
                self.hub.open(room, audience, 0).flush()
        reader = StreamReader()
        reader.feed_data(self.sent)
        reader.feed_eof()
        found = []
        while reader.buffer:
            frame = _read(reader)
            found.append(frame.get("seq") if frame["type"] == "event" else frame["type"])
        return found

    congested = False

    def send_framed(self, frame: bytes) -> None:
        self.sent += frame

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"nobody closes this one: {code} {reason}")

    def _refuse(self, id_: str | None, rejected: Rejected) -> None:
        self.refused.append((id_, rejected))


def _read(reader: StreamReader) -> dict[str, Any]:
    """One frame of a server: the parser is a generator that wants no more than there is."""
    with pytest.raises(StopIteration) as end:
        next(Frame.parse(reader.read_exact, mask=False))
    frame: Frame = end.value.value
    assert frame.opcode is Opcode.TEXT
    decoded: dict[str, Any] = msgspec.json.decode(bytes(frame.data))
    return decoded


def test_events_that_come_before_the_answer_are_kept_and_follow_it() -> None:
    """In order, and live afterwards."""
    ear = Ear()
    ear.publish(6, 7)
    assert ear.heard() == []
    ear.answer(5, 4, 5)
    ear.publish(8)
    assert ear.heard() == ["ok", 4, 5, 6, 7, 8]


def test_what_the_answer_covers_is_not_sent_twice() -> None:
    """The log was read later than the subscription began, and held more."""
    ear = Ear()
    ear.publish(6, 7, 8)
    ear.answer(7, 6, 7)
    assert ear.heard() == ["ok", 6, 7, 8]


def test_a_resume_while_events_wait_is_whole() -> None:
    """What the answer covers and still waits for the others is not told twice, nor is what was
    kept; what follows is told to both."""
    ear = Ear()
    ear.answer(5)
    ear.publish(6, 7)
    again = Ear(ear.hub)
    again.publish(8)
    again.answer(7, 6, 7)
    ear.publish(9)
    assert ear.heard() == ["ok", 6, 7, 8, 9]
    assert again.heard() == ["ok", 6, 7, 8, 9]


def test_a_change_of_class_while_events_wait_misses_none() -> None:
    """What waits for the old class goes first; what waits for the new one was told already."""
    ear = Ear()
    boss = Ear(ear.hub)
    for one in (boss, ear):
        one.answer(5)
    boss.feeds.change_viewer(BOSS)
    ear.publish(6, audiences=("owner", "admin"))
    ear.feeds.change_viewer(BOSS)
    ear.publish(7, audiences=("owner", "admin"))
    assert ear.heard() == ["ok", 6, 7]
    assert boss.heard() == ["ok", 6, 7]


def test_an_answer_ahead_of_what_is_published_is_not_doubled() -> None:
    """The log held what was durable and not yet released."""
    ear = Ear()
    ear.publish(6)
    ear.answer(8, 6, 7, 8)
    ear.publish(7, 8, 9, 10)
    assert ear.heard() == ["ok", 6, 7, 8, 9, 10]


def test_events_of_before_the_subscription_are_not_kept() -> None:
    """They were decided earlier, and are in the answer."""
    ear = Ear()
    ear.publish(4, 5)
    ear.answer(5)
    ear.publish(6)
    assert ear.heard() == ["ok", 6]


def test_a_change_of_class_while_the_answer_is_awaited() -> None:
    """What is kept goes on with frames of the new class."""
    ear = Ear()
    ear.publish(6)
    ear.feeds.change_viewer(BOSS)
    ear.publish(7)
    ear.hub.publish(ROOM, "admin", 7, b'{"type":"event","seq":7}')
    ear.answer(5)
    ear.hub.publish(ROOM, "admin", 8, b'{"type":"event","seq":8}')
    assert ear.heard() == ["ok", 6, 7, 8]
    assert list(ear.hub.audiences(ROOM)) == ["admin"]


def test_a_subscriber_that_is_flooded_before_its_answer_is_refused() -> None:
    """What is kept for it is bounded; the late answer changes nothing."""
    ear = Ear()
    padding = b"x" * 65_536
    for seq in range(6, 7 + JOINING_BYTES_MAX // len(padding)):
        ear.hub.publish(ROOM, "owner", seq, padding)
    ((id_, rejected),) = ear.refused
    assert (id_, rejected.code) == ("s", OVERLOADED)
    assert not ear.hub.positions()
    assert ear.counts.subscriptions == 0
    ear.answer(5)
    assert ear.heard() == []
    assert len(ear.refused) == 1


def test_a_connection_that_goes_before_the_answer_is_sent_nothing() -> None:
    """Nothing is left of it in the hub."""
    ear = Ear()
    ear.feeds.drop_all()
    assert not ear.hub.positions()
    ear.answer(5)
    assert ear.heard() == []


def test_a_refusal_that_comes_late_ends_the_subscription() -> None:
    """Nothing is kept of it."""
    ear = Ear()
    ear.publish(6)
    refusal = Rejected(OVERLOADED, "not now")
    ear.sink.answer(Refused(None, "", refusal))
    assert ear.refused == [("s", refusal)]
    assert not ear.hub.positions()
    assert len(ear.feeds) == 0


def test_an_answer_older_than_the_subscription_is_a_fault() -> None:
    """A gap would open between the answer and what was kept."""
    ear = Ear()
    with pytest.raises(AssertionError, match="no older"):
        ear.answer(4)
