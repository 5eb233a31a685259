"""What may be done to a shop's terms, and what negotiations have them know."""

from collections.abc import Iterable
from itertools import pairwise

from engine.contract import Context, Decision, Event, Reaction, Send
from engine.domains.negotiation import messages as m
from engine.domains.negotiation import terms_commands as c
from engine.domains.negotiation import terms_events as t
from engine.domains.negotiation.codes import (
    MIN_ABOVE_LIST,
    PRODUCT_NOT_NEGOTIABLE,
    SHOP_INACTIVE,
    TOO_MANY_NEGOTIATIONS,
)
from engine.domains.negotiation.events import CallOffCause
from engine.domains.negotiation.figures import PRODUCTS_MAX, negotiation_room
from engine.domains.negotiation.guards import card_of, is_keeper
from engine.domains.negotiation.strategies import lowest
from engine.domains.negotiation.terms_state import Product, Terms
from engine.kernel.outcome import CURRENCY_MISMATCH, FORBIDDEN, MALFORMED, Rejected


def set_terms(state: Terms, command: c.SetTerms, ctx: Context) -> Decision:
    """N3: for the next offer. What was agreed stands."""
    if refusal := _not_yours(command.shop, ctx) or _bad_terms(state, command):
        return refusal
    return [
        t.TermsSet(
            product=command.product,
            currency=command.currency,
            list_price=command.list_price,
            min_price=command.min_price,
            negotiable=command.negotiable,
            auto_negotiate=command.auto_negotiate,
            strategy=command.strategy,
            breaks=command.breaks,
            stock=command.stock,
        )
    ]


def _not_yours(shop: str, ctx: Context) -> Rejected | None:
    """The shop is another's, or there is none: its terms are nobody else's business."""
    if is_keeper(ctx, shop):
        return None
    if card_of(ctx, shop) is None:
        return Rejected(
            SHOP_INACTIVE, f"there is no shop {shop!r}; create it first", {"shop": shop}
        )
    return Rejected(FORBIDDEN, "the shop is not yours", {"shop": shop})


def _bad_terms(state: Terms, command: c.SetTerms) -> Rejected | None:
    prices = [(command.list_price, command.min_price)]
    prices += [(row.list_price, row.min_price) for row in command.breaks]
    if any(least > price for price, least in prices):
        return Rejected(
            MIN_ABOVE_LIST, "`min_price` is at most `list_price`, in each break too", {}
        )
    for earlier, later in pairwise(command.breaks):
        if earlier.from_quantity >= later.from_quantity:
            return Rejected(MALFORMED, "`breaks`: `from_quantity` must rise", {"field": "breaks"})
    return _unlike(state, command.product, command.currency)


def _unlike(state: Terms, product: str, currency: str) -> Rejected | None:
    """A product keeps its currency, for agreements are in it."""
    known = state.products.get(product)
    if known is not None and known.currency != currency:
        return Rejected(
            CURRENCY_MISMATCH,
            f"`currency`: the product is sold in {known.currency}",
            {"currency": known.currency},
        )
    if known is None and len(state.products) >= PRODUCTS_MAX:
        return Rejected(
            TOO_MANY_NEGOTIATIONS, f"a shop has terms for at most {PRODUCTS_MAX} products", {}
        )
    return None


def list_product(state: Terms, command: c.ListProduct | m.ProductListed, _: Context) -> Decision:
    """From the catalogue. A product that is new to us is not negotiable yet (N2)."""
    if refusal := _unlike(state, command.product, command.currency):
        return refusal
    known = state.products.get(command.product)
    least = min(known.min_price, command.list_price) if known else command.list_price
    return [
        t.ProductEntered(
            product=command.product,
            currency=command.currency,
            list_price=command.list_price,
            min_price=least,
            stock=command.stock,
        )
    ]


def withdraw_product(
    state: Terms, command: c.WithdrawProduct | m.ProductWithdrawn, _: Context
) -> Decision:
    """From the catalogue: it is not for sale any more."""
    known = state.products.get(command.product)
    if known is None:
        return _unknown(command.product)
    return [t.ProductRemoved(product=command.product)] if known.is_active else ()


def change_stock(state: Terms, command: c.ChangeStock | m.StockChanged, _: Context) -> Decision:
    """From the catalogue: so many are left."""
    if command.product not in state.products:
        return _unknown(command.product)
    return [t.StockSet(product=command.product, stock=command.stock)]


def _unknown(product: str) -> Rejected:
    return Rejected(
        PRODUCT_NOT_NEGOTIABLE, f"the shop has no product {product!r}", {"product": product}
    )


def try_strategy(_: Terms, command: c.TryStrategy, ctx: Context) -> Decision:
    """X2: a question; its answer is the reply."""
    return _not_yours(command.shop, ctx) or ()


def begin(state: Terms, message: m.NegotiationBegun, _: Context) -> Decision:
    """A negotiation has been opened: what it found is kept for the shop (N3, X2)."""
    product = state.products[message.product]
    list_price, min_price = product.unit_terms(message.quantity)
    return [
        t.HagglingBegun(
            negotiation=message.negotiation,
            customer=message.customer,
            product=message.product,
            quantity=message.quantity,
            list_price=list_price,
            min_price=min_price,
            strategy=product.strategy,
        )
    ]


def agree(state: Terms, message: m.NegotiationAgreed, _: Context) -> Decision:
    """A negotiation has come to a price."""
    min_price = state.products[message.product].unit_terms(message.quantity)[1]
    return [
        t.PriceAgreed(
            negotiation=message.negotiation,
            product=message.product,
            price=message.price,
            lowest=lowest(min_price, message.ask),
            is_automatic=message.is_automatic,
        )
    ]


def close(_: Terms, message: m.NegotiationClosed, __: Context) -> Decision:
    """A negotiation is over."""
    return [
        t.HagglingEnded(
            negotiation=message.negotiation,
            product=message.product,
            is_sold=message.is_sold,
        )
    ]


def react(state: Terms, event: Event, _: Context) -> Iterable[Reaction]:
    """Who haggles over what is not to be had any more is told so, in the same step (X1)."""
    match event:
        case t.TermsSet() | t.ProductRemoved() | t.StockSet() | t.ProductEntered():
            return _call_off(state.products[event.product])
        case t.PriceAgreed():
            return _call_off(state.products[event.product])
    return ()


def _call_off(product: Product) -> list[Reaction]:
    cause: CallOffCause = "SOLD" if product.is_active else "PRODUCT"
    if product.is_active and not product.is_sold:
        return []
    return [Send(negotiation_room(n), m.CallOff(cause=cause)) for n in product.haggling]
