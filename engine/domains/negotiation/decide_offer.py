"""What a customer may do: open, offer, take the ask, withdraw; and how an offer is answered."""

from engine.contract import Context, Decision, Event, Person
from engine.domains.negotiation import codes, texts
from engine.domains.negotiation import commands as c
from engine.domains.negotiation import events as e
from engine.domains.negotiation.agreement import agree, cancelled, ended
from engine.domains.negotiation.figures import (
    HAGGLING_MAX,
    OFFERS_MAX,
    OPENINGS_MAX,
    OPENINGS_MS,
    negotiation_key,
)
from engine.domains.negotiation.guards import (
    is_customer,
    is_keeper,
    not_negotiable,
    not_the_customers,
    product_of,
    shop_closed,
    staff_haggle,
    terms_of,
)
from engine.domains.negotiation.state import ACTIVE, Negotiation
from engine.domains.negotiation.strategies import Table, counter, lowest
from engine.domains.negotiation.terms_state import Product
from engine.kernel.ids import room_name
from engine.kernel.outcome import CURRENCY_MISMATCH, INVALID_TRANSITION, Rejected
from engine.kernel.time import MINUTE

NAMELESS = "A customer"


def open_(state: Negotiation, command: c.OpenNegotiation, ctx: Context) -> Decision:
    """N1 to N4. The one that is active already is answered without an event."""
    if refusal := staff_haggle(ctx):
        return refusal
    if state.status != "absent":
        return () if _is_the_same(state, command, ctx) else _taken(command)
    if refusal := shop_closed(ctx, command.shop):
        return refusal
    if is_keeper(ctx, command.shop):
        return Rejected(codes.OWN_PRODUCT, "the shop is yours; nobody haggles with themselves", {})
    product = product_of(ctx, command.shop, command.product)
    if refusal := not_negotiable(product, command.product):
        return refusal
    assert product is not None, "just looked at"
    if refusal := _too_many(product, command, ctx):
        return refusal
    list_price, _ = product.unit_terms(command.quantity)
    user = ctx.actor.user
    return [
        e.NegotiationOpened(
            negotiation=command.negotiation,
            customer=user,
            customer_name=_name_of(ctx, user),
            shop=command.shop,
            product=command.product,
            currency=product.currency,
            quantity=command.quantity,
            list_price=list_price,
            claims=(negotiation_key(user, command.shop, command.product),),
        )
    ]


def _is_the_same(state: Negotiation, command: c.OpenNegotiation, ctx: Context) -> bool:
    meant = (state.shop, state.product) == (command.shop, command.product)
    return meant and is_customer(state, ctx) and state.status in ACTIVE


def _taken(command: c.OpenNegotiation) -> Rejected:
    return Rejected(
        INVALID_TRANSITION,
        f"the id {command.negotiation!r} has been used; choose another for `negotiation`",
        {"negotiation": command.negotiation},
    )


def _too_many(product: Product, command: c.OpenNegotiation, ctx: Context) -> Rejected | None:
    """N4, and the bound on how many can be ended in one step."""
    terms = terms_of(ctx, command.shop)
    assert terms is not None, "it has this product"
    opened = terms.opened_since(ctx.actor.user, command.product, ctx.now - OPENINGS_MS)
    if len(opened) >= OPENINGS_MAX:
        wait_ms = opened[-OPENINGS_MAX] + OPENINGS_MS - ctx.now
        return Rejected(
            codes.TOO_MANY_NEGOTIATIONS,
            f"at most {OPENINGS_MAX} negotiations over a product in 24 hours; "
            f"the next may be opened in {-(-wait_ms // MINUTE)} min",
            {"product": command.product, "retry_after_ms": wait_ms},
        )
    if len(product.haggling) >= HAGGLING_MAX:
        return Rejected(
            codes.TOO_MANY_NEGOTIATIONS,
            f"{HAGGLING_MAX} customers haggle over the product already; try again later",
            {"product": command.product},
        )
    return None


def _name_of(ctx: Context, user: str) -> str:
    card = ctx.card(room_name("identity", user))
    return card.display_name if isinstance(card, Person) else NAMELESS


