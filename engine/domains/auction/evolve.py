"""How each event changes the state of an auction. Nothing here can fail or ask."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.contract import Event
from engine.domains.auction import events as e
from engine.domains.auction.state import Auction, Bid, Bidder, Delivery, Settlement, settlement_of
from engine.domains.auction.terms import RECENT_BIDS
from engine.kernel.time import Millis


def on_created(state: Auction, event: e.AuctionCreated, _: Millis) -> None:
    state.status = "draft"
    state.terms = event.terms
    state.created_by = event.created_by
    state.relisted_from = event.relisted_from
    state.end_at = event.terms.end_at
    state.minimum_bid = event.terms.start_price


def on_scheduled(state: Auction, _event: e.AuctionScheduled, _: Millis) -> None:
    state.status = "scheduled"


def on_started(state: Auction, _event: e.AuctionStarted, _: Millis) -> None:
    state.status = "live"


def on_joined(state: Auction, event: e.ParticipantJoined, _: Millis) -> None:
    state.aliases.setdefault(event.user, len(state.aliases) + 1)


def on_bid(state: Auction, event: e.BidPlaced, at: Millis) -> None:
    state.aliases.setdefault(event.bidder, len(state.aliases) + 1)
    raises = state.leader == event.bidder
    state.price = event.amount
    state.minimum_bid = event.minimum_bid
    state.bid_count = event.bid_count
    if event.leader == event.bidder:
        state.leader_max = max(event.bid, state.leader_max) if raises else event.bid
        state.leader = event.leader
    if event.is_platform:
        state.ai_bids_placed += 1
    else:
        _remember(state, event)
    state.recent.append(
        Bid(
            event.bid_count,
            at,
            event.bidder,
            event.bid,
            event.amount,
            event.is_max,
            event.is_platform,
        )
    )
    if len(state.recent) > RECENT_BIDS:
        del state.recent[0]


def _remember(state: Auction, event: e.BidPlaced) -> None:
    bidder = state.bidders.get(event.bidder)
    if bidder is None:
        bidder = state.bidders[event.bidder] = Bidder()
    if event.is_max:
        bidder.maximum, bidder.maximum_number = event.bid, event.bid_count
        bidder.cancel_if_offline_ms = event.cancel_if_offline_ms
        state.away.pop(event.bidder, None)
    else:
        bidder.bid, bidder.bid_number = event.bid, event.bid_count


def on_extended(state: Auction, event: e.AuctionExtended, _: Millis) -> None:
    state.end_at = event.end_at
    if event.cause == "BID":
        state.bid_extensions += 1
    else:
        state.other_extensions += 1


def on_away(state: Auction, event: e.BidderAway, _: Millis) -> None:
    state.away[event.user] = event.since


def on_back(state: Auction, event: e.BidderBack, _: Millis) -> None:
    del state.away[event.user]


def on_withdrawn(state: Auction, event: e.MaxBidWithdrawn, _: Millis) -> None:
    bidder = state.bidders[event.user]
    bidder.maximum = bidder.maximum_number = 0
    bidder.cancel_if_offline_ms = None
    state.away.pop(event.user, None)


def on_ended(state: Auction, event: e.AuctionEnded, _: Millis) -> None:
    state.status = "ended"
    state.end_at = event.end_at
    state.forced = event.forced
    state.reason = event.reason


def on_winner(state: Auction, event: e.WinnerDeclared, _: Millis) -> None:
    state.status = "pending_settlement"
    state.settlement = Settlement(
        event.winner, event.hammer_price, event.deposit, event.remainder, attempt=1
    )


def on_locked(state: Auction, event: e.DepositLocked, _: Millis) -> None:
    settlement = settlement_of(state)
    settlement.deposit_due_at = None
    settlement.payment_due_at = event.payment_due_at


def on_funding(state: Auction, event: e.DepositFundingRequested, _: Millis) -> None:
    settlement_of(state).deposit_due_at = event.deposit_due_at


def on_forfeited(_state: Auction, _event: e.DepositForfeited, _: Millis) -> None:
    """The money is moved by the posting; who is out follows as an event of its own."""


def on_defaulted(state: Auction, event: e.WinnerDefaulted, _: Millis) -> None:
    state.defaulted.append(event.user)


def on_offered(state: Auction, event: e.RunnerUpOffered, _: Millis) -> None:
    state.settlement = Settlement(
        event.user,
        event.hammer_price,
        event.deposit,
        event.remainder,
        attempt=settlement_of(state).attempt + 1,
        deposit_due_at=event.deposit_due_at,
    )
    state.delivery = None
    state.documents = {}


def on_unsold(state: Auction, event: e.AuctionUnsold, _: Millis) -> None:
    state.status = "unsold"
    state.unsold_cause = event.cause
    state.settlement = None


def on_settled(state: Auction, _event: e.AuctionSettled, _: Millis) -> None:
    state.status = "settled"
    settlement_of(state).paid = True


def on_payment_refused(_state: Auction, _event: e.PaymentRefused, _: Millis) -> None:
    """Booked and sent back by its postings; nothing else changes."""


def on_voided(state: Auction, event: e.ResultVoided, _: Millis) -> None:
    state.status = "unsold"
    state.unsold_cause = "VOIDED"
    state.reason = event.reason
    state.settlement = None


def on_cancelled(state: Auction, event: e.AuctionCancelled, _: Millis) -> None:
    state.status = "cancelled"
    state.reason = event.reason


def on_delivery(state: Auction, event: e.DeliveryChosen, _: Millis) -> None:
    state.delivery = Delivery(event.method, event.address, event.fee)


def on_document(state: Auction, event: e.SettlementDocSubmitted, _: Millis) -> None:
    state.documents[event.kind] = event.file


def on_reported(state: Auction, event: e.DeliveryReported, _: Millis) -> None:
    state.handover, state.handover_due_at = "reported", event.confirm_by


def on_disputed(state: Auction, _event: e.HandoverDisputed, _: Millis) -> None:
    state.handover, state.handover_due_at = "disputed", None


def on_handed_over(state: Auction, _event: e.HandedOver, _: Millis) -> None:
    state.handover, state.handover_due_at = "done", None


def on_undone(state: Auction, event: e.SaleUndone, _: Millis) -> None:
    state.handover, state.handover_due_at = "undone", None
    state.reason = event.reason or state.reason


def on_relisted(state: Auction, event: e.AuctionRelisted, _: Millis) -> None:
    state.status = "relisted"
    state.relisted_as = event.new_auction


EVOLVE: Mapping[type[Event], Callable[[Auction, Any, Millis], None]] = {
    e.AuctionCreated: on_created,
    e.AuctionScheduled: on_scheduled,
    e.AuctionStarted: on_started,
    e.ParticipantJoined: on_joined,
    e.BidPlaced: on_bid,
    e.AuctionExtended: on_extended,
    e.BidderAway: on_away,
    e.BidderBack: on_back,
    e.MaxBidWithdrawn: on_withdrawn,
    e.AuctionEnded: on_ended,
    e.WinnerDeclared: on_winner,
    e.DepositLocked: on_locked,
    e.DepositFundingRequested: on_funding,
    e.DepositForfeited: on_forfeited,
    e.WinnerDefaulted: on_defaulted,
    e.RunnerUpOffered: on_offered,
    e.AuctionUnsold: on_unsold,
    e.AuctionSettled: on_settled,
    e.PaymentRefused: on_payment_refused,
    e.ResultVoided: on_voided,
    e.AuctionCancelled: on_cancelled,
    e.DeliveryChosen: on_delivery,
    e.SettlementDocSubmitted: on_document,
    e.DeliveryReported: on_reported,
    e.HandoverDisputed: on_disputed,
    e.HandedOver: on_handed_over,
    e.SaleUndone: on_undone,
    e.AuctionRelisted: on_relisted,
}
