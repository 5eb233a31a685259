"""Tests of engine/ledger/arrivals.py: what came when, and what of it is still there."""

from random import Random

from engine.kernel.limits import PAYABLE_ARRIVALS
from engine.ledger.arrivals import Arrival, come, come_by, go


def test_a_cut_off_divides_what_came() -> None:
    """What came at the moment itself counts; nothing later does."""
    arrivals: list[Arrival] = []
    for at, amount in ((10, 5), (20, 7), (20, 1), (30, 9)):
        come(arrivals, amount, at)
    assert [come_by(arrivals, at) for at in (9, 10, 19, 20, 29, 30)] == [0, 5, 5, 13, 13, 22]
    assert len(arrivals) == 3


def test_what_came_first_leaves_first() -> None:
    """Also within one arrival."""
    arrivals = [Arrival(10, 5), Arrival(20, 7)]
    go(arrivals, 6)
    assert arrivals == [Arrival(20, 6)]
    go(arrivals, 6)
    assert arrivals == []


def test_only_so_many_are_kept_and_nothing_is_lost() -> None:
    """Merged arrivals count as late as the later: a cut-off never pays what came after it."""
    dice = Random(1)
    arrivals: list[Arrival] = []
    exact: list[Arrival] = []
    for at in range(1_000):
        amount = dice.randrange(1, 100)
        come(arrivals, amount, at)
        exact.append(Arrival(at, amount))
        if at % 3 == 0:
            gone = dice.randrange(come_by(arrivals, at) // 2 + 1)
            go(arrivals, gone)
            go(exact, gone)
        assert len(arrivals) <= PAYABLE_ARRIVALS
        assert come_by(arrivals, at) == come_by(exact, at)
        cut_off = dice.randrange(at + 1)
        assert come_by(arrivals, cut_off) <= come_by(exact, cut_off)
