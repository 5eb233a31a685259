"""Gaps are noticed on the way in and on the way out."""

import pytest

from persistence.errors import CorruptLog
from persistence.order import assert_follows, checked_by_position, checked_by_seq, later
from tests.persistence.samples import batch, record


def test_a_page_without_gaps_passes() -> None:
    """What is whole comes back as it is, also a page from the middle and an empty one."""
    assert checked_by_position(batch(4, 6), 3) == batch(4, 6)
    assert checked_by_seq(batch(4, 6), 3) == batch(4, 6)
    assert checked_by_position([], 7) == []


@pytest.mark.parametrize("positions", [(2, 3), (1, 3)], ids=["beginning", "middle"])
def test_a_missing_record_is_corruption(positions: tuple[int, ...]) -> None:
    """A log with a hole must not be replayed, nor shown to anyone."""
    page = [record(position) for position in positions]
    with pytest.raises(CorruptLog, match="positions 1 to 3"):
        checked_by_position(page, 0)
    with pytest.raises(CorruptLog, match="seqs 1 to 3 of auction:a1"):
        checked_by_seq(page, 0)


def test_a_batch_follows_the_head() -> None:
    """A batch begins after the head and has no hole."""
    assert_follows(batch(4, 6), 3)
    for head in (2, 4):
        with pytest.raises(AssertionError):
            assert_follows(batch(4, 6), head)


def test_later_of_two_moments() -> None:
    """Either may be missing, and 0 is a moment too."""
    assert later(None, None) is None
    assert later(0, None) == 0
    assert later(None, 5) == 5
    assert later(7, 5) == 7
