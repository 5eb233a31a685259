"""Drawing up: create, approve, reject, relist (auction A1-A4, 3)."""

from itertools import pairwise

import msgspec

from engine.contract import Context, Decision
from engine.domains.auction import commands as c
from engine.domains.auction import events as e
from engine.domains.auction.codes import (
    GROUP_FULL,
    INCREMENT_INVALID,
    RESERVE_INVALID,
    SCHEDULE_INVALID,
    VEHICLE_IN_AUCTION,
)
from engine.domains.auction.group import Group
from engine.domains.auction.guards import forbidden, kyc_missing, no_reason, out_of_place
from engine.domains.auction.messages import CreateRelisted
from engine.domains.auction.pricing import Schedule
from engine.domains.auction.state import Auction
from engine.domains.auction.terms import (
    GROUP_LOTS_MAX,
    Terms,
    auction_room,
    group_room,
    keys_of,
    vehicle_key,
)
from engine.kernel.market import Market
from engine.kernel.outcome import INVALID_TRANSITION, Rejected
from engine.kernel.time import Millis


def create(state: Auction, command: c.CreateAuction, ctx: Context) -> Decision:
    """A draft (auction A1-A4)."""
    if refusal := _may_not_sell(command, ctx):
        return refusal
    if state.status != "absent":
        return _taken(command.auction)
    terms = resolve(command, ctx)
    if refusal := _unfit(terms, ctx) or _group_is_full(terms, ctx):
        return refusal
    return [_created(terms, ctx.actor.user)]


def _may_not_sell(command: c.CreateAuction, ctx: Context) -> Rejected | None:
    """Sellers: KYC approved, and only their own vehicles (auction A2)."""
    if ctx.actor.is_staff:
        return None
    if command.seller not in (None, ctx.actor.user):
        return forbidden("`seller` must be yourself; only staff sell for others")
    if command.featured:
        return forbidden("`featured` is for staff to give; leave it out")
    return kyc_missing(ctx)


def _taken(auction: str) -> Rejected:
    return Rejected(
        INVALID_TRANSITION,
        f"auction {auction!r} exists already; choose another id",
        {"auction": auction},
    )


def resolve(command: c.CreateAuction, ctx: Context) -> Terms:
    """The terms asked for, with the market's figures where the command leaves them out."""
    market = ctx.market(command.currency)
    return Terms(
        auction=command.auction,
        vehicle=command.vehicle,
        seller=command.seller or ctx.actor.user,
        kind=command.kind,
        currency=command.currency,
        start_price=command.start_price,
        reserve_price=command.reserve_price,
        increments=_schedule(command, market.increments),
        start_at=command.start_at,
        end_at=command.end_at,
        hard_end_at=command.hard_end_at,
        max_extensions=command.max_extensions,
        group=command.group,
        featured=command.featured,
        deposit_bps=_or(command.deposit_bps, market.deposit_bps),
        extension_window_ms=_or(command.extension_window_ms, market.extension_window_ms),
        extension_ms=_or(command.extension_ms, market.extension_ms),
        platform_bids=market.platform_bids,
        platform_tick_ms=market.platform_tick_ms,
        platform_window_ms=market.platform_window_ms,
        deposit_window_ms=market.deposit_window_ms,
        payment_window_ms=market.payment_window_ms,
        delivery_fee=market.delivery_fee,
    )


def _or(asked: int | None, usual: int) -> int:
    return usual if asked is None else asked


def _schedule(command: c.CreateAuction | c.Relist, usual: Schedule) -> Schedule:
    if command.increments is not None:
        return command.increments
    return usual if command.bid_increment is None else ((0, command.bid_increment),)


def _unfit(terms: Terms, ctx: Context) -> Rejected | None:
    """Everything that A1, A3 and A4 ask of terms."""
    market = ctx.market(terms.currency)
    return (
        _bad_reserve(terms)
        or _bad_schedule(terms, market)
        or _bad_increments(terms.increments, market.increment_min)
        or _vehicle_taken(terms.vehicle, ctx)
    )


def _bad_reserve(terms: Terms) -> Rejected | None:
    reserve = terms.reserve_price
    why = ""
    if terms.kind == "reserve" and reserve is None:
        why = "an auction of kind reserve needs one"
    elif terms.kind == "no_reserve" and reserve is not None:
        why = "an auction of kind no_reserve has none"
    elif reserve is not None and reserve < terms.start_price:
        why = "it must be at least start_price"
    return Rejected(RESERVE_INVALID, f"`reserve_price`: {why}") if why else None


