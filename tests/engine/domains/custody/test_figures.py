"""The figures of the rules (custody 5, 6, 7, 11, 12). Other tests reckon with their names, so they
would follow a figure that was changed; here each stands as the rules have it."""

import pytest

from engine.domains.custody import terms

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@pytest.mark.parametrize(
    ("figure", "value", "rule"),
    [
        ("QR_LIFE_MS", 72 * HOUR_MS, "Q6"),
        ("REISSUES_MAX", 5, "Q6"),
        ("FAR_M", 1_000, "Q7"),
        ("PHOTOS_MAX", 6, "4"),
        ("STEPS_MIN", 2, "3"),
        ("CODE_TRIES", 5, "H5"),
        ("CODE_LOCK_MS", 10 * MINUTE_MS, "H5"),
        ("CODE_TRIES_MAX", 10, "H5"),
        ("WEIGHT_PERCENT", 10, "H11"),
        ("OFFLINE_MS", 24 * HOUR_MS, "H12"),
        ("LATE_AFTER_MS", 2 * HOUR_MS, "HandoffLate"),
        ("PROOF_MS", 24 * HOUR_MS, "ProofDue"),
        ("STILL_MS", 48 * HOUR_MS, "NoMovement"),
        ("BAD_TOKENS_MAX", 20, "7"),
        ("BAD_TOKENS_MS", HOUR_MS, "7"),
        ("LINK_MS", 7 * 24 * HOUR_MS, "11.8"),
        ("SLOT_MS", MINUTE_MS, "X2"),
        ("SLOTS_GOOD", 5, "X2"),
        ("ONLINE_MS", 2 * MINUTE_MS, "X4"),
        ("AHEAD_MS", 5 * MINUTE_MS, "X4"),
    ],
)
def test_figures_are_law(figure: str, value: object, rule: str) -> None:
    """Whoever changes one changes the rule that it is of."""
    assert getattr(terms, figure) == value, f"custody {rule}"
