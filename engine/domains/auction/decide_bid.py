"""Joining and bidding: who may, when, and how much (auction B1-B8)."""

from engine.contract import Context, Decision
from engine.domains.auction import commands as c
from engine.domains.auction import events as e
from engine.domains.auction.bidding import accepted, withdrawn
from engine.domains.auction.codes import (
    BID_TOO_LOW,
    INSUFFICIENT_BUYING_POWER,
    OWN_AUCTION,
)
from engine.domains.auction.guards import (
    forbidden,
    kyc_missing,
    no_such_step,
    not_found,
    not_open,
    out_of_place,
)
from engine.domains.auction.state import Auction
from engine.kernel.outcome import CURRENCY_MISMATCH, Rejected


def join(state: Auction, command: c.JoinAuction, ctx: Context) -> Decision:
    """Who has nothing in the way of a bid becomes a participant; the result tells the rest."""
    if refusal := not_found(state, command):
        return refusal
    if state.status != "scheduled" and (refusal := not_open(state, ctx)):
        return refusal
    if ctx.actor.user in state.aliases or blockers(state, ctx):
        return ()
    return [e.ParticipantJoined(user=ctx.actor.user)]


def blockers(state: Auction, ctx: Context) -> list[Rejected]:
    """What stands in the way of a bid, in the order of auction 4: KYC, own auction, funds."""
    found = (
        _may_not_bid(state, ctx),
        _own(state, ctx),
        _unaffordable(state, state.minimum_bid, ctx),
    )
    return [refusal for refusal in found if refusal]


def place_bid(state: Auction, command: c.PlaceBid, ctx: Context) -> Decision:
    """A plain bid, shown in full at once."""
    if refusal := _barred(state, command, ctx):
        return refusal
    if command.amount < state.minimum_bid:
        return _too_low("amount", command.amount, state.minimum_bid, state)
    if refusal := _unaffordable(state, command.amount, ctx):
        return refusal
    return accepted(state, ctx, command.amount, is_max=False)


def set_max_bid(state: Auction, command: c.SetMaxBid, ctx: Context) -> Decision:
    """A maximum (X1). A leader's must be above the one that stands: to lower it would take
    back what was bid."""
    if refusal := _barred(state, command, ctx):
        return refusal
    minimum = state.minimum_bid
    if state.leader == ctx.actor.user:
        minimum = max(minimum, state.leader_max + 1)
    if command.max_amount < minimum:
        return _too_low("max_amount", command.max_amount, minimum, state)
    if refusal := _unaffordable(state, command.max_amount, ctx):
        return refusal
    return accepted(
        state,
        ctx,
        command.max_amount,
        is_max=True,
        cancel_if_offline_ms=command.cancel_if_offline_ms,
    )


def withdraw_max_bid(state: Auction, command: c.WithdrawMaxBid, ctx: Context) -> Decision:
    """By hand, by somebody who does not lead (X10)."""
    if refusal := out_of_place(state, command):
        return refusal
    user = ctx.actor.user
    if state.leader == user:
        return no_such_step(state, command, "your maximum leads, and a leading bid stands")
    bidder = state.bidders.get(user)
    if bidder is None or not bidder.maximum:
        return no_such_step(state, command, "you have no maximum")
    return [withdrawn(state, user, "OWNER", ctx.room)]


def _barred(state: Auction, command: c.PlaceBid | c.SetMaxBid, ctx: Context) -> Rejected | None:
    """Auction B8: B1, B2, B3, currency, in this order."""
    return (
        not_found(state, command)
        or _may_not_bid(state, ctx)
        or not_open(state, ctx)
        or _own(state, ctx)
        or _other_currency(state, command.currency)
    )


def _may_not_bid(state: Auction, ctx: Context) -> Rejected | None:
    """Auction B1. Staff see reserves, so they bid only where the market says so (12.9)."""
    if ctx.actor.is_staff and not ctx.market(state.terms.currency).staff_may_bid:
        return forbidden("staff see reserves and may not bid in this market")
    return kyc_missing(ctx)


def _own(state: Auction, ctx: Context) -> Rejected | None:
    if ctx.actor.user not in (state.terms.seller, state.created_by):
        return None
    return Rejected(OWN_AUCTION, "seller and creator of an auction may not bid in it")


def _other_currency(state: Auction, currency: str) -> Rejected | None:
    expected = state.terms.currency
    if currency == expected:
        return None
    return Rejected(
        CURRENCY_MISMATCH,
        f"`currency` is {currency}, and this auction is in {expected}",
        {"expected": expected},
    )


def _too_low(field: str, amount: int, minimum: int, state: Auction) -> Rejected:
    """Auction B4, B5."""
    return Rejected(
        BID_TOO_LOW,
        f"`{field}` is {amount} and must be at least {minimum}",
        {"minimum": minimum, "current_price": state.price},
    )


def _unaffordable(state: Auction, amount: int, ctx: Context) -> Rejected | None:
    """Auction B6: the wallet covers the deposit, the own hold here not counted twice (B7)."""
    user, currency = ctx.actor.user, state.terms.currency
    if state.leader == user:
        amount = max(amount, state.leader_max)
    required = state.terms.deposit_on(amount)
    available = ctx.ledger.available(user, currency)
    available += ctx.ledger.held_for(user, currency, ctx.room)
    if available >= required:
        return None
    return Rejected(
        INSUFFICIENT_BUYING_POWER,
        f"this needs {required} of deposit and {available} is available; "
        "bid less or pay money into the wallet",
        {"required": required, "available": available},
    )
