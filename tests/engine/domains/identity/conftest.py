"""A house for each test; it must be empty of open questions at the end."""

from collections.abc import Iterator

import pytest

from testkit.house import House


@pytest.fixture
def house() -> Iterator[House]:
    """A house in which nothing has happened."""
    with House() as house:
        yield house
