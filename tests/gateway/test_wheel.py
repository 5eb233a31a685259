"""The timing wheel, in a time that the test moves."""

from gateway.wheel import OFF_WHEEL, Wheel
from tests.gateway.harness import ManualLoop


class Alarm:
    """A deadline that notes when it came due, and waits again if it is told to."""

    def __init__(self, loop: ManualLoop, wheel: Wheel, again_ms: int | None = None) -> None:
        self.wheel_slot = OFF_WHEEL
        self.rang_at_ms: list[int] = []
        self._loop = loop
        self._wheel = wheel
        self._again_ms = again_ms

    def due(self) -> None:
        self.rang_at_ms.append(round(self._loop.time() * 1000))
        if self._again_ms is not None:
            self._wheel.put(self, self._again_ms)


def test_a_deadline_is_never_early_and_at_most_two_slots_late() -> None:
    """The wheel's promise, for every delay that it is made for and any phase of the slot."""
    for phase_ms in range(0, 20, 3):
        for delay_ms in range(101):
            loop = ManualLoop()
            wheel = Wheel(loop, slot_ms=10, delay_ms_max=100)
            wheel.put(Alarm(loop, wheel), 50)
            loop.advance(phase_ms)
            alarm = Alarm(loop, wheel)
            wheel.put(alarm, delay_ms)
            loop.advance(200)
            [rang_at_ms] = alarm.rang_at_ms
            assert delay_ms <= rang_at_ms - phase_ms <= delay_ms + 20


def test_one_timer_serves_all_and_rests_when_nothing_waits() -> None:
    """A thousand deadlines cost one timer of the loop; none cost none."""
    loop = ManualLoop()
    wheel = Wheel(loop, slot_ms=10, delay_ms_max=100)
    alarms = [Alarm(loop, wheel) for _ in range(1000)]
    for alarm in alarms:
        wheel.put(alarm, 50)
    assert (len(loop.timers), len(wheel)) == (1, 1000)
    loop.advance(100)
    assert (len(loop.timers), len(wheel)) == (0, 0)
    assert all(len(alarm.rang_at_ms) == 1 for alarm in alarms)


def test_put_moves_a_deadline_and_drop_forgets_it() -> None:
    """Only the last wait counts."""
    loop = ManualLoop()
    wheel = Wheel(loop, slot_ms=10, delay_ms_max=100)
    moved, dropped = Alarm(loop, wheel), Alarm(loop, wheel)
    wheel.put(moved, 10)
    wheel.put(moved, 90)
    wheel.put(dropped, 10)
    wheel.drop(dropped)
    wheel.drop(dropped)
    loop.advance(80)
    assert moved.rang_at_ms == []
    loop.advance(200)
    assert [len(moved.rang_at_ms), len(dropped.rang_at_ms)] == [1, 0]


def test_a_deadline_may_wait_again_when_it_is_due() -> None:
    """The slots do not drift: the loop's time and the wheel's stay together."""
    loop = ManualLoop()
    wheel = Wheel(loop, slot_ms=10, delay_ms_max=100)
    alarm = Alarm(loop, wheel, again_ms=100)
    wheel.put(alarm, 100)
    loop.advance(1100)
    assert alarm.rang_at_ms == [110 * turn for turn in range(1, 11)]
    assert wheel.now_ms == 1100


def test_a_loop_that_was_held_up_turns_one_slot_at_a_time() -> None:
    """Between two slots that are late, the loop has a chance to read its sockets."""
    loop = ManualLoop()
    wheel = Wheel(loop, slot_ms=10, delay_ms_max=100)
    early, late = Alarm(loop, wheel), Alarm(loop, wheel)
    wheel.put(early, 10)
    wheel.put(late, 100)
    loop.now_s = 5.0
    loop.timers[0]._run()
    assert wheel.now_ms == 10
    wheel.drop(late)
    loop.advance(0)
    assert [len(early.rang_at_ms), len(late.rang_at_ms)] == [1, 0]


def test_stop_cancels_the_timer() -> None:
    """Nothing is left on the loop when the listener goes."""
    loop = ManualLoop()
    wheel = Wheel(loop, slot_ms=10, delay_ms_max=100)
    wheel.put(Alarm(loop, wheel), 10)
    wheel.stop()
    assert loop.timers == []
