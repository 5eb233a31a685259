"""The figures of the rules (dispatch 3, 5, 6 and 13). Other tests reckon with their names, so they
would follow a figure that was changed; here each stands as the rules have it."""

import pytest

from engine.domains.dispatch import terms

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("figure", "value", "rule"),
    [
        ("WAVES", (5_000, 7_500, 10_000), "D1, D7"),
        ("OFFERS_MAX", 10, "D2"),
        ("FRESH_MS", 60_000, "D1"),
        ("OFFER_MS", 30_000, "D4"),
        ("CASCADE_MS", 15_000, "X1"),
        ("BATCH_MS", 2_000, "X1"),
        ("SHOP_MS", 10 * MINUTE_MS, "ShopDue"),
        ("NO_PICKUP_MS", 20 * MINUTE_MS, "NoPickup"),
        ("NO_DELIVERY_MS", 45 * MINUTE_MS, "NoDelivery"),
        ("STALE_MS", 5 * MINUTE_MS, "StalePosition"),
        ("GONE_MS", 30_000, "X4"),
        ("OBJECTION_MS", 5 * MINUTE_MS, "P2"),
        ("PROMISE_MS", (30 * MINUTE_MS, 45 * MINUTE_MS), "F2"),
        ("LOCK_AT", 5, "C4"),
        ("LOCK_MS", 10 * MINUTE_MS, "C4"),
        ("OPS_ONLY_AT", 10, "C4"),
        ("REISSUES_MAX", 3, "C5"),
        ("PING_MS", 5_000, "T3"),
        ("LOG_MS", 30_000, "T3"),
        ("LOG_M", 100, "T3"),
        ("SPEED_MAX_M_S", 60, "T5"),
    ],
)
def test_figures_are_law(figure: str, value: object, rule: str) -> None:
    """Whoever changes one changes the rule that it is of."""
    assert getattr(terms, figure) == value, f"dispatch {rule}"
