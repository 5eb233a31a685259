"""Rate limits: a sliding minute, a bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from engine.kernel.outcome import RATE_LIMITED
from gateway.limits import RATE_WINDOW_MS
from gateway.rates import SlidingWindow, too_often


def test_so_many_calls_and_no_more() -> None:
    """Each key has its own count."""
    window = SlidingWindow(3)
    assert [window.charge("a", 0) for _ in range(3)] == [0, 0, 0]
    assert window.charge("a", 0) > 0
    assert window.charge("b", 0) == 0


def test_zero_means_no_limit() -> None:
    """And nothing is remembered."""
    window = SlidingWindow(0)
    assert all(window.charge("a", 0) == 0 for _ in range(1_000))
    assert len(window) == 0


def test_the_window_slides() -> None:
    """Half-way through the next window half of the calls before still weigh."""
    window = SlidingWindow(10)
    for _ in range(10):
        assert window.charge("a", 0) == 0
    assert window.charge("a", RATE_WINDOW_MS) > 0
    half = RATE_WINDOW_MS + RATE_WINDOW_MS // 2
    assert [window.charge("a", half) for _ in range(5)] == [0] * 5
    assert window.charge("a", half) > 0


def test_after_two_windows_all_is_forgotten() -> None:
    """Also if nobody called meanwhile."""
    window = SlidingWindow(2)
    for _ in range(2):
        window.charge("a", 0)
    assert [window.charge("a", 2 * RATE_WINDOW_MS) for _ in range(2)] == [0, 0]


@given(
    limit=st.integers(1, 50),
    before=st.integers(0, 50),
    now=st.integers(0, 50),
    at_ms=st.integers(0, RATE_WINDOW_MS - 1),
)
def test_the_wait_that_is_named_is_enough_and_not_too_long(
    limit: int, before: int, now: int, at_ms: int
) -> None:
    """Whoever waits so long may call; a millisecond less is too early."""
    window = SlidingWindow(limit)
    for _ in range(before):
        window.charge("a", RATE_WINDOW_MS - 1)
    for _ in range(now):
        window.charge("a", RATE_WINDOW_MS + at_ms)
    wait_ms = window.charge("a", RATE_WINDOW_MS + at_ms)
    if wait_ms:
        assert window.charge("a", RATE_WINDOW_MS + at_ms + wait_ms - 1) > 0
        assert window.charge("a", RATE_WINDOW_MS + at_ms + wait_ms) == 0


@given(st.lists(st.integers(0, 4_000), max_size=200))
def test_never_twice_the_limit_in_any_minute(pauses_ms: list[int]) -> None:
    """The estimate errs, but by less than one window's calls."""
    window = SlidingWindow(10)
    now_ms, taken = 0, []
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        if not window.charge("a", now_ms):
            taken.append(now_ms)
    for start in taken:
        assert sum(start <= at < start + RATE_WINDOW_MS for at in taken) < 20


def test_memory_is_bounded() -> None:
    """Of a flood of keys the oldest are forgotten; the latest are known."""
    window = SlidingWindow(1, keys_max=3)
    for number in range(100):
        assert window.charge(f"k{number}", 0) == 0
        assert len(window) <= 6
        assert window.charge(f"k{number}", 0) > 0
    assert window.charge("k0", 0) == 0


def test_the_refusal_says_how_long_to_wait() -> None:
    """In words and as a number."""
    rejected = too_often(1_500)
    assert rejected.code == RATE_LIMITED
    assert rejected.details == {"retry_after_ms": 1_500}
    assert "1500 ms" in rejected.message
