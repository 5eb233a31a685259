"""What happens to a shop. Names, fields and types are a storage format: logs are for ever.

`by` is the member of staff who acted, `reason` their words (admin-and-audit: every such act
names who did it and why).
"""

from engine.contract import Event
from engine.domains.shop.terms import Document


class ShopCreated(Event, frozen=True, tag="shop.created"):
    """A shopkeeper has opened a shop. It may not sell yet."""

    shop: str
    owner: str
    name: str
    address: str
    category: str
    auto_accept: bool


class DocumentsUploaded(Event, frozen=True, tag="shop.documents_uploaded"):
    """A document replaces the earlier one of its kind."""

    documents: tuple[Document, ...]


class ShopSubmitted(Event, frozen=True, tag="shop.submitted"):
    """All that is needed is there: an admin is to look at it."""


class ShopApproved(Event, frozen=True, tag="shop.approved"):
    """It may sell."""

    by: str


class ShopRejected(Event, frozen=True, tag="shop.rejected"):
    """It may not sell; the shopkeeper may send better documents."""

    by: str
    reason: str


class ShopSuspended(Event, frozen=True, tag="shop.suspended"):
    """It may not sell for the time being."""

    by: str
    reason: str


class ShopReinstated(Event, frozen=True, tag="shop.reinstated"):
    """It may sell again."""

    by: str
    reason: str


class DocumentOpened(Event, frozen=True, tag="shop.document_opened"):
    """Somebody was given a link to a document (identity K5)."""

    file: str
    by: str
    until: int
    """When the link is good no longer, ms."""


class ShopDecided(Event, frozen=True, tag="shop.decided"):
    """To the owner, in private: what staff decided, and why."""

    shop: str
    status: str
    reason: str = ""
