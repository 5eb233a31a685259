"""What negotiations and their shop's terms tell one another, and what other domains tell them."""

from engine.contract import Message
from engine.domains.negotiation.events import CallOffCause


class ProductListed(Message, frozen=True, tag="terms.list_product"):
    """From the catalogue: a product is for sale, at this list price."""

    product: str
    currency: str
    list_price: int
    stock: int | None = None


class ProductWithdrawn(Message, frozen=True, tag="terms.withdraw_product"):
    """From the catalogue: it is for sale no more."""

    product: str


class StockChanged(Message, frozen=True, tag="terms.change_stock"):
    """From the catalogue: so many pieces are left."""

    product: str
    stock: int


class NegotiationBegun(Message, frozen=True, tag="terms.begin_negotiation"):
    """From a negotiation that was opened."""

    negotiation: str
    customer: str
    product: str
    quantity: int


class NegotiationAgreed(Message, frozen=True, tag="terms.agree_price"):
    """From a negotiation that has come to a price."""

    negotiation: str
    product: str
    quantity: int
    price: int
    ask: int
    """What the shop asked for until then."""
    is_automatic: bool


class NegotiationClosed(Message, frozen=True, tag="terms.close_negotiation"):
    """From a negotiation that is over."""

    negotiation: str
    product: str
    is_sold: bool = False


class CallOff(Message, frozen=True, tag="negotiation.call_off"):
    """From the terms: it is not to be had any more (X1)."""

    cause: CallOffCause


class BindOrder(Message, frozen=True, tag="negotiation.bind_price"):
    """From an order that is being created with the agreed price (L5)."""

    order: str
    customer: str
    product: str
    quantity: int
    token_jti: str


class OrderPaid(Message, frozen=True, tag="negotiation.redeem_price"):
    """From an order that has been paid."""

    order: str


class OrderFailed(Message, frozen=True, tag="negotiation.unbind_price"):
    """From an order that will not be paid."""

    order: str
