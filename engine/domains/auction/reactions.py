"""What an auction causes elsewhere: notices to people, word to its group, a relisting.

The state is the one after the whole decision, so what an event meant stands in the event.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.contract import Context, Event, Notify, Reaction, Send
from engine.domains.auction import events as e
from engine.domains.auction import notices as n
from engine.domains.auction.messages import CreateRelisted, LotClosed, LotExtended, LotOpened
from engine.domains.auction.state import Auction, settlement_of
from engine.domains.auction.terms import auction_room, group_room
from engine.kernel.ids import PLATFORM, room_name
from engine.kernel.time import Millis
from engine.ledger.escrow.terms import ShareTerms, escrow_room
from engine.ledger.messages import OpenEscrow, ReleaseEscrow, ReturnPayment

LOST_NOTICES_MAX = 2_000
"""So many of the bidders, in the order in which they came, are told that they lost."""


def react(state: Auction, event: Event, ctx: Context) -> Iterable[Reaction]:
    """What this event causes in other rooms."""
    handler = _REACTIONS.get(type(event))
    return handler(state, event) if handler else ()


def _on_started(state: Auction, _: e.AuctionStarted) -> Iterable[Reaction]:
    return _to_group(state, LotOpened(auction=state.terms.auction))


def _to_group(state: Auction, message: LotOpened | LotClosed | LotExtended) -> list[Reaction]:
    group = state.terms.group
    return [Send(group_room(group), message)] if group else []


def _on_bid(state: Auction, event: e.BidPlaced) -> Iterable[Reaction]:
    if event.outbid in ("", PLATFORM):
        return ()
    loser = state.bidders[event.outbid]
    plain = loser.bid >= loser.maximum
    notice = n.Outbid(
        auction=state.terms.auction,
        current_price=event.amount,
        minimum_bid=event.minimum_bid,
        your_bid=loser.bid if plain else None,
        released=state.terms.deposit_on(loser.bid) if plain else None,
    )
    return (Notify(event.outbid, notice),)


def _on_extended(state: Auction, event: e.AuctionExtended) -> Iterable[Reaction]:
    if event.cause != "BID":
        return ()
    return _to_group(state, LotExtended(auction=state.terms.auction, end_at=event.end_at))


def _on_ended(state: Auction, event: e.AuctionEnded) -> Iterable[Reaction]:
    """Losers hear of it here, the winner with the deposit (auction W6)."""
    terms = state.terms
    winner = state.settlement.winner if state.settlement else ""
    told = _to_group(state, LotClosed(auction=terms.auction))
    lost = n.Lost(auction=terms.auction, vehicle=terms.vehicle, sold=bool(winner))
    in_order = sorted(state.bidders, key=state.aliases.__getitem__)
    for user in in_order[:LOST_NOTICES_MAX]:
        if user != winner:
            told.append(Notify(user, lost))
    told.append(_to_seller(state, "ended", event.price))
    return told


def _to_seller(state: Auction, status: str, price: int | None = None, cause: str = "") -> Notify:
    notice = n.SaleChanged(auction=state.terms.auction, status=status, price=price, cause=cause)
    return Notify(state.terms.seller, notice)


def _on_winner(state: Auction, event: e.WinnerDeclared) -> Iterable[Reaction]:
    return (_to_seller(state, "pending_settlement", event.hammer_price),)


def _on_locked(state: Auction, event: e.DepositLocked) -> Iterable[Reaction]:
    won = settlement_of(state)
    notice = n.Won(
        auction=state.terms.auction,
        hammer_price=won.hammer_price,
        deposit=won.deposit,
        remainder=won.remainder,
        deadline=event.payment_due_at,
    )
    return (Notify(event.user, notice),)


def _on_funding(state: Auction, event: e.DepositFundingRequested) -> Iterable[Reaction]:
    notice = n.DepositRequested(
        auction=state.terms.auction,
        hammer_price=settlement_of(state).hammer_price,
        deposit=event.amount,
        deadline=event.deposit_due_at,
    )
    return (Notify(event.user, notice),)


def _on_forfeited(state: Auction, event: e.DepositForfeited) -> Iterable[Reaction]:
    return (Notify(event.user, n.DepositLost(auction=state.terms.auction, amount=event.amount)),)


def _on_defaulted(state: Auction, event: e.WinnerDefaulted) -> Iterable[Reaction]:
    notice = n.Defaulted(auction=state.terms.auction, cause=event.cause, declined=event.declined)
    return (Notify(event.user, notice),)


def _on_offered(state: Auction, event: e.RunnerUpOffered) -> Iterable[Reaction]:
    notice = n.Offered(
        auction=state.terms.auction,
        hammer_price=event.hammer_price,
        deposit=event.deposit,
        remainder=event.remainder,
        deadline=event.deposit_due_at,
    )
    return (Notify(event.user, notice), _to_seller(state, "runner_up_offered", event.hammer_price))


def _on_unsold(state: Auction, event: e.AuctionUnsold) -> Iterable[Reaction]:
    return (_to_seller(state, "unsold", cause=event.cause),)


def _on_settled(state: Auction, event: e.AuctionSettled) -> Iterable[Reaction]:
    notice = n.PurchaseSettled(auction=state.terms.auction, hammer_price=event.hammer_price)
    return (
        Notify(event.winner, notice),
        _to_seller(state, "settled", event.hammer_price),
        _open_escrow(state),
    )


def _open_escrow(state: Auction) -> Send:
    """The money is there already (P4, P5); now it says whose it is to be."""
    terms, won = state.terms, settlement_of(state)
    opened = OpenEscrow(
        payer=won.winner,
        currency=terms.currency,
        total=won.hammer_price,
        shares=(ShareTerms(terms.seller, "seller", won.hammer_price),),
        deal=auction_room(terms.auction),
        tells=("disputed", "refunded", "released", "resolved"),
    )
    return Send(_escrow_of(state), opened)


def _escrow_of(state: Auction) -> str:
    return escrow_room("auction", state.terms.auction)


def _on_reported(state: Auction, event: e.DeliveryReported) -> Iterable[Reaction]:
    return _tell_both(state, "delivery_reported", event.confirm_by)


def _on_disputed(state: Auction, _: e.HandoverDisputed) -> Iterable[Reaction]:
    return _tell_both(state, "handover_disputed")


def _on_handed_over(state: Auction, event: e.HandedOver) -> Iterable[Reaction]:
    """The seller is paid. A sale of an old log may have no escrow yet: opened again, it has."""
    told = _tell_both(state, "handed_over")
    if event.cause == "STAFF":
        return told
    release = ReleaseEscrow(cause="hand-over")
    return (*told, _open_escrow(state), Send(_escrow_of(state), release))


def _on_undone(state: Auction, _: e.SaleUndone) -> Iterable[Reaction]:
    return _tell_both(state, "sale_undone")


def _tell_both(state: Auction, status: str, confirm_by: Millis | None = None) -> list[Reaction]:
    notice = n.HandoverChanged(auction=state.terms.auction, status=status, confirm_by=confirm_by)
    return [Notify(settlement_of(state).winner, notice), _to_seller(state, status)]


def _on_payment_refused(state: Auction, event: e.PaymentRefused) -> Iterable[Reaction]:
    notice = n.PaymentReturned(
        auction=state.terms.auction,
        payment=event.payment,
        amount=event.amount,
        cause=event.cause,
    )
    back = ReturnPayment(
        room=auction_room(state.terms.auction),
        payment=event.payment,
        payer=event.payer,
        amount=event.amount,
        provider=event.provider,
    )
    return (Notify(event.payer, notice), Send(room_name("ledger", event.currency), back))


def _on_voided(state: Auction, event: e.ResultVoided) -> Iterable[Reaction]:
    notice = n.DepositReturned(
        auction=state.terms.auction, amount=event.deposit_returned, reason=event.reason
    )
    return (Notify(event.user, notice), _to_seller(state, "unsold", cause="VOIDED"))


def _on_cancelled(state: Auction, event: e.AuctionCancelled) -> Iterable[Reaction]:
    told: list[Reaction] = [_to_seller(state, "cancelled", cause=event.cause)]
    if event.previous_status == "live":
        told += _to_group(state, LotClosed(auction=state.terms.auction))
    if state.leader not in ("", PLATFORM):
        called_off = n.CalledOff(auction=state.terms.auction, reason=event.reason)
        told.append(Notify(state.leader, called_off))
    return told


def _on_relisted(state: Auction, event: e.AuctionRelisted) -> Iterable[Reaction]:
    message = CreateRelisted(
        terms=event.terms, created_by=event.by, relisted_from=state.terms.auction
    )
    return (Send(auction_room(event.new_auction), message),)


_REACTIONS: Mapping[type[Event], Callable[[Auction, Any], Iterable[Reaction]]] = {
    e.AuctionStarted: _on_started,
    e.BidPlaced: _on_bid,
    e.AuctionExtended: _on_extended,
    e.AuctionEnded: _on_ended,
    e.WinnerDeclared: _on_winner,
    e.DepositLocked: _on_locked,
    e.DepositFundingRequested: _on_funding,
    e.DepositForfeited: _on_forfeited,
    e.WinnerDefaulted: _on_defaulted,
    e.RunnerUpOffered: _on_offered,
    e.AuctionUnsold: _on_unsold,
    e.AuctionSettled: _on_settled,
    e.DeliveryReported: _on_reported,
    e.HandoverDisputed: _on_disputed,
    e.HandedOver: _on_handed_over,
    e.SaleUndone: _on_undone,
    e.PaymentRefused: _on_payment_refused,
    e.ResultVoided: _on_voided,
    e.AuctionCancelled: _on_cancelled,
    e.AuctionRelisted: _on_relisted,
}
