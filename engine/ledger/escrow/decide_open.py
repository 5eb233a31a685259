"""An escrow is drawn up: the plan must add up (accounts 3, rules 6, 10 to 12)."""

import re

from msgspec.structs import replace

from engine.contract import Context, Decision, Event
from engine.kernel.ids import END, split_room
from engine.kernel.limits import ESCROW_SHARES_MAX
from engine.kernel.outcome import INVALID_TRANSITION, MALFORMED, Rejected
from engine.ledger.escrow import commands as c
from engine.ledger.escrow import events as e
from engine.ledger.escrow.codes import AMOUNT_MISMATCH, SPLIT_MISMATCH
from engine.ledger.escrow.decide_funding import held, held_from_wallet
from engine.ledger.escrow.refusals import not_found, share_not_found
from engine.ledger.escrow.stakes import stakes_in
from engine.ledger.escrow.state import Escrow
from engine.ledger.escrow.terms import ESCROW_LETTERS, Terms
from engine.ledger.messages import NamePayee, OpenEscrow


def open_by_hand(state: Escrow, command: c.Open, ctx: Context) -> Decision:
    """Staff or a program of the house: once for each deal."""
    if state.status != "absent":
        return Rejected(
            INVALID_TRANSITION,
            f"{ctx.room} has been opened; it is {state.status}",
            {"status": state.status},
        )
    return _opened(_terms(command, ctx), ctx)


def open_for_a_deal(state: Escrow, message: OpenEscrow, ctx: Context) -> Decision:
    """A deal's room: the same again has no effect."""
    terms = _terms(message, ctx)
    if state.status != "absent":
        asked_until = message.pay_until or state.terms.pay_until
        if replace(terms, pay_until=asked_until) == state.terms:
            return ()
        return Rejected(INVALID_TRANSITION, f"{ctx.room} has been opened on other terms")
    if not re.search(f"^{ESCROW_LETTERS}{END}", terms.escrow):
        return Rejected(MALFORMED, f"{ctx.room} names no kind of deal")
    decided = _opened(terms, ctx)
    if isinstance(decided, Rejected) or not message.from_wallet or len(decided) > 1:
        return decided
    paid = held_from_wallet(terms, ctx)
    return paid if isinstance(paid, Rejected) else [*decided, paid]


def _terms(asked: c.Open | OpenEscrow, ctx: Context) -> Terms:
    window_ms = ctx.market(asked.currency).funding_window_ms
    return Terms(
        escrow=split_room(ctx.room)[1],
        payer=asked.payer,
        currency=asked.currency,
        total=asked.total,
        platform=asked.platform,
        shares=asked.shares,
        pay_until=asked.pay_until or ctx.now + window_ms,
        deal=asked.deal or "",
        tells=tuple(sorted(set(asked.tells))),
    )


def _opened(terms: Terms, ctx: Context) -> list[Event] | Rejected:
    """What lies in the account already is what was paid: an auction has put it there (P4, P5).
    Every other escrow waits for its payer."""
    if refusal := _unsound(terms, ctx):
        return refusal
    found = ctx.ledger.balance(terms.account, terms.currency)
    opened = e.EscrowOpened(terms=terms, claims=stakes_in(terms))
    if not found and terms.kind != "auction":
        return [opened]
    if found != terms.total:
        return Rejected(
            AMOUNT_MISMATCH,
            f"the total is {terms.total}, and {found} has been paid into {terms.account}",
            {"expected": terms.total, "found": found},
        )
    return [opened, held(terms, ctx)]


def _unsound(terms: Terms, ctx: Context) -> Rejected | None:
    """The split plan sums to the total (accounts 3), and each share has one owner."""
    if terms.pay_until <= ctx.now:
        return Rejected(MALFORMED, "pay_until must be in the future", {"field": "pay_until"})
    if not 0 < len(terms.shares) <= ESCROW_SHARES_MAX:
        return Rejected(MALFORMED, f"shares must be 1 to {ESCROW_SHARES_MAX}", {"field": "shares"})
    if any(share.payee == terms.payer for share in terms.shares):
        return Rejected(
            MALFORMED, "the payer cannot be paid from their own escrow", {"field": "shares"}
        )
    if len({(share.payee, share.kind) for share in terms.shares}) < len(terms.shares):
        return Rejected(
            SPLIT_MISMATCH, "each payee has one share of a kind; add them up", {"field": "shares"}
        )
    planned = sum(share.gross for share in terms.shares) + terms.platform
    if planned != terms.total or terms.total <= 0:
        return Rejected(
            SPLIT_MISMATCH,
            f"shares and platform make {planned}, and the total is {terms.total}",
            {"planned": planned, "total": terms.total},
        )
    return None


def name_payee(state: Escrow, asked: c.NamePayee | NamePayee, ctx: Context) -> Decision:
    """Who carries is known when somebody has taken the job; partners may be replaced. The same
    again has no effect."""
    if state.status == "absent":
        return not_found(ctx.room)
    kind = asked.kind
    keys = {(share.payee, share.kind) for share in state.terms.shares}
    new, old = (asked.payee, kind), (asked.instead_of, kind)
    if new in keys and old not in keys:
        return ()
    is_open = state.status == "funding" or old in {s.held.key for s in state.open_shares}
    if old not in keys or not is_open:
        return share_not_found(asked.instead_of or "nobody")
    if new in keys:
        return Rejected(SPLIT_MISMATCH, f"{asked.payee} has a share of this kind already")
    if asked.payee == state.terms.payer:
        return Rejected(
            MALFORMED, "the payer cannot be paid from their own escrow", {"field": "payee"}
        )
    return [_named(state.terms, asked)]


def _named(terms: Terms, asked: c.NamePayee | NamePayee) -> e.PayeeNamed:
    old = (asked.instead_of, asked.kind)
    shares = [
        replace(share, payee=asked.payee) if (share.payee, share.kind) == old else share
        for share in terms.shares
    ]
    before, after = stakes_in(terms), stakes_in(replace(terms, shares=tuple(shares)))
    return e.PayeeNamed(
        kind=asked.kind,
        payee=asked.payee,
        instead_of=asked.instead_of,
        claims=tuple(key for key in after if key not in before),
        frees=tuple(key for key in before if key not in after),
    )
