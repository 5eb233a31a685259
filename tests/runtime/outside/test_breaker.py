"""A provider that fails is left alone for a while, and then tried by one."""

from runtime.outside.breaker import FAILURES_MAX, OPEN_S, Breaker


class Clock:
    """Seconds, in the hands of the test."""

    now_s = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now_s


def test_it_opens_after_failures_in_a_row() -> None:
    """One that works in between begins the count anew."""
    breaker = Breaker(Clock())
    for _ in range(FAILURES_MAX - 1):
        breaker.failed()
    breaker.worked()
    for _ in range(FAILURES_MAX - 1):
        breaker.failed()
        assert breaker.may_try()
    breaker.failed()
    assert not breaker.may_try()


def test_one_is_let_through_after_a_while() -> None:
    """The others wait for what becomes of it."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES_MAX):
        breaker.failed()
    clock.now_s += OPEN_S
    assert [breaker.may_try() for _ in range(3)] == [True, False, False]
    breaker.failed()
    assert not breaker.may_try()
    clock.now_s += OPEN_S
    assert breaker.may_try()
    breaker.worked()
    assert [breaker.may_try() for _ in range(3)] == [True] * 3
