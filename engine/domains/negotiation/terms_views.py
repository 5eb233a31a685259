"""A shop's terms are for its keeper and for admins (negotiation 10). So is what would have been
agreed under another strategy (X2)."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from engine.contract import Context, Event, fields_of
from engine.domains.negotiation import terms_commands as c
from engine.domains.negotiation import terms_events as t
from engine.domains.negotiation.figures import negotiation_room
from engine.domains.negotiation.guards import is_keeper
from engine.domains.negotiation.state import Negotiation
from engine.domains.negotiation.strategies import Outcome, floor_of, play
from engine.domains.negotiation.terms_state import Past, Product, Terms
from engine.kernel.actor import ADMIN as ADMIN_ROLE
from engine.kernel.ids import split_room

KEEPER = "keeper"
ADMIN = "admin"


class Replayed(Struct, frozen=True):
    """A negotiation as it went, and as it would have gone (X2)."""

    negotiation: str
    product: str
    offers: list[int]
    status: str
    final_price: int | None
    would: Outcome


def audience(_: Terms, ctx: Context) -> str:
    """The class of viewer that the actor is here; "" for everybody else."""
    if is_keeper(ctx, split_room(ctx.room)[1]):
        return KEEPER
    return ADMIN if ctx.actor.has(frozenset({ADMIN_ROLE})) else ""


def show(_: Terms, event: Event, viewer: str) -> dict[str, Any]:
    """The wire's `data`. Who the customer is, the shop learns with the order."""
    shown = fields_of(event)
    if isinstance(event, t.HagglingBegun) and viewer != ADMIN:
        del shown["customer"]
    return shown


def view(state: Terms, _: Context) -> Any:
    """All products, with their secrets; None if nobody has set any terms."""
    if not state.products:
        return None
    return {"products": {name: _product(product) for name, product in state.products.items()}}


def _product(product: Product) -> dict[str, Any]:
    return {
        "currency": product.currency,
        "list_price": product.list_price,
        "min_price": product.min_price,
        "floor": floor_of(product.list_price, product.min_price),
        "negotiable": product.negotiable,
        "auto_negotiate": product.auto_negotiate,
        "strategy": product.strategy,
        "breaks": product.breaks,
        "stock": product.stock,
        "is_active": product.is_active,
        "is_sold": product.is_sold,
        "haggling": product.haggling,
        "agreed": product.agreed,
    }


def result(state: Terms, command: Any, _: Sequence[Event], ctx: Context) -> Any:
    """The reply: the product as it is now, or what another strategy would have made."""
    if isinstance(command, c.TryStrategy):
        return {"strategy": command.strategy, "negotiations": _replayed(state, command, ctx)}
    product = state.products[command.product]
    return {
        "product": command.product,
        "list_price": product.list_price,
        "negotiable": product.negotiable,
        "is_active": product.is_active,
        "stock": product.stock,
    }


def _replayed(state: Terms, command: c.TryStrategy, ctx: Context) -> list[Replayed]:
    """The latest first. Offers are answered by the terms that the negotiation began with."""
    wanted = [past for past in reversed(state.past) if command.product in (None, past.product)]
    return [_replay(past, command, ctx) for past in wanted[: command.limit]]


def _replay(past: Past, command: c.TryStrategy, ctx: Context) -> Replayed:
    went: Negotiation = ctx.peek(negotiation_room(past.negotiation))
    would = play(command.strategy, past.list_price, past.min_price, went.offers)
    return Replayed(
        past.negotiation, past.product, went.offers, went.status, went.final_price, would
    )