def _bad_schedule(terms: Terms, market: Market) -> Rejected | None:
    if terms.start_at >= terms.end_at:
        return _schedule_invalid("end_at", "it must be after start_at")
    if terms.hard_end_at is not None and terms.hard_end_at < terms.end_at:
        return _schedule_invalid("hard_end_at", "it must not be before end_at")
    if terms.kind == "flash" and terms.end_at - terms.start_at > market.flash_ms_max:
        longest = market.flash_ms_max
        return _schedule_invalid("end_at", f"a flash auction lasts {longest} ms at most")
    return None


def _schedule_invalid(field: str, why: str) -> Rejected:
    return Rejected(SCHEDULE_INVALID, f"`{field}`: {why}", {"field": field})


def _bad_increments(schedule: Schedule, floor: int) -> Rejected | None:
    starts = [start for start, _ in schedule]
    why = ""
    if starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
        why = "the rows must ascend by from_price, starting at 0"
    elif min(step for _, step in schedule) < max(floor, 1):
        why = f"every step must be at least {max(floor, 1)}"
    return Rejected(INCREMENT_INVALID, f"`increments`: {why}", {"floor": floor}) if why else None


def _vehicle_taken(vehicle: str, ctx: Context) -> Rejected | None:
    holder = ctx.claimed_by(vehicle_key(vehicle))
    if holder is None:
        return None
    return Rejected(
        VEHICLE_IN_AUCTION,
        f"vehicle {vehicle!r} is in another auction until that is settled, unsold or cancelled",
        {"vehicle": vehicle},
    )


def _group_is_full(terms: Terms, ctx: Context) -> Rejected | None:
    group: Group | None = ctx.peek(group_room(terms.group)) if terms.group else None
    if group is None or len(group.lots) < GROUP_LOTS_MAX:
        return None
    return Rejected(
        GROUP_FULL,
        f"group {terms.group!r} has {GROUP_LOTS_MAX} open lots; choose another group",
        {"group": terms.group},
    )


def _created(terms: Terms, created_by: str, relisted_from: str = "") -> e.AuctionCreated:
    return e.AuctionCreated(
        terms=terms,
        created_by=created_by,
        relisted_from=relisted_from,
        claims=keys_of(terms),
    )


def approve(state: Auction, command: c.ApproveAuction, ctx: Context) -> Decision:
    """Draft -> scheduled, while its start lies ahead."""
    if refusal := out_of_place(state, command):
        return refusal
    if refusal := _already_begun(state.terms.start_at, ctx.now):
        return refusal
    return [e.AuctionScheduled()]


def _already_begun(start_at: Millis, now: Millis) -> Rejected | None:
    if start_at > now:
        return None
    return _schedule_invalid("start_at", "it has passed; reject this draft and create another")


def reject(state: Auction, command: c.RejectAuction, _: Context) -> Decision:
    """Draft -> cancelled."""
    if refusal := out_of_place(state, command) or no_reason(command.reason):
        return refusal
    return [
        e.AuctionCancelled(
            cause="REJECTED",
            previous_status=state.status,
            reason=command.reason,
            frees=keys_of(state.terms),
        )
    ]


def relist(state: Auction, command: c.Relist, ctx: Context) -> Decision:
    """Unsold -> relisted; the new room is made by a message in the same step."""
    if refusal := out_of_place(state, command):
        return refusal
    if not ctx.actor.is_staff:
        if ctx.actor.user != state.terms.seller:
            return forbidden("only the seller or staff relist this vehicle")
        if refusal := kyc_missing(ctx):
            return refusal
    new = ctx.peek(auction_room(command.new_auction))
    if command.new_auction == command.auction or (new and new.status != "absent"):
        return _taken(command.new_auction)
    terms = _edited(state.terms, command)
    if refusal := _unfit(terms, ctx) or _group_is_full(terms, ctx):
        return refusal
    return [e.AuctionRelisted(new_auction=command.new_auction, terms=terms, by=ctx.actor.user)]


def _edited(terms: Terms, command: c.Relist) -> Terms:
    """The old terms with what the command changes. Caps on extensions belong to a schedule,
    so they are not taken over."""
    kind = command.kind or terms.kind
    reserve = terms.reserve_price if kind != "no_reserve" else None
    return msgspec.structs.replace(
        terms,
        auction=command.new_auction,
        kind=kind,
        start_price=command.start_price or terms.start_price,
        reserve_price=command.reserve_price or reserve,
        increments=_schedule(command, terms.increments),
        start_at=command.start_at,
        end_at=command.end_at,
        hard_end_at=command.hard_end_at,
        max_extensions=command.max_extensions,
    )


def create_relisted(state: Auction, message: CreateRelisted, _: Context) -> Decision:
    """The other half of a relisting, in the new room; its terms were looked at in the old one."""
    if state.status != "absent":
        return _taken(message.terms.auction)
    return [_created(message.terms, message.created_by, message.relisted_from)]
