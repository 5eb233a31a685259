"""Who may see what of a negotiation (negotiation 10).

Three classes: `customer`, `shop` (its keeper) and `admin`. Nobody else may look. The minimum comes
from the shop's terms, and is put only into the snapshots of those who may know it.
"""

from collections.abc import Sequence
from typing import Any

from engine.contract import Context, Event
from engine.domains.negotiation import commands as c
from engine.domains.negotiation import token
from engine.domains.negotiation.decide_order import line_of
from engine.domains.negotiation.figures import IDLE_MS, OFFERS_MAX
from engine.domains.negotiation.guards import agreed_on, is_customer, is_keeper
from engine.domains.negotiation.state import HAGGLING, ChatMessage, Negotiation
from engine.domains.negotiation.strategies import floor_of
from engine.kernel.actor import ADMIN as ADMIN_ROLE

CUSTOMER = "customer"
SHOP = "shop"
ADMIN = "admin"


def audience(state: Negotiation, ctx: Context) -> str:
    """The class of viewer that the actor is here; "" for strangers."""
    if is_customer(state, ctx):
        return CUSTOMER
    if is_keeper(ctx, state.shop):
        return SHOP
    return ADMIN if ctx.actor.has(frozenset({ADMIN_ROLE})) else ""


def view(state: Negotiation, ctx: Context) -> Any:
    """The snapshot for the actor; None if there is no such negotiation."""
    if state.status == "absent":
        return None
    return _standing(state, ctx) | {"chat": state.chat}


def _standing(state: Negotiation, ctx: Context) -> dict[str, Any]:
    """The snapshot without the chat."""
    viewer = audience(state, ctx)
    is_open = state.status in HAGGLING
    shown: dict[str, Any] = {
        "negotiation": state.negotiation,
        "status": state.status,
        "shop": state.shop,
        "product": state.product,
        "currency": state.currency,
        "quantity": state.quantity,
        "list_price": state.list_price,
        "ask": state.ask,
        "offers": state.offers,
        "is_last_offer": is_open and len(state.offers) == OFFERS_MAX - 1,
        "final_price": state.final_price,
        "accepted_at": state.accepted_at,
        "lock_expires_at": state.lock_expires_at,
        "idle_at": state.moved_at + IDLE_MS if is_open else None,
        "order": state.order or None,
        "cause": state.cause or None,
    }
    if viewer in (CUSTOMER, ADMIN) or state.order:
        shown["customer"] = state.customer
    if viewer == SHOP:
        shown["customer_name"] = state.customer_name
    if viewer == ADMIN:
        shown["token_jti"] = state.token_jti or None
    return shown | (_secrets(state, ctx) if viewer in (SHOP, ADMIN) else {})


def _secrets(state: Negotiation, ctx: Context) -> dict[str, Any]:
    """The shop's side of it, by its terms as they are now."""
    product = agreed_on(state, ctx)
    list_price, min_price = product.unit_terms(state.quantity)
    return {
        "mode": state.mode,
        "auto_negotiate": product.auto_negotiate,
        "strategy": product.strategy,
        "min_price": min_price,
        "floor": floor_of(list_price, min_price),
        "rounds_left": OFFERS_MAX - len(state.offers),
    }


def result(state: Negotiation, command: Any, _: Sequence[Event], ctx: Context) -> Any:
    """The reply: where it stands now; to a cart or order, the priced line; the chat if asked."""
    match command:
        case c.AddToCart() | c.BindOrder():
            line = line_of(state, ctx, command.quantity)
            return {
                "status": state.status,
                "line": line,
                "lock_expires_at": state.lock_expires_at,
            }
        case c.OrderPaid() | c.OrderFailed() | c.PostText():
            return {"negotiation": state.negotiation, "status": state.status}
        case c.GetNegotiation():
            after = command.last_seq or 0
            return _standing(state, ctx) | {"chat": _after(state, after)}
    return _standing(state, ctx)


def _after(state: Negotiation, seq: int) -> list[ChatMessage]:
    return [message for message in state.chat if message.seq > seq]


reveal = token.reveal
"""A reply to the customer carries the price token while the agreement stands (T1)."""
