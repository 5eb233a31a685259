"""Who may see what of an escrow (accounts 11).

The payer sees what they pay and have back; each payee is a class of their own and sees their own
shares, with their rate; a concierge sees amounts and states but no rate; staff see all of it.
Nobody else may look.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engine.contract import Context, Event, fields_of
from engine.kernel.actor import CONCIERGE, STAFF, SYSTEM
from engine.ledger.escrow import events as e
from engine.ledger.escrow.state import Escrow, Share
from engine.ledger.escrow.terms import HeldShare, Paid, ShareTerms, Terms

ALL = "staff"
MEDIATOR = "concierge"
PAYER = "payer"
PAYEE = "payee:"

Shown = dict[str, Any]
AnyShare = ShareTerms | HeldShare | Paid


def audience(state: Escrow, ctx: Context) -> str:
    """The class of viewer that the actor is here."""
    actor, terms = ctx.actor, state.terms
    if actor.role in STAFF | {SYSTEM}:
        return ALL
    if actor.role == CONCIERGE:
        return MEDIATOR
    if not actor.user:
        return ""
    if actor.user == terms.payer:
        return PAYER
    is_payee = any(actor.user == share.payee for share in terms.shares)
    return PAYEE + actor.user if is_payee else ""


def regroups(_: Escrow, event: Event) -> Iterable[str]:
    """Who is named may look from now on, and whoever was may look no more."""
    if not isinstance(event, e.PayeeNamed):
        return ()
    return tuple(user for user in (event.payee, event.instead_of) if user)


def view(state: Escrow, ctx: Context) -> Any:
    """The snapshot for the actor; None if it has not been opened."""
    if state.status == "absent":
        return None
    viewer, terms = audience(state, ctx), state.terms
    shown: Shown = {
        "escrow": terms.escrow,
        "status": state.status,
        "currency": terms.currency,
        "pay_until": terms.pay_until,
        "shares": _shares(state, viewer),
    }
    if viewer in (ALL, MEDIATOR, PAYER):
        shown |= {
            "total": terms.total,
            "held": state.held,
            "refunded": state.refunded,
            "reason": state.reason or None,
        }
    if viewer in (ALL, MEDIATOR):
        shown |= {"payer": terms.payer, "disputed_by": state.disputed_by or None}
    if viewer == ALL:
        shown |= {
            "platform": terms.platform,
            "provider": state.provider or None,
            "payment": state.payment or None,
            "deal": terms.deal or None,
            "tells": terms.tells,
        }
    return shown


def _shares(state: Escrow, viewer: str) -> list[Shown]:
    """As planned until it is paid, then as they stand."""
    if not state.shares:
        return shares_for(state.terms.shares, viewer)
    return [
        shown[0] | _fate(share, viewer)
        for share in state.shares
        if (shown := shares_for([share.held], viewer))
    ]


def _fate(share: Share, viewer: str) -> Shown:
    fate: Shown = {"status": share.status}
    if share.paid and viewer != MEDIATOR:
        fate["paid"] = share.paid.net
    return fate


def shares_for(shares: Iterable[AnyShare], viewer: str) -> list[Shown]:
    """Those that the viewer may see: to a payee their own, to the payer none. What of the money
    is for a share tells of the others, so a payee is not told it."""
    if viewer == ALL:
        return [fields_of(share) for share in shares]
    if viewer == MEDIATOR:
        return [
            {"payee": share.payee, "kind": share.kind, "gross": share.gross} for share in shares
        ]
    own = viewer.removeprefix(PAYEE) if viewer.startswith(PAYEE) else ""
    return [
        {name: value for name, value in fields_of(share).items() if name != "part"}
        for share in shares
        if own and share.payee == own
    ]


def show(state: Escrow, event: Event, viewer: str) -> Shown:
    """The wire's `data` of this event for this class; {} where it concerns others."""
    return _SHOW[type(event)](state.terms, event, viewer)


