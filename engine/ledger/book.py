"""The book: balances, holds and statements of every account, moved by postings alone.

Which postings are made is decided elsewhere; here they are applied, and a posting that would
break an invariant is a bug: it stops the writer before anything of it is answered.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from engine.contract import Entry, Payable, Wallet
from engine.kernel.limits import STATEMENT_ENTRIES
from engine.kernel.posting import Hold, Posting, Release, Transfer
from engine.kernel.time import Millis
from engine.ledger import arrivals
from engine.ledger.accounts import (
    PAYABLE_KINDS,
    is_deposit,
    is_receivable,
    may_be_negative,
    payable,
    payee_of_payable,
    receivable,
    user_of_wallet,
    wallet,
)
from engine.ledger.arrivals import Arrival

NOTHING: Mapping[str, int] = MappingProxyType({})
HOLD_KIND = "bid_deposit_hold"
RELEASE_KIND = "bid_deposit_release"
MEMOS = frozenset({HOLD_KIND, RELEASE_KIND})
"""Kinds of entries that move no money."""


class CurrencyBook(Struct):
    """All accounts of one currency. Nothing ever moves between two currencies."""

    balances: dict[str, int] = {}
    holds: dict[str, dict[str, int]] = {}
    """User -> reference -> minor units. A user without holds is not in it."""
    held: dict[str, int] = {}
    """User -> sum of the holds."""
    statements: dict[str, list[Entry]] = {}
    """User -> latest entries, oldest first, at most STATEMENT_ENTRIES."""
    depositors: dict[str, str] = {}
    """Deposit account that holds money -> the user whose money it was."""
    arrivals: dict[str, list[Arrival]] = {}
    """Payable -> what of it came when. One that holds nothing is not in it."""


class Book(Struct):
    """The ledger of a shard: one book for each currency. Satisfies `contract.LedgerReader`."""

    currencies: dict[str, CurrencyBook] = {}

    def balance(self, account: str, currency: str) -> int:
        book = self.currencies.get(currency)
        return book.balances.get(account, 0) if book else 0

    def held(self, user: str, currency: str) -> int:
        """Sum of the user's holds, minor units."""
        book = self.currencies.get(currency)
        return book.held.get(user, 0) if book else 0

    def available(self, user: str, currency: str) -> int:
        book = self.currencies.get(currency)
        if book is None:
            return 0
        return book.balances.get(wallet(user), 0) - book.held.get(user, 0)

    def held_for(self, user: str, currency: str, reference: str) -> int:
        return self.holds_of(user, currency).get(reference, 0)

    def holds_of(self, user: str, currency: str) -> Mapping[str, int]:
        book = self.currencies.get(currency)
        return book.holds.get(user, NOTHING) if book else NOTHING

    def has_locked_deposit(self, user: str, currency: str) -> bool:
        """Whether a deposit of the user is locked in some auction (accounts rule 4)."""
        book = self.currencies.get(currency)
        return book is not None and user in book.depositors.values()

    def wallets(self, user: str) -> list[Wallet]:
        account = wallet(user)
        return [
            Wallet(code, balance, held := book.held.get(user, 0), balance - held)
            for code, book in sorted(self.currencies.items())
            if (balance := book.balances.get(account)) is not None
        ]

    def payables(self, user: str) -> list[Payable]:
        return [
            Payable(code, kind, amount)
            for code, book in sorted(self.currencies.items())
            for kind in PAYABLE_KINDS
            if (amount := book.balances.get(payable(kind, user), 0))
        ]

    def debts(self, user: str) -> dict[str, int]:
        """What the user owes the house after chargebacks, by currency, minor units; no zeros."""
        account = receivable(user)
        return {
            code: -owed
            for code, book in sorted(self.currencies.items())
            if (owed := book.balances.get(account, 0))
        }

    def payable_by(self, account: str, currency: str, cut_off: Millis) -> int:
        """What of a payable came up to this moment and is still there, minor units."""
        book = self.currencies.get(currency)
        return arrivals.come_by(book.arrivals.get(account, []), cut_off) if book else 0

    def statement(self, user: str, currency: str) -> Sequence[Entry]:
        """The user's latest entries, oldest first."""
        book = self.currencies.get(currency)
        return book.statements.get(user, ()) if book else ()

    def accounts(self, currency: str) -> Mapping[str, int]:
        book = self.currencies.get(currency)
        return MappingProxyType(book.balances) if book else NOTHING

    def apply(self, postings: Iterable[Posting], at: Millis) -> None:
        """Apply an event's postings in their order; asserts accounts INV-1 to INV-5."""
        for posting in postings:
            book = self.currencies.get(posting.currency)
            if book is None:
                book = self.currencies[posting.currency] = CurrencyBook()
            if type(posting) is Hold:
                _hold(book, posting, at)
            elif type(posting) is Release:
                _release(book, posting, at)
            elif type(posting) is Transfer:
                _transfer(book, posting, at)

    def check(self) -> None:
        """Assert accounts INV-2 to INV-5, and INV-9, over the whole book."""
        for currency, book in self.currencies.items():
            assert sum(book.balances.values()) == 0, f"accounts INV-2: {currency} is unbalanced"
            for account, balance in book.balances.items():
                assert balance >= 0 or may_be_negative(account), f"accounts INV-3: {account}"
                assert balance <= 0 or not is_receivable(account), f"accounts 12.6: {account}"
            assert book.held.keys() == book.holds.keys(), "accounts INV-4: holds without a sum"
            for user, holds in book.holds.items():
                held = book.held[user]
                assert min(holds.values()) > 0, f"accounts INV-5: {user}"
                assert held == sum(holds.values()), f"accounts INV-4: {user}"
                assert held <= book.balances.get(wallet(user), 0), f"accounts INV-4: {user}"
            for user, entries in book.statements.items():
                balance = book.balances.get(wallet(user), 0)
                assert entries[-1].balance_after == balance, f"accounts INV-9: {user}"
            for account, came in book.arrivals.items():
                total = sum(arrival.amount for arrival in came)
                assert total == book.balances[account], f"accounts INV-9: {account}"


