"""Tests of runtime/garbage.py."""

import gc
from collections.abc import Iterator

import pytest

from runtime import garbage


@pytest.fixture
def collector() -> Iterator[None]:
    """Python's own settings again afterwards."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("collector")
def test_what_is_kept_is_left_out_of_every_later_search() -> None:
    """However much was made so far: the next search finds only what is made from then on."""
    made = [[number] for number in range(1_000)]
    garbage.keep()
    assert gc.get_freeze_count() >= len(made)
    assert len(gc.get_objects()) < len(made)
    assert gc.get_threshold() == garbage.THRESHOLDS