def _opened(terms: Terms, event: e.EscrowOpened, viewer: str) -> Shown:
    shown: Shown = {
        "escrow": terms.escrow,
        "currency": terms.currency,
        "pay_until": terms.pay_until,
        "shares": shares_for(terms.shares, viewer),
    }
    if viewer == ALL:
        return fields_of(event.terms)
    return shown | ({} if viewer.startswith(PAYEE) else {"total": terms.total})


def _held(_: Terms, event: e.EscrowHeld, viewer: str) -> Shown:
    shown: Shown = {"shares": shares_for(event.shares, viewer)}
    if viewer == ALL:
        return fields_of(event) | shown
    return shown if viewer.startswith(PAYEE) else shown | {"amount": event.amount}


def _named(_: Terms, event: e.PayeeNamed, viewer: str) -> Shown:
    """Who it is, for staff, and for the one whom it is."""
    if viewer in (ALL, MEDIATOR):
        return fields_of(event)
    return {"kind": event.kind} if viewer == PAYEE + event.payee else {}


def _released(_: Terms, event: e.EscrowReleased, viewer: str) -> Shown:
    shares = shares_for(event.shares, viewer)
    if viewer.startswith(PAYEE):
        return {"shares": shares, "cause": event.cause} if shares else {}
    return {"shares": shares, "cause": event.cause, "is_last": event.is_last}


def _refunded(_: Terms, event: e.EscrowRefunded, viewer: str) -> Shown:
    shares = shares_for(event.shares, viewer)
    if viewer.startswith(PAYEE):
        return {"shares": shares, "reason": event.reason} if shares else {}
    return fields_of(event) | {"shares": shares}


def _disputed(_: Terms, event: e.EscrowDisputed, viewer: str) -> Shown:
    """A party's words are for the payer and for whoever wrote them, not for other payees."""
    if viewer in (ALL, MEDIATOR):
        return fields_of(event)
    is_theirs = viewer in (PAYER, PAYEE + event.by)
    return {"reason": event.reason} if is_theirs else {}


def _resolved(_: Terms, event: e.DisputeResolved, viewer: str) -> Shown:
    shares = shares_for(event.to_payees, viewer)
    shown: Shown = {"to_payees": shares, "reason": event.reason}
    if viewer.startswith(PAYEE):
        return shown
    return shown | {"outcome": event.outcome, "to_payer": event.to_payer}


def _whole(_: Terms, event: Event, __: str) -> Shown:
    return fields_of(event)


def _payment(_: Terms, event: e.PaymentMismatched | e.PaymentReturned, viewer: str) -> Shown:
    """Between the payer and staff."""
    return {} if viewer.startswith(PAYEE) else fields_of(event)


def _charged_back(_: Terms, event: e.EscrowChargedBack, viewer: str) -> Shown:
    """To a payee what they bear themselves, to the payer the amount."""
    if viewer == ALL:
        return fields_of(event)
    if viewer in (PAYER, MEDIATOR):
        return {"amount": event.amount, "reason": event.reason}
    own = [bearer for bearer in event.bearers if viewer == PAYEE + bearer.user]
    return {"bearers": own, "reason": event.reason} if own else {}


_SHOW: Mapping[type[Event], Callable[[Terms, Any, str], Shown]] = {
    e.EscrowOpened: _opened,
    e.PayeeNamed: _named,
    e.EscrowHeld: _held,
    e.EscrowLapsed: _whole,
    e.EscrowReleased: _released,
    e.EscrowRefunded: _refunded,
    e.EscrowDisputed: _disputed,
    e.DisputeResolved: _resolved,
    e.PaymentMismatched: _payment,
    e.PaymentReturned: _payment,
    e.EscrowChargedBack: _charged_back,
}


def result(state: Escrow, _: Any, __: Sequence[Event], ___: Context) -> Any:
    """Where it stands now. A payee who disputes learns no amount of others by it."""
    return {"escrow": state.terms.escrow, "status": state.status}
