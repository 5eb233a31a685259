"""Facts of the ledger's rooms: a storage format."""

from typing import Literal

from msgspec import Struct

from engine.contract import Event
from engine.kernel.time import Millis
from engine.ledger.rates import ServiceType

PayoutStatus = Literal["requested", "postponed", "paid", "failed"]
RefundStatus = Literal["started", "paid"]
PendingOutcome = Literal["captured", "failed", "expired"]
DifferenceCause = Literal["MISSING_HERE", "MISSING_THERE", "AMOUNT_DIFFERS"]
DisputeStage = Literal["opened", "lost", "won"]
Movement = Literal["capture", "refund", "chargeback"]


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
    fee: int = 0
    """What the provider keeps of it; the platform bears that (accounts P13)."""


class PaymentReturned(Event, frozen=True, tag="ledger.payment_returned"):
    """A captured payment that nobody expected: booked, and refunded at once (accounts 3)."""

    provider: str
    payment: str
    user: str
    amount: int
    currency: str
    purpose: str
    fee: int = 0


class PaymentFailed(Event, frozen=True, tag="ledger.payment_failed"):
    """A provider says that a payment failed. No money moved."""

    provider: str
    payment: str
    user: str
    amount: int
    currency: str
    purpose: str


class PaymentCreated(Event, frozen=True, tag="ledger.payment_created"):
    """Somebody is about to pay. No money moved (accounts 3)."""

    provider: str
    payment: str
    """What the provider is asked by."""
    user: str
    amount: int
    currency: str
    purpose: str


class PaymentAsked(Event, frozen=True, tag="ledger.payment_asked"):
    """No capture was heard of, and the provider is asked (accounts rule 14)."""

    provider: str
    payment: str
    user: str
    amount: int
    currency: str
    purpose: str
    attempt: int


class PaymentClosed(Event, frozen=True, tag="ledger.payment_closed"):
    """The provider need not be asked again: it has said what became of it, or nothing for a day."""

    provider: str
    payment: str
    outcome: PendingOutcome


class Payout(Struct, frozen=True):
    """Of a withdrawal that does not come from a wallet: whose it is, and where from."""

    payee: str
    source: str
    amount: int
    currency: str


class WithdrawalRequested(Event, frozen=True, tag="ledger.withdrawal_requested"):
    """A user asked for money; it left the wallet and waits (accounts P10)."""

    withdrawal: str
    user: str
    amount: int
    currency: str
    bank_reference: str = ""
    source: str = ""
    """The payable that it came from; empty: the wallet."""


class WithdrawalStarted(Event, frozen=True, tag="ledger.withdrawal_started"):
    """The instruction is about to be given to the provider."""

    withdrawal: str
    attempt: int = 0
    """1, 2, 3 …; 0 in old logs."""


class WithdrawalPaid(Event, frozen=True, tag="ledger.withdrawal_paid"):
    """The money left the house (accounts P10)."""

    withdrawal: str
    payout: Payout | None = None


class PayoutAwaited(Event, frozen=True, tag="ledger.payout_awaited"):
    """The provider is at it, or nobody knows whether it is: it is asked again."""

    withdrawal: str
    reference: str
    reason: str
    look_at: Millis


class PayoutAsked(Event, frozen=True, tag="ledger.payout_asked"):
    """The provider is about to be asked again. Where it has named no payout of its own, it is told
    the same once more."""

    withdrawal: str
    look: int


class WithdrawalFailed(Event, frozen=True, tag="ledger.withdrawal_failed"):
    """The provider could not pay; the money is back where it came from (accounts 3)."""

    withdrawal: str
    reason: str
    payout: Payout | None = None


class PayoutPostponed(Event, frozen=True, tag="ledger.payout_postponed"):
    """The provider could not pay; it is tried again (accounts 7)."""

    withdrawal: str
    reason: str
    payout: Payout
    attempt: int
    """How often it has been tried."""
    retry_at: Millis


class IncidentOpened(Event, frozen=True, tag="ledger.incident_opened"):
    """A capture of another amount than was expected: it stays in CLEARING until staff settle it
    (accounts 8, AMOUNT_MISMATCH). Or, with a cause, a difference between the books and a provider's
    statement, by which no money stands anywhere (accounts rule 17)."""

    incident: str
    room: str
    """What it was for."""
    payment: str
    payer: str
    amount: int
    currency: str
    provider: str
    expected: int
    """Of a difference: what is booked; `amount` is what the provider reports."""
    cause: DifferenceCause | None = None
    what: Movement = "capture"


