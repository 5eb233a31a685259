"""Tests of engine/ledger/journal.py: who may see what of the books, and statements."""

from typing import Any

import msgspec
import pytest

from engine import look
from engine.contract import Wake
from engine.core import Outcome
from engine.kernel.actor import Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.posting import Transfer
from engine.ledger.accounts import (
    ADJUSTMENTS,
    clearing,
    external,
    payable,
    payout_pending,
    wallet,
)
from engine.ledger.commands import (
    Adjust,
    ApproveAdjustment,
    ChargeBack,
    CompleteWithdrawal,
    CreatePayment,
    Deposit,
    FailWithdrawal,
    ProviderDispute,
    ProviderEvent,
    RefuseAdjustment,
    ReportPayment,
    ReportPayout,
    ReportRefund,
    RequestPayout,
    RetryRefund,
    SetCommission,
    SettleIncident,
    StartWithdrawal,
    Statement,
    Withdraw,
)
from engine.ledger.journal import JOURNAL
from engine.ledger.messages import OpenIncident, RecoverDebt
from engine.ledger.state import ASK_EVERY_MS
from tests.engine.ledger.desk import (
    ADA,
    ADMINA,
    BOB,
    CONNY,
    GUEST,
    HOUSE,
    LEDGER,
    MARA,
    MIRO,
    NGN,
    USD,
    Desk,
)

MARK = 777_777  # a balance that nobody but its owner and admins may read anywhere
LARGE = BUILT_IN[NGN].adjustment_alone_max + 1


@pytest.fixture
def desk() -> Desk:
    """Every event of the ledger has happened, and Ada has had MARK in her wallet throughout."""
    desk = Desk()
    desk.done(ADMINA, Deposit, user="ada", amount=MARK, reference="r1")
    pay = {"provider": "p", "user": "bob", "amount": 5}
    desk.done(HOUSE, ProviderEvent, **pay, payment="1", kind="captured")
    desk.done(HOUSE, ProviderEvent, **pay, payment="2", kind="captured", purpose="toy:t9")
    desk.done(HOUSE, ProviderEvent, **pay, payment="3", kind="failed")
    for end in (CompleteWithdrawal, FailWithdrawal):
        open_ = desk.done(BOB, Withdraw, amount=1)["withdrawal"]
        desk.done(ADMINA, StartWithdrawal, withdrawal=open_)
        reason = {"reason": "no bank"} if end is FailWithdrawal else {}
        desk.done(ADMINA, end, withdrawal=open_, **reason)
    desk.done(BOB, Withdraw, amount=1)
    _a_payment_without_a_webhook(desk)
    for amount in (-1, LARGE, LARGE, LARGE):
        desk.done(MARA, Adjust, user="ada", amount=amount, reason="why")
    desk.done(MIRO, ApproveAdjustment, adjustment="j5")
    desk.done(MIRO, RefuseAdjustment, adjustment="j6", reason="why")
    _payouts_and_incidents(desk)
    return desk


def _a_payment_without_a_webhook(desk: Desk) -> None:
    """It is asked about, and never paid."""
    desk.done(HOUSE, CreatePayment, provider="p", payment="0", user="bob", amount=4)
    desk.now += ASK_EVERY_MS
    assert isinstance(desk.core.step(Wake(), LEDGER, HOUSE, desk.now), Outcome)
    desk.done(HOUSE, ReportPayment, provider="p", payment="0", outcome="failed")


