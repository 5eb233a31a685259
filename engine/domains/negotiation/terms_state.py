"""What is known of a shop's terms, and how events change it."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from engine.contract import Event
from engine.domains.negotiation import terms_events as t
from engine.domains.negotiation.figures import (
    BREAKS_MAX,
    HAGGLING_MAX,
    OPENINGS_MS,
    PAST_KEPT,
    PRODUCTS_MAX,
    Break,
    StrategyName,
)
from engine.kernel.time import Millis


class Agreement(Struct, frozen=True):
    """A price that was agreed and may still be ordered."""

    price: int
    lowest: int
    is_automatic: bool


class Product(Struct):
    """The terms of one product. Amounts in minor units, for one piece."""

    product: str
    currency: str
    list_price: int = 0
    min_price: int = 0
    negotiable: bool = False
    auto_negotiate: bool = False
    strategy: StrategyName = "midpoint.v1"
    breaks: tuple[Break, ...] = ()
    stock: int | None = None
    """None: nobody counts it."""
    is_active: bool = True
    is_gone: bool = False
    """Whether the last piece was sold by agreement, and the catalogue has not said so yet."""
    haggling: list[str] = []
    """Negotiations without an agreement, in the order in which they were opened."""
    agreed: dict[str, Agreement] = {}
    """Negotiations with one."""

    @property
    def is_sold(self) -> bool:
        """Whether there is nothing left to agree on: none in stock, or one that somebody has
        agreed on (X1)."""
        return self.stock == 0 or (self.stock == 1 and (bool(self.agreed) or self.is_gone))

    def unit_terms(self, quantity: int) -> tuple[int, int]:
        """List and minimum price of one piece, if one takes so many (X3). Nobody pays more for a
        piece by taking many: a list price that has fallen below that of a break goes before it."""
        list_price, min_price = self.list_price, self.min_price
        for row in self.breaks:
            if row.from_quantity <= quantity:
                list_price, min_price = row.list_price, row.min_price
        list_price = min(list_price, self.list_price)
        return list_price, min(min_price, list_price)


class Opening(Struct, frozen=True):
    """Who began to haggle, and when."""

    at: Millis
    key: str


class Past(Struct, frozen=True):
    """A negotiation as it began, to be played again (X2)."""

    negotiation: str
    product: str
    list_price: int
    min_price: int
    strategy: StrategyName


class Terms(Struct):
    """The state of a room `terms:{shop}`."""

    products: dict[str, Product] = {}
    openings: list[Opening] = []
    """Of the last 24 hours, oldest first."""
    opened: dict[str, list[Millis]] = {}
    """The same by customer and product (N4)."""
    past: list[Past] = []
    """The latest negotiations, oldest first."""

    def opened_since(self, customer: str, product: str, since: Millis) -> list[Millis]:
        """When the customer has opened negotiations over it after this moment (N4)."""
        times = self.opened.get(opening_key(customer, product), ())
        return [at for at in times if at > since]


def opening_key(customer: str, product: str) -> str:
    """By what openings are counted."""
    return f"{customer} {product}"


def on_set(state: Terms, event: t.TermsSet, _: Millis) -> None:
    product = _product(state, event.product, event.currency)
    product.list_price, product.min_price = event.list_price, event.min_price
    product.negotiable, product.auto_negotiate = event.negotiable, event.auto_negotiate
    product.strategy, product.breaks = event.strategy, event.breaks
    _count(product, event.stock)


def on_listed(state: Terms, event: t.ProductEntered, _: Millis) -> None:
    product = _product(state, event.product, event.currency)
    product.list_price, product.min_price = event.list_price, event.min_price
    product.is_active = True
    _count(product, event.stock)


def on_withdrawn(state: Terms, event: t.ProductRemoved, _: Millis) -> None:
    state.products[event.product].is_active = False


def on_stock(state: Terms, event: t.StockSet, _: Millis) -> None:
    _count(state.products[event.product], event.stock)


def _product(state: Terms, product: str, currency: str) -> Product:
    if product not in state.products:
        state.products[product] = Product(product, currency)
    return state.products[product]


def _count(product: Product, stock: int | None) -> None:
    if stock is not None:
        product.stock, product.is_gone = stock, False


def on_begun(state: Terms, event: t.HagglingBegun, at: Millis) -> None:
    state.products[event.product].haggling.append(event.negotiation)
    key = opening_key(event.customer, event.product)
    state.openings.append(Opening(at, key))
    state.opened.setdefault(key, []).append(at)
    while state.openings[0].at <= at - OPENINGS_MS:
        _forget(state, state.openings.pop(0))
    begun = Past(
        event.negotiation, event.product, event.list_price, event.min_price, event.strategy
    )
    state.past.append(begun)
    if len(state.past) > PAST_KEPT:
        del state.past[0]


def _forget(state: Terms, opening: Opening) -> None:
    times = state.opened[opening.key]
    del times[0]
    if not times:
        del state.opened[opening.key]


def on_agreed(state: Terms, event: t.PriceAgreed, _: Millis) -> None:
    product = state.products[event.product]
    product.haggling.remove(event.negotiation)
    product.agreed[event.negotiation] = Agreement(event.price, event.lowest, event.is_automatic)


def on_ended(state: Terms, event: t.HagglingEnded, _: Millis) -> None:
    product = state.products[event.product]
    if event.negotiation in product.haggling:
        product.haggling.remove(event.negotiation)
    product.agreed.pop(event.negotiation, None)
    if event.is_sold and product.stock == 1:
        product.is_gone = True


TERMS_EVOLVE: Mapping[type[Event], Callable[[Terms, Any, Millis], None]] = {
    t.TermsSet: on_set,
    t.ProductEntered: on_listed,
    t.ProductRemoved: on_withdrawn,
    t.StockSet: on_stock,
    t.HagglingBegun: on_begun,
    t.PriceAgreed: on_agreed,
    t.HagglingEnded: on_ended,
}


def check_terms(state: Terms) -> None:
    """Assert what always holds of a shop's terms."""
    assert len(state.products) <= PRODUCTS_MAX, "more products than a shop may have terms for"
    assert len(state.past) <= PAST_KEPT, "negotiation X2: more is kept than is replayed"
    for product in state.products.values():
        assert product.min_price <= product.list_price, "negotiation 2: the minimum is above list"
        assert len(product.breaks) <= BREAKS_MAX, "negotiation X3: too many breaks"
        assert len(product.haggling) <= HAGGLING_MAX, "negotiation X1: too many to end at once"
        assert not (product.is_sold and product.haggling), "negotiation X1: sold, and haggled over"
        for agreement in product.agreed.values():
            least = agreement.lowest if agreement.is_automatic else 1
            assert agreement.price >= least, "negotiation INV-2: below the minimum"
