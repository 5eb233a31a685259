"""What may be asked of the ledger, and by whom."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from engine.contract import Command, Reason
from engine.kernel.actor import ADMIN, MANAGER, SIGNED_IN, SYSTEM, Actor
from engine.kernel.ids import END, ID_LETTERS, ROOM_LETTERS, Id, room_name
from engine.kernel.limits import PAYOUT_BATCH_MAX
from engine.kernel.money import AMOUNT_MAX, Amount, Bps, Currency, SignedAmount
from engine.kernel.time import Moment
from engine.ledger.accounts import PayableKind
from engine.ledger.events import DifferenceCause, DisputeStage, Movement
from engine.ledger.rates import ServiceType

WALLET = "wallet"
ATTEMPTS_MAX = 1_000_000
"""Far beyond all that staff will ever try."""

RefundOutcome = Literal["paid", "accepted", "refused", "unanswered"]

Reference = Annotated[str, Meta(min_length=1, max_length=128)]
MaybeAmount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX, description="minor units; 0: none")]
Purpose = Annotated[
    str,
    Meta(
        pattern=rf"^({WALLET}|{ROOM_LETTERS}){END}",
        description="`wallet`, or the room that is paid for, such as auction:a1",
    ),
]


class LedgerCommand(Command, frozen=True):
    """Every command of the ledger is decided by the room of its currency."""

    currency: Currency

    def room(self, actor: Actor) -> str:
        return room_name("ledger", self.currency)


class Deposit(LedgerCommand, frozen=True, tag="ledger.deposit"):
    """Put money that has arrived into a wallet. A reference counts once for each user."""

    ROLES: ClassVar = frozenset({ADMIN, SYSTEM})
    user: Id
    amount: Amount
    reference: Reference


class ProviderEvent(LedgerCommand, frozen=True, tag="ledger.provider_event"):
    """What a payment provider says of a payment; the signature has been checked (accounts 4)."""

    ROLES: ClassVar = frozenset({SYSTEM})
    provider: Id
    payment: Id
    """The provider's own id of this event; it counts once."""
    kind: Literal["captured", "failed"]
    user: Id
    amount: Amount
    purpose: Purpose = WALLET


class CreatePayment(LedgerCommand, frozen=True, tag="ledger.create_payment"):
    """Say that somebody is about to pay. Its provider is asked what became of it if no webhook
    tells within 15 minutes (accounts rule 14)."""

    ROLES: ClassVar = frozenset({ADMIN, SYSTEM})
    provider: Id
    payment: Id
    """What the provider is asked by: Stripe's PaymentIntent, Razorpay's order, Paystack's
    reference."""
    user: Id
    amount: Amount
    purpose: Purpose = WALLET


class ReportPayment(LedgerCommand, frozen=True, tag="ledger.report_payment"):
    """Say that a provider was asked about a payment, and that it need not be asked again."""

    ROLES: ClassVar = frozenset({SYSTEM})
    provider: Id
    payment: Id
    outcome: Literal["captured", "failed"]


class Withdraw(LedgerCommand, frozen=True, tag="ledger.withdraw"):
    """Take money out of one's own wallet (accounts rule 4)."""

    ROLES: ClassVar = SIGNED_IN
    amount: Amount
    bank_reference: Annotated[str, Meta(max_length=128)] = ""


class StartWithdrawal(LedgerCommand, frozen=True, tag="ledger.start_withdrawal"):
    """Say that the provider is about to be told."""

    ROLES: ClassVar = frozenset({ADMIN, SYSTEM})
    withdrawal: Id


class CompleteWithdrawal(LedgerCommand, frozen=True, tag="ledger.complete_withdrawal"):
    """Say that the provider has paid."""

    ROLES: ClassVar = frozenset({ADMIN, SYSTEM})
    withdrawal: Id


class FailWithdrawal(LedgerCommand, frozen=True, tag="ledger.fail_withdrawal"):
    """Say that the provider could not pay. The money goes back to where it came from; a payout
    of a payable is tried again before that, up to three times."""

    ROLES: ClassVar = frozenset({ADMIN, SYSTEM})
    withdrawal: Id
    reason: Reason = ""
    final: bool = False
    """There is no use in trying again: an account that is closed, say."""


class ReportPayout(LedgerCommand, frozen=True, tag="ledger.report_payout"):
    """What came of telling a provider to pay somebody, or of asking it."""

    ROLES: ClassVar = frozenset({SYSTEM})
    withdrawal: Id
    provider: Id
    attempt: Annotated[int, Meta(ge=1, le=ATTEMPTS_MAX)]
    look: Annotated[int, Meta(ge=0, le=ATTEMPTS_MAX)]
    outcome: RefundOutcome
    """`unanswered`: nobody knows whether it has heard. `refused`: it does not pay."""
    reference: Annotated[str, Meta(max_length=128)] = ""
    reason: Reason = ""