def _hold(book: CurrencyBook, posting: Hold, at: Millis) -> None:
    assert posting.amount > 0, "a hold is above zero; a Release ends it"
    user = posting.user
    holds = book.holds.setdefault(user, {})
    before = holds.get(posting.reference, 0)
    held = book.held.get(user, 0) - before + posting.amount
    balance = book.balances.get(wallet(user), 0)
    assert held <= balance, f"accounts INV-4: {user} holds {held} of {balance}"
    holds[posting.reference] = posting.amount
    book.held[user] = held
    _note(book, user, Entry(at, HOLD_KIND, posting.amount, balance, held, posting.reference))


def _release(book: CurrencyBook, posting: Release, at: Millis) -> None:
    user = posting.user
    holds = book.holds.get(user, {})
    assert posting.reference in holds, f"no hold of {user} for {posting.reference}"
    amount = holds.pop(posting.reference)
    held = book.held[user] - amount
    if holds:
        book.held[user] = held
    else:
        assert held == 0, f"accounts INV-4: {user}"
        del book.holds[user], book.held[user]
    balance = book.balances.get(wallet(user), 0)
    _note(book, user, Entry(at, RELEASE_KIND, amount, balance, held, posting.reference))


def _transfer(book: CurrencyBook, posting: Transfer, at: Millis) -> None:
    assert posting.amount > 0, "a transfer is above zero"
    assert posting.debit != posting.credit, "a transfer has two sides"
    _move(book, posting.debit, -posting.amount, posting, at)
    _move(book, posting.credit, posting.amount, posting, at)
    user = user_of_wallet(posting.debit)
    if user and is_deposit(posting.credit):
        book.depositors[posting.credit] = user
    elif is_deposit(posting.debit) and not book.balances[posting.debit]:
        book.depositors.pop(posting.debit, None)


def _move(book: CurrencyBook, account: str, amount: int, posting: Transfer, at: Millis) -> None:
    balance = book.balances.get(account, 0) + amount
    user = user_of_wallet(account)
    held = book.held.get(user, 0) if user else 0
    assert balance >= held or may_be_negative(account), f"accounts INV-3: {account} at {balance}"
    book.balances[account] = balance
    if user:
        _note(book, user, Entry(at, posting.kind, amount, balance, held, posting.reference))
    elif payee_of_payable(account):
        _reckon(book, account, amount, at)


def _reckon(book: CurrencyBook, account: str, amount: int, at: Millis) -> None:
    """Keep the arrivals of a payable in step with its balance."""
    came = book.arrivals.setdefault(account, [])
    if amount > 0:
        arrivals.come(came, amount, at)
    else:
        arrivals.go(came, -amount)
    if not came:
        del book.arrivals[account]


def _note(book: CurrencyBook, user: str, entry: Entry) -> None:
    entries = book.statements.setdefault(user, [])
    entries.append(entry)
    if len(entries) > STATEMENT_ENTRIES:
        del entries[0]
