"""Tests of engine/ledger/book.py: the book against a model that only adds up."""

from collections.abc import Callable
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract import Wallet
from engine.kernel.limits import STATEMENT_ENTRIES
from engine.kernel.posting import Hold, Posting, Release, Transfer
from engine.ledger.accounts import (
    ADJUSTMENTS,
    PLATFORM_REVENUE,
    clearing,
    deposit,
    escrow,
    external,
    payout_pending,
    wallet,
)
from engine.ledger.book import HOLD_KIND, RELEASE_KIND, Book, CurrencyBook, Entry

NGN, USD = "NGN", "USD"
USERS = ("ada", "bob")
AUCTIONS = ("auction:a1", "auction:a2")
FREE = (external("stripe"), PLATFORM_REVENUE, ADJUSTMENTS)
BOUND = (
    *map(wallet, USERS),
    clearing("stripe"),
    deposit("a1"),
    escrow("auction", "a1"),
    payout_pending("ada"),
)

currencies = st.sampled_from((NGN, USD))
amounts = st.integers(1, 100)
transfers = st.builds(
    Transfer,
    st.sampled_from(FREE + BOUND),
    st.sampled_from(FREE + BOUND),
    amounts,
    currencies,
    st.just("deposit"),
    st.just("r"),
).filter(lambda t: t.debit != t.credit)
holds = st.builds(Hold, st.sampled_from(USERS), amounts, currencies, st.sampled_from(AUCTIONS))
releases = st.builds(Release, st.sampled_from(USERS), currencies, st.sampled_from(AUCTIONS))
postings = st.lists(st.one_of(transfers, transfers, holds, releases), max_size=60)


class Naive:
    """All transfers and the holds in force; every balance is added up anew when asked for."""

    def __init__(self) -> None:
        self.transfers: list[Transfer] = []
        self.holds: dict[tuple[str, str, str], int] = {}

    def balance(self, account: str, currency: str) -> int:
        mine = [t for t in self.transfers if t.currency == currency]
        return sum(t.amount for t in mine if t.credit == account) - sum(
            t.amount for t in mine if t.debit == account
        )

    def held(self, user: str, currency: str) -> int:
        return sum(n for (u, c, _), n in self.holds.items() if (u, c) == (user, currency))

    def allows(self, posting: Posting) -> bool:
        if isinstance(posting, Release):
            return (posting.user, posting.currency, posting.reference) in self.holds
        currency = posting.currency
        if isinstance(posting, Hold):
            own = self.holds.get((posting.user, currency, posting.reference), 0)
            held = self.held(posting.user, currency) - own + posting.amount
            return held <= self.balance(wallet(posting.user), currency)
        if posting.debit in FREE:
            return True
        held = self.held(posting.debit.removeprefix("WALLET:"), currency)
        return self.balance(posting.debit, currency) - posting.amount >= held

    def apply(self, posting: Posting) -> None:
        if isinstance(posting, Transfer):
            self.transfers.append(posting)
            return
        key = (posting.user, posting.currency, posting.reference)
        if isinstance(posting, Hold):
            self.holds[key] = posting.amount
        else:
            del self.holds[key]


def _same(book: Book, model: Naive) -> None:
    for currency in (NGN, USD):
        for account in FREE + BOUND:
            assert book.balance(account, currency) == model.balance(account, currency)
        for user in USERS:
            held = model.held(user, currency)
            assert book.held(user, currency) == held
            assert book.available(user, currency) == model.balance(wallet(user), currency) - held
            for reference in AUCTIONS:
                own = model.holds.get((user, currency, reference), 0)
                assert book.held_for(user, currency, reference) == own


@given(postings)
def test_the_book_is_the_sum_of_its_postings(moves: list[Posting]) -> None:
    """Whatever is posted, the book agrees with the model, accounts INV-2 to INV-5 hold, and a
    posting that would break one of them asserts."""
    book, model = Book(), Naive()
    for at, posting in enumerate(moves):
        if not model.allows(posting):
            with pytest.raises(AssertionError):
                deepcopy(book).apply((posting,), at)
            continue
        book.apply((posting,), at)
        model.apply(posting)
        book.check()
    _same(book, model)


