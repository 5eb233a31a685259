"""What may be asked of an escrow, and by whom (accounts 3 and 4)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.contract import Command, Reason
from engine.kernel.actor import ADMIN, MANAGER, SIGNED_IN, SYSTEM, Actor
from engine.kernel.ids import Id, RoomName, room_name
from engine.kernel.money import Amount, Currency, SignedAmount
from engine.kernel.time import Moment
from engine.ledger.escrow.terms import (
    DOMAIN,
    Awards,
    EscrowId,
    Payee,
    Plan,
    ShareKind,
    SplitAmount,
    Told,
)

HANDS = frozenset({MANAGER, ADMIN, SYSTEM})
"""Who may do by hand what a deal's room does by itself."""

OneOrAll = Annotated[Id | None, Meta(description="a payee; without one, all shares")]


class EscrowCommand(Command, frozen=True):
    """Every command of an escrow is decided by its room."""

    escrow: EscrowId

    def room(self, actor: Actor) -> str:
        return room_name(DOMAIN, self.escrow)


class Open(EscrowCommand, frozen=True, tag="escrow.open"):
    """Draw up who pays what to whom. The shares and the platform's part make the total."""

    ROLES: ClassVar = HANDS
    payer: Id
    currency: Currency
    total: Amount
    shares: Plan
    platform: SignedAmount = 0
    """What the platform has beside its fees; below zero it is a discount that it bears."""
    pay_until: Moment | None = None
    """Until when it can be paid; without it, as long as the market says."""
    deal: RoomName | None = None
    """The room that is told what becomes of it."""
    tells: Annotated[tuple[Told, ...], Meta(max_length=6)] = ()
    """Of what that room is told."""


class NamePayee(EscrowCommand, frozen=True, tag="escrow.name_payee"):
    """Say who is to have an open share, such as the driver's, or another instead of somebody."""

    ROLES: ClassVar = HANDS
    kind: ShareKind
    payee: Id
    instead_of: Payee = ""
    """Whose share it is; empty: nobody's yet."""


class Fund(EscrowCommand, frozen=True, tag="escrow.fund"):
    """Pay the total from one's own wallet."""

    ROLES: ClassVar = SIGNED_IN


class Release(EscrowCommand, frozen=True, tag="escrow.release"):
    """Pay a payee's shares out, or all that are open."""

    ROLES: ClassVar = HANDS
    payee: OneOrAll = None
    reason: Reason = ""


class Refund(EscrowCommand, frozen=True, tag="escrow.refund"):
    """Give back what is held for a payee, or all of it. One that is not paid yet is cancelled."""

    ROLES: ClassVar = HANDS
    payee: OneOrAll = None
    reason: Reason = ""


class OpenDispute(EscrowCommand, frozen=True, tag="escrow.open_dispute"):
    """Freeze what is held until staff decide. For payer, payees and staff."""

    ROLES: ClassVar = SIGNED_IN
    reason: Reason = ""


class ResolveDispute(EscrowCommand, frozen=True, tag="escrow.resolve_dispute"):
    """Say who gets what of the money held; all of it must be given to somebody."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    to_payees: Awards
    to_payer: SplitAmount
    reason: Reason = ""
