"""What happens by itself: start, close, the house's bids, deadlines, absence (auction 6)."""

from engine.contract import Context, Decision, Event, Outage, Presence, Wake
from engine.domains.auction import events as e
from engine.domains.auction import pricing
from engine.domains.auction.bidding import bid_placed, extension, holds, outcome, withdrawn
from engine.domains.auction.decide_handover import handover_due
from engine.domains.auction.decide_settlement import close, settlement_due
from engine.domains.auction.messages import ExtendWithGroup
from engine.domains.auction.state import Auction
from engine.domains.auction.terms import OUTAGE_MS
from engine.kernel.ids import PLATFORM
from engine.kernel.time import Millis


def due(state: Auction, now: Millis) -> Millis | None:
    """When the auction next wants to be woken."""
    if state.status == "scheduled":
        return state.terms.start_at
    if state.status == "live":
        moment = _next_tick(state, now) or state.end_at
        return min((moment, *_absences(state).values())) if state.away else moment
    if state.status == "pending_settlement" and (won := state.settlement):
        return won.payment_due_at if won.is_locked else won.deposit_due_at
    return state.handover_due_at


def wake(state: Auction, _: Wake, ctx: Context) -> Decision:
    """The one thing that is due. What else is due by then gets a wake of its own."""
    if state.status == "scheduled":
        return [e.AuctionStarted()] if ctx.now >= state.terms.start_at else ()
    if state.status == "pending_settlement":
        return settlement_due(state, ctx)
    if state.status == "settled":
        return handover_due(state, ctx)
    if state.status != "live":
        return ()
    if ctx.now >= state.end_at:
        return close(state, ctx)
    gone = sorted(u for u, moment in _absences(state).items() if moment <= ctx.now)
    if gone:
        return [withdrawn(state, user, "OFFLINE", ctx.room) for user in gone]
    return _tick(state, ctx)


def _next_tick(state: Auction, now: Millis) -> Millis | None:
    """The next point of the grid that starts `platform_window_ms` before the end; points that
    have passed are never made up for (auction 6)."""
    terms = state.terms
    if not terms.platform_tick_ms or not _wants_a_bid(state):
        return None
    grid = state.end_at - terms.platform_window_ms
    points = max(now - grid, 0) // terms.platform_tick_ms + 1
    moment = grid + points * terms.platform_tick_ms
    return moment if moment < state.end_at else None


def _wants_a_bid(state: Auction) -> bool:
    """Auction R2 to R5, as far as they do not depend on the time.

    The house never bids twice in a row, even if a standing maximum answered its first bid
    (INV-6): else it would walk a bidder up to that maximum by itself.
    """
    reserve, price = state.terms.reserve_price, state.price
    if not state.terms.platform_bids or reserve is None or price is None:
        return False
    if state.leader == PLATFORM or state.recent[-1].is_platform:
        return False
    amount = price + pricing.step(state.terms.increments, price)
    return price * 100 < reserve * 90 and amount * 100 <= reserve * 95


def _tick(state: Auction, ctx: Context) -> Decision:
    """At most one bid of the house, of exactly one increment (auction R1 to R6)."""
    if not _wants_a_bid(state) or state.end_at - ctx.now >= state.terms.platform_window_ms:
        return ()
    amount = state.minimum_bid
    made = outcome(state, PLATFORM, amount, shows=True)
    placed = bid_placed(
        state,
        made,
        PLATFORM,
        amount,
        is_platform=True,
        postings=holds(state, made, ctx.room),
    )
    return [placed, *extension(state, ctx.now)]


def _absences(state: Auction) -> dict[str, Millis]:
    """Who is away with a switch and does not lead, and when their maximum goes (X10)."""
    return {
        user: since + (state.bidders[user].cancel_if_offline_ms or 0)
        for user, since in state.away.items()
        if user != state.leader
    }


def presence(state: Auction, message: Presence, ctx: Context) -> Decision:
    """The owner of a switch has gone, or is back (X10)."""
    bidder = state.bidders.get(message.user)
    if state.status != "live" or bidder is None or bidder.cancel_if_offline_ms is None:
        return ()
    if message.online == (message.user not in state.away):
        return ()
    if message.online:
        return [e.BidderBack(user=message.user)]
    return [e.BidderAway(user=message.user, since=ctx.now)]


def outage(state: Auction, message: Outage, ctx: Context) -> Decision:
    """An outage that took from the last minutes gives them back, from recovery (auction 6).
    One that was to start in the meantime starts at once."""
    if state.status == "scheduled" and state.terms.start_at <= ctx.now:
        return [e.AuctionStarted(), *_made_good(state, message.since, ctx.now)]
    return _made_good(state, message.since, ctx.now) if state.status == "live" else ()


def _made_good(state: Auction, since: Millis, now: Millis) -> list[Event]:
    end_at, later = state.end_at, now + OUTAGE_MS
    overlaps = since < end_at and now > end_at - OUTAGE_MS
    if not overlaps or later <= end_at:
        return []
    return [e.AuctionExtended(cause="OUTAGE", end_at=later, previous_end_at=end_at)]


def extend_with_group(state: Auction, message: ExtendWithGroup, ctx: Context) -> Decision:
    """Another lot of the group was extended (X9); the absolute end of this one stands (X5)."""
    later = message.end_at
    if state.terms.hard_end_at is not None:
        later = min(later, state.terms.hard_end_at)
    if state.status != "live" or ctx.now >= state.end_at or later <= state.end_at:
        return ()
    return [e.AuctionExtended(cause="GROUP", end_at=later, previous_end_at=state.end_at)]
