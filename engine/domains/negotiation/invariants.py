"""The invariants of negotiation 9 that a negotiation's own state can show, by number.

INV-2 is asserted where the minimum is known (`terms_state.check_terms`), INV-4 by the claim.
"""

from itertools import pairwise

from engine.domains.negotiation.figures import CHAT_MAX, LOCK_MS, MESSAGES_KEPT, OFFERS_MAX
from engine.domains.negotiation.state import AGREED, HAGGLING, Negotiation


def check(state: Negotiation) -> None:
    """Assert all of them."""
    if state.status == "absent":
        assert not state.offers, "negotiation 3: offers without a negotiation"
        return
    is_agreed = state.final_price is not None
    if state.status in (*AGREED, "redeemed"):
        assert is_agreed, "negotiation INV-1: agreed without a price"
    if state.status in (*HAGGLING, "rejected", "cancelled"):
        assert not is_agreed, "negotiation INV-1: a price without an agreement"
    assert len(state.offers) <= OFFERS_MAX, "negotiation O3: too many offers"
    for earlier, later in pairwise(state.offers):
        assert earlier < later, "negotiation INV-3: offers do not rise"
    if state.final_price is not None:
        _check_price(state, state.final_price)
    is_bound = state.status in ("bound", "redeemed")
    assert is_bound == bool(state.order), "negotiation INV-5: an order without its state"
    assert is_bound or state.bound is None, "negotiation INV-5: bound by no order"
    kept = range(max(state.said - MESSAGES_KEPT, 0) + 1, state.said + 1)
    assert [message.seq for message in state.chat] == [*kept], "negotiation M1: a gap in the chat"
    assert all(len(times) <= CHAT_MAX for times in state.spoken_at.values()), "negotiation O3"


def _check_price(state: Negotiation, price: int) -> None:
    assert 0 < price <= state.list_price, "negotiation INV-2: above the list price"
    if state.accepted_ask:
        assert price == state.ask, "negotiation INV-3: not the ask that was taken"
    else:
        assert state.last_offer is not None, "negotiation INV-3: an agreement without an offer"
        assert price == min(state.last_offer, state.ask), "negotiation INV-3: another price"
    assert state.accepted_at is not None, "negotiation INV-6: agreed at no time"
    assert state.lock_expires_at == state.accepted_at + LOCK_MS, "negotiation INV-6: another lock"
