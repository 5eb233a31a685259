"""What a shop is made of, and the bounds of the domain."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.kernel.ids import Id, room_name
from engine.kernel.time import HOUR

DOMAIN = "shop"
DESK_DOMAIN = "shop_desk"
DESK = room_name(DESK_DOMAIN, "queue")
DOCUMENTS_MAX = 10
LINK_MS = HOUR
"""How long a link to a document is good (identity K5)."""
LINK_PURPOSE = "document-link"

Status = Literal["absent", "pending_approval", "active", "rejected", "suspended"]
DocKind = Literal["ID_PROOF", "LICENCE"]
NEEDED: tuple[DocKind, ...] = ("ID_PROOF", "LICENCE")
"""Without these no shop is approved (identity K6)."""

Name = Annotated[str, Meta(min_length=1, max_length=120)]
Address = Annotated[str, Meta(min_length=1, max_length=300)]
Category = Annotated[str, Meta(min_length=1, max_length=60)]


class Document(Struct, frozen=True):
    """A file that was uploaded elsewhere, and what it is said to be."""

    kind: DocKind
    file: Id


Documents = Annotated[tuple[Document, ...], Meta(min_length=1, max_length=DOCUMENTS_MAX)]


def shop_room(shop: str) -> str:
    """The room of a shop."""
    return room_name(DOMAIN, shop)
