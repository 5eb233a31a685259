"""What each class of viewer is shown of an event (auction 10, X7).

An event shown twice is shown alike, now or from history: what is shown comes from the event,
from the terms, or from the aliases, which never change. Only maxima open to staff at the end.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.contract import Event, fields_of
from engine.domains.auction import events as e
from engine.domains.auction.state import Auction
from engine.domains.auction.views import (
    BEFORE_THE_END,
    INSIDERS,
    PUBLIC,
    STAFF,
    name_for,
    terms_for,
)

Shown = dict[str, Any]


def show(state: Auction, event: Event, viewer: str) -> Shown:
    """The wire's `data` of this event for this class."""
    return _SHOW[type(event)](state, event, viewer)


def _created(_: Auction, event: e.AuctionCreated, viewer: str) -> Shown:
    shown = terms_for(event.terms, viewer)
    shown |= {"end_at": event.terms.end_at, "relisted_from": event.relisted_from or None}
    return shown | ({"created_by": event.created_by} if viewer == STAFF else {})


def _vehicle(state: Auction, event: Event, _: str) -> Shown:
    """Nothing to hide; the vehicle is named for those who follow it (V1)."""
    return fields_of(event) | {"vehicle": state.terms.vehicle}


def _joined(state: Auction, event: e.ParticipantJoined, viewer: str) -> Shown:
    return {} if viewer == PUBLIC else {"bidder": name_for(state, event.user, viewer)}


def _bid(state: Auction, event: e.BidPlaced, viewer: str) -> Shown:
    shown: Shown = {
        "amount": event.amount,
        "minimum_bid": event.minimum_bid,
        "leader": name_for(state, event.leader, viewer),
        "bid_count": event.bid_count,
        "bidder_count": event.bidder_count,
        "end_at": event.end_at,
        "reserve_met": event.reserve_met,
    }
    if viewer == PUBLIC:
        return shown
    shown["bidder"] = name_for(state, event.bidder, viewer)
    shown["is_platform"] = event.is_platform
    if not event.is_max or (viewer == STAFF and state.status not in BEFORE_THE_END):
        shown["bid"] = event.bid
    return shown


def _extended(_: Auction, event: e.AuctionExtended, viewer: str) -> Shown:
    shown: Shown = {
        "cause": event.cause,
        "end_at": event.end_at,
        "previous_end_at": event.previous_end_at,
    }
    return shown | ({"reason": event.reason} if viewer == STAFF else {})


def _staff_only(_: Auction, event: Event, viewer: str) -> Shown:
    return fields_of(event) if viewer == STAFF else {}


def _ended(state: Auction, event: e.AuctionEnded, viewer: str) -> Shown:
    return _vehicle(state, event, viewer) | {"leader": name_for(state, event.leader, viewer)}


def _winner(state: Auction, event: e.WinnerDeclared, viewer: str) -> Shown:
    shown: Shown = {
        "winner": name_for(state, event.winner, viewer),
        "hammer_price": event.hammer_price,
        "vehicle": state.terms.vehicle,
    }
    if viewer in INSIDERS:
        shown |= {"deposit": event.deposit, "remainder": event.remainder}
    return shown


def _runner_up(state: Auction, event: e.RunnerUpOffered, viewer: str) -> Shown:
    """Public, as the winner's name and price are in the snapshot."""
    shown: Shown = {
        "user": name_for(state, event.user, viewer),
        "hammer_price": event.hammer_price,
    }
    if viewer in INSIDERS:
        shown |= {
            "deposit": event.deposit,
            "remainder": event.remainder,
            "deposit_due_at": event.deposit_due_at,
        }
    return shown


def _insiders(state: Auction, event: Any, viewer: str) -> Shown:
    """Between the house, the seller and one bidder."""
    if viewer not in INSIDERS:
        return {}
    return fields_of(event) | {"user": name_for(state, event.user, viewer)}


def _defaulted(state: Auction, event: e.WinnerDefaulted, viewer: str) -> Shown:
    shown = fields_of(event) | {"user": name_for(state, event.user, viewer)}
    return shown if viewer in INSIDERS else {"user": shown["user"]}


def _settled(state: Auction, event: e.AuctionSettled, viewer: str) -> Shown:
    shown: Shown = {
        "winner": name_for(state, event.winner, viewer),
        "hammer_price": event.hammer_price,
        "vehicle": state.terms.vehicle,
    }
    return shown | (_staff_only(state, event, viewer))


def _voided(state: Auction, event: e.ResultVoided, viewer: str) -> Shown:
    shown = {"reason": event.reason, "vehicle": state.terms.vehicle}
    return shown | _insiders(state, event, viewer)


def _delivery(_: Auction, event: e.DeliveryChosen, viewer: str) -> Shown:
    """Where somebody lives is for staff; the winner reads it in the snapshot."""
    if viewer not in INSIDERS:
        return {}
    shown: Shown = {"method": event.method, "fee": event.fee}
    return shown | _staff_only(_, event, viewer)


def _insiders_alone(_: Auction, event: Event, viewer: str) -> Shown:
    """Between seller and staff; the winner gets a notice."""
    return fields_of(event) if viewer in INSIDERS else {}


def _relisted(state: Auction, event: e.AuctionRelisted, _: str) -> Shown:
    return {"new_auction": event.new_auction, "vehicle": state.terms.vehicle}


_SHOW: Mapping[type[Event], Callable[[Auction, Any, str], Shown]] = {
    e.AuctionCreated: _created,
    e.AuctionScheduled: _vehicle,
    e.AuctionStarted: _vehicle,
    e.ParticipantJoined: _joined,
    e.BidPlaced: _bid,
    e.AuctionExtended: _extended,
    e.BidderAway: _staff_only,
    e.BidderBack: _staff_only,
    e.MaxBidWithdrawn: _staff_only,
    e.AuctionEnded: _ended,
    e.WinnerDeclared: _winner,
    e.DepositLocked: _insiders,
    e.DepositFundingRequested: _insiders,
    e.DepositForfeited: _insiders,
    e.WinnerDefaulted: _defaulted,
    e.RunnerUpOffered: _runner_up,
    e.AuctionUnsold: _vehicle,
    e.AuctionSettled: _settled,
    e.PaymentRefused: _staff_only,
    e.ResultVoided: _voided,
    e.AuctionCancelled: _vehicle,
    e.DeliveryChosen: _delivery,
    e.SettlementDocSubmitted: _staff_only,
    e.DeliveryReported: _insiders_alone,
    e.HandoverDisputed: _insiders_alone,
    e.HandedOver: _vehicle,
    e.SaleUndone: _vehicle,
    e.AuctionRelisted: _relisted,
}
