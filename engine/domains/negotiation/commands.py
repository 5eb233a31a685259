"""What can be asked of a negotiation from outside, and by whom (negotiation 3 and 4)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.contract import Command, Reason, Text, holder_of
from engine.domains.negotiation.figures import (
    Quantity,
    Words,
    negotiation_key,
    negotiation_room,
)
from engine.kernel.actor import ADMIN, SHOPKEEPER, SIGNED_IN, STAFF, SYSTEM, Actor
from engine.kernel.ids import Id
from engine.kernel.money import Amount, Currency

CUSTOMERS = SIGNED_IN - STAFF
"""Staff see minimum prices, so they do not haggle."""
KEEPERS = frozenset({SHOPKEEPER})
ORDERS = frozenset({SYSTEM, ADMIN})
"""In place of the orders, which will send messages."""

OfferNumber = Annotated[int, Meta(ge=1, le=100, description="`offer_seq` of the offer meant")]
MessageNumber = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Token = Annotated[str, Meta(min_length=1, max_length=2_000)]


class NegotiationCommand(Command, frozen=True):
    """A command for the room of one negotiation."""

    negotiation: Id

    def room(self, actor: Actor) -> str:
        return negotiation_room(self.negotiation)


class OpenNegotiation(NegotiationCommand, frozen=True, tag="negotiation.open"):
    """Begin to haggle over a product. `negotiation` is the caller's choice; if the caller has an
    active negotiation over it already, that one is answered, and nothing happens (N1)."""

    ROLES: ClassVar[frozenset[str]] = CUSTOMERS

    shop: Id
    product: Id
    quantity: Quantity = 1

    def room(self, actor: Actor) -> str:
        key = negotiation_key(actor.user, self.shop, self.product)
        return holder_of(key, negotiation_room(self.negotiation))


class MakeOffer(NegotiationCommand, frozen=True, tag="negotiation.make_offer"):
    """Offer a price for one piece. What the text says of prices is not read (O4)."""

    ROLES: ClassVar[frozenset[str]] = CUSTOMERS

    price: Amount
    currency: Currency
    text: Words = ""


class SendMessage(NegotiationCommand, frozen=True, tag="negotiation.send_message"):
    """Say something. It changes nothing."""

    ROLES: ClassVar[frozenset[str]] = CUSTOMERS

    text: Text


class AcceptAsk(NegotiationCommand, frozen=True, tag="negotiation.accept_ask"):
    """Take what the shop asks for, if that is still this."""

    ROLES: ClassVar[frozenset[str]] = CUSTOMERS

    expected_ask: Amount


class Withdraw(NegotiationCommand, frozen=True, tag="negotiation.withdraw"):
    """Haggle no more."""

    ROLES: ClassVar[frozenset[str]] = CUSTOMERS


class ShopAccept(NegotiationCommand, frozen=True, tag="negotiation.shop_accept"):
    """Take the customer's latest offer, which must be this one."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    offer_seq: OfferNumber
    text: Words = ""


class ShopCounter(NegotiationCommand, frozen=True, tag="negotiation.shop_counter"):
    """Ask for less than before, and for more than was offered."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    price: Amount
    text: Words = ""


class ShopReject(NegotiationCommand, frozen=True, tag="negotiation.shop_reject"):
    """End it without an agreement."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    reason: Reason = ""


class AddToCart(NegotiationCommand, frozen=True, tag="negotiation.add_to_cart"):
    """Have the agreed price checked, and get the line of a cart. It may be asked again (L5)."""

    ROLES: ClassVar[frozenset[str]] = CUSTOMERS

    quantity: Quantity
    price_token: Token
    one_price: bool = False
    """Whether to be refused rather than pay the list price for pieces beyond the agreed (L4)."""


class GetNegotiation(NegotiationCommand, frozen=True, tag="negotiation.get"):
    """How it stands, with the chat after a message, and for the customer the price token."""

    ROLES: ClassVar[frozenset[str]] = CUSTOMERS | {ADMIN}

    last_seq: MessageNumber | None = None


class BindOrder(NegotiationCommand, frozen=True, tag="negotiation.bind_order"):
    """An order is created with the agreed price (L5). The cart has checked the token; here its
    `jti` is compared."""

    ROLES: ClassVar[frozenset[str]] = ORDERS

    order: Id
    customer: Id
    product: Id
    quantity: Quantity
    token_jti: Annotated[str, Meta(max_length=200)]


class OrderPaid(NegotiationCommand, frozen=True, tag="negotiation.order_paid"):
    """The order is paid: the price is used."""

    ROLES: ClassVar[frozenset[str]] = ORDERS

    order: Id


class OrderFailed(NegotiationCommand, frozen=True, tag="negotiation.order_failed"):
    """The order will not be paid: the price is free again, while its time lasts."""

    ROLES: ClassVar[frozenset[str]] = ORDERS

    order: Id


class PostText(NegotiationCommand, frozen=True, tag="negotiation.post_text"):
    """The text provider has found words for an answer of the house (M2, X5)."""

    ROLES: ClassVar[frozenset[str]] = frozenset({SYSTEM})

    message: MessageNumber
    text: Text
