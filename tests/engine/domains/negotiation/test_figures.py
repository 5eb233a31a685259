"""The figures of the rules (negotiation 5, 6). Other tests reckon with their names, so they would
follow a figure that was changed; here each stands as the rules have it."""

import pytest

from engine.domains.negotiation import figures
from engine.domains.negotiation.strategies import TICK

DAY_MS = 24 * 60 * 60 * 1_000


@pytest.mark.parametrize(
    ("figure", "value", "rule"),
    [
        ("LOCK_MS", DAY_MS, "T1"),
        ("IDLE_MS", DAY_MS, "IdleDue"),
        ("TEXT_MS", 3_000, "M2"),
        ("OFFERS_MAX", 5, "O3"),
        ("CHAT_MAX", 20, "O3"),
        ("CHAT_MS", 60_000, "O3"),
        ("OPENINGS_MAX", 3, "N4"),
        ("OPENINGS_MS", DAY_MS, "N4"),
    ],
)
def test_figures_are_law(figure: str, value: object, rule: str) -> None:
    """Whoever changes one changes the rule that it is of."""
    assert getattr(figures, figure) == value, f"negotiation {rule}"


def test_counters_are_rounded_to_the_tick() -> None:
    """Negotiation D3."""
    assert TICK == 100
