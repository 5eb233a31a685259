"""A house for each test; it must be empty of open questions at the end."""

from collections.abc import Iterator

import pytest

from testkit.house import House
from tests.engine.domains.dispatch.cast import town


@pytest.fixture
def empty_house() -> Iterator[House]:
    """A house in which nothing has happened."""
    with House() as house:
        yield house


@pytest.fixture
def house(empty_house: House) -> House:
    """A house with zone z1 and shop s1."""
    return town(empty_house)
