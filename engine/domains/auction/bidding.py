"""What an accepted bid makes: price, leader, holds, extension (auction B9, E1, X1-X5)."""

from engine.contract import Context, Event, presence_key
from engine.domains.auction import events as e
from engine.domains.auction import pricing
from engine.domains.auction.pricing import Made
from engine.domains.auction.state import Auction
from engine.domains.auction.terms import Terms
from engine.kernel.ids import PLATFORM
from engine.kernel.posting import Hold, Posting, Release
from engine.kernel.time import Millis


def accepted(
    state: Auction,
    ctx: Context,
    bid: int,
    *,
    is_max: bool,
    cancel_if_offline_ms: int | None = None,
) -> list[Event]:
    """The actor's bid, and the extension it causes."""
    user = ctx.actor.user
    made = outcome(state, user, bid, shows=not is_max)
    claims, frees = _presence(state, user, is_max, cancel_if_offline_ms, ctx.room)
    placed = bid_placed(
        state,
        made,
        user,
        bid,
        is_max=is_max,
        cancel_if_offline_ms=cancel_if_offline_ms,
        postings=holds(state, made, ctx.room),
        claims=claims,
        frees=frees,
    )
    return [placed, *extension(state, ctx.now)]


def outcome(state: Auction, bidder: str, bid: int, *, shows: bool) -> Made:
    """Price and leader after this bid (X1-X3)."""
    terms = state.terms
    reserve = terms.reserve_price
    if state.price is None:
        return pricing.first_bid(terms.start_price, reserve, bidder, bid, shows)
    now = Made(state.price, state.leader, state.leader_max)
    if bidder == now.leader:
        return pricing.leaders_bid(now, reserve, bid, shows)
    return pricing.challenge(now, terms.increments, reserve, bidder, bid, shows)


def bid_placed(
    state: Auction,
    made: Made,
    bidder: str,
    bid: int,
    *,
    is_max: bool = False,
    is_platform: bool = False,
    cancel_if_offline_ms: int | None = None,
    postings: tuple[Posting, ...] = (),
    claims: tuple[str, ...] = (),
    frees: tuple[str, ...] = (),
) -> e.BidPlaced:
    """The event of an accepted bid, with all figures that it makes (auction B10)."""
    terms = state.terms
    new = not is_platform and bidder not in state.bidders
    return e.BidPlaced(
        bidder=bidder,
        bid=bid,
        is_max=is_max,
        amount=made.price,
        leader=made.leader,
        minimum_bid=pricing.minimum_bid(terms.increments, terms.start_price, made.price),
        bid_count=state.bid_count + 1,
        bidder_count=len(state.bidders) + new,
        end_at=state.end_at,
        reserve_met=terms.is_met_by(made.price),
        is_platform=is_platform,
        outbid=state.leader if state.leader != made.leader else "",
        cancel_if_offline_ms=cancel_if_offline_ms,
        postings=postings,
        claims=claims,
        frees=frees,
    )


def holds(state: Auction, made: Made, room: str) -> tuple[Posting, ...]:
    """The new leader's hold before the old leader's release (accounts rule 3), on the leader's
    maximum and not only the price shown (X4). One who does not come to lead holds nothing."""
    terms = state.terms
    held = _hold_of_leader(state, terms)
    needed = 0 if made.leader == PLATFORM else terms.deposit_on(made.leader_max)
    placed = (Hold(made.leader, needed, terms.currency, room),) if needed else ()
    if made.leader == state.leader:
        return placed if needed != held else ()
    return placed + ((Release(state.leader, terms.currency, room),) if held else ())


def _hold_of_leader(state: Auction, terms: Terms) -> int:
    """What is held here now: only a human leader holds anything (INV-2)."""
    if state.leader in ("", PLATFORM):
        return 0
    return terms.deposit_on(state.leader_max)


def release_of_leader(state: Auction, room: str) -> tuple[Posting, ...]:
    """The posting that ends the one hold of this auction, if there is one."""
    if not _hold_of_leader(state, state.terms):
        return ()
    return (Release(state.leader, state.terms.currency, room),)


def presence_keys(state: Auction, room: str) -> tuple[str, ...]:
    """The claims of all standing dead-man's switches, by user."""
    armed = [u for u, bidder in state.bidders.items() if bidder.cancel_if_offline_ms is not None]
    return tuple(presence_key(user, room) for user in sorted(armed))


def _presence(
    state: Auction, user: str, is_max: bool, switch_ms: int | None, room: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a new maximum claims and frees: a switch asks to hear of its owner (X10)."""
    bidder = state.bidders.get(user)
    armed = bidder is not None and bidder.cancel_if_offline_ms is not None
    if not is_max or armed == (switch_ms is not None):
        return (), ()
    key = (presence_key(user, room),)
    return ((), key) if armed else (key, ())


def extension(state: Auction, now: Millis) -> list[e.AuctionExtended]:
    """A bid in the last minutes moves the end, added to the end and not to now (auction E1),
    unless one of the caps forbids it (X5)."""
    terms, end_at = state.terms, state.end_at
    if end_at - now > terms.extension_window_ms:
        return []
    if terms.max_extensions is not None and state.bid_extensions >= terms.max_extensions:
        return []
    later = end_at + terms.extension_ms
    if terms.hard_end_at is not None:
        later = min(later, terms.hard_end_at)
    if later <= end_at:
        return []
    return [e.AuctionExtended(cause="BID", end_at=later, previous_end_at=end_at)]


def withdrawn(state: Auction, user: str, cause: e.WithdrawalCause, room: str) -> e.MaxBidWithdrawn:
    """The maximum no longer stands, and with it goes the interest in the owner's presence."""
    armed = state.bidders[user].cancel_if_offline_ms is not None
    frees = (presence_key(user, room),) if armed else ()
    return e.MaxBidWithdrawn(user=user, cause=cause, frees=frees)
