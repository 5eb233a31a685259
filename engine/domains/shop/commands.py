"""What can be asked of a shop from outside, and by whom (identity 3, 4)."""

from typing import ClassVar

from engine.contract import Command, Reason
from engine.domains.shop.terms import Address, Category, Documents, Name, shop_room
from engine.kernel.actor import ADMIN, MANAGER, SHOPKEEPER, Actor
from engine.kernel.ids import Id

OWNERS = frozenset({SHOPKEEPER})
ADMIN_ONLY = frozenset({ADMIN})
STAFF_ONLY = frozenset({MANAGER, ADMIN})


class ShopCommand(Command, frozen=True):
    """A command for the room of one shop."""

    shop: Id

    def room(self, actor: Actor) -> str:
        return shop_room(self.shop)


class CreateShop(ShopCommand, frozen=True, tag="shop.create"):
    """Open a shop of one's own, under an id of one's own choice. It waits for approval."""

    ROLES: ClassVar = OWNERS

    name: Name
    address: Address
    category: Category
    auto_accept: bool = False
    """Whether orders are accepted at once, without the shopkeeper."""


class UploadShopDocs(ShopCommand, frozen=True, tag="shop.upload_docs"):
    """Hand in documents, which were uploaded elsewhere. With ID proof and licence the shop is
    submitted (K6)."""

    ROLES: ClassVar = OWNERS

    files: Documents


class ApproveShop(ShopCommand, frozen=True, tag="shop.approve"):
    """Let the shop sell, having looked at its documents."""

    ROLES: ClassVar = ADMIN_ONLY


class RejectShop(ShopCommand, frozen=True, tag="shop.reject"):
    """Say what is wrong; the shopkeeper may send better documents."""

    ROLES: ClassVar = ADMIN_ONLY

    reason: Reason = ""


class SuspendShop(ShopCommand, frozen=True, tag="shop.suspend"):
    """Stop the shop from selling."""

    ROLES: ClassVar = STAFF_ONLY

    reason: Reason = ""


class ReinstateShop(ShopCommand, frozen=True, tag="shop.reinstate"):
    """Let it sell again."""

    ROLES: ClassVar = ADMIN_ONLY

    reason: Reason = ""


class OpenShopDocument(ShopCommand, frozen=True, tag="shop.open_document"):
    """Ask for a link to a document, good for an hour. It is logged who asks (K5)."""

    ROLES: ClassVar = OWNERS | ADMIN_ONLY

    file: Id
