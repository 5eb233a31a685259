"""How a negotiation comes to a price, and what it gives up when it is over."""

from engine.contract import Event
from engine.domains.negotiation import events as e
from engine.domains.negotiation.figures import LOCK_MS, negotiation_key
from engine.domains.negotiation.state import Negotiation
from engine.domains.negotiation.texts import ENDS, accepted_text
from engine.domains.negotiation.token import jti_of
from engine.kernel.time import Millis


def agree(
    state: Negotiation,
    price: int,
    offer: int | None,
    sender: e.Sender,
    message: int,
    now: Millis,
) -> list[Event]:
    """They agree: the price is locked, and a token can be made of it (T1)."""
    return [
        e.NegotiationAccepted(
            message=message,
            final_price=price,
            offer=offer,
            sender=sender,
            text=accepted_text(price, state.currency),
        ),
        e.PriceLocked(
            price=price,
            lock_expires_at=now + LOCK_MS,
            token_jti=jti_of(state.negotiation, now),
        ),
    ]


def cancelled(state: Negotiation, cause: e.CancelCause) -> e.NegotiationCancelled:
    """It ends without an agreement; the chat says why (M1)."""
    message, text = state.said + 1, ENDS[cause]
    return e.NegotiationCancelled(cause=cause, message=message, text=text, frees=ended(state))


def expired(state: Negotiation, cause: e.ExpiryCause) -> e.NegotiationExpired:
    """Its time is over; the chat says so (M1)."""
    message, text = state.said + 1, ENDS[cause]
    return e.NegotiationExpired(cause=cause, message=message, text=text, frees=ended(state))


def ended(state: Negotiation) -> tuple[str, ...]:
    """The claim that a negotiation gives up at its end (N1)."""
    return (negotiation_key(state.customer, state.shop, state.product),)
