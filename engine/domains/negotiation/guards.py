"""Questions that several decisions ask first, and the refusals that answer them.

They stand in the order in which they are asked: is it yours, is it time, then the figures.
"""

from collections.abc import Iterable

from engine.contract import Command, Context, Message, Person, Shop, tag_of
from engine.domains.negotiation import codes
from engine.domains.negotiation import commands as c
from engine.domains.negotiation.figures import terms_room
from engine.domains.negotiation.state import HAGGLING, Negotiation, Status
from engine.domains.negotiation.terms_state import Product, Terms
from engine.kernel.actor import STAFF
from engine.kernel.ids import room_name
from engine.kernel.outcome import FORBIDDEN, INVALID_TRANSITION, Rejected

FROM: dict[type[Command], tuple[Status, ...]] = {
    c.MakeOffer: ("open", "countered"),
    c.AcceptAsk: ("countered",),
    c.Withdraw: HAGGLING,
    c.ShopAccept: ("awaiting_shop",),
    c.ShopCounter: ("awaiting_shop",),
    c.ShopReject: HAGGLING,
    c.SendMessage: (*HAGGLING, "accepted", "bound"),
}
"""In which states a command has a row in negotiation 3. What orders send has codes of its own."""


def card_of(ctx: Context, shop: str) -> Shop | None:
    """What the house knows of a shop."""
    card = ctx.card(room_name("shop", shop))
    return card if isinstance(card, Shop) else None


def is_keeper(ctx: Context, shop: str) -> bool:
    """Whether the actor owns the shop."""
    card = card_of(ctx, shop)
    return bool(ctx.actor.user) and card is not None and card.owner == ctx.actor.user


def is_customer(state: Negotiation, ctx: Context) -> bool:
    """Whether the actor is the one who haggles."""
    return bool(state.customer) and state.customer == ctx.actor.user


def terms_of(ctx: Context, shop: str) -> Terms | None:
    """The shop's secret terms: they are always in this shard."""
    terms: Terms | None = ctx.peek(terms_room(shop))
    return terms


def product_of(ctx: Context, shop: str, product: str) -> Product | None:
    """The secret terms of a product."""
    terms = terms_of(ctx, shop)
    return terms.products.get(product) if terms else None


def agreed_on(state: Negotiation, ctx: Context) -> Product:
    """The terms of the product that a negotiation is about."""
    product = product_of(ctx, state.shop, state.product)
    assert product is not None, "negotiation N2: terms are never forgotten"
    return product


def not_found(negotiation: str) -> Rejected:
    """There is none, or the actor has no part in it: the two look alike (negotiation 7)."""
    return Rejected(
        codes.NEGOTIATION_NOT_FOUND,
        f"you have no part in a negotiation {negotiation!r}; check the field `negotiation`",
        {"negotiation": negotiation},
    )


def not_the_customers(
    state: Negotiation, command: c.NegotiationCommand, ctx: Context
) -> Rejected | None:
    """It is for the customer to say, in a state that knows it (negotiation 3)."""
    if not is_customer(state, ctx):
        return not_found(command.negotiation)
    return out_of_place(state, command)


def not_the_shops(
    state: Negotiation, command: c.NegotiationCommand, ctx: Context
) -> Rejected | None:
    """It is for the shopkeeper to say, in a state that knows it (negotiation 3)."""
    if not is_keeper(ctx, state.shop):
        return not_found(command.negotiation)
    return out_of_place(state, command)


def out_of_place(state: Negotiation, command: c.NegotiationCommand) -> Rejected | None:
    """A row that is missing in negotiation 3."""
    allowed = FROM[type(command)]
    return None if state.status in allowed else no_such_step(state, command, allowed)


def no_such_step(
    state: Negotiation, command: Command | Message, allowed: Iterable[Status]
) -> Rejected:
    """The state does not know this command."""
    tag = tag_of(type(command))
    why = f" ({state.cause})" if state.cause else ""
    return Rejected(
        INVALID_TRANSITION,
        f"{tag} is not possible while the negotiation is {state.status}{why}; "
        f"it is while it is {' or '.join(allowed)}",
        {"status": state.status, "command": tag, "cause": state.cause or None},
    )


def staff_haggle(ctx: Context) -> Rejected | None:
    """Staff may see minimum prices, also those who are shopkeepers or drivers besides."""
    if not ctx.actor.has(STAFF):
        return None
    return Rejected(FORBIDDEN, "staff do not haggle, for they may see minimum prices")


def shop_closed(ctx: Context, shop: str) -> Rejected | None:
    """The shop may not sell now (N2)."""
    card = card_of(ctx, shop)
    if card is not None and card.is_active and not _is_barred(ctx, card.owner):
        return None
    return Rejected(
        codes.SHOP_INACTIVE,
        "the shop is not active; prices can be agreed when it is",
        {"shop": shop},
    )


def _is_barred(ctx: Context, owner: str) -> bool:
    """Suspended, or gone: nothing is sold for them (identity K7). Of whom the house knows nothing,
    their token says enough."""
    person = ctx.card(room_name("identity", owner))
    return isinstance(person, Person) and not person.is_active


def not_negotiable(product: Product | None, name: str) -> Rejected | None:
    """The product is not for sale, or its price is fixed, or it is sold (N2, X1)."""
    if product and product.is_active and product.negotiable and not product.is_sold:
        return None
    return Rejected(
        codes.PRODUCT_NOT_NEGOTIABLE,
        "the product cannot be haggled over now; the list price is its price",
        {"product": name},
    )