class IncidentSettled(Event, frozen=True, tag="ledger.incident_settled"):
    """The payment is on its way back; a difference is only closed."""

    incident: str
    reason: str
    room: str = ""
    payment: str = ""
    payer: str = ""
    amount: int = 0
    currency: str = ""
    provider: str = ""
    """Empty in old logs, where the event itself sent the money out."""
    cause: DifferenceCause | None = None


class RefundStarted(Event, frozen=True, tag="ledger.refund_started"):
    """The provider is about to be told to send a payment back, or to be asked how that stands
    (accounts P9). All of the first of them lies in CLEARING."""

    refund: str
    room: str
    """Whose payment it was."""
    provider: str
    payment: str
    payer: str
    amount: int
    currency: str
    attempt: int
    """1, 2, 3 …: which time the provider hears of it."""
    instruction: int = 1
    """What the provider tells a repeat by: another one only after it has said no for good."""
    reference: str = ""
    """The provider's own id of the refund, once it has said one: then it is only asked."""


class RefundAccepted(Event, frozen=True, tag="ledger.refund_accepted"):
    """The provider is at it; it is asked again."""

    refund: str
    reference: str
    look_at: Millis


class RefundPostponed(Event, frozen=True, tag="ledger.refund_postponed"):
    """The provider could not be told; it is tried again (accounts 7, as a payout)."""

    refund: str
    reason: str
    attempt: int
    retry_at: Millis


class RefundFailed(Event, frozen=True, tag="ledger.refund_failed"):
    """The provider does not send it back, and staff must look. The money stays in CLEARING."""

    refund: str
    reason: str
    is_refused: bool
    """Whether the provider said no. If not, nobody knows whether it has heard."""


class RefundPaid(Event, frozen=True, tag="ledger.refund_paid"):
    """The money is back with its payer, and has left CLEARING (accounts P9)."""

    refund: str
    room: str
    provider: str
    payment: str
    payer: str
    amount: int
    currency: str
    reference: str = ""
    to_wallet: bool = False
    by: str = ""
    """Who has settled it by hand; empty: the provider sent it."""
    reason: str = ""


class RefundChanged(Event, frozen=True, tag="ledger.refund_changed"):
    """To a payer: a payment is on its way back, or is back."""

    refund: str
    status: RefundStatus
    payment: str
    amount: int
    currency: str
    room: str


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


class CommissionSet(Event, frozen=True, tag="ledger.commission_set"):
    """From now on the platform keeps this of every deal that is paid (accounts 4 and rule 9)."""

    service_type: ServiceType
    base_bps: int
    min_bps: int
    max_bps: int
    base_before_bps: int
    by: str


class ChargedBack(Event, frozen=True, tag="ledger.charged_back"):
    """A provider has taken a payment back from the house (accounts 12.6)."""

    provider: str
    payment: str
    user: str
    amount: int
    currency: str
    purpose: str
    reason: str
    by: str
    deal: str
    """The escrow that decides who bears it; empty: whoever paid."""
    taken: int = 0
    """What of it was in the payer's wallet, if no deal bears it. They owe the rest."""


class DisputeChanged(Event, frozen=True, tag="ledger.dispute_changed"):
    """A payer disputes a payment at their bank, or the bank has decided (accounts 12.6)."""

    provider: str
    payment: str
    dispute: str
    """The provider's own id of it."""
    stage: DisputeStage
    user: str
    """Who paid; empty as long as the provider has not said."""
    amount: int
    currency: str
    purpose: str
    reason: str


class DebtRecovered(Event, frozen=True, tag="ledger.debt_recovered"):
    """Somebody who owes the house was paid, and this much of it was kept."""

    user: str
    account: str
    amount: int
    currency: str
    left: int
    """What they still owe."""
    room: str


class DebtChanged(Event, frozen=True, tag="ledger.debt_changed"):
    """To whoever bears a chargeback, or has owed for one."""

    change: int
    """Below zero: they lost so much, from what they had or as a debt; above: so much is paid."""
    owed: int
    """What they owe the house now."""
    currency: str
    room: str


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


class PayoutChanged(Event, frozen=True, tag="ledger.payout_changed"):
    """To a payee: how a payout stands."""

    withdrawal: str
    status: PayoutStatus
    amount: int
    currency: str
    source: str
    """The payable that it comes from, or is back in."""
    reason: str = ""