@given(postings)
def test_entries_tell_the_balance_and_are_never_changed(moves: list[Posting]) -> None:
    """accounts INV-8 and INV-9: a line of a statement stands as it was written, with the balance
    that adding up gives."""
    book, model = Book(), Naive()
    written: dict[tuple[str, str], list[Entry]] = {(u, c): [] for u in USERS for c in (NGN, USD)}
    for at, posting in enumerate(filter(model.allows, moves)):
        book.apply((posting,), at)
        model.apply(posting)
        for (user, currency), entries in written.items():
            now = list(book.statement(user, currency))
            if now and now[-1].at == at:
                entries.append(now[-1])
                assert now[-1].balance_after == model.balance(wallet(user), currency)
                assert now[-1].held_after == model.held(user, currency)
            assert now == entries[-STATEMENT_ENTRIES:]


def _funded(amount: int = 100) -> Book:
    book = Book()
    book.apply((_from_outside("ada", amount),), 0)
    return book


def _from_outside(user: str, amount: int, currency: str = NGN) -> Transfer:
    return Transfer(external("stripe"), wallet(user), amount, currency, "deposit", "r")


@pytest.mark.parametrize(
    ("posting", "why"),
    [
        (Transfer(wallet("ada"), ADJUSTMENTS, 101, NGN, "k", "r"), "accounts INV-3"),
        (Transfer(clearing("stripe"), wallet("ada"), 1, NGN, "k", "r"), "accounts INV-3"),
        (Transfer(wallet("ada"), ADJUSTMENTS, 1, USD, "k", "r"), "accounts INV-3"),
        (Transfer(wallet("ada"), ADJUSTMENTS, 0, NGN, "k", "r"), "above zero"),
        (Transfer(wallet("ada"), ADJUSTMENTS, -1, NGN, "k", "r"), "above zero"),
        (Transfer(wallet("ada"), wallet("ada"), 1, NGN, "k", "r"), "two sides"),
        (Hold("ada", 101, NGN, "auction:a1"), "accounts INV-4"),
        (Hold("ada", 0, NGN, "auction:a1"), "above zero"),
        (Release("ada", NGN, "auction:a1"), "no hold"),
    ],
)
def test_a_posting_that_breaks_a_rule_stops_the_writer(posting: Posting, why: str) -> None:
    """Each rule of the book has an assertion that names it."""
    with pytest.raises(AssertionError, match=why):
        _funded().apply((posting,), 1)


def test_what_is_held_cannot_be_spent() -> None:
    """A wallet stays at or above its holds, not only above zero."""
    book = _funded()
    book.apply((Hold("ada", 60, NGN, "auction:a1"),), 1)
    with pytest.raises(AssertionError, match="accounts INV-3"):
        book.apply((Transfer(wallet("ada"), ADJUSTMENTS, 41, NGN, "k", "r"),), 2)


def test_a_second_hold_adjusts_the_first() -> None:
    """accounts INV-5: one hold for each user and auction; the new amount replaces the old."""
    book = _funded()
    book.apply((Hold("ada", 60, NGN, "auction:a1"), Hold("ada", 100, NGN, "auction:a1")), 1)
    assert dict(book.holds_of("ada", NGN)) == {"auction:a1": 100}
    assert book.available("ada", NGN) == 0


def test_holds_of_all_auctions_draw_on_one_wallet() -> None:
    """Accounts rule 2: what one auction holds another cannot."""
    book = _funded()
    book.apply((Hold("ada", 60, NGN, "auction:a1"),), 1)
    with pytest.raises(AssertionError, match="accounts INV-4"):
        book.apply((Hold("ada", 41, NGN, "auction:a2"),), 2)


