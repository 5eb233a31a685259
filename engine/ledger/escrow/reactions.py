"""What an escrow causes elsewhere: word to the deal's room, incidents, notices to payees."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.contract import Context, Event, Message, Notify, Reaction, Send
from engine.kernel.ids import room_name
from engine.kernel.posting import Transfer
from engine.ledger import messages as m
from engine.ledger.accounts import clearing
from engine.ledger.escrow import events as e
from engine.ledger.escrow.state import Escrow
from engine.ledger.escrow.terms import Paid, Terms, Told, account_of_share
from engine.ledger.events import DebtChanged


def react(state: Escrow, event: Event, ctx: Context) -> Iterable[Reaction]:
    """What this event causes in other rooms."""
    handler = _REACTIONS.get(type(event))
    told = handler(state.terms, event) if handler else ()
    return (*told, *_send_back(state, event), *_debts(state.terms, event, ctx))


def _debts(terms: Terms, event: Event, ctx: Context) -> Iterable[Reaction]:
    """Who bears a chargeback hears of it; whoever owes the house, and is paid, pays (12.6)."""
    if isinstance(event, e.EscrowChargedBack):
        for bearer in event.bearers:
            change, owed = -bearer.taken - bearer.owed, ctx.ledger.debts(bearer.user)
            notice = DebtChanged(
                change=change,
                owed=owed.get(event.currency, 0),
                currency=event.currency,
                room=terms.room,
            )
            yield Notify(bearer.user, notice)
    for share in _paid(event):
        if terms.currency in ctx.ledger.debts(share.payee):
            account = account_of_share(share.kind, share.payee)
            ledger = room_name("ledger", terms.currency)
            yield Send(ledger, m.RecoverDebt(account=account, room=terms.room))


def _paid(event: Event) -> tuple[Paid, ...]:
    if isinstance(event, e.EscrowReleased):
        return event.shares
    return event.to_payees if isinstance(event, e.DisputeResolved) else ()


def _send_back(state: Escrow, event: Event) -> Iterable[Reaction]:
    """What came through a provider goes back through it (accounts P9)."""
    if isinstance(event, e.PaymentReturned):
        returned = m.ReturnPayment(
            room=state.terms.room,
            payment=event.payment,
            payer=event.payer,
            amount=event.amount,
            provider=event.provider,
        )
        return (Send(room_name("ledger", event.currency), returned),)
    amount = _refunded(state, event)
    if not amount or not state.provider:
        return ()
    refund = m.ReturnPayment(
        room=state.terms.room,
        payment=state.payment,
        payer=state.terms.payer,
        amount=amount,
        provider=state.provider,
    )
    return (Send(room_name("ledger", state.terms.currency), refund),)


def _refunded(state: Escrow, event: Event) -> int:
    """What of the money held goes to the payer through the provider, minor units."""
    if not isinstance(event, e.EscrowRefunded | e.DisputeResolved):
        return 0
    transit = clearing(state.provider)
    return sum(p.amount for p in event.postings if isinstance(p, Transfer) and p.credit == transit)


def _tell(terms: Terms, word: Told, message: Message) -> list[Reaction]:
    """The deal's room is told only what its opener has asked for."""
    return [Send(terms.deal, message)] if terms.deal and word in terms.tells else []


def _on_held(terms: Terms, event: e.EscrowHeld) -> Iterable[Reaction]:
    message = m.EscrowHeld(escrow=terms.escrow, amount=event.amount, currency=terms.currency)
    return _tell(terms, "held", message)


def _on_lapsed(terms: Terms, event: e.EscrowLapsed) -> Iterable[Reaction]:
    return _tell(terms, "lapsed", m.EscrowLapsed(escrow=terms.escrow, cause=event.cause))


def _on_released(terms: Terms, event: e.EscrowReleased) -> Iterable[Reaction]:
    payees = tuple(share.payee for share in event.shares)
    message = m.EscrowReleased(escrow=terms.escrow, payees=payees, is_last=event.is_last)
    return [*_tell(terms, "released", message), *_notices(terms, event.shares)]


def _notices(terms: Terms, shares: Iterable[Paid]) -> list[Reaction]:
    return [
        Notify(
            share.payee,
            e.SharePaid(
                escrow=terms.escrow,
                kind=share.kind,
                gross=share.gross,
                fee=share.fee,
                amount=share.net,
                currency=terms.currency,
                account=account_of_share(share.kind, share.payee),
            ),
        )
        for share in shares
    ]


def _on_refunded(terms: Terms, event: e.EscrowRefunded) -> Iterable[Reaction]:
    message = m.EscrowRefunded(
        escrow=terms.escrow,
        payees=tuple(share.payee for share in event.shares),
        amount=event.amount,
        is_last=event.is_last,
    )
    return _tell(terms, "refunded", message)


def _on_disputed(terms: Terms, event: e.EscrowDisputed) -> Iterable[Reaction]:
    return _tell(terms, "disputed", m.EscrowDisputed(escrow=terms.escrow, reason=event.reason))


def _on_resolved(terms: Terms, event: e.DisputeResolved) -> Iterable[Reaction]:
    message = m.EscrowResolved(
        escrow=terms.escrow,
        outcome=event.outcome,
        to_payees=sum(share.part for share in event.to_payees),
        to_payer=event.to_payer,
        reason=event.reason,
    )
    return [*_tell(terms, "resolved", message), *_notices(terms, event.to_payees)]


def _on_mismatch(terms: Terms, event: e.PaymentMismatched) -> Iterable[Reaction]:
    incident = m.OpenIncident(
        room=terms.room,
        payment=event.payment,
        payer=event.payer,
        amount=event.amount,
        provider=event.provider,
        expected=event.expected,
    )
    return (Send(room_name("ledger", event.currency), incident),)


_REACTIONS: Mapping[type[Event], Callable[[Terms, Any], Iterable[Reaction]]] = {
    e.EscrowHeld: _on_held,
    e.EscrowLapsed: _on_lapsed,
    e.EscrowReleased: _on_released,
    e.EscrowRefunded: _on_refunded,
    e.EscrowDisputed: _on_disputed,
    e.DisputeResolved: _on_resolved,
    e.PaymentMismatched: _on_mismatch,
}
