"""A house for each test; it must be empty of open questions at the end."""

from collections.abc import Iterator

import pytest

from testkit.house import House
from tests.engine.domains.negotiation.cast import fair


@pytest.fixture
def house() -> Iterator[House]:
    """Shop s1 of kate is active, and sells p1: list 15000, minimum 13000, answered by itself."""
    with House() as house:
        yield fair(house)
