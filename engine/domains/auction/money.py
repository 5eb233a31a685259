"""The postings of a sale (accounts P3-P6). A hold is the bidding's; here money really moves."""

from engine.domains.auction.state import Settlement
from engine.domains.auction.terms import DOMAIN, Terms, auction_room
from engine.kernel.posting import Transfer
from engine.ledger.accounts import PLATFORM_REVENUE, clearing, deposit, escrow, wallet
from engine.ledger.messages import PaymentCaptured

Transfers = tuple[Transfer, ...]

PAYMENT = "auction_payment"
REFUND = "refund"
FORFEITURE = "forfeiture"


def lock_deposit(terms: Terms, won: Settlement) -> Transfers:
    """P3: the deposit leaves the winner's wallet."""
    return _move(wallet(won.winner), deposit(terms.auction), won.deposit, terms, PAYMENT)


def return_deposit(terms: Terms, won: Settlement) -> Transfers:
    """P3 reversed."""
    return _move(deposit(terms.auction), wallet(won.winner), won.deposit, terms, REFUND)


def deposit_to_revenue(terms: Terms, won: Settlement) -> Transfers:
    """P6: the whole deposit."""
    return _move(deposit(terms.auction), PLATFORM_REVENUE, won.deposit, terms, FORFEITURE)


def wallet_to_escrow(terms: Terms, won: Settlement) -> Transfers:
    """P4 from the wallet, and P5."""
    paid = _move(wallet(won.winner), _escrow(terms), won.remainder, terms, PAYMENT)
    return paid + _apply_deposit(terms, won)


def captured_to_escrow(terms: Terms, won: Settlement, payment: PaymentCaptured) -> Transfers:
    """P4 from a provider, and P5."""
    paid = _move(clearing(payment.provider), _escrow(terms), won.remainder, terms, PAYMENT)
    return paid + _apply_deposit(terms, won)


def _apply_deposit(terms: Terms, won: Settlement) -> Transfers:
    return _move(deposit(terms.auction), _escrow(terms), won.deposit, terms, PAYMENT)


def _escrow(terms: Terms) -> str:
    return escrow(DOMAIN, terms.auction)


def _move(debit: str, credit: str, amount: int, terms: Terms, kind: str) -> Transfers:
    """One transfer, or none where a share is nothing: an auction without deposit."""
    if not amount:
        return ()
    return (Transfer(debit, credit, amount, terms.currency, kind, auction_room(terms.auction)),)
