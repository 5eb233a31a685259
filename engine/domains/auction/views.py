"""Who may see what of an auction (auction 10, X7).

Four classes: `public` (guests and everybody signed in), `participant` (joined or bidding, KYC
approved), `seller` and `staff`. Nobody but staff sees who a bidder is: all others see an alias.
A reserve is for seller and staff, a maximum for its owner, and after the end for staff.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from engine.contract import Context, Event
from engine.domains.auction import commands as c
from engine.domains.auction.decide_bid import blockers
from engine.domains.auction.events import BidPlaced, ParticipantJoined
from engine.domains.auction.state import Auction, Bid, Bidder, Settlement
from engine.domains.auction.terms import Terms
from engine.kernel.money import whole_of_share

PUBLIC = "public"
PARTICIPANT = "participant"
SELLER = "seller"
STAFF = "staff"

INSIDERS = (SELLER, STAFF)
"""Those who know the reserve."""

BEFORE_THE_END = ("draft", "scheduled", "live")

STAGES = ("payment", "inspection", "documentation", "delivery")
"""What follows a sale (V2). The first is complete with the settlement."""

VEHICLE_STATES = {
    "live": "in_auction",
    "ended": "in_auction",
    "pending_settlement": "pending_settlement",
    "settled": "in_settlement",
}
"""The vehicle's state as far as the auction knows it; otherwise as it was before (V1)."""


def audience(state: Auction, ctx: Context) -> str:
    """The class of viewer that the actor is here."""
    actor = ctx.actor
    if actor.is_staff:
        return STAFF
    if actor.user and actor.user == state.terms.seller:
        return SELLER
    if actor.user in state.aliases and actor.is_approved:
        return PARTICIPANT
    return PUBLIC


def regroups(state: Auction, event: Event) -> Iterable[str]:
    """Whoever joins or bids for the first time sees the bids from now on."""
    if isinstance(event, ParticipantJoined):
        return (event.user,)
    if isinstance(event, BidPlaced) and state.aliases[event.bidder] == len(state.aliases):
        return (event.bidder,)
    return ()


def name_for(state: Auction, user: str, viewer: str) -> str | None:
    """How this viewer may call a bidder; None for nobody."""
    if not user:
        return None
    if viewer == STAFF:
        return user
    return f"Bidder {state.aliases[user]}"


def terms_for(terms: Terms, viewer: str) -> dict[str, Any]:
    """The terms that this viewer may see."""
    shown = {
        "auction": terms.auction,
        "vehicle": terms.vehicle,
        "kind": terms.kind,
        "currency": terms.currency,
        "start_price": terms.start_price,
        "increments": terms.increments,
        "deposit_bps": terms.deposit_bps,
        "start_at": terms.start_at,
        "original_end_at": terms.end_at,
        "extension_window_ms": terms.extension_window_ms,
        "extension_ms": terms.extension_ms,
        "max_extensions": terms.max_extensions,
        "hard_end_at": terms.hard_end_at,
        "group": terms.group,
        "featured": terms.featured,
    }
    if viewer in INSIDERS:
        shown |= {
            "seller": terms.seller,
            "reserve_price": terms.reserve_price,
            "delivery_fee": terms.delivery_fee,
        }
    return shown


def view(state: Auction, ctx: Context) -> Any:
    """The snapshot for the actor; None if there is no such auction."""
    if state.status == "absent":
        return None
    viewer = audience(state, ctx)
    won = state.settlement
    shown = terms_for(state.terms, viewer) | {
        "status": state.status,
        "end_at": state.end_at,
        "current_price": state.price,
        "minimum_bid": state.minimum_bid,
        "leader": name_for(state, state.leader, viewer),
        "bid_count": state.bid_count,
        "bidder_count": len(state.bidders),
        "extensions": state.bid_extensions + state.other_extensions,
        "reserve_met": state.reserve_met,
        "winner": name_for(state, won.winner, viewer) if won else None,
        "hammer_price": won.hammer_price if won else None,
        "reason": state.reason or None,
        "unsold_cause": state.unsold_cause or None,
        "relisted_as": state.relisted_as or None,
        "relisted_from": state.relisted_from or None,
    }
    if viewer != PUBLIC:
        shown["bids"] = [bid_for(state, bid, viewer) for bid in state.recent]
    if viewer in INSIDERS:
        shown["vehicle_state"] = vehicle_state(state)
    if viewer == STAFF:
        shown |= _for_staff(state)
    if won and (viewer in INSIDERS or won.winner == ctx.actor.user):
        shown["settlement"] = settlement_for(state, won, private=viewer != SELLER)
    return shown | _own(state, ctx)


