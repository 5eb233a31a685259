"""Which log, and what is said of it."""

import pytest

from runtime.config import Config
from runtime.log_choice import place_of


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:hush@db:5432/market", "postgresql://db:5432/market"),
        ("postgresql://db/market?user=ann&password=hush", "postgresql://db/market"),
        (
            "postgresql:///market?host=/run/postgres&password=hush",
            "postgresql:///market?host=/run/postgres",
        ),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    """Wherever it stands in the URL."""
    assert place_of(Config(postgres=url)) == shown
