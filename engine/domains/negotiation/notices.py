"""What a negotiation tells people in their private rooms `user:{id}`: a storage format too."""

from engine.contract import Event


class OfferReceived(Event, frozen=True, tag="negotiation.offer_received"):
    """To the shopkeeper: an offer waits for your answer."""

    negotiation: str
    shop: str
    product: str
    offer_seq: int
    price: int
    currency: str


class AnswerReceived(Event, frozen=True, tag="negotiation.answer_received"):
    """To the customer: the shopkeeper has answered, or the negotiation has ended by itself."""

    negotiation: str
    shop: str
    product: str
    status: str
    price: int | None = None
    """The ask, or the agreed price."""
    cause: str = ""


class PriceAgreedWithShop(Event, frozen=True, tag="negotiation.price_agreed"):
    """To the shopkeeper: a price is agreed."""

    negotiation: str
    shop: str
    product: str
    quantity: int
    price: int
    currency: str


NOTICES: tuple[type[Event], ...] = (OfferReceived, AnswerReceived, PriceAgreedWithShop)
