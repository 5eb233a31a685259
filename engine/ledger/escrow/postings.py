"""The postings of an escrow (accounts P7 to P9, P11)."""

from collections.abc import Iterable

from engine.contract import LedgerReader
from engine.kernel.posting import Transfer
from engine.ledger.accounts import PLATFORM_REVENUE, clearing, receivable, wallet
from engine.ledger.escrow.state import Escrow
from engine.ledger.escrow.terms import Paid, Terms, account_of_share

Transfers = tuple[Transfer, ...]

COMMISSION = "commission_earned"
DISCOUNT = "discount"
PLATFORM_PART = "platform_part"
REFUND = "refund"


def from_wallet(terms: Terms) -> Transfers:
    """P11, first half: the payer's wallet pays."""
    return tuple(_move(terms, wallet(terms.payer), terms.account, terms.total, _payment(terms)))


def from_provider(terms: Terms, provider: str) -> Transfers:
    """P7, second half: what was captured goes into the escrow."""
    return tuple(_move(terms, clearing(provider), terms.account, terms.total, _payment(terms)))


def release(terms: Terms, shares: Iterable[Paid]) -> Transfers:
    """P8 and P11: payee and platform have what is theirs. A discount is paid in first, so that
    it lowers the platform's revenue and no payee's share (rule 11)."""
    made: list[Transfer] = []
    for share in shares:
        platform = share.part - share.gross
        payee = account_of_share(share.kind, share.payee)
        made += _move(terms, PLATFORM_REVENUE, terms.account, -platform, DISCOUNT)
        made += _move(terms, terms.account, payee, share.net, _payment(terms))
        made += _move(terms, terms.account, PLATFORM_REVENUE, share.fee, COMMISSION)
        made += _move(terms, terms.account, PLATFORM_REVENUE, platform, PLATFORM_PART)
    return tuple(made)


def refund(state: Escrow, amount: int, ledger: LedgerReader) -> Transfers:
    """P9: back to the wallet; or into CLEARING, whence the provider sends it back. What the payer
    has charged back already, and owes for, they have had."""
    terms = state.terms
    owed = -ledger.balance(receivable(terms.payer), terms.currency)
    back = min(amount, state.owed, owed)
    home = clearing(state.provider) if state.provider else wallet(terms.payer)
    return (
        *_move(terms, terms.account, receivable(terms.payer), back, REFUND),
        *_move(terms, terms.account, home, amount - back, REFUND),
    )


def _payment(terms: Terms) -> str:
    """What a statement calls it: order_payment, gig_payment … (accounts 12.4)."""
    return f"{terms.kind}_payment"


def _move(terms: Terms, debit: str, credit: str, amount: int, kind: str) -> list[Transfer]:
    """One transfer, or none where there is nothing to move."""
    if amount <= 0:
        return []
    return [Transfer(debit, credit, amount, terms.currency, kind, terms.room)]
