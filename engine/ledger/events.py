"""Facts of the ledger's rooms: a storage format."""

from engine.contract import Event
from engine.kernel.time import Millis


class Deposited(Event, frozen=True, tag="ledger.deposited"):
    """Money came into a wallet through staff or the house (accounts P1)."""

    user: str
    amount: int
    currency: str
    reference: str


class PaymentReceived(Event, frozen=True, tag="ledger.payment_received"):
    """A provider captured a payment, for a wallet or for a room (accounts P1, P4)."""

    provider: str
    payment: str
    user: str
    amount: int
    currency: str
    purpose: str
    """`wallet`, or the name of the room that it pays for."""


class PaymentReturned(Event, frozen=True, tag="ledger.payment_returned"):
    """A captured payment that nobody expected: booked, and refunded at once (accounts 3)."""

    provider: str
    payment: str
    user: str
    amount: int
    currency: str
    purpose: str


class PaymentFailed(Event, frozen=True, tag="ledger.payment_failed"):
    """A provider says that a payment failed. No money moved."""

    provider: str
    payment: str
    user: str
    amount: int
    currency: str
    purpose: str


class WithdrawalRequested(Event, frozen=True, tag="ledger.withdrawal_requested"):
    """A user asked for money; it left the wallet and waits (accounts P10)."""

    withdrawal: str
    user: str
    amount: int
    currency: str
    bank_reference: str = ""


class WithdrawalStarted(Event, frozen=True, tag="ledger.withdrawal_started"):
    """The instruction is about to be given to the provider."""

    withdrawal: str


class WithdrawalPaid(Event, frozen=True, tag="ledger.withdrawal_paid"):
    """The money left the house (accounts P10)."""

    withdrawal: str


class WithdrawalFailed(Event, frozen=True, tag="ledger.withdrawal_failed"):
    """The provider could not pay; the money is back in the wallet (accounts 3)."""

    withdrawal: str
    reason: str


class AdjustmentProposed(Event, frozen=True, tag="ledger.adjustment_proposed"):
    """A manual adjustment so large that a second person must approve it (accounts 4)."""

    adjustment: str
    user: str
    amount: int
    currency: str
    reason: str
    proposed_by: str


class Adjusted(Event, frozen=True, tag="ledger.adjusted"):
    """Staff changed a wallet by hand (accounts P12, rule 16)."""

    adjustment: str
    user: str
    amount: int
    currency: str
    reason: str
    proposed_by: str
    approved_by: str
    balance_before: int
    balance_after: int


class AdjustmentRefused(Event, frozen=True, tag="ledger.adjustment_refused"):
    """The second person said no."""

    adjustment: str
    reason: str


class EntryPosted(Event, frozen=True, tag="ledger.entry_posted"):
    """To a wallet's owner: money moved in or out of it."""

    kind: str
    amount: int
    """What the wallet gained, or lost if negative."""
    currency: str
    balance_after: int
    """The wallet when the whole event that moved it was booked."""
    reference: str
    source: str
    """The room whose event moved it."""
    source_seq: int
    entry_at: Millis
