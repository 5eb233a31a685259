"""The room `shop_desk:queue`: the shops that wait for an admin, oldest first (admin ADM-1)."""

from typing import Any

from msgspec import Struct

from engine.contract import Context, Decision, Domain, Event, Message, fields_of
from engine.domains.shop.terms import DESK_DOMAIN
from engine.kernel.actor import STAFF
from engine.kernel.time import Millis

SHOWN_MAX = 200
"""So many of the oldest are shown; the rest follow as these are decided."""


class QueueShop(Message, frozen=True, tag="shop_desk.queue"):
    """A shop has all its documents and wants to be looked at."""

    shop: str
    name: str


class LeaveQueue(Message, frozen=True, tag="shop_desk.leave"):
    """A shop has been decided."""

    shop: str


class ShopQueued(Event, frozen=True, tag="shop_desk.queued"):
    """A shop waits for an admin."""

    shop: str
    name: str


class ShopLeft(Event, frozen=True, tag="shop_desk.left"):
    """It waits no longer."""

    shop: str


class Waiting(Struct):
    """A shop in the queue."""

    name: str
    since: Millis


class Desk(Struct):
    """The shops that wait, oldest first."""

    waiting: dict[str, Waiting] = {}


def _queue(state: Desk, message: QueueShop, _: Context) -> Decision:
    """Further documents do not cost a shop its place."""
    if message.shop in state.waiting:
        return ()
    return [ShopQueued(shop=message.shop, name=message.name)]


def _leave(state: Desk, message: LeaveQueue, _: Context) -> Decision:
    return [ShopLeft(shop=message.shop)] if message.shop in state.waiting else ()


def _on_queued(state: Desk, event: ShopQueued, at: Millis) -> None:
    state.waiting[event.shop] = Waiting(event.name, at)


def _on_left(state: Desk, event: ShopLeft, _: Millis) -> None:
    del state.waiting[event.shop]


def _audience(_: Desk, ctx: Context) -> str:
    return "staff" if ctx.actor.has(STAFF) else ""


def _show(_: Desk, event: Event, __: str) -> Any:
    return fields_of(event)


def _view(state: Desk, _: Context) -> Any:
    oldest = list(state.waiting.items())[:SHOWN_MAX]
    shown = [{"shop": shop, "name": found.name, "since": found.since} for shop, found in oldest]
    return {"count": len(state.waiting), "waiting": shown}


SHOP_DESK = Domain(
    name=DESK_DOMAIN,
    always=True,
    summary="The shops that wait for an admin.",
    initial=Desk,
    decide={QueueShop: _queue, LeaveQueue: _leave},
    evolve={ShopQueued: _on_queued, ShopLeft: _on_left},
    audience=_audience,
    show=_show,
    view=_view,
)
