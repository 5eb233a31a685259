"""What staff do to an auction under way (auction 3 and 4). All of it needs a reason."""

from engine.contract import Context, Decision
from engine.domains.auction import commands as c
from engine.domains.auction import events as e
from engine.domains.auction.bidding import presence_keys, release_of_leader
from engine.domains.auction.codes import SCHEDULE_INVALID
from engine.domains.auction.decide_settlement import close
from engine.domains.auction.guards import no_reason, out_of_place
from engine.domains.auction.money import return_deposit
from engine.domains.auction.state import Auction, settlement_of
from engine.domains.auction.terms import keys_of
from engine.kernel.outcome import Rejected


def extend(state: Auction, command: c.ExtendAuction, _: Context) -> Decision:
    """To a later end, within the absolute one (auction 3, X5)."""
    if refusal := out_of_place(state, command) or no_reason(command.reason):
        return refusal
    hard_end_at = state.terms.hard_end_at
    if command.new_end_at <= state.end_at:
        return _not_later(f"it must be after {state.end_at}", state.end_at)
    if hard_end_at is not None and command.new_end_at > hard_end_at:
        return _not_later(f"hard_end_at of this auction is {hard_end_at}", state.end_at)
    return [
        e.AuctionExtended(
            cause="ADMIN",
            end_at=command.new_end_at,
            previous_end_at=state.end_at,
            reason=command.reason,
        )
    ]


def _not_later(why: str, end_at: int) -> Rejected:
    return Rejected(
        SCHEDULE_INVALID, f"`new_end_at`: {why}", {"field": "new_end_at", "end_at": end_at}
    )


def force_end(state: Auction, command: c.ForceEnd, ctx: Context) -> Decision:
    """Now; the highest bid stands as at any close."""
    if refusal := out_of_place(state, command) or no_reason(command.reason):
        return refusal
    return close(state, ctx, forced=True, reason=command.reason)


def cancel(state: Auction, command: c.CancelAuction, ctx: Context) -> Decision:
    """Before the end; every hold is released and the vehicle is free."""
    if refusal := out_of_place(state, command) or no_reason(command.reason):
        return refusal
    return [
        e.AuctionCancelled(
            cause="CANCELLED",
            previous_status=state.status,
            reason=command.reason,
            postings=release_of_leader(state, ctx.room),
            frees=(*keys_of(state.terms), *presence_keys(state, ctx.room)),
        )
    ]


def void_result(state: Auction, command: c.VoidResult, _: Context) -> Decision:
    """Pending settlement -> unsold; a locked deposit goes back whole."""
    if refusal := out_of_place(state, command) or no_reason(command.reason):
        return refusal
    won = settlement_of(state)
    return [
        e.ResultVoided(
            user=won.winner,
            hammer_price=won.hammer_price,
            deposit_returned=won.deposit if won.is_locked else 0,
            reason=command.reason,
            postings=return_deposit(state.terms, won) if won.is_locked else (),
            frees=keys_of(state.terms),
        )
    ]