class RequestPayout(LedgerCommand, frozen=True, tag="ledger.request_payout"):
    """Ask for what the house owes one as a seller, carrier or service partner (P10)."""

    ROLES: ClassVar = SIGNED_IN
    kind: PayableKind
    amount: Amount | None = None
    """Without it, all of it."""
    bank_reference: Annotated[str, Meta(max_length=128)] = ""


class PayoutBatch(LedgerCommand, frozen=True, tag="ledger.payout_batch"):
    """Have what came up to a moment paid out, to some payees or to all (accounts 4)."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN, SYSTEM})
    cut_off: Moment
    payees: Annotated[tuple[Id, ...], Meta(max_length=PAYOUT_BATCH_MAX)] = ()
    """Without any, all."""


class ReportDifference(LedgerCommand, frozen=True, tag="ledger.report_difference"):
    """Say where a provider's statement and the books differ. It opens an incident, and never moves
    money (accounts rule 17). The same difference is told once."""

    ROLES: ClassVar = frozenset({ADMIN, SYSTEM})
    provider: Id
    payment: Reference
    cause: DifferenceCause
    what: Movement
    booked: MaybeAmount
    reported: MaybeAmount


class SettleIncident(LedgerCommand, frozen=True, tag="ledger.settle_incident"):
    """Close an incident. A payment that did not fit is sent back by it; a difference from a
    provider's statement is only closed: whoever closes it has booked what there was to book."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    incident: Id
    reason: Reason = ""


class ReportRefund(LedgerCommand, frozen=True, tag="ledger.report_refund"):
    """What came of telling a provider to send a payment back, or of asking it."""

    ROLES: ClassVar = frozenset({SYSTEM})
    refund: Id
    attempt: Annotated[int, Meta(ge=1, le=ATTEMPTS_MAX)]
    outcome: RefundOutcome
    """`unanswered`: nobody knows whether it has heard. `refused`: it never will."""
    reference: Annotated[str, Meta(max_length=128)] = ""
    """The provider's own id of the refund."""
    reason: Reason = ""


class RetryRefund(LedgerCommand, frozen=True, tag="ledger.retry_refund"):
    """Tell the provider again, now. It is the same instruction to it, unless it has said no."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    refund: Id


class SettleRefund(LedgerCommand, frozen=True, tag="ledger.settle_refund"):
    """Say that the provider was told by hand, or give the money to the payer's wallet instead."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    refund: Id
    to_wallet: bool = False
    reason: Reason = ""


class ChargeBack(LedgerCommand, frozen=True, tag="ledger.charge_back"):
    """Book that a provider has taken a payment back: a dispute at its payer's bank was lost."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    provider: Id
    payment: Id
    user: Id
    """Who had paid."""
    amount: Amount
    purpose: Purpose = WALLET
    reason: Reason = ""


class ProviderDispute(LedgerCommand, frozen=True, tag="ledger.provider_dispute"):
    """What a provider says of a dispute; the signature has been checked. One that is lost is booked
    as a chargeback (accounts 12.6)."""

    ROLES: ClassVar = frozenset({SYSTEM})
    provider: Id
    payment: Id
    dispute: Id
    stage: DisputeStage
    amount: Amount
    user: Annotated[str, Meta(pattern=rf"^({ID_LETTERS})?{END}")] = ""
    """Who paid; empty: the provider has not said, and is asked."""
    purpose: Annotated[str, Meta(pattern=rf"^({WALLET}|{ROOM_LETTERS})?{END}")] = ""
    reason: Reason = ""


class SetCommission(LedgerCommand, frozen=True, tag="ledger.set_commission"):
    """Set what the platform keeps of deals that are paid from now on (accounts 4, admin ADM-6)."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    service_type: ServiceType
    base_bps: Bps
    min_bps: Bps
    max_bps: Bps


class Adjust(LedgerCommand, frozen=True, tag="ledger.adjust"):
    """Change a wallet by hand. Above the market's limit a second person must approve."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    user: Id
    amount: SignedAmount
    """What the wallet gains, or loses if negative; never 0."""
    reason: Reason = ""


class ApproveAdjustment(LedgerCommand, frozen=True, tag="ledger.approve_adjustment"):
    """Approve what another person proposed."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    adjustment: Id


class RefuseAdjustment(LedgerCommand, frozen=True, tag="ledger.refuse_adjustment"):
    """Refuse what another person proposed, or withdraw one's own."""

    ROLES: ClassVar = frozenset({MANAGER, ADMIN})
    adjustment: Id
    reason: Reason = ""


class Statement(LedgerCommand, frozen=True, tag="ledger.statement"):
    """One's own latest entries, perhaps of one kind only. Changes nothing."""

    ROLES: ClassVar = SIGNED_IN
    kind: Annotated[str, Meta(max_length=32)] = ""
