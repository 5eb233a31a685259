"""Facts of escrows: a storage format."""

from typing import Literal

from msgspec import Struct

from engine.contract import Event
from engine.ledger.escrow.terms import HeldShare, Paid, ShareKind, Terms

LapseCause = Literal["EXPIRED", "CANCELLED"]
ReturnCause = Literal["LATE_CAPTURE", "ALREADY_PAID"]
Outcome = Literal["released", "refunded", "split"]


class EscrowOpened(Event, frozen=True, tag="escrow.opened"):
    """It waits for its payer."""

    terms: Terms


class PayeeNamed(Event, frozen=True, tag="escrow.payee_named"):
    """An open share has an owner, or another one."""

    kind: ShareKind
    payee: str
    instead_of: str
    """Empty: nobody."""


class EscrowHeld(Event, frozen=True, tag="escrow.held"):
    """The total is in the house's hands (accounts P7). The rates stand from now on (rule 9)."""

    amount: int
    shares: tuple[HeldShare, ...]
    provider: str = ""
    """Through whom it was paid; empty: from the payer's wallet."""
    payment: str = ""


class EscrowLapsed(Event, frozen=True, tag="escrow.lapsed"):
    """Nobody has paid in time, or the deal was called off before. No money moved."""

    cause: LapseCause
    reason: str = ""


class EscrowReleased(Event, frozen=True, tag="escrow.released"):
    """Shares were paid out (accounts P8, P11)."""

    shares: tuple[Paid, ...]
    cause: str
    is_last: bool
    """Whether nothing is held any more."""


class EscrowRefunded(Event, frozen=True, tag="escrow.refunded"):
    """What was held for these shares is on its way back to the payer (accounts P9)."""

    amount: int
    shares: tuple[HeldShare, ...]
    reason: str
    is_last: bool


class EscrowDisputed(Event, frozen=True, tag="escrow.disputed"):
    """Nothing moves until staff decide."""

    by: str
    """User id; empty for a deal's room."""
    reason: str


class DisputeResolved(Event, frozen=True, tag="escrow.dispute_resolved"):
    """Staff have decided, and it is done (accounts 3)."""

    outcome: Outcome
    to_payees: tuple[Paid, ...]
    to_payer: int
    reason: str


class PaymentMismatched(Event, frozen=True, tag="escrow.payment_mismatched"):
    """Another amount than the total was captured. The money stays in CLEARING, and staff find
    an incident in the room of its currency (accounts 8, AMOUNT_MISMATCH)."""

    payment: str
    payer: str
    amount: int
    currency: str
    provider: str
    expected: int


class PaymentReturned(Event, frozen=True, tag="escrow.payment_returned"):
    """A capture that came too late, or a second one: booked, and refunded at once (accounts 3)."""

    payment: str
    payer: str
    amount: int
    currency: str
    provider: str
    cause: ReturnCause


class Bearer(Struct, frozen=True):
    """Who bears what of a chargeback, minor units."""

    user: str
    account: str
    """Where `taken` was; empty: nothing was taken."""
    taken: int
    owed: int
    """What they owe the house from now on."""


class EscrowChargedBack(Event, frozen=True, tag="escrow.charged_back"):
    """The provider has taken the payment, or a part of it, back (accounts 12.6)."""

    payment: str
    provider: str
    amount: int
    currency: str
    reason: str
    bearers: tuple[Bearer, ...]
    platform: int
    """What of it is the platform's loss; below zero: it has a discount back."""


class SharePaid(Event, frozen=True, tag="escrow.share_paid"):
    """To a payee: their share is out of escrow."""

    escrow: str
    kind: str
    gross: int
    fee: int
    amount: int
    """What they have of it."""
    currency: str
    account: str
    """Where it lies now: their wallet, or what the house owes them."""
