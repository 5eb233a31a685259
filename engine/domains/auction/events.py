"""What happens in an auction. Names, fields and types are a storage format: logs are for ever.

`cause` is a fixed word for what led to the event, `reason` the words of whoever acted.
"""

from typing import Literal

from engine.contract import Event
from engine.domains.auction.terms import Terms
from engine.kernel.time import Millis

ExtensionCause = Literal["BID", "ADMIN", "OUTAGE", "GROUP"]
CancelCause = Literal["REJECTED", "CANCELLED"]
UnsoldCause = Literal["NO_BIDS", "RESERVE_NOT_MET", "NO_RUNNER_UP"]
DefaultCause = Literal["NO_DEPOSIT", "NO_PAYMENT"]
WithdrawalCause = Literal["OWNER", "OFFLINE"]
RefusalCause = Literal[
    "LATE_CAPTURE",
    "ALREADY_PAID",
    "NOT_THE_WINNER",
    "DEPOSIT_NOT_LOCKED",
    "CURRENCY_MISMATCH",
    "AMOUNT_MISMATCH",
]
DeliveryMethod = Literal["PICKUP", "ADDRESS"]
HandoverCause = Literal["WINNER", "TIME", "STAFF"]
DocKind = Literal["ID", "PROOF_OF_ADDRESS"]


class AuctionCreated(Event, frozen=True, tag="auction.created"):
    """A draft, claiming its vehicle."""

    terms: Terms
    created_by: str
    relisted_from: str = ""


class AuctionScheduled(Event, frozen=True, tag="auction.scheduled"):
    """Staff approved it: it starts at its time."""


class AuctionStarted(Event, frozen=True, tag="auction.started"):
    """Live: bids are taken."""


class ParticipantJoined(Event, frozen=True, tag="auction.participant_joined"):
    """Somebody with nothing in the way of a bid came in for the first time."""

    user: str


class BidPlaced(Event, frozen=True, kw_only=True, tag="auction.bid_placed"):
    """An accepted bid, and all that it changed (X1)."""

    bidder: str
    bid: int
    """Their own amount, or their maximum: then known to them alone until the end (X7)."""
    is_max: bool = False
    amount: int
    """The price that it made."""
    leader: str
    minimum_bid: int
    """The least next bid."""
    bid_count: int
    bidder_count: int
    end_at: Millis
    """As it stood when the bid came; an extension follows as an event of its own."""
    reserve_met: bool
    is_platform: bool = False
    outbid: str = ""
    """Who led until now, if it was somebody else."""
    cancel_if_offline_ms: int | None = None


class AuctionExtended(Event, frozen=True, tag="auction.extended"):
    """The end moved."""

    cause: ExtensionCause
    end_at: Millis
    previous_end_at: Millis
    reason: str = ""


class BidderAway(Event, frozen=True, tag="auction.bidder_away"):
    """The last session of somebody with a dead-man's switch has gone (X10)."""

    user: str
    since: Millis


class BidderBack(Event, frozen=True, tag="auction.bidder_back"):
    """They are connected again."""

    user: str


class MaxBidWithdrawn(Event, frozen=True, tag="auction.max_bid_withdrawn"):
    """A maximum of somebody who does not lead no longer stands (X10)."""

    user: str
    cause: WithdrawalCause


class AuctionEnded(Event, frozen=True, tag="auction.ended"):
    """No more bids. The leader's hold ends here; what follows says who won."""

    price: int | None
    leader: str
    end_at: Millis
    previous_end_at: Millis
    forced: bool = False
    reason: str = ""


class WinnerDeclared(Event, frozen=True, tag="auction.winner_declared"):
    """The leader won at the price shown (W1, W2)."""

    winner: str
    hammer_price: int
    deposit: int
    remainder: int


class DepositLocked(Event, frozen=True, tag="auction.deposit_locked"):
    """The deposit has left the wallet; the remainder is due (W4)."""

    user: str
    amount: int
    payment_due_at: Millis


class DepositFundingRequested(Event, frozen=True, tag="auction.deposit_funding_requested"):
    """The wallet did not cover the deposit; the winner has until then (W3)."""

    user: str
    amount: int
    deposit_due_at: Millis


class DepositForfeited(Event, frozen=True, tag="auction.deposit_forfeited"):
    """The remainder was not paid: the deposit is revenue (W4)."""

    user: str
    amount: int


class WinnerDefaulted(Event, frozen=True, tag="auction.winner_defaulted"):
    """The winner, or a runner-up who was offered it, is out of it."""

    user: str
    cause: DefaultCause
    declined: bool = False


class RunnerUpOffered(Event, frozen=True, tag="auction.runner_up_offered"):
    """The next bidder may have it at their own highest amount (W5)."""

    user: str
    hammer_price: int
    deposit: int
    remainder: int
    deposit_due_at: Millis


class AuctionUnsold(Event, frozen=True, tag="auction.unsold"):
    """It ended without a buyer."""

    cause: UnsoldCause


class AuctionSettled(Event, frozen=True, tag="auction.settled"):
    """Deposit and remainder are in escrow: the sale is done."""

    winner: str
    hammer_price: int
    deposit: int
    remainder: int
    payment: str = ""
    """The provider's payment; empty if paid from the wallet."""


class PaymentRefused(Event, frozen=True, tag="auction.payment_refused"):
    """Money that a provider captured for this auction is on its way back at once."""

    payment: str
    payer: str
    amount: int
    currency: str
    cause: RefusalCause
    provider: str = ""
    """Empty in old logs, where the event itself sent the money out."""


class ResultVoided(Event, frozen=True, tag="auction.result_voided"):
    """An admin undid the result; a locked deposit went back."""

    user: str
    hammer_price: int
    deposit_returned: int
    reason: str


class AuctionCancelled(Event, frozen=True, tag="auction.cancelled"):
    """It will not take place, or stopped before its end. All holds are released."""

    cause: CancelCause
    previous_status: str
    reason: str


class DeliveryChosen(Event, frozen=True, tag="auction.delivery_chosen"):
    """How the winner wants the vehicle, and what that costs, as a line of its own."""

    method: DeliveryMethod
    fee: int
    address: str = ""


class SettlementDocSubmitted(Event, frozen=True, tag="auction.settlement_doc_submitted"):
    """A document of the winner."""

    kind: DocKind
    file: str


class DeliveryReported(Event, frozen=True, tag="auction.delivery_reported"):
    """The seller says that the winner has it. Unless they disagree, that counts after a while."""

    by: str
    proof: str
    """A file: a signature, a photo."""
    confirm_by: Millis


class HandoverDisputed(Event, frozen=True, tag="auction.handover_disputed"):
    """The money of the sale is frozen until staff decide."""

    reason: str


class HandedOver(Event, frozen=True, tag="auction.handed_over"):
    """The vehicle is the winner's, and its seller is paid."""

    cause: HandoverCause


class SaleUndone(Event, frozen=True, tag="auction.sale_undone"):
    """The winner has the money back, and the seller keeps the vehicle."""

    reason: str = ""


class AuctionRelisted(Event, frozen=True, tag="auction.relisted"):
    """The vehicle starts anew, as a draft in another room, on these terms."""

    new_auction: str
    terms: Terms
    by: str
