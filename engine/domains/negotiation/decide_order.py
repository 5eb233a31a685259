"""What becomes of an agreed price: into a cart, bound to an order, paid or set free (L1 to L9)."""

from msgspec import Struct

from engine.contract import Context, Decision, tag_of
from engine.domains.negotiation import codes, token
from engine.domains.negotiation import commands as c
from engine.domains.negotiation import events as e
from engine.domains.negotiation import messages as m
from engine.domains.negotiation.agreement import ended, expired
from engine.domains.negotiation.guards import (
    agreed_on,
    is_customer,
    is_keeper,
    no_such_step,
    not_found,
)
from engine.domains.negotiation.state import Negotiation
from engine.kernel.actor import ADMIN
from engine.kernel.ids import split_room
from engine.kernel.money import AMOUNT_MAX
from engine.kernel.outcome import INVALID_TRANSITION, Rejected


class Line(Struct, frozen=True):
    """A line of a cart or order, as the agreement prices it. Minor units."""

    negotiation: str
    shop: str
    product: str
    currency: str
    quantity: int
    unit_price: int
    """Of the pieces that were agreed on (L2, L7)."""
    agreed_quantity: int
    list_quantity: int
    list_price: int
    """Of the pieces beyond these (L4)."""
    total: int


def line_of(state: Negotiation, ctx: Context, quantity: int) -> Line:
    """Price so many pieces now, or as they were bound. The list price counts where it has fallen
    below (L7)."""
    assert state.final_price is not None, "negotiation L1: agreed"
    product = agreed_on(state, ctx)
    unit_price = min(state.final_price, product.unit_terms(state.quantity)[0])
    list_price = product.list_price
    if state.bound:
        unit_price, list_price = state.bound.unit_price, state.bound.list_price or list_price
    agreed = min(quantity, state.quantity)
    beyond = quantity - agreed
    return Line(
        state.negotiation,
        state.shop,
        state.product,
        state.currency,
        quantity,
        unit_price,
        agreed,
        beyond,
        list_price,
        agreed * unit_price + beyond * list_price,
    )


def add_to_cart(state: Negotiation, command: c.AddToCart, ctx: Context) -> Decision:
    """L1, L3, L4, L6. Nothing happens: the line is the answer, as often as it is asked for."""
    if not is_customer(state, ctx):
        return not_found(command.negotiation)
    if refusal := _not_usable(state, ctx):
        return refusal
    if not token.is_good(state, command.price_token, ctx.vault):
        return _bad_token("`price_token`")
    if command.one_price and command.quantity > state.quantity:
        return _too_large(state)
    return _too_dear(state, ctx, command.quantity) or ()


def bind(state: Negotiation, command: c.BindOrder | m.BindOrder, ctx: Context) -> Decision:
    """L1 to L6, for one order and no other (L5)."""
    if state.status == "absent" or state.customer != command.customer:
        return not_found(split_room(ctx.room)[1])
    if state.status == "bound" and state.order == command.order:
        return _as_bound(state, command) or ()
    if refusal := _not_usable(state, ctx):
        return refusal
    if (command.product, command.token_jti) != (state.product, state.token_jti):
        return _bad_token("`product` or `token_jti`")
    if refusal := _too_dear(state, ctx, command.quantity):
        return refusal
    line = line_of(state, ctx, command.quantity)
    return [
        e.PriceBound(
            order=command.order,
            customer=state.customer,
            quantity=command.quantity,
            unit_price=line.unit_price,
            list_price=line.list_price,
        )
    ]


def _as_bound(state: Negotiation, command: c.BindOrder | m.BindOrder) -> Rejected | None:
    """The same order again is answered alike, and is not another one (L5)."""
    if state.bound is None or command.quantity == state.bound.quantity:
        return None
    return Rejected(
        codes.PRICE_ALREADY_USED,
        f"`quantity`: the order was made with {state.bound.quantity}; make it anew",
        {"quantity": state.bound.quantity},
    )


def paid(state: Negotiation, command: c.OrderPaid | m.OrderPaid, ctx: Context) -> Decision:
    """The order that it is bound to is paid."""
    if state.status == "absent":
        return not_found(split_room(ctx.room)[1])
    if state.order != command.order:
        return _other_order(state, command)
    if state.status == "redeemed":
        return ()
    return [e.PriceRedeemed(order=command.order, frees=ended(state))]


def failed(state: Negotiation, command: c.OrderFailed | m.OrderFailed, ctx: Context) -> Decision:
    """The price is free again, if its time is not over."""
    if state.status == "absent":
        return not_found(split_room(ctx.room)[1])
    if state.status != "bound" or state.order != command.order:
        return _other_order(state, command)
    unbound = e.PriceUnbound(order=command.order)
    if not _is_over(state, ctx):
        return [unbound]
    return [unbound, expired(state, "LOCK")]


def get(state: Negotiation, command: c.GetNegotiation, ctx: Context) -> Decision:
    """For the two of them, and for admins."""
    if state.status != "absent" and (
        is_customer(state, ctx) or is_keeper(ctx, state.shop) or ctx.actor.has(frozenset({ADMIN}))
    ):
        return ()
    return not_found(command.negotiation)


def _not_usable(state: Negotiation, ctx: Context) -> Rejected | None:
    """L1, L5, L6: whether there is an agreement, unused and in time."""
    if state.status in ("bound", "redeemed"):
        return Rejected(
            codes.PRICE_ALREADY_USED, "an order has been made of this price already", {}
        )
    if state.cause == "LOCK" or (state.status == "accepted" and _is_over(state, ctx)):
        return Rejected(
            codes.PRICE_LOCK_EXPIRED,
            f"the price stood until {state.lock_expires_at}; open a new negotiation",
            {"lock_expires_at": state.lock_expires_at},
        )
    if state.status == "accepted":
        return None
    return Rejected(
        codes.NEGOTIATION_NOT_ACCEPTED,
        f"the negotiation is {state.status}; no price has been agreed",
        {"status": state.status},
    )


def _is_over(state: Negotiation, ctx: Context) -> bool:
    assert state.lock_expires_at is not None, "negotiation INV-6: agreed without a lock"
    return ctx.now >= state.lock_expires_at


def _bad_token(what: str) -> Rejected:
    return Rejected(
        codes.PRICE_TOKEN_INVALID,
        f"{what} is not of this agreement; ask for the token again with negotiation.get",
        {},
    )


def _too_large(state: Negotiation) -> Rejected:
    return Rejected(
        codes.QUANTITY_EXCEEDED,
        f"`quantity`: the price was agreed for {state.quantity}",
        {"quantity": state.quantity},
    )


def _too_dear(state: Negotiation, ctx: Context, quantity: int) -> Rejected | None:
    """More than can be counted in a line."""
    return _too_large(state) if line_of(state, ctx, quantity).total > AMOUNT_MAX else None


def _other_order(
    state: Negotiation, command: c.OrderPaid | m.OrderPaid | c.OrderFailed | m.OrderFailed
) -> Rejected:
    if state.status != "bound":
        return no_such_step(state, command, ("bound",))
    return Rejected(
        INVALID_TRANSITION,
        "the negotiation is bound to another order; check `order`",
        {"status": state.status, "command": tag_of(type(command))},
    )
