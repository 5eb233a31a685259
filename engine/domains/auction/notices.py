"""What an auction tells people in their private rooms `user:{id}`: a storage format too."""

from engine.contract import Event
from engine.domains.auction import events as e
from engine.kernel.time import Millis


class Outbid(Event, frozen=True, tag="auction.outbid"):
    """Somebody else leads; the hold is released.

    The last two are left out where the lead was a maximum: admins read this room too, and a
    maximum is its owner's alone (auction X7)."""

    auction: str
    current_price: int
    minimum_bid: int
    your_bid: int | None = None
    released: int | None = None


class Won(Event, frozen=True, tag="auction.won"):
    """The deposit is locked; the remainder is due until `deadline`."""

    auction: str
    hammer_price: int
    deposit: int
    remainder: int
    deadline: Millis


class DepositRequested(Event, frozen=True, tag="auction.deposit_requested"):
    """You won; the wallet did not cover the deposit. Fund it until `deadline`."""

    auction: str
    hammer_price: int
    deposit: int
    deadline: Millis


class Offered(Event, frozen=True, tag="auction.offer_made"):
    """You are next: at your own highest amount, if you fund the deposit until `deadline`."""

    auction: str
    hammer_price: int
    deposit: int
    remainder: int
    deadline: Millis


class Lost(Event, frozen=True, tag="auction.lost"):
    """The auction ended, and somebody else won or nobody did."""

    auction: str
    vehicle: str
    sold: bool


class Defaulted(Event, frozen=True, tag="auction.defaulted"):
    """Your time passed, or you declined: it is no longer yours."""

    auction: str
    cause: e.DefaultCause
    declined: bool


class DepositLost(Event, frozen=True, tag="auction.deposit_lost"):
    """The remainder was not paid in time: the deposit is forfeited."""

    auction: str
    amount: int


class DepositReturned(Event, frozen=True, tag="auction.deposit_returned"):
    """The result was voided; the deposit is back in the wallet."""

    auction: str
    amount: int
    reason: str


class PurchaseSettled(Event, frozen=True, tag="auction.purchase_settled"):
    """Paid in full."""

    auction: str
    hammer_price: int


class HandoverChanged(Event, frozen=True, tag="auction.handover_changed"):
    """To the winner: how the hand-over stands. Reported: confirm it, or dispute the money of the
    sale, before `confirm_by`."""

    auction: str
    status: str
    confirm_by: Millis | None = None


class CalledOff(Event, frozen=True, tag="auction.called_off"):
    """The auction that you lead was cancelled; the hold is released."""

    auction: str
    reason: str


class PaymentReturned(Event, frozen=True, tag="auction.payment_returned"):
    """A payment was sent back, and why."""

    auction: str
    payment: str
    amount: int
    cause: e.RefusalCause


class SaleChanged(Event, frozen=True, tag="auction.sale_changed"):
    """To the seller: how the sale stands."""

    auction: str
    status: str
    price: int | None = None
    cause: str = ""


NOTICES: tuple[type[Event], ...] = (
    Outbid,
    Won,
    DepositRequested,
    Offered,
    Lost,
    Defaulted,
    DepositLost,
    DepositReturned,
    PurchaseSettled,
    HandoverChanged,
    CalledOff,
    PaymentReturned,
    SaleChanged,
)
