"""Each invariant is able to complain (negotiation 9)."""

from typing import Any

import pytest

from engine.domains.negotiation.figures import HAGGLING_MAX, LOCK_MS
from engine.domains.negotiation.invariants import check
from engine.domains.negotiation.state import Bound, ChatMessage, Negotiation
from engine.domains.negotiation.terms_state import Agreement, Product, Terms, check_terms


def agreed(**changes: Any) -> Negotiation:
    """An agreement in which all is well."""
    fields: dict[str, Any] = {
        "status": "accepted",
        "list_price": 100,
        "ask": 90,
        "offers": [80, 85],
        "final_price": 85,
        "accepted_at": 5,
        "lock_expires_at": 5 + LOCK_MS,
    }
    return Negotiation(**(fields | changes))


def test_a_good_state_passes() -> None:
    """The checks below complain of what they name, not of anything."""
    check(agreed())
    check(agreed(accepted_ask=True, final_price=90))
    check(Negotiation())


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"final_price": None}, "INV-1"),
        ({"status": "rejected"}, "INV-1"),
        ({"final_price": 101}, "INV-2"),
        ({"final_price": 84}, "INV-3"),
        ({"offers": [85, 85]}, "INV-3"),
        ({"offers": []}, "INV-3"),
        ({"accepted_ask": True}, "INV-3"),
        ({"order": "o1"}, "INV-5"),
        ({"status": "bound"}, "INV-5"),
        ({"bound": Bound(1, 85, 100)}, "INV-5"),
        ({"lock_expires_at": 6 + LOCK_MS}, "INV-6"),
        ({"offers": [1, 2, 3, 4, 5, 85]}, "O3"),
        ({"status": "absent"}, "negotiation 3"),
        ({"said": 1}, "M1"),
        ({"said": 2, "chat": [ChatMessage(1, 0, "SHOP", "hi")]}, "M1"),
    ],
)
def test_a_bad_state_is_named(changes: dict[str, Any], complaint: str) -> None:
    """By the number of what it breaks."""
    with pytest.raises(AssertionError, match=complaint):
        check(agreed(**changes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"min_price": 101}, "negotiation 2"),
        ({"stock": 0, "haggling": ["n1"]}, "X1"),
        ({"haggling": ["n"] * (HAGGLING_MAX + 1)}, "X1"),
        ({"agreed": {"n1": Agreement(70, 80, True)}}, "INV-2"),
    ],
)
def test_bad_terms_are_named(changes: dict[str, Any], complaint: str) -> None:
    """INV-2 is asserted where the minimum is known; what a person agrees to is their affair."""
    good: dict[str, Any] = {"product": "p1", "currency": "USD", "list_price": 100, "min_price": 80}
    check_terms(Terms({"p1": Product(**good, agreed={"n1": Agreement(70, 80, False)})}))
    with pytest.raises(AssertionError, match=complaint):
        check_terms(Terms({"p1": Product(**(good | changes))}))
