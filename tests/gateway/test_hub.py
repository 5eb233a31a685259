"""Channels: one rendering and one frame for many, one push for many frames."""

from collections.abc import Callable

from gateway.channel import Channel
from gateway.counts import Counts
from gateway.frames import frame_text
from gateway.hub import Hub


class Turn:
    """What is to run at the next turn of a loop."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, callback: Callable[[], None]) -> None:
        self.waiting.append(callback)

    def end(self) -> None:
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()


class Ear:
    """A listener that notes what it is offered and what is sent to it."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.offered: list[int] = []
        self.pushes: list[bytes] = []

    def offer(self, seq: int, framed: bytes) -> None:
        self.offered.append(seq)

    def go_live(self) -> None:
        self.channel.join(self, self.pushes.append)


def new_hub() -> tuple[Hub, Turn, Counts]:
    turn, counts = Turn(), Counts()
    return Hub(turn, counts), turn, counts


def ear_at(hub: Hub, audience: str = "public", room: str = "club:c1", seq: int = 7) -> Ear:
    """A live listener."""
    ear = Ear(hub.open(room, audience, seq))
    ear.go_live()
    return ear


def test_what_is_published_in_one_turn_is_one_push() -> None:
    """Framed once, joined, and sent when the turn ends; a single frame is sent as it is."""
    hub, turn, counts = new_hub()
    ears = [ear_at(hub), ear_at(hub)]
    for seq in (8, 9):
        hub.publish("club:c1", "public", seq, b"event %d" % seq)
    assert not ears[0].pushes
    turn.end()
    hub.publish("club:c1", "public", 10, b"event 10")
    turn.end()
    for ear in ears:
        assert ear.pushes == [
            frame_text(b"event 8") + frame_text(b"event 9"),
            frame_text(b"event 10"),
        ]
    assert ears[0].pushes[0] is ears[1].pushes[0], "the bytes are shared"
    assert counts.deliveries == 6
    assert counts.delivery_bytes == 2 * sum(map(len, ears[0].pushes))


def test_one_flush_serves_all_channels_of_a_turn() -> None:
    """The loop is asked once, whatever is published."""
    hub, turn, _ = new_hub()
    ears = [ear_at(hub), ear_at(hub, "member"), ear_at(hub, room="club:c2")]
    for room, audience in (("club:c1", "public"), ("club:c1", "member"), ("club:c2", "public")):
        hub.publish(room, audience, 8, f"{room} {audience}".encode())
    assert len(turn.waiting) == 1
    turn.end()
    assert [ear.pushes for ear in ears] == [
        [frame_text(b"club:c1 public")],
        [frame_text(b"club:c1 member")],
        [frame_text(b"club:c2 public")],
    ]


def test_who_joins_in_the_middle_of_a_turn_hears_only_what_follows() -> None:
    """The others hear it all, in one push."""
    hub, turn, _ = new_hub()
    first = ear_at(hub)
    hub.publish("club:c1", "public", 8, b"8")
    second = ear_at(hub)
    hub.publish("club:c1", "public", 9, b"9")
    turn.end()
    assert first.pushes == [frame_text(b"8") + frame_text(b"9")]
    assert second.pushes == [frame_text(b"9")]


def test_who_is_not_in_step_is_offered_each_frame_by_itself() -> None:
    """A watcher may go live at a frame, which is then pushed with the rest."""
    hub, turn, _ = new_hub()
    ear = Ear(hub.open("club:c1", "public", 7))
    ear.channel.watchers[ear] = None
    hub.publish("club:c1", "public", 8, b"8")
    ear.go_live()
    hub.publish("club:c1", "public", 9, b"9")
    turn.end()
    assert ear.offered == [8]
    assert ear.pushes == [frame_text(b"9")]


def test_frames_are_asked_for_while_anyone_listens_watches_or_is_awaited() -> None:
    """And no longer: a channel without listeners is forgotten, and so is its room."""
    hub, _, _ = new_hub()
    ear = ear_at(hub, "public")
    member = hub.open("club:c1", "member", 7)
    member.awaited += 1
    hub.tidy(member)
    assert set(hub.audiences("club:c1")) == {"public", "member"}
    member.awaited -= 1
    hub.tidy(member)
    assert list(hub.audiences("club:c1")) == ["public"]
    ear.channel.leave(ear)
    hub.tidy(ear.channel)
    hub.tidy(ear.channel)
    assert not hub.audiences("club:c1")
    assert not hub.positions()


def test_a_frame_for_nobody_is_dropped() -> None:
    """The last listener may have gone while it was being made durable."""
    hub, turn, counts = new_hub()
    ear_at(hub, "public")
    hub.publish("club:c1", "member", 8, b"8")
    hub.publish("club:c2", "public", 8, b"8")
    assert not turn.waiting
    assert counts.deliveries == 0


def test_positions_are_what_was_heard_last() -> None:
    """At first that is where the first listener began."""
    hub, _, _ = new_hub()
    ear_at(hub, seq=7)
    ear_at(hub, "member", seq=9)
    assert hub.positions() == {"club:c1": 7}
    hub.publish("club:c1", "public", 8, b"8")
    hub.publish("club:c1", "member", 8, b"8")
    assert hub.positions() == {"club:c1": 8}
    assert hub.heard("club:c1") == 8


def test_channels_may_close_while_the_writer_goes_through_them() -> None:
    """The list of classes is the writer's own."""
    hub, _, _ = new_hub()
    ears = {audience: ear_at(hub, audience) for audience in ("public", "member")}
    for audience in hub.audiences("club:c1"):
        ear = ears[audience]
        ear.channel.leave(ear)
        hub.tidy(ear.channel)
    assert not hub.positions()