def make_offer(state: Negotiation, command: c.MakeOffer, ctx: Context) -> Decision:
    """O1 to O4; then the house answers at once, or the shopkeeper in time (D1 to D6)."""
    if refusal := not_the_customers(state, command, ctx) or staff_haggle(ctx):
        return refusal
    if refusal := shop_closed(ctx, state.shop):
        return refusal
    product = product_of(ctx, state.shop, state.product)
    if refusal := not_negotiable(product, state.product):
        return refusal
    assert product is not None, "just looked at"
    list_price, min_price = product.unit_terms(state.quantity)
    if refusal := _bad_offer(state, command, list_price):
        return refusal
    offer = e.OfferMade(
        message=state.said + 1,
        offer_seq=len(state.offers) + 1,
        price=command.price,
        list_price=list_price,
        mode="AUTO" if product.auto_negotiate else "MANUAL",
        text=command.text,
    )
    if product.auto_negotiate:
        return [offer, *_answer(state, offer, min_price, product, ctx)]
    if state.is_shops_ask and state.ask <= list_price and offer.price >= state.ask:
        return [offer, *agree(state, state.ask, offer.price, "SHOP", offer.message + 1, ctx.now)]
    return [offer]


def _bad_offer(state: Negotiation, command: c.MakeOffer, list_price: int) -> Rejected | None:
    if len(state.offers) >= OFFERS_MAX:
        return Rejected(
            codes.TOO_MANY_OFFERS, "that was the last offer; you may take the ask, or withdraw", {}
        )
    if command.currency != state.currency:
        return Rejected(
            CURRENCY_MISMATCH,
            f"`currency`: the product is sold in {state.currency}",
            {"currency": state.currency},
        )
    if command.price > list_price:
        return Rejected(
            codes.OFFER_ABOVE_LIST,
            f"`price`: the list price is {list_price}; nobody needs to offer more",
            {"list_price": list_price},
        )
    last = state.last_offer
    if last is not None and command.price <= last:
        return Rejected(
            codes.OFFER_NOT_IMPROVED,
            f"`price`: you have offered {last} before; an offer must be above that",
            {"last_offer": last},
        )
    return None


def _answer(
    state: Negotiation, offer: e.OfferMade, min_price: int, product: Product, ctx: Context
) -> list[Event]:
    """What the house answers by itself, in the moment of the offer (D1, D3, D5)."""
    ask = min(state.ask, offer.list_price)
    least, message = lowest(min_price, ask), offer.message + 1
    if offer.price >= least:
        return agree(state, min(offer.price, ask), offer.price, "SYSTEM", message, ctx.now)
    if offer.offer_seq == OFFERS_MAX:
        return [
            e.NegotiationRejected(
                message=message,
                cause="ROUNDS",
                sender="SYSTEM",
                text=texts.rejected_text(),
                frees=ended(state),
            )
        ]
    table = Table(offer.list_price, least, ask, offer.price, offer.offer_seq)
    price = counter(product.strategy, table)
    return [
        e.CounterOffered(
            message=message,
            ask=price,
            offer=offer.price,
            sender="SYSTEM",
            text=texts.counter_text(price, state.currency),
            strategy=product.strategy,
        )
    ]


def accept_ask(state: Negotiation, command: c.AcceptAsk, ctx: Context) -> Decision:
    """The ask was promised: it holds whatever the terms have become, while the shop sells."""
    if refusal := not_the_customers(state, command, ctx) or shop_closed(ctx, state.shop):
        return refusal
    if command.expected_ask != state.ask:
        return Rejected(
            codes.ASK_CHANGED,
            f"`expected_ask`: the shop asks for {state.ask} now; look again",
            {"ask": state.ask},
        )
    return agree(state, state.ask, state.last_offer, "CUSTOMER", state.said + 1, ctx.now)


def withdraw(state: Negotiation, command: c.Withdraw, ctx: Context) -> Decision:
    """Before there is an agreement."""
    if refusal := not_the_customers(state, command, ctx):
        return refusal
    return [cancelled(state, "CUSTOMER")]
