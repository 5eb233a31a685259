"""What a shopkeeper may do, and what anybody says in the chat."""

from engine.contract import Context, Decision
from engine.domains.negotiation import codes, texts
from engine.domains.negotiation import commands as c
from engine.domains.negotiation import events as e
from engine.domains.negotiation.agreement import agree, cancelled, ended
from engine.domains.negotiation.figures import CHAT_MAX, CHAT_MS, TEXT_MS
from engine.domains.negotiation.guards import (
    is_customer,
    is_keeper,
    not_found,
    not_the_shops,
    out_of_place,
    shop_closed,
)
from engine.domains.negotiation.messages import CallOff
from engine.domains.negotiation.state import HAGGLING, Negotiation
from engine.kernel.outcome import RATE_LIMITED, Rejected


def accept(state: Negotiation, command: c.ShopAccept, ctx: Context) -> Decision:
    """The latest offer, and no other."""
    if refusal := not_the_shops(state, command, ctx) or shop_closed(ctx, state.shop):
        return refusal
    latest, offer = len(state.offers), state.last_offer
    assert offer is not None, "negotiation 3: it waits for an answer to an offer"
    if command.offer_seq != latest:
        return Rejected(
            codes.OFFER_SUPERSEDED,
            f"`offer_seq`: the latest offer is number {latest}; look again",
            {"offer_seq": latest, "last_offer": offer},
        )
    return agree(state, min(offer, state.ask), offer, "SHOP", state.said + 1, ctx.now)


def counter(state: Negotiation, command: c.ShopCounter, ctx: Context) -> Decision:
    """Above the offer, and not above what was asked before."""
    if refusal := not_the_shops(state, command, ctx) or shop_closed(ctx, state.shop):
        return refusal
    offer = state.last_offer
    assert offer is not None, "negotiation 3: it waits for an answer to an offer"
    if not offer < command.price <= state.ask:
        return Rejected(
            codes.COUNTER_OUT_OF_RANGE,
            f"`price` must be above the offer, {offer}, and at most the ask, {state.ask}",
            {"last_offer": offer, "ask": state.ask},
        )
    return [
        e.CounterOffered(
            message=state.said + 1,
            ask=command.price,
            offer=offer,
            sender="SHOP",
            text=command.text or texts.counter_text(command.price, state.currency),
        )
    ]


def reject(state: Negotiation, command: c.ShopReject, ctx: Context) -> Decision:
    """At any time before an agreement."""
    if refusal := not_the_shops(state, command, ctx):
        return refusal
    return [
        e.NegotiationRejected(
            message=state.said + 1,
            cause="SHOP",
            sender="SHOP",
            text=command.reason or texts.rejected_text(),
            frees=ended(state),
        )
    ]


def send_message(state: Negotiation, command: c.SendMessage, ctx: Context) -> Decision:
    """Between the two, at most 20 a minute each (O3). It never changes the state."""
    sender = _sender(state, ctx)
    if sender is None:
        return not_found(command.negotiation)
    if refusal := out_of_place(state, command):
        return refusal
    times = state.spoken_at.get(sender, [])
    if len(times) == CHAT_MAX and (wait_ms := times[0] + CHAT_MS - ctx.now) > 0:
        return Rejected(
            RATE_LIMITED,
            f"at most {CHAT_MAX} messages a minute; wait {wait_ms} ms",
            {"retry_after_ms": wait_ms},
        )
    return [e.MessageSent(message=state.said + 1, sender=sender, text=command.text)]


def _sender(state: Negotiation, ctx: Context) -> e.Sender | None:
    if is_customer(state, ctx):
        return "CUSTOMER"
    return "SHOP" if is_keeper(ctx, state.shop) else None


def post_text(state: Negotiation, command: c.PostText, ctx: Context) -> Decision:
    """Words for an answer of the house: in time, and with its number alone. Otherwise the
    template stands, which has been there since the answer (M2)."""
    if state.status == "absent":
        return not_found(command.negotiation)
    for message in state.chat:
        if message.seq == command.message and message.seq in state.unworded:
            in_time = ctx.now <= message.at + TEXT_MS
            fits = texts.says_only(command.text, message.price, state.currency)
            if in_time and fits and command.text != message.text:
                return [e.TextPosted(message=command.message, text=command.text)]
    return ()


def call_off(state: Negotiation, message: CallOff, _: Context) -> Decision:
    """There is nothing to haggle over any more. An agreement stands (N3)."""
    if state.status not in HAGGLING:
        return ()
    return [cancelled(state, message.cause)]
