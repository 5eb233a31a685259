"""What a negotiation causes elsewhere: word to the shop's terms, notices, and wanted words.

The state is the one after the whole decision, so what an event meant stands in the event.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.contract import Context, Event, Message, Notify, Reaction, Send, tag_of
from engine.domains.negotiation import events as e
from engine.domains.negotiation import messages as m
from engine.domains.negotiation import notices as n
from engine.domains.negotiation.commands import PostText
from engine.domains.negotiation.figures import terms_room
from engine.domains.negotiation.guards import card_of
from engine.domains.negotiation.state import Negotiation
from engine.domains.negotiation.texts import TEMPLATE, spoken
from engine.kernel.outside import Compose, Errand


def react(state: Negotiation, event: Event, ctx: Context) -> Iterable[Reaction]:
    """What this event causes in other rooms."""
    handler = _REACTIONS.get(type(event))
    return handler(state, event, ctx) if handler else ()


def _on_opened(state: Negotiation, event: e.NegotiationOpened, _: Context) -> Iterable[Reaction]:
    message = m.NegotiationBegun(
        negotiation=state.negotiation,
        customer=event.customer,
        product=event.product,
        quantity=event.quantity,
    )
    return (_to_terms(state, message),)


def _on_offer(state: Negotiation, event: e.OfferMade, ctx: Context) -> Iterable[Reaction]:
    if state.status != "awaiting_shop":
        return ()
    notice = n.OfferReceived(
        negotiation=state.negotiation,
        shop=state.shop,
        product=state.product,
        offer_seq=event.offer_seq,
        price=event.price,
        currency=state.currency,
    )
    return _to_keeper(state, notice, ctx)


def _on_counter(state: Negotiation, event: e.CounterOffered, _: Context) -> Iterable[Reaction]:
    if event.sender != "SHOP":
        return ()
    return (_to_customer(state, event.ask),)


def _on_accepted(
    state: Negotiation, event: e.NegotiationAccepted, ctx: Context
) -> Iterable[Reaction]:
    by_house = event.sender == "SYSTEM"
    message = m.NegotiationAgreed(
        negotiation=state.negotiation,
        product=state.product,
        quantity=state.quantity,
        price=event.final_price,
        ask=state.ask,
        is_automatic=by_house or (event.sender == "CUSTOMER" and not state.is_shops_ask),
    )
    notice = n.PriceAgreedWithShop(
        negotiation=state.negotiation,
        shop=state.shop,
        product=state.product,
        quantity=state.quantity,
        price=event.final_price,
        currency=state.currency,
    )
    told: list[Reaction] = [_to_terms(state, message), *_to_keeper(state, notice, ctx)]
    if event.sender == "SHOP":
        told.append(_to_customer(state, event.final_price))
    return told


def _on_rejected(state: Negotiation, event: e.NegotiationRejected, _: Context) -> list[Reaction]:
    closed = _closed(state)
    return [closed, _to_customer(state)] if event.sender == "SHOP" else [closed]


def _on_cancelled(state: Negotiation, event: e.NegotiationCancelled, _: Context) -> list[Reaction]:
    closed = _closed(state)
    return [closed] if event.cause == "CUSTOMER" else [closed, _to_customer(state)]


def _on_expired(state: Negotiation, _: e.NegotiationExpired, __: Context) -> list[Reaction]:
    return [_closed(state), _to_customer(state)]


def _on_redeemed(state: Negotiation, _: e.PriceRedeemed, __: Context) -> list[Reaction]:
    return [_closed(state, is_sold=True)]


def _closed(state: Negotiation, *, is_sold: bool = False) -> Reaction:
    return _to_terms(
        state,
        m.NegotiationClosed(negotiation=state.negotiation, product=state.product, is_sold=is_sold),
    )


def _to_terms(state: Negotiation, message: Message) -> Reaction:
    return Send(terms_room(state.shop), message)


def _to_keeper(state: Negotiation, notice: Event, ctx: Context) -> list[Reaction]:
    card = card_of(ctx, state.shop)
    return [Notify(card.owner, notice)] if card else []


def _to_customer(state: Negotiation, price: int | None = None) -> Reaction:
    notice = n.AnswerReceived(
        negotiation=state.negotiation,
        shop=state.shop,
        product=state.product,
        status=state.status,
        price=price,
        cause=state.cause,
    )
    return Notify(state.customer, notice)


_REACTIONS: Mapping[type[Event], Callable[[Negotiation, Any, Context], Iterable[Reaction]]] = {
    e.NegotiationOpened: _on_opened,
    e.OfferMade: _on_offer,
    e.CounterOffered: _on_counter,
    e.NegotiationAccepted: _on_accepted,
    e.NegotiationRejected: _on_rejected,
    e.NegotiationCancelled: _on_cancelled,
    e.NegotiationExpired: _on_expired,
    e.PriceRedeemed: _on_redeemed,
}


def errands(state: Negotiation, event: Event, _: Context) -> Iterable[Errand]:
    """Words are wanted for what the house has answered by itself (M2, X5). The price is durable
    by then, and what is handed out is what the customer has been told."""
    match event:
        case e.CounterOffered(sender="SYSTEM"):
            prices = {"ask": event.ask, "offer": event.offer}
        case e.NegotiationAccepted(sender="SYSTEM"):
            prices = {"ask": event.final_price}
        case e.NegotiationRejected(sender="SYSTEM"):
            prices = {}
        case _:
            return ()
    facts = {name: spoken(price, state.currency) for name, price in prices.items()}
    return (
        Compose(
            answer=tag_of(PostText),
            template=TEMPLATE,
            facts={"sentence": event.text, **facts},
            fields={"negotiation": state.negotiation, "message": event.message},
        ),
    )
