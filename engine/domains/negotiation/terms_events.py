"""What happens to a shop's terms. Minimum prices stand in these events and in no others, so that
not even the receipt of a negotiation depends on one. Names and fields are a storage format."""

from engine.contract import Event
from engine.domains.negotiation.figures import Break, StrategyName


class TermsSet(Event, frozen=True, tag="terms.set"):
    """The shop has set the terms of a product (N3)."""

    product: str
    currency: str
    list_price: int
    min_price: int
    negotiable: bool
    auto_negotiate: bool
    strategy: StrategyName
    breaks: tuple[Break, ...]
    stock: int | None


class ProductEntered(Event, frozen=True, tag="terms.product_listed"):
    """The catalogue lists a product, or has changed its list price. A minimum above the new list
    price is brought down to it."""

    product: str
    currency: str
    list_price: int
    min_price: int
    stock: int | None


class ProductRemoved(Event, frozen=True, tag="terms.product_withdrawn"):
    """The catalogue sells it no more: who still haggles is told so."""

    product: str


class StockSet(Event, frozen=True, tag="terms.stock_changed"):
    """So many pieces are left, as the catalogue says."""

    product: str
    stock: int


class HagglingBegun(Event, frozen=True, tag="terms.negotiation_opened"):
    """A negotiation over a product, and the terms that it found (N3)."""

    negotiation: str
    customer: str
    product: str
    quantity: int
    list_price: int
    min_price: int
    strategy: StrategyName


class PriceAgreed(Event, frozen=True, tag="terms.price_agreed"):
    """A negotiation has come to a price. With one piece left, all others over it end (X1)."""

    negotiation: str
    product: str
    price: int
    lowest: int
    """The least that could have been agreed by itself then."""
    is_automatic: bool


class HagglingEnded(Event, frozen=True, tag="terms.negotiation_closed"):
    """A negotiation is over."""

    negotiation: str
    product: str
    is_sold: bool = False
    """Whether an order of it was paid."""