def bid_for(state: Auction, bid: Bid, viewer: str) -> dict[str, Any]:
    """A line of the bid list. What somebody offered is shown with it if it was a plain bid."""
    shown = {
        "number": bid.number,
        "at": bid.at,
        "bidder": name_for(state, bid.bidder, viewer),
        "amount": bid.amount,
        "is_platform": bid.is_platform,
    }
    if not bid.is_max or (viewer == STAFF and state.status not in BEFORE_THE_END):
        shown["bid"] = bid.bid
    return shown


def settlement_for(state: Auction, won: Settlement, *, private: bool) -> dict[str, Any]:
    """What is paid, due and under way. `private` is for the winner and staff only."""
    shown: dict[str, Any] = {
        "hammer_price": won.hammer_price,
        "deposit": won.deposit,
        "remainder": won.remainder,
        "attempt": won.attempt,
        "deposit_locked": won.is_locked,
        "deposit_due_at": won.deposit_due_at,
        "payment_due_at": won.payment_due_at,
        "stages": stages(state, won),
        "handover": state.handover,
        "handover_due_at": state.handover_due_at,
    }
    if private:
        shown |= {"delivery": state.delivery, "documents": state.documents}
    return shown


def stages(state: Auction, won: Settlement) -> dict[str, str]:
    """What follows the sale (V2); only the first and the last are known here. A vehicle that was
    handed over has been inspected, and its papers seen, by whoever took it."""
    if state.handover == "done":
        return dict.fromkeys(STAGES, "completed")
    shown = dict.fromkeys(STAGES, "pending")
    shown["payment"] = "completed" if won.paid else "pending"
    if state.handover in ("reported", "disputed"):
        shown["delivery"] = "in_progress"
    return shown


def vehicle_state(state: Auction) -> str:
    """Of the vehicle, as far as the auction knows it; otherwise as it was before (V1)."""
    if state.handover == "done":
        return "owned"
    if state.handover == "undone":
        return "listed"
    return VEHICLE_STATES.get(state.status, "listed")


def _for_staff(state: Auction) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "created_by": state.created_by,
        "ai_bids_placed": state.ai_bids_placed,
        "defaulted": state.defaulted,
        "aliases": {user: f"Bidder {number}" for user, number in state.aliases.items()},
    }
    if state.status not in BEFORE_THE_END:
        shown["maxima"] = {
            user: bidder.maximum for user, bidder in state.bidders.items() if bidder.maximum
        }
    return shown


def _own(state: Auction, ctx: Context) -> dict[str, Any]:
    """What the actor may know of themselves."""
    user = ctx.actor.user
    if user not in state.aliases:
        return {}
    bidder = state.bidders.get(user, Bidder())
    return {
        "my_alias": f"Bidder {state.aliases[user]}",
        "my_status": _status(state, user),
        "my_maximum": bidder.maximum or None,
        "my_highest": bidder.highest or None,
    }


def _status(state: Auction, user: str) -> str:
    if user not in state.bidders:
        return "joined"
    if state.status in BEFORE_THE_END:
        return "leading" if state.leader == user else "outbid"
    return "won" if state.settlement and state.settlement.winner == user else "lost"


def result(state: Auction, command: Any, _: Sequence[Event], ctx: Context) -> Any:
    """The reply to a bid, to whoever joins, or to any other step: where it stands now."""
    if isinstance(command, (c.PlaceBid, c.SetMaxBid)):
        return {
            "current_price": state.price,
            "leading": state.leader == ctx.actor.user,
            "minimum_bid": state.minimum_bid,
            "end_at": state.end_at,
        }
    if isinstance(command, c.JoinAuction):
        return _joined(state, ctx)
    return {"auction": state.terms.auction, "status": state.status, "end_at": state.end_at}


def _joined(state: Auction, ctx: Context) -> dict[str, Any]:
    """The snapshot, and what the caller could bid (auction 4, 12.2)."""
    user, terms = ctx.actor.user, state.terms
    available = ctx.ledger.available(user, terms.currency)
    usable = available + ctx.ledger.held_for(user, terms.currency, ctx.room)
    shown: dict[str, Any] = view(state, ctx)
    return shown | {
        "wallet_available": available,
        "bidding_power": whole_of_share(max(usable, 0), terms.deposit_bps),
        "blockers": [refusal.code.name for refusal in blockers(state, ctx)],
    }
