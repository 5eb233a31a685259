"""What is known of one auction."""

from typing import Literal

from msgspec import Struct

from engine.domains.auction import events as e
from engine.domains.auction.terms import Terms
from engine.kernel.time import Millis

Status = Literal[
    "absent",
    "draft",
    "scheduled",
    "live",
    "ended",
    "pending_settlement",
    "settled",
    "unsold",
    "cancelled",
    "relisted",
]


Handover = Literal["open", "reported", "disputed", "done", "undone"]
"""After the settlement."""


class Bidder(Struct):
    """What one person has offered. 0: nothing of that kind."""

    bid: int = 0
    """Highest plain bid."""
    bid_number: int = 0
    maximum: int = 0
    """Standing maximum."""
    maximum_number: int = 0
    cancel_if_offline_ms: int | None = None

    @property
    def highest(self) -> int:
        """Their own highest amount (W5)."""
        return max(self.bid, self.maximum)

    @property
    def highest_number(self) -> int:
        """Which of the auction's bids that was: among equals the earlier comes first."""
        return self.bid_number if self.bid >= self.maximum else self.maximum_number


class Bid(Struct, frozen=True, gc=False):
    """A line of the bid list."""

    number: int
    at: Millis
    bidder: str
    bid: int
    amount: int
    """The price that it made."""
    is_max: bool
    is_platform: bool


class Settlement(Struct):
    """Who may have it, at what price, and what is still to come. Amounts in minor units."""

    winner: str
    hammer_price: int
    deposit: int
    remainder: int
    attempt: int
    """1 for the winner at the close, above for runners-up."""
    deposit_due_at: Millis | None = None
    payment_due_at: Millis | None = None
    """Set when the deposit is locked."""
    paid: bool = False

    @property
    def is_locked(self) -> bool:
        """Whether the deposit is in the house's hands."""
        return self.payment_due_at is not None


class Delivery(Struct, frozen=True):
    """What the winner chose; the fee is billed as a line of its own."""

    method: e.DeliveryMethod
    address: str
    fee: int


class Auction(Struct):
    """The state of a room `auction:{id}`."""

    status: Status = "absent"
    terms: Terms = Terms()
    created_by: str = ""
    relisted_from: str = ""
    relisted_as: str = ""
    end_at: Millis = 0
    """The one effective end (X6)."""
    forced: bool = False
    bid_extensions: int = 0
    other_extensions: int = 0
    price: int | None = None
    leader: str = ""
    leader_max: int = 0
    """Up to what the leader would go; never shown (X7)."""
    minimum_bid: int = 0
    bid_count: int = 0
    ai_bids_placed: int = 0
    bidders: dict[str, Bidder] = {}
    """Everybody who has bid, but the house."""
    away: dict[str, Millis] = {}
    """Bidders with a dead-man's switch whose last session has gone, and since when (X10)."""
    aliases: dict[str, int] = {}
    """By order of first appearance, joined or bidding; the house too."""
    recent: list[Bid] = []
    """Latest bids, oldest first, at most RECENT_BIDS."""
    settlement: Settlement | None = None
    defaulted: list[str] = []
    unsold_cause: str = ""
    reason: str = ""
    """The words of whoever rejected, cancelled, forced or voided it."""
    delivery: Delivery | None = None
    documents: dict[str, str] = {}
    """Kind -> latest file."""
    handover: Handover = "open"
    handover_due_at: Millis | None = None
    """When silence is a yes."""

    @property
    def reserve_met(self) -> bool:
        """All that others than seller and staff may know of the reserve (auction 10)."""
        return self.terms.is_met_by(self.price)


def settlement_of(state: Auction) -> Settlement:
    """The settlement of an auction that has one."""
    assert state.settlement is not None, f"{state.terms.auction} has no settlement"
    return state.settlement
