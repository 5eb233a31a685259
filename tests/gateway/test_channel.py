"""The pace of a room: few hear at once, many hear together, and nobody misses anything."""

from collections.abc import Callable

import pytest

from gateway.channel import Channel, Pace
from gateway.counts import Counts
from gateway.frames import frame_text
from gateway.hub import Hub
from gateway.limits import CHANNEL_PENDING_BYTES_MAX, REST_US_MAX, REST_US_MIN

ROOM = "club:c1"
EACH_US = 1_000
MANY = 10
"""Listeners: they rest for 10 ms."""
FEW = 1


class PaperLoop:
    """What is to run at the end of the turn, and later, when the test moves the time on."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def soon(self, callback: Callable[[], None]) -> None:
        self.waiting.append((self.now_ms, callback))

    def later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.waiting.append((self.now_ms + delay_s * 1_000, callback))

    def run(self, ms: float = 0.0) -> None:
        """End the turn, then let so many ms go by."""
        until_ms = self.now_ms + ms
        while due := [one for one in self.waiting if one[0] <= until_ms]:
            first = min(due, key=lambda one: one[0])
            self.waiting.remove(first)
            self.now_ms = first[0]
            first[1]()
        self.now_ms = until_ms


class Ear:
    """A listener that notes each push."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.pushes: list[bytes] = []
        self.is_lost = False
        channel.join(self, self.pushes.append)

    def offer(self, seq: int, framed: bytes) -> None:
        raise AssertionError("it is in step")

    def soft(self, key: str, framed: bytes, frame: bytes) -> None:
        self.pushes.append(framed)

    def lose(self) -> None:
        self.is_lost = True


class Room:
    """A room with listeners, and a hub at the test's pace."""

    def __init__(self, listeners: int, pace_us: int = EACH_US) -> None:
        self.loop = PaperLoop()
        self.counts = Counts()
        self.hub = Hub(self.loop.soon, self.counts, Pace(self.loop.later, pace_us))
        self._seq = 0
        self.ears = [self.listen() for _ in range(listeners)]

    def listen(self) -> Ear:
        return Ear(self.hub.open(ROOM, "public", self._seq))

    def publish(self, size: int = 1) -> bytes:
        """An event; returns its frame."""
        self._seq += 1
        text = b"%d".ljust(size) % self._seq
        self.hub.publish(ROOM, "public", self._seq, text)
        return frame_text(text)


def test_a_small_room_hears_at_once() -> None:
    """So does a user's own feed, however much comes: no rest is worth a timer there."""
    room = Room(FEW)
    told = []
    for _ in range(3):
        told.append(room.publish())
        room.loop.run()
    assert room.ears[0].pushes == told
    assert not room.loop.waiting, "nothing waits"


def test_a_room_with_many_listeners_hears_what_comes_during_its_rest_together() -> None:
    """The first event at once, the others in order and in one push, no later than the rest ends."""
    room = Room(MANY)
    first = room.publish()
    room.loop.run()
    assert room.ears[0].pushes == [first]
    told = []
    for _ in range(4):
        told.append(room.publish())
        room.loop.run(2.4)
    assert room.ears[0].pushes == [first], "9.6 ms of 10 are over"
    room.loop.run(0.4)
    for ear in room.ears:
        assert ear.pushes == [first, b"".join(told)]
    assert (room.counts.pushes, room.counts.deliveries) == (2 * MANY, 5 * MANY)
    assert room.counts.delivery_bytes == MANY * len(first + b"".join(told))


def test_a_room_rests_after_each_push_and_is_awake_when_nothing_came() -> None:
    """After a quiet rest the next event leaves with its turn."""
    room = Room(MANY)
    told = [room.publish()]
    room.loop.run()
    told.append(room.publish())
    room.loop.run(10)
    told.append(room.publish())
    room.loop.run(9.9)
    assert room.ears[0].pushes == told[:2], "the push at the end of a rest begins another"
    room.loop.run(0.1)
    assert room.ears[0].pushes == told
    room.loop.run(10)
    told.append(room.publish())
    room.loop.run()
    assert room.ears[0].pushes == told


@pytest.mark.parametrize(
    ("listeners", "rest_us"),
    [(1, 0), (49, 0), (50, REST_US_MIN), (1_000, 40_000), (100_000, REST_US_MAX)],
)
def test_the_rest_grows_with_the_listeners_to_a_bound(listeners: int, rest_us: int) -> None:
    """And is left out where it would be shorter than a timer is precise."""
    assert Pace(PaperLoop().later).rest_us(listeners) == rest_us


def test_without_a_pace_nothing_waits() -> None:
    """0 is for whoever wants each event by itself at any price."""
    room = Room(MANY, pace_us=0)
    told = []
    for _ in range(2):
        told.append(room.publish())
        room.loop.run()
    assert room.ears[0].pushes == told


def test_what_is_kept_during_a_rest_is_bounded() -> None:
    """Beyond the bound it leaves before the rest ends, in order with what follows."""
    room = Room(MANY)
    first = room.publish()
    room.loop.run()
    told = [room.publish(CHANNEL_PENDING_BYTES_MAX // 2) for _ in range(3)]
    assert room.ears[0].pushes == [first, b"".join(told[:2])]
    room.loop.run(10)
    assert room.ears[0].pushes == [first, b"".join(told[:2]), told[2]]


def test_who_comes_in_the_middle_of_a_rest_hears_what_follows_and_wakes_nobody() -> None:
    """A crowd that comes in must not cost the crowd that is there a push for each of them."""
    room = Room(MANY)
    room.publish()
    room.loop.run()
    before = room.publish()
    late = room.listen()
    assert len(room.ears[0].pushes) == 1
    after = room.publish()
    later = room.listen()
    room.loop.run(10)
    assert room.ears[0].pushes[1:] == [before + after]
    assert late.pushes == [after]
    assert later.pushes == []
    assert room.counts.deliveries == MANY + 2 * MANY + 1


def test_who_goes_in_the_middle_of_a_rest_has_heard_all_until_then() -> None:
    """And nothing after it; the others still hear it once, and an empty room keeps nothing."""
    room = Room(MANY)
    told = [room.publish()]
    room.loop.run()
    told.append(room.publish())
    late = room.listen()
    told.append(room.publish())
    for ear in (room.ears[0], late):
        ear.channel.leave(ear)
    told.append(room.publish())
    room.loop.run(10)
    assert room.ears[0].pushes == [told[0], told[1] + told[2]]
    assert late.pushes == [told[2]]
    assert room.ears[1].pushes == [told[0], b"".join(told[1:])]
    room.publish()
    for ear in room.ears[1:]:
        ear.channel.leave(ear)
    newcomer = room.listen()
    room.loop.run(20)
    assert newcomer.pushes == []


def test_what_moves_follows_the_events_that_wait() -> None:
    """They leave before it, and the rest goes on."""
    room = Room(MANY)
    first = room.publish()
    room.loop.run()
    second = room.publish()
    room.hub.publish_soft(ROOM, "public", "driver", b"moved")
    assert room.ears[0].pushes == [first, second, frame_text(b"moved")]
    third = room.publish()
    room.loop.run(9.9)
    assert len(room.ears[0].pushes) == 3
    room.loop.run(0.1)
    assert room.ears[0].pushes[3:] == [third]


def test_a_gap_is_told_after_what_came_before_it() -> None:
    """Whoever comes back has less to ask for."""
    room = Room(MANY)
    first = room.publish()
    room.loop.run()
    second = room.publish()
    room.hub.lost(ROOM)
    assert room.ears[0].pushes == [first, second]
    assert all(ear.is_lost for ear in room.ears)