def _payouts_and_incidents(desk: Desk) -> None:
    """A payout that fails once, and two payments that did not fit, of which one is settled."""
    desk.play(Transfer(external("p"), payable("seller", "bob"), 9, NGN, "order_payment", "x"))
    payout = desk.done(BOB, RequestPayout, kind="seller")["withdrawal"]
    desk.done(ADMINA, StartWithdrawal, withdrawal=payout)
    told = {"withdrawal": payout, "provider": "p", "attempt": 1, "look": 0}
    desk.done(HOUSE, ReportPayout, outcome="unanswered", **told)
    desk.now += ASK_EVERY_MS
    assert isinstance(desk.core.step(Wake(), LEDGER, HOUSE, desk.now), Outcome)
    desk.done(ADMINA, FailWithdrawal, withdrawal=payout, reason="the bank is closed")
    for payment in ("4", "5"):
        desk.play(Transfer(external("p"), clearing("p"), 3, NGN, "deposit", payment))
        facts = {"payment": payment, "payer": "bob", "amount": 3, "provider": "p", "expected": 4}
        told = OpenIncident(room="escrow:order.o1", **facts)
        assert isinstance(desk.core.step(told, LEDGER, HOUSE, desk.now), Outcome)
    opened = desk.seen(MARA)["incidents"]
    desk.done(MARA, SettleIncident, incident=next(iter(opened)), reason="sent back")
    _refunds(desk)
    rate = {"service_type": "goods", "base_bps": 900, "min_bps": 0, "max_bps": 2_000}
    desk.done(MARA, SetCommission, **rate)
    lost = {"provider": "p", "payment": "1", "user": "cy", "amount": 5, "reason": "lost"}
    told = {"provider": "p", "payment": "1", "dispute": "d1", "amount": 5, "user": "cy"}
    desk.done(HOUSE, ProviderDispute, **told, stage="opened")
    desk.done(MARA, ChargeBack, **lost)
    desk.play(Transfer(external("p"), wallet("cy"), 2, NGN, "gig_payment", "x"))
    told = RecoverDebt(account=wallet("cy"), room="escrow:gig.g1")
    assert isinstance(desk.core.step(told, LEDGER, HOUSE, desk.now), Outcome)


def _refunds(desk: Desk) -> None:
    """Of the payment for nothing and of the one that did not fit: one comes back by itself, the
    other is given up, and told again by staff."""
    for outcome, number in (("accepted", "r1"), ("refused", "r2")):
        report = {"refund": number, "attempt": 1, "outcome": outcome}
        desk.done(HOUSE, ReportRefund, reason="it says 400", **report)
    desk.done(MARA, RetryRefund, refund="r1")
    desk.done(HOUSE, ReportRefund, refund="r1", attempt=2, outcome="paid")
    desk.done(MARA, RetryRefund, refund="r2")
    report = {"refund": "r2", "attempt": 2, "outcome": "unanswered"}
    desk.done(HOUSE, ReportRefund, reason="nobody answers", **report)


def _frames(desk: Desk, audience: str) -> list[Any]:
    records = _tail(desk)
    return [msgspec.json.decode(frame) for frame in look.frames(desk.core, records, audience)]


def test_every_event_of_the_ledger_is_in_these_tests(desk: Desk) -> None:
    """The fixture keeps its promise, so the tests below cover each kind of event."""
    seen = {type(desk.core.registry.event_decoder.decode(r.event)) for r in _tail(desk)}
    assert seen == set(JOURNAL.evolve)


def _tail(desk: Desk) -> list[Any]:
    return list(desk.core.rooms[LEDGER].tail)


@pytest.mark.parametrize("actor", [GUEST, ADA, CONNY], ids=lambda a: a.role)
def test_the_books_are_closed_to_everybody_else(desk: Desk, actor: Actor) -> None:
    """Accounts 11: neither counterparty nor concierge sees wallets, holds or entries."""
    assert desk.seen(actor) == "FORBIDDEN"
    assert look.audience_of(desk.core, LEDGER, actor) == ""


@pytest.mark.parametrize("actor", [ADMINA, HOUSE], ids=lambda a: a.role)
def test_admins_see_every_account_and_that_they_sum_to_zero(desk: Desk, actor: Actor) -> None:
    """Accounts 11, admin column; INV-2 in plain sight."""
    books = desk.seen(actor)
    assert books["currency"] == NGN
    assert books["sum"] == 0
    assert books["accounts"][wallet("ada")] == MARK - 1 + LARGE
    assert books["accounts"][payout_pending("bob")] == 10
    assert books["accounts"][clearing("p")] == 3 + 3
    assert books["accounts"][external("p")] == -5 - 9 - 3 - 3 + 5 - 2
    assert books["accounts"][ADJUSTMENTS] == 1 - LARGE
    assert list(books["withdrawals"]) == ["w3", "w8"]
    assert list(books["retries"]) == ["w8"]
    assert list(books["proposals"]) == ["j7"]
    assert all(f["data"] for f in _frames(desk, "books"))
    assert _frames(desk, "books")[0]["data"]["postings"][0]["amount"] == MARK


