"""What can be asked of an auction from outside, and by whom (auction 3 and 4)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.contract import Command, Reason, Text
from engine.domains.auction.events import DeliveryMethod, DocKind
from engine.domains.auction.terms import INCREMENT_ROWS_MAX, Extensions, Kind, auction_room
from engine.kernel.actor import (
    ADMIN,
    CONCIERGE,
    DEALER,
    MANAGER,
    SIGNED_IN,
    USER,
    VERIFIED_SELLER,
    Actor,
)
from engine.kernel.ids import END, Id
from engine.kernel.money import AMOUNT_MAX, Amount, Bps, Currency
from engine.kernel.time import Duration, Moment

STAFF_ONLY = frozenset({MANAGER, ADMIN})
ADMIN_ONLY = frozenset({ADMIN})
SELLERS = frozenset({DEALER, VERIFIED_SELLER, MANAGER, ADMIN})
BIDDERS = frozenset({USER, VERIFIED_SELLER, DEALER, MANAGER, ADMIN})
"""Staff are refused by the rule, unless the market lets them bid (auction 12.9)."""

Increments = Annotated[
    tuple[tuple[Annotated[int, Meta(ge=0, le=AMOUNT_MAX)], Amount], ...],
    Meta(
        min_length=1,
        max_length=INCREMENT_ROWS_MAX,
        description="[[from_price, step], …], ascending, the first from 0, minor units",
    ),
]

NewAuction = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9_.\-]{{0,53}}{END}",
        description="1-54 letters, digits, '_', '.' or '-': its escrow is named after it",
        examples=["a1"],
    ),
]


class AuctionCommand(Command, frozen=True):
    """A command for the room of one auction."""

    auction: Id

    def room(self, actor: Actor) -> str:
        return auction_room(self.auction)


class CreateAuction(AuctionCommand, frozen=True, tag="auction.create"):
    """Draw up an auction of a vehicle; staff then approve it. Where a figure is left out, the
    market's applies; `increments` overrides `bid_increment`."""

    ROLES: ClassVar[frozenset[str]] = SELLERS

    auction: NewAuction
    vehicle: Id
    kind: Kind
    currency: Currency
    start_price: Amount
    start_at: Moment
    end_at: Moment
    seller: Id | None = None
    reserve_price: Amount | None = None
    bid_increment: Amount | None = None
    increments: Increments | None = None
    deposit_bps: Bps | None = None
    extension_window_ms: Duration | None = None
    extension_ms: Duration | None = None
    max_extensions: Extensions | None = None
    hard_end_at: Moment | None = None
    group: Id | None = None
    featured: bool = False


class ApproveAuction(AuctionCommand, frozen=True, tag="auction.approve"):
    """Put a draft on the calendar."""

    ROLES: ClassVar[frozenset[str]] = STAFF_ONLY


class RejectAuction(AuctionCommand, frozen=True, tag="auction.reject"):
    """Turn a draft down."""

    ROLES: ClassVar[frozenset[str]] = STAFF_ONLY

    reason: Reason = ""


class JoinAuction(AuctionCommand, frozen=True, tag="auction.join"):
    """Come in. The result says what stands in the way of a bid; if nothing does, the caller is
    a participant from now on, and sees the bids."""

    ROLES: ClassVar[frozenset[str]] = SIGNED_IN


class PlaceBid(AuctionCommand, frozen=True, tag="auction.place_bid"):
    """Bid an amount, shown in full at once."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS

    amount: Amount
    currency: Currency


class SetMaxBid(AuctionCommand, frozen=True, tag="auction.set_max_bid"):
    """Let the house bid up to a maximum, only as much as is needed (X1)."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS

    max_amount: Amount
    currency: Currency
    cancel_if_offline_ms: Duration | None = None
    """Withdraw it if the caller has been gone for so long and does not lead (X10)."""


class WithdrawMaxBid(AuctionCommand, frozen=True, tag="auction.withdraw_max_bid"):
    """Take a maximum back that does not lead (X10 by hand)."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS


class ExtendAuction(AuctionCommand, frozen=True, tag="auction.extend"):
    """Move the end of a live auction to a later time."""

    ROLES: ClassVar[frozenset[str]] = ADMIN_ONLY

    new_end_at: Moment
    reason: Reason = ""


class ForceEnd(AuctionCommand, frozen=True, tag="auction.force_end"):
    """End a live auction now; the result stands."""

    ROLES: ClassVar[frozenset[str]] = STAFF_ONLY

    reason: Reason = ""


class CancelAuction(AuctionCommand, frozen=True, tag="auction.cancel"):
    """Call an auction off before its end."""

    ROLES: ClassVar[frozenset[str]] = STAFF_ONLY

    reason: Reason = ""


class VoidResult(AuctionCommand, frozen=True, tag="auction.void_result"):
    """Undo a result that is not settled yet; a locked deposit goes back."""

    ROLES: ClassVar[frozenset[str]] = ADMIN_ONLY

    reason: Reason = ""


class FundDeposit(AuctionCommand, frozen=True, tag="auction.fund_deposit"):
    """The winner or runner-up asks to lock the deposit, now that the wallet covers it. For a
    runner-up this accepts the offer."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS


class DeclineOffer(AuctionCommand, frozen=True, tag="auction.decline_offer"):
    """A runner-up does not want it, at no cost (W5)."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS


class PayRemainder(AuctionCommand, frozen=True, tag="auction.pay_remainder"):
    """The winner pays the remainder from the wallet."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS


class ChooseDelivery(AuctionCommand, frozen=True, tag="auction.choose_delivery"):
    """The winner says how the vehicle is handed over."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS

    method: DeliveryMethod
    address: Text | None = None


class SubmitSettlementDoc(AuctionCommand, frozen=True, tag="auction.submit_settlement_doc"):
    """The winner hands in a document, which was uploaded elsewhere."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS

    kind: DocKind
    file: Id


class ReportDelivery(AuctionCommand, frozen=True, tag="auction.report_delivery"):
    """Say that the winner has the vehicle, with a proof that was uploaded elsewhere."""

    ROLES: ClassVar[frozenset[str]] = SELLERS | {CONCIERGE}

    proof: Id


class ConfirmHandover(AuctionCommand, frozen=True, tag="auction.confirm_handover"):
    """The winner has the vehicle: the seller is paid."""

    ROLES: ClassVar[frozenset[str]] = BIDDERS


class Relist(AuctionCommand, frozen=True, tag="auction.relist"):
    """Start an unsold vehicle anew as a draft; what is left out stays as it was. The id of the
    new auction is the caller's choice."""

    ROLES: ClassVar[frozenset[str]] = SELLERS

    new_auction: NewAuction
    start_at: Moment
    end_at: Moment
    kind: Kind | None = None
    start_price: Amount | None = None
    reserve_price: Amount | None = None
    bid_increment: Amount | None = None
    increments: Increments | None = None
    max_extensions: Extensions | None = None
    hard_end_at: Moment | None = None