def test_the_sum_of_all_accounts_is_checked() -> None:
    """accounts INV-2: money that came from nowhere is found, account by account and in sum."""
    book = _funded()
    book.currencies[NGN].balances[wallet("ada")] += 1
    with pytest.raises(AssertionError, match="accounts INV-2"):
        book.check()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda b: b.held.clear(), "INV-4"),
        (lambda b: b.held.update(ada=11), "INV-4"),
        (lambda b: b.holds["ada"].update({"auction:a1": 0}), "INV-5"),
        (lambda b: b.balances.update({wallet("ada"): 9, external("stripe"): -9}), "INV-4"),
        (lambda b: b.balances.update({wallet("bob"): -1, external("stripe"): -99}), "INV-3"),
    ],
    ids=["no sums", "wrong sum", "empty hold", "more held than there is", "below zero"],
)
def test_a_damaged_book_is_found(damage: Callable[[CurrencyBook], None], why: str) -> None:
    """`check` reports what the book should never show, by the number of the rule."""
    book = _funded()
    book.apply((Hold("ada", 10, NGN, "auction:a1"),), 1)
    damage(book.currencies[NGN])
    with pytest.raises(AssertionError, match=why):
        book.check()


def test_a_locked_deposit_is_remembered_until_the_last_of_it_has_gone() -> None:
    """Accounts rule 4 asks whose money a deposit is, however it ends and in how many parts."""
    book = _funded()
    book.apply((Transfer(wallet("ada"), deposit("a1"), 20, NGN, "auction_payment", "a1"),), 1)
    assert book.has_locked_deposit("ada", NGN)
    assert not book.has_locked_deposit("bob", NGN)
    assert not book.has_locked_deposit("ada", USD)
    book.apply((Transfer(deposit("a1"), PLATFORM_REVENUE, 5, NGN, "forfeiture", "a1"),), 2)
    assert book.has_locked_deposit("ada", NGN)
    book.apply((Transfer(deposit("a1"), wallet("ada"), 15, NGN, "refund", "a1"),), 3)
    assert not book.has_locked_deposit("ada", NGN)


def test_a_statement_tells_holds_and_moves_in_order() -> None:
    """An owner can follow balance and held money line by line (accounts 12.4)."""
    book = _funded()
    book.apply((Hold("ada", 30, NGN, "auction:a1"), Release("ada", NGN, "auction:a1")), 5)
    assert book.statement("ada", NGN) == [
        Entry(0, "deposit", 100, 100, 0, "r"),
        Entry(5, HOLD_KIND, 30, 100, 30, "auction:a1"),
        Entry(5, RELEASE_KIND, 30, 100, 0, "auction:a1"),
    ]


def test_a_statement_is_bounded() -> None:
    """Memory keeps the latest entries; the log has the rest."""
    book = Book()
    for at in range(STATEMENT_ENTRIES + 3):
        book.apply((_from_outside("ada", 1),), at)
    entries = book.statement("ada", NGN)
    assert [entry.at for entry in entries] == list(range(3, STATEMENT_ENTRIES + 3))


def test_wallets_are_apart_by_currency() -> None:
    """One wallet for each user and currency, and no conversion (accounts 1)."""
    book = _funded()
    book.apply((_from_outside("ada", 7, USD), Hold("ada", 5, USD, "auction:a1")), 1)
    assert book.wallets("ada") == [Wallet(NGN, 100, 0, 100), Wallet(USD, 7, 5, 2)]
    assert book.wallets("bob") == []


def test_an_unknown_user_or_currency_has_nothing() -> None:
    """Asking makes no account and no book."""
    book = Book()
    assert book.balance(wallet("ada"), NGN) == book.available("ada", NGN) == 0
    assert book.held("ada", NGN) == book.held_for("ada", NGN, "auction:a1") == 0
    assert list(book.statement("ada", NGN)) == []
    assert dict(book.holds_of("ada", NGN)) == dict(book.accounts(NGN)) == {}
    assert book.currencies == {}


def test_readers_cannot_write() -> None:
    """What the book hands out of its accounts is to be read only."""
    with pytest.raises(TypeError):
        _funded().accounts(NGN)[wallet("ada")] = 0  # type: ignore[index]
