"""What is known of one shop, and how events change it."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from engine.contract import Event
from engine.contract import Shop as ShopCard
from engine.domains.shop import events as e
from engine.domains.shop.terms import DOCUMENTS_MAX, NEEDED, Status
from engine.kernel.time import Millis


class Shop(Struct):
    """The state of a room `shop:{id}`."""

    status: Status = "absent"
    shop: str = ""
    owner: str = ""
    name: str = ""
    address: str = ""
    category: str = ""
    auto_accept: bool = False
    documents: dict[str, str] = {}
    """Kind -> latest file."""
    submitted_at: Millis | None = None
    """Since when it waits for an admin; None if it does not."""
    decided_by: str = ""
    reason: str = ""
    """The words of whoever rejected or suspended it."""


def on_created(state: Shop, event: e.ShopCreated, _: Millis) -> None:
    state.status = "pending_approval"
    state.shop, state.owner, state.name = event.shop, event.owner, event.name
    state.address, state.category = event.address, event.category
    state.auto_accept = event.auto_accept


def on_documents(state: Shop, event: e.DocumentsUploaded, _: Millis) -> None:
    state.documents.update({document.kind: document.file for document in event.documents})


def on_submitted(state: Shop, _event: e.ShopSubmitted, at: Millis) -> None:
    state.status = "pending_approval"
    state.submitted_at = at


def on_approved(state: Shop, event: e.ShopApproved, _: Millis) -> None:
    _decide(state, "active", event.by, "")


def on_rejected(state: Shop, event: e.ShopRejected, _: Millis) -> None:
    _decide(state, "rejected", event.by, event.reason)


def on_suspended(state: Shop, event: e.ShopSuspended, _: Millis) -> None:
    _decide(state, "suspended", event.by, event.reason)


def on_reinstated(state: Shop, event: e.ShopReinstated, _: Millis) -> None:
    _decide(state, "active", event.by, "")


def _decide(state: Shop, status: Status, by: str, reason: str) -> None:
    state.status, state.decided_by, state.reason = status, by, reason
    state.submitted_at = None


def on_opened(_state: Shop, _event: e.DocumentOpened, _: Millis) -> None:
    """Who has looked stands in the log; nothing follows from it."""


EVOLVE: Mapping[type[Event], Callable[[Shop, Any, Millis], None]] = {
    e.ShopCreated: on_created,
    e.DocumentsUploaded: on_documents,
    e.ShopSubmitted: on_submitted,
    e.ShopApproved: on_approved,
    e.ShopRejected: on_rejected,
    e.ShopSuspended: on_suspended,
    e.ShopReinstated: on_reinstated,
    e.DocumentOpened: on_opened,
}


def missing(documents: Mapping[str, str]) -> list[str]:
    """The kinds of document that are not there yet (identity K6)."""
    return [kind for kind in NEEDED if kind not in documents]


def card(state: Shop) -> ShopCard | None:
    """What other rooms may know of it; None where there is none."""
    if state.status == "absent":
        return None
    is_active = state.status == "active"
    return ShopCard(state.owner, state.name, is_active, state.address, state.auto_accept)


def check(state: Shop) -> None:
    """Assert what always holds."""
    if state.status == "absent":
        assert not state.documents, "identity K6: documents without a shop"
        return
    assert state.owner, "identity 2: a shop has an owner"
    assert len(state.documents) <= DOCUMENTS_MAX, "identity K6: too many documents"
    if state.status == "active" or state.submitted_at is not None:
        assert not missing(state.documents), "identity K6: without its documents"
    if state.status in ("active", "suspended"):
        assert state.decided_by not in ("", state.owner), "identity INV-7: nobody else approved it"
    if state.status == "suspended":
        assert state.reason, "admin-and-audit: suspended without a reason"
