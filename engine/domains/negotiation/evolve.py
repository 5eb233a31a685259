"""How each event changes the state of a negotiation. Nothing here can fail or ask."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.contract import Event
from engine.domains.negotiation import events as e
from engine.domains.negotiation.figures import CHAT_MAX, MESSAGES_KEPT
from engine.domains.negotiation.state import Bound, ChatMessage, Negotiation
from engine.kernel.time import Millis


def on_opened(state: Negotiation, event: e.NegotiationOpened, at: Millis) -> None:
    state.status = "open"
    state.negotiation = event.negotiation
    state.customer, state.customer_name = event.customer, event.customer_name
    state.shop, state.product = event.shop, event.product
    state.currency, state.quantity = event.currency, event.quantity
    state.list_price = state.ask = event.list_price
    state.opened_at = state.moved_at = at


def on_offer(state: Negotiation, event: e.OfferMade, at: Millis) -> None:
    state.status = "awaiting_shop"
    state.offers.append(event.price)
    state.mode = event.mode
    state.list_price = event.list_price
    if event.list_price < state.ask:
        state.ask, state.is_shops_ask = event.list_price, False
    state.moved_at = at
    _say(state, event.message, at, "CUSTOMER", event.text, event.price)


def on_counter(state: Negotiation, event: e.CounterOffered, at: Millis) -> None:
    state.status = "countered"
    state.ask, state.is_shops_ask = event.ask, event.sender == "SHOP"
    state.moved_at = at
    _say(state, event.message, at, event.sender, event.text, event.ask)


def on_accepted(state: Negotiation, event: e.NegotiationAccepted, at: Millis) -> None:
    state.status = "accepted"
    state.final_price = event.final_price
    state.accepted_ask = event.sender == "CUSTOMER"
    state.accepted_at = state.moved_at = at
    _say(state, event.message, at, event.sender, event.text, event.final_price)


def on_locked(state: Negotiation, event: e.PriceLocked, _: Millis) -> None:
    state.lock_expires_at = event.lock_expires_at
    state.token_jti = event.token_jti


def on_rejected(state: Negotiation, event: e.NegotiationRejected, at: Millis) -> None:
    state.status, state.cause = "rejected", event.cause
    _say(state, event.message, at, event.sender, event.text, None)


def on_cancelled(state: Negotiation, event: e.NegotiationCancelled, at: Millis) -> None:
    state.status, state.cause = "cancelled", event.cause
    _end(state, event, at)


def on_expired(state: Negotiation, event: e.NegotiationExpired, at: Millis) -> None:
    state.status, state.cause = "expired", event.cause
    _end(state, event, at)


def _end(
    state: Negotiation, event: e.NegotiationCancelled | e.NegotiationExpired, at: Millis
) -> None:
    """No other words are asked for it."""
    if event.message:
        _append(state, ChatMessage(event.message, at, "SYSTEM", event.text))


def on_message(state: Negotiation, event: e.MessageSent, at: Millis) -> None:
    _say(state, event.message, at, event.sender, event.text, None)
    times = state.spoken_at.setdefault(event.sender, [])
    times.append(at)
    if len(times) > CHAT_MAX:
        del times[0]


def on_text(state: Negotiation, event: e.TextPosted, _: Millis) -> None:
    for message in state.chat:
        if message.seq == event.message:
            message.text = event.text
    state.unworded.remove(event.message)


def on_bound(state: Negotiation, event: e.PriceBound, _: Millis) -> None:
    state.status, state.order = "bound", event.order
    state.bound = Bound(event.quantity, event.unit_price, event.list_price)


def on_unbound(state: Negotiation, _event: e.PriceUnbound, _: Millis) -> None:
    state.status, state.order, state.bound = "accepted", "", None


def on_redeemed(state: Negotiation, _event: e.PriceRedeemed, _: Millis) -> None:
    state.status = "redeemed"


def _say(
    state: Negotiation, seq: int, at: Millis, sender: e.Sender, text: str, price: int | None
) -> None:
    _append(state, ChatMessage(seq, at, sender, text, price))
    if sender == "SYSTEM":
        state.unworded.append(seq)


def _append(state: Negotiation, message: ChatMessage) -> None:
    state.said = message.seq
    state.chat.append(message)
    if len(state.chat) > MESSAGES_KEPT:
        del state.chat[0]


EVOLVE: Mapping[type[Event], Callable[[Negotiation, Any, Millis], None]] = {
    e.NegotiationOpened: on_opened,
    e.OfferMade: on_offer,
    e.CounterOffered: on_counter,
    e.NegotiationAccepted: on_accepted,
    e.PriceLocked: on_locked,
    e.NegotiationRejected: on_rejected,
    e.NegotiationCancelled: on_cancelled,
    e.NegotiationExpired: on_expired,
    e.MessageSent: on_message,
    e.TextPosted: on_text,
    e.PriceBound: on_bound,
    e.PriceUnbound: on_unbound,
    e.PriceRedeemed: on_redeemed,
}