def test_managers_see_adjustments_and_no_balance(desk: Desk) -> None:
    """Accounts 11: adjustments yes, wallets no. The second person must find what to approve, and
    whoever settles an incident what it is about."""
    assert desk.seen(MARA)["proposals"]["j7"]["amount"] == LARGE
    theirs = {"currency", "proposals", "incidents", "refunds", "commissions", "disputes"}
    assert set(desk.seen(MARA)) == theirs
    assert desk.seen(MARA)["refunds"]["r2"]["reason"] == "nobody answers"
    assert [i["amount"] for i in desk.seen(MARA)["incidents"].values()] == [3]
    shown = {f["event"]: f["data"] for f in _frames(desk, "adjusters")}
    told = {name for name, data in shown.items() if data}
    assert told == {
        "ledger.adjustment_proposed",
        "ledger.adjusted",
        "ledger.adjustment_refused",
        "ledger.incident_opened",
        "ledger.incident_settled",
        "ledger.refund_started",
        "ledger.refund_accepted",
        "ledger.refund_postponed",
        "ledger.refund_failed",
        "ledger.refund_paid",
        "ledger.commission_set",
        "ledger.charged_back",
        "ledger.dispute_changed",
    }
    adjusted = {"adjustment", "user", "amount", "currency", "reason", "proposed_by", "approved_by"}
    assert set(shown["ledger.adjusted"]) == adjusted


def test_a_manager_s_feed_has_no_gap_and_no_figure_of_a_wallet(desk: Desk) -> None:
    """Redacted events keep their place; the marked balance stands in no byte of them."""
    frames = _frames(desk, "adjusters")
    assert [f["seq"] for f in frames] == list(range(1, len(frames) + 1))
    assert str(MARK) not in str(frames)
    assert str(MARK - 1) not in str(frames)
    assert str(MARK) not in str(desk.seen(MARA))


def test_a_ledger_can_be_looked_at_before_its_first_event() -> None:
    """An admin of a new market sees empty books, not an error."""
    assert Desk().seen(ADMINA, "ledger:USD")["accounts"] == {}


def test_a_statement_is_one_s_own(desk: Desk) -> None:
    """Accounts 11, owner column: entries and the wallet; no event comes of reading."""
    seq = desk.core.rooms[LEDGER].seq
    result = desk.done(ADA, Statement)
    assert [e["kind"] for e in result["entries"]] == ["deposit", *["manual_adjustment"] * 2]
    assert [e["amount"] for e in result["entries"]] == [MARK, -1, LARGE]
    assert result["balance"] == result["available"] == MARK - 1 + LARGE
    assert desk.core.rooms[LEDGER].seq == seq
    assert "receipt" not in result


def test_a_statement_of_one_kind(desk: Desk) -> None:
    """Only those entries, the wallet as it is."""
    result = desk.done(BOB, Statement, kind="withdrawal")
    assert {e["kind"] for e in result["entries"]} == {"withdrawal"}
    assert result["balance"] == 3


def test_a_statement_of_an_empty_wallet() -> None:
    """Who has never had money is told so."""
    assert Desk().done(ADA, Statement, currency=USD) == {
        "entries": [],
        "currency": USD,
        "balance": 0,
        "held": 0,
        "available": 0,
    }


@pytest.mark.parametrize(
    ("actor", "code"),
    [(GUEST, "UNAUTHENTICATED"), (HOUSE, "FORBIDDEN"), (ADA, None), (MARA, None)],
    ids=["guest", "system", "user", "manager"],
)
def test_who_has_a_statement(actor: Actor, code: str | None) -> None:
    """Everybody who is signed in; the house has no wallet."""
    refusal = Desk().core.registry.refuse(Statement, actor)
    assert (refusal.code.name if refusal else None) == code
