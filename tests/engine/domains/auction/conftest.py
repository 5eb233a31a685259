"""A house for each test; it must be empty of open questions at the end."""

from collections.abc import Iterator

import pytest

from testkit.house import House
from tests.engine.domains.auction.cast import live


@pytest.fixture
def house() -> Iterator[House]:
    """A house in which nothing has happened."""
    with House() as house:
        yield house


@pytest.fixture
def live_house(house: House) -> House:
    """A house with auction a1 live, and money in the wallets of ann, bob and cat."""
    return live(house)
