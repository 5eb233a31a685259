"""What happens in a negotiation. Names, fields and types are a storage format: logs are for ever.

No minimum price stands in any of these, and none is derived from one but the answers themselves:
receipts are hashes of events, and nobody must be able to try minimum prices against a receipt.
`message` is the number in the chat of what was said with an event.
"""

from typing import Literal

from engine.contract import Event
from engine.kernel.time import Millis

Mode = Literal["AUTO", "MANUAL"]
Sender = Literal["CUSTOMER", "SHOP", "SYSTEM"]
RejectionCause = Literal["ROUNDS", "SHOP"]
CallOffCause = Literal["PRODUCT", "SOLD"]
CancelCause = Literal["CUSTOMER", "PRODUCT", "SOLD"]
ExpiryCause = Literal["IDLE", "LOCK"]


class NegotiationOpened(Event, frozen=True, tag="negotiation.opened"):
    """A customer wants to haggle. `list_price` is that of one piece at this quantity (N3, X3)."""

    negotiation: str
    customer: str
    customer_name: str
    """All that the shop may know until there is an order."""
    shop: str
    product: str
    currency: str
    quantity: int
    list_price: int


class OfferMade(Event, frozen=True, tag="negotiation.offer_made"):
    """The customer offers a price; only the number counts (O4)."""

    message: int
    offer_seq: int
    """Which of the customer's offers it is: 1, 2 …"""
    price: int
    list_price: int
    """As it stands now (N3)."""
    mode: Mode
    """Who answers: the house by itself, or the shopkeeper."""
    text: str = ""


class CounterOffered(Event, frozen=True, tag="negotiation.counter_offered"):
    """The shop asks for this price."""

    message: int
    ask: int
    offer: int
    """What it answers."""
    sender: Sender
    text: str
    strategy: str = ""
    """By which the house answered; empty if the shopkeeper did (X2)."""


class NegotiationAccepted(Event, frozen=True, tag="negotiation.accepted"):
    """They agree (D1, D6)."""

    message: int
    final_price: int
    offer: int | None
    """The customer's last offer; None if there was none."""
    sender: Sender
    text: str


class PriceLocked(Event, frozen=True, tag="negotiation.price_locked"):
    """The price stands until then, and a token says so (T1)."""

    price: int
    lock_expires_at: Millis
    token_jti: str


class NegotiationRejected(Event, frozen=True, tag="negotiation.rejected"):
    """The shop will not sell at such a price."""

    message: int
    cause: RejectionCause
    sender: Sender
    text: str


class NegotiationCancelled(Event, frozen=True, tag="negotiation.cancelled"):
    """The customer has withdrawn, or there is nothing to haggle over any more."""

    cause: CancelCause
    message: int = 0
    """0 in logs that are older than this field: nothing was said."""
    text: str = ""


class NegotiationExpired(Event, frozen=True, tag="negotiation.expired"):
    """Nobody moved in time, or the agreed price was not ordered in time."""

    cause: ExpiryCause
    message: int = 0
    """As of a cancellation."""
    text: str = ""


class MessageSent(Event, frozen=True, tag="negotiation.message_sent"):
    """Somebody says something that changes nothing."""

    message: int
    sender: Sender
    text: str


class TextPosted(Event, frozen=True, tag="negotiation.text_posted"):
    """Other words for an answer of the house, with the same number in them (M2)."""

    message: int
    text: str


class PriceBound(Event, frozen=True, tag="negotiation.price_bound"):
    """An order is being made of it (L5). From now on the shop knows the customer."""

    order: str
    customer: str
    quantity: int
    unit_price: int
    """What a piece costs: the agreed price, or the list price if that has fallen below (L7)."""
    list_price: int = 0
    """Of the pieces beyond the agreed (L4). 0 in logs that are older than this field."""


class PriceUnbound(Event, frozen=True, tag="negotiation.price_unbound"):
    """The order has failed."""

    order: str


class PriceRedeemed(Event, frozen=True, tag="negotiation.price_redeemed"):
    """The order is paid."""

    order: str
