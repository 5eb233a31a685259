"""Who may see what of a shop: everybody its sign, its owner and staff how it stands, its owner and
admins the documents (identity 11)."""

from collections.abc import Iterable, Sequence
from typing import Any

from engine.contract import Context, Event, Notify, Person, Reaction, Send, fields_of
from engine.domains.shop import commands as c
from engine.domains.shop import events as e
from engine.domains.shop.desk import LeaveQueue, QueueShop
from engine.domains.shop.state import Shop, missing
from engine.domains.shop.terms import DESK
from engine.kernel.actor import ADMIN, MANAGER
from engine.kernel.outside import Errand, Letter

PUBLIC = "public"
OWNER = "owner"

INSIDERS = (OWNER, MANAGER, ADMIN)
READERS = (OWNER, ADMIN)
"""Those who may open documents (identity K5)."""


def audience(state: Shop, ctx: Context) -> str:
    """The class of viewer that the actor is here."""
    if ctx.actor.has(frozenset({ADMIN})):
        return ADMIN
    if ctx.actor.user and ctx.actor.user == state.owner:
        return OWNER
    return MANAGER if ctx.actor.has(frozenset({MANAGER})) else PUBLIC


def view(state: Shop, ctx: Context) -> Any:
    """The snapshot for the actor; None if there is no such shop."""
    if state.status == "absent":
        return None
    viewer = audience(state, ctx)
    shown: dict[str, Any] = {
        "shop": state.shop,
        "name": state.name,
        "address": state.address,
        "category": state.category,
        "status": state.status,
        "is_active": state.status == "active",
    }
    if viewer in INSIDERS:
        shown |= {
            "owner": state.owner,
            "auto_accept": state.auto_accept,
            "submitted_at": state.submitted_at,
            "missing": missing(state.documents),
            "reason": state.reason or None,
        }
    if viewer in READERS:
        shown["documents"] = state.documents
    if viewer in (MANAGER, ADMIN):
        shown["decided_by"] = state.decided_by or None
    return shown


def show(_: Shop, event: Event, viewer: str) -> Any:
    """The wire's `data` of an event. Who of the staff acted is for staff."""
    shown = fields_of(event)
    match event:
        case e.ShopCreated() if viewer == PUBLIC:
            return {name: shown[name] for name in ("shop", "name", "address", "category")}
        case e.DocumentsUploaded() if viewer not in READERS:
            return {}
        case e.DocumentOpened() if viewer not in READERS:
            return {}
    if viewer == PUBLIC:
        return {}
    if viewer == OWNER and not isinstance(event, e.DocumentOpened):
        shown.pop("by", None)
    return shown


def result(state: Shop, command: Any, events: Sequence[Event], _: Context) -> Any:
    """Where it stands now."""
    shown = {"shop": state.shop, "status": state.status}
    if isinstance(command, c.OpenShopDocument):
        opened = events[-1]
        assert isinstance(opened, e.DocumentOpened), "that is all the command does"
        return shown | {"owner": state.owner, "until": opened.until}
    return shown


def react(state: Shop, event: Event, _: Context) -> Iterable[Reaction]:
    """Admins see it in their queue; the owner hears what was decided."""
    match event:
        case e.ShopSubmitted():
            yield Send(DESK, QueueShop(shop=state.shop, name=state.name))
        case e.ShopApproved() | e.ShopReinstated():
            yield from _decided(state, "active")
        case e.ShopRejected():
            yield from _decided(state, "rejected", event.reason)
        case e.ShopSuspended():
            yield from _decided(state, "suspended", event.reason)


def _decided(state: Shop, status: str, reason: str = "") -> Iterable[Reaction]:
    yield Send(DESK, LeaveQueue(shop=state.shop))
    yield Notify(state.owner, e.ShopDecided(shop=state.shop, status=status, reason=reason))


def errands(state: Shop, event: Event, ctx: Context) -> Iterable[Errand]:
    """An approval goes to the shopkeeper by email too (admin-and-audit ADM-1)."""
    owner = ctx.card(f"identity:{state.owner}")
    if isinstance(event, e.ShopApproved) and isinstance(owner, Person) and owner.email:
        fields = {"shop": state.shop, "name": state.name}
        return (Letter("email", owner.email, "shop_approved", fields),)
    return ()
