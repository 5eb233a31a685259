"""A timing wheel: one timer of the event loop holds the next deadline of every connection."""

import asyncio
from typing import Protocol

OFF_WHEEL = -1


class Deadline(Protocol):
    """Something that waits for at most one moment at a time."""

    wheel_slot: int
    """Where the wheel keeps it; OFF_WHEEL at first. Only the wheel writes it afterwards."""

    def due(self) -> None:
        """The moment has come. The wheel has let go: call `put` to wait for another."""


class Wheel:
    """Buckets of deadlines, turned by one timer that rests while the wheel is empty.

    Moments are coarse: a deadline comes due no sooner than asked, and up to two slots later.
    """

    __slots__ = ("_buckets", "_held", "_loop", "_next_turn_at", "_slot_ms", "_timer", "now_ms")

    def __init__(self, loop: asyncio.AbstractEventLoop, *, slot_ms: int, delay_ms_max: int) -> None:
        assert slot_ms > 0, "a slot lasts some time"
        self._loop = loop
        self._slot_ms = slot_ms
        self._buckets: list[set[Deadline]] = [set() for _ in range(delay_ms_max // slot_ms + 3)]
        self._held = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_turn_at = 0.0
        self.now_ms = 0
        """A coarse clock: milliseconds that the wheel has turned. It rests with the wheel."""

    def put(self, deadline: Deadline, delay_ms: int) -> None:
        """Wait `delay_ms` (ms) for `deadline`, instead of whatever it waited for."""
        assert delay_ms >= 0, "a deadline lies ahead"
        self.drop(deadline)
        # The present slot is partly over, so that one more is needed to wait long enough.
        slots = -(-delay_ms // self._slot_ms) + 1
        assert slots < len(self._buckets), "the wheel is made for its longest delay"
        deadline.wheel_slot = self._slot(slots)
        self._buckets[deadline.wheel_slot].add(deadline)
        self._held += 1
        if self._timer is None:
            self._next_turn_at = self._loop.time()
            self._arm()

    def drop(self, deadline: Deadline) -> None:
        """Forget `deadline`; harmless when the wheel does not hold it."""
        if deadline.wheel_slot == OFF_WHEEL:
            return
        self._buckets[deadline.wheel_slot].remove(deadline)
        deadline.wheel_slot = OFF_WHEEL
        self._held -= 1

    def __len__(self) -> int:
        return self._held

    def stop(self) -> None:
        """Cancel the timer. Nothing comes due any more until the next `put`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _slot(self, slots_ahead: int) -> int:
        return (self.now_ms // self._slot_ms + slots_ahead) % len(self._buckets)

    def _arm(self) -> None:
        self._next_turn_at += self._slot_ms / 1000
        self._timer = self._loop.call_at(self._next_turn_at, self._turn)

    def _turn(self) -> None:
        # One slot per call, also when the loop was held up: between two calls the loop reads its
        # sockets, so that a peer that did answer in time is heard before it is judged.
        self.now_ms += self._slot_ms
        self._arm()
        bucket = self._buckets[self._slot(0)]
        while bucket:
            deadline = bucket.pop()
            deadline.wheel_slot = OFF_WHEEL
            self._held -= 1
            deadline.due()
        if not self._held:
            self.stop()
