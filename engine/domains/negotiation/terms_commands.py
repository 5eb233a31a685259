"""What can be asked of a shop's terms from outside, and by whom (negotiation 4, X2)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.contract import Command
from engine.domains.negotiation.commands import KEEPERS
from engine.domains.negotiation.figures import (
    PAST_KEPT,
    Breaks,
    Stock,
    StrategyName,
    terms_room,
)
from engine.kernel.actor import ADMIN, SYSTEM, Actor
from engine.kernel.ids import Id
from engine.kernel.money import Amount, Currency

CATALOGUE = frozenset({SYSTEM, ADMIN})
"""In place of the catalogue, which will send messages."""


class TermsCommand(Command, frozen=True):
    """A command for the room of a shop's terms."""

    shop: Id

    def room(self, actor: Actor) -> str:
        return terms_room(self.shop)


class SetTerms(TermsCommand, frozen=True, tag="negotiation.set_terms"):
    """Say at what prices a product may be haggled over; it holds from the next offer on (N3)."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    product: Id
    list_price: Amount
    min_price: Amount
    currency: Currency
    negotiable: bool = True
    auto_negotiate: bool = True
    """Whether the house answers by itself."""
    strategy: StrategyName = "midpoint.v1"
    breaks: Breaks = ()
    stock: Stock | None = None
    """Left out: as it was."""


class TryStrategy(TermsCommand, frozen=True, tag="negotiation.try_strategy"):
    """Play the shop's last negotiations again under another strategy; nothing happens (X2)."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    strategy: StrategyName
    product: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=PAST_KEPT)] = 20


class ListProduct(TermsCommand, frozen=True, tag="terms.list_product"):
    """A product is for sale at this list price; not negotiable until the shop says so."""

    ROLES: ClassVar[frozenset[str]] = CATALOGUE

    product: Id
    currency: Currency
    list_price: Amount
    stock: Stock | None = None


class WithdrawProduct(TermsCommand, frozen=True, tag="terms.withdraw_product"):
    """It is for sale no more: whoever haggles over it is told so."""

    ROLES: ClassVar[frozenset[str]] = CATALOGUE

    product: Id


class ChangeStock(TermsCommand, frozen=True, tag="terms.change_stock"):
    """So many pieces are left."""

    ROLES: ClassVar[frozenset[str]] = CATALOGUE

    product: Id
    stock: Stock
