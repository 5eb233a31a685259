"""Time is a number, lives end where they stand, and what sleeps does it all at once."""

import asyncio
from random import Random

import pytest

from testkit.virtual_loop import Life, Stuck, VirtualLoop


@pytest.fixture
def loop() -> VirtualLoop:
    """At the beginning of time."""
    return VirtualLoop(Random(1))  # type: ignore[abstract]


def test_nothing_waits(loop: VirtualLoop) -> None:
    """A day passes in no time, in the order of the timers."""
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(loop.time())

    async def main() -> None:
        await asyncio.gather(sleep(86_400), sleep(1), sleep(0.5))

    loop.run(main())
    assert woken == [0.5, 1, 86_400]


def test_a_life_that_ends_does_nothing_more(loop: VirtualLoop) -> None:
    """As after kill -9: no timer, no task, and no exception from either."""
    done: list[str] = []

    async def work() -> None:
        while True:
            done.append("work")
            await asyncio.sleep(1)

    async def main() -> None:
        life = Life("mortal")
        life.call(loop.spawn, work())
        life.call(loop.call_later, 2.5, done.append, "late")
        await asyncio.sleep(1.5)
        loop.kill(life)
        loop.hand_in(life, done.append, "called")
        await asyncio.sleep(10)

    loop.run(main())
    assert done == ["work", "work"]


def test_a_frozen_life_does_it_all_at_its_thaw(loop: VirtualLoop) -> None:
    """In the order in which it came, calls from outside too."""
    done: list[tuple[str, float]] = []

    async def main() -> None:
        life = Life("sleeper")
        life.call(loop.call_later, 1, lambda: done.append(("timer", loop.time())))
        life.is_frozen = True
        await asyncio.sleep(5)
        loop.hand_in(life, lambda: done.append(("call", loop.time())))
        assert done == []
        loop.thaw(life)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    loop.run(main())
    assert done == [("timer", 5), ("call", 5)]


def test_a_failure_that_nobody_awaits_ends_the_run(loop: VirtualLoop) -> None:
    """No checker's word gets lost in a task."""

    async def fail() -> None:
        raise AssertionError("broken")

    async def main() -> None:
        loop.spawn(fail())
        await asyncio.sleep(10)

    with pytest.raises(AssertionError, match="broken"):
        loop.run(main())
    assert loop.time() == 0


def test_a_deadlock_is_told(loop: VirtualLoop) -> None:
    """When all wait for one another, the run is over."""

    async def main() -> None:
        await loop.create_future()

    with pytest.raises(Stuck):
        loop.run(main())
