"""What is known of one escrow, how its events change that, and what must always hold."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from engine.contract import Context, Event
from engine.kernel.money import share_nearest
from engine.kernel.posting import Transfer
from engine.kernel.time import Millis
from engine.ledger.accounts import receivable
from engine.ledger.escrow import events as e
from engine.ledger.escrow.terms import DealKind, HeldShare, Paid, Terms, escrow_room

Status = Literal[
    "absent",
    "funding",
    "held",
    "disputed",
    "released",
    "refunded",
    "split",
    "expired",
    "cancelled",
]
UNPAID = ("absent", "funding", "expired", "cancelled")
"""No money has ever been in it."""
OPEN = ("held", "disputed")
"""Money is in it."""


class Share(Struct):
    """A share of the money, and what became of it."""

    held: HeldShare
    status: Literal["open", "released", "refunded", "split"] = "open"
    paid: Paid | None = None
    """What the payee has had."""


class Escrow(Struct):
    """The state of a room `escrow:{kind}.{id}`."""

    status: Status = "absent"
    terms: Terms = Terms()
    shares: list[Share] = []
    provider: str = ""
    """Through whom it was paid, and is refunded; empty: the payer's wallet."""
    payment: str = ""
    refunded: int = 0
    owed: int = 0
    """What its payer owes the house, having charged it back while it was held."""
    disputed_by: str = ""
    reason: str = ""
    """Of the dispute, its resolution, the refund or the lapse: the latest."""

    @property
    def open_shares(self) -> list[Share]:
        return [share for share in self.shares if share.status == "open"]

    @property
    def held(self) -> int:
        """What is in it, minor units."""
        return sum(share.held.part for share in self.open_shares)


def is_held(ctx: Context, kind: DealKind, deal: str) -> bool:
    """For other domains: whether the money of this deal is held and nobody disputes it
    (custody H9, dispatch OrderPaid). Its room must be of the same shard."""
    found = ctx.peek(escrow_room(kind, deal))
    return isinstance(found, Escrow) and found.status == "held"


def _on_opened(state: Escrow, event: e.EscrowOpened, _: Millis) -> None:
    state.status = "funding"
    state.terms = event.terms


def _on_named(state: Escrow, event: e.PayeeNamed, _: Millis) -> None:
    key = (event.instead_of, event.kind)
    terms = state.terms
    state.terms = replace(
        terms,
        shares=tuple(
            replace(share, payee=event.payee) if (share.payee, share.kind) == key else share
            for share in terms.shares
        ),
    )
    for share in state.open_shares:
        if share.held.key == key:
            share.held = replace(share.held, payee=event.payee)


def _on_held(state: Escrow, event: e.EscrowHeld, _: Millis) -> None:
    state.status = "held"
    state.shares = [Share(share) for share in event.shares]
    state.provider, state.payment = event.provider, event.payment


def _on_lapsed(state: Escrow, event: e.EscrowLapsed, _: Millis) -> None:
    state.status = "expired" if event.cause == "EXPIRED" else "cancelled"
    state.reason = event.reason


def _on_released(state: Escrow, event: e.EscrowReleased, _: Millis) -> None:
    paid = {share.key: share for share in event.shares}
    for share in state.open_shares:
        if share.held.key in paid:
            share.status, share.paid = "released", paid[share.held.key]
    _close_if_empty(state)


def _on_refunded(state: Escrow, event: e.EscrowRefunded, _: Millis) -> None:
    keys = {share.key for share in event.shares}
    for share in state.open_shares:
        if share.held.key in keys:
            share.status = "refunded"
    state.refunded += event.amount
    _offset(state, event)
    state.reason = event.reason
    _close_if_empty(state)


def _offset(state: Escrow, event: Event) -> None:
    """What went to the payer's debt instead of the payer is owed no more."""
    debt = receivable(state.terms.payer)
    for posting in event.postings:
        if isinstance(posting, Transfer) and posting.credit == debt:
            state.owed -= posting.amount


def _on_charged_back(state: Escrow, event: e.EscrowChargedBack, _: Millis) -> None:
    if state.status in OPEN:
        state.owed += event.amount


def _close_if_empty(state: Escrow) -> None:
    """When the last share is out, the escrow is what its shares are; split if they differ."""
    if not state.open_shares:
        ends = {share.status for share in state.shares}
        state.status = "split"
        if ends == {"released"}:
            state.status = "released"
        elif ends == {"refunded"}:
            state.status = "refunded"


def _on_disputed(state: Escrow, event: e.EscrowDisputed, _: Millis) -> None:
    state.status = "disputed"
    state.disputed_by, state.reason = event.by, event.reason


def _on_resolved(state: Escrow, event: e.DisputeResolved, _: Millis) -> None:
    paid = {share.key: share for share in event.to_payees}
    for share in state.open_shares:
        share.status, share.paid = event.outcome, paid.get(share.held.key)
    state.refunded += event.to_payer
    _offset(state, event)
    state.status, state.reason = event.outcome, event.reason


def _on_payment(_state: Escrow, _event: Event, _: Millis) -> None:
    """It is no part of the deal: the book and the incident hold all of it."""


EVOLVE: Mapping[type[Event], Callable[[Any, Any, Millis], None]] = {
    e.EscrowOpened: _on_opened,
    e.PayeeNamed: _on_named,
    e.EscrowHeld: _on_held,
    e.EscrowLapsed: _on_lapsed,
    e.EscrowReleased: _on_released,
    e.EscrowRefunded: _on_refunded,
    e.EscrowDisputed: _on_disputed,
    e.DisputeResolved: _on_resolved,
    e.PaymentMismatched: _on_payment,
    e.PaymentReturned: _on_payment,
    e.EscrowChargedBack: _on_charged_back,
}


def check(state: Escrow) -> None:
    """Assert accounts INV-6 and INV-7, and that no share has gone two ways."""
    terms = state.terms
    if state.status == "absent":
        return
    planned = sum(share.gross for share in terms.shares) + terms.platform
    assert planned == terms.total, "accounts INV-7: the plan is not the total"
    if state.status in UNPAID:
        assert not state.shares, "accounts INV-6: shares of what was never paid"
        return
    keys = [share.held.key for share in state.shares]
    assert keys == [(s.payee, s.kind) for s in terms.shares], "accounts INV-7: not the plan"
    assert bool(state.open_shares) == (state.status in OPEN), "accounts INV-6: closed, not empty"
    for share in state.shares:
        _check_share(share)
    parts = sum(share.held.part for share in state.shares)
    assert parts == terms.total, "accounts INV-7: the parts are not the total"
    spent = sum(share.paid.part for share in state.shares if share.paid)
    assert spent + state.refunded + state.held == terms.total, "accounts INV-7: money is lost"


def _check_share(share: Share) -> None:
    held, paid = share.held, share.paid
    assert held.fee == share_nearest(held.gross, held.fee_bps), "accounts rule 7"
    assert held.part >= 0, "accounts INV-7: a part below zero"
    assert (share.status == "released") <= (paid is not None), "released, and nobody was paid"
    if paid is not None:
        assert share.status in ("released", "split"), "paid, and not released"
        assert paid.net + paid.fee == paid.gross, "accounts INV-7: share and fee are not the gross"
        assert paid.part <= held.part, "accounts INV-7: more than was held"
