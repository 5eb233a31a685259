"""Tests of engine/ledger/decide_money_in.py: deposits and payments of providers."""

import msgspec
import pytest

from engine.house import DEAD_LETTERS, DeadLetter
from engine.kernel.posting import Transfer
from engine.ledger.accounts import PROVIDER_FEES, clearing, escrow, external
from engine.ledger.codes import DUPLICATE_PROVIDER_EVENT, DUPLICATE_REFERENCE
from engine.ledger.commands import Deposit, ProviderEvent, ReportRefund
from engine.ledger.events import (
    Deposited,
    EntryPosted,
    PaymentFailed,
    PaymentReceived,
    RefundPaid,
    RefundStarted,
)
from tests.engine.ledger.desk import (
    ADA,
    ADMINA,
    CONNY,
    GUEST,
    HOUSE,
    LEDGER,
    MARA,
    NGN,
    USD,
    Desk,
)
from tests.engine.toys import Heard

PAYMENT = {"provider": "stripe", "payment": "evt_1", "kind": "captured", "user": "ada"}


def test_a_deposit_comes_from_outside_through_clearing_into_the_wallet() -> None:
    """P1: EXTERNAL -> CLEARING; CLEARING -> WALLET."""
    desk = Desk()
    result = desk.done(ADMINA, Deposit, user="ada", amount=500, reference="r1")
    assert result.pop("receipt") == desk.core.rooms[LEDGER].hash
    assert result == {
        "user": "ada",
        "amount": 500,
        "currency": NGN,
        "reference": "r1",
        "balance": 500,
        "held": 0,
        "available": 500,
    }
    assert desk.event(LEDGER, Deposited).postings == (
        Transfer(external("manual"), clearing("manual"), 500, NGN, "deposit", "r1"),
        Transfer(clearing("manual"), "WALLET:ada", 500, NGN, "deposit", "r1"),
    )
    assert desk.balance(external("manual")) == -500
    assert desk.balance(clearing("manual")) == 0


def test_the_owner_is_told_of_a_deposit() -> None:
    """Each movement of a wallet is a private notice (accounts 12.4)."""
    desk = Desk()
    desk.fund("ada", 500)
    desk.done(ADMINA, Deposit, user="ada", amount=70, reference="r1")
    notice = desk.event("user:ada", EntryPosted)
    assert (notice.kind, notice.amount, notice.balance_after) == ("deposit", 70, 570)
    assert (notice.source, notice.source_seq, notice.entry_at) == (LEDGER, 2, desk.now)


def test_a_reference_is_deposited_once_for_each_user() -> None:
    """Accounts 1: (reason, reference) is unique, also for another amount or currency."""
    desk = Desk()
    desk.done(ADMINA, Deposit, user="ada", amount=500, reference="r1")
    for again in ({"amount": 500}, {"amount": 1}, {"amount": 500, "currency": USD}):
        refusal = desk.refused(ADMINA, Deposit, user="ada", reference="r1", **again)
        assert refusal.code is DUPLICATE_REFERENCE
    desk.done(ADMINA, Deposit, user="bob", amount=500, reference="r1")
    desk.done(ADMINA, Deposit, user="ada", amount=500, reference="r2")
    assert desk.wallet("ada") == (1000, 1000)


def test_the_claim_of_a_reference_cannot_be_forged() -> None:
    """A colon in a reference does not make it another user's."""
    desk = Desk()
    desk.done(ADMINA, Deposit, user="ada", amount=1, reference="x:y")
    desk.done(ADMINA, Deposit, user="ada.x", amount=1, reference="y")
    assert desk.wallet("ada.x") == (1, 1)


def test_a_captured_payment_for_a_wallet_arrives_there() -> None:
    """P1 through a provider."""
    desk = Desk()
    result = desk.done(HOUSE, ProviderEvent, **PAYMENT, amount=500, purpose="wallet")
    assert result["available"] == 500
    assert desk.event(LEDGER, PaymentReceived).purpose == "wallet"
    assert desk.balance(external("stripe")) == -500
    assert desk.balance(clearing("stripe")) == 0


def test_a_provider_event_counts_once() -> None:
    """Accounts 1: provider_event_id is unique; a repeat has no effect and is answered 200."""
    desk = Desk()
    desk.done(HOUSE, ProviderEvent, **PAYMENT, amount=500)
    refusal = desk.refused(HOUSE, ProviderEvent, **PAYMENT, amount=500)
    assert refusal.code is DUPLICATE_PROVIDER_EVENT
    assert refusal.code.status == 200
    other = PAYMENT | {"provider": "paystack"}
    desk.done(HOUSE, ProviderEvent, **other, amount=500)
    assert desk.wallet("ada") == (1000, 1000)


def test_a_failed_payment_moves_nothing_and_counts_too() -> None:
    """It is kept as a fact; the same event cannot come again as a capture."""
    desk = Desk()
    desk.done(HOUSE, ProviderEvent, **(PAYMENT | {"kind": "failed"}), amount=500)
    assert desk.event(LEDGER, PaymentFailed).postings == ()
    assert desk.wallet("ada") == (0, 0)
    refusal = desk.refused(HOUSE, ProviderEvent, **PAYMENT, amount=500)
    assert refusal.code is DUPLICATE_PROVIDER_EVENT


def test_a_payment_for_a_room_is_told_to_it_in_the_same_step() -> None:
    """P4: EXTERNAL -> CLEARING by the ledger, CLEARING -> ESCROW by the room that is paid."""
    desk = Desk()
    desk.play()
    desk.done(HOUSE, ProviderEvent, **PAYMENT, amount=500, purpose="toy:t1")
    assert desk.event("toy:t1", Heard).text == "ada paid"
    assert desk.balance(external("stripe")) == -500
    assert desk.balance(clearing("stripe")) == 0
    assert desk.balance(escrow("toy", "t1")) == 500
    assert desk.wallet("ada") == (0, 0)


def test_a_payment_for_a_room_that_is_not_there_goes_back() -> None:
    """Accounts 3: a capture that nobody expects is booked, then refunded at once."""
    desk = Desk()
    desk.done(HOUSE, ProviderEvent, **PAYMENT, amount=500, purpose="toy:t9")
    started = desk.event(LEDGER, RefundStarted)
    assert (started.payment, started.amount, started.room) == ("evt_1", 500, "toy:t9")
    assert desk.balance(clearing("stripe")) == 500
    desk.done(HOUSE, ReportRefund, refund="r1", attempt=1, outcome="paid")
    assert desk.event(LEDGER, RefundPaid).postings == (
        Transfer(clearing("stripe"), external("stripe"), 500, NGN, "refund", "evt_1"),
    )
    assert desk.balance(external("stripe")) == 0
    assert "toy:t9" not in desk.core.rooms


def test_a_payment_for_a_room_that_takes_none_waits_for_an_operator() -> None:
    """The money stays in CLEARING, and the dead letter says for whom it was."""
    desk = Desk()
    desk.fund("ada", 1)
    desk.done(HOUSE, ProviderEvent, **PAYMENT, amount=500, purpose="user:ada")
    letter = desk.event(DEAD_LETTERS, DeadLetter)
    assert letter.to_room == "user:ada"
    assert letter.from_room == LEDGER
    assert desk.balance(clearing("stripe")) == 500


@pytest.mark.parametrize("purpose", ["", "Wallet", "wallet\n", "toy", "toy:", "walletx"])
def test_a_purpose_is_wallet_or_a_room(purpose: str) -> None:
    """What a provider is told to pay for must be something that can be paid."""
    with pytest.raises(msgspec.ValidationError, match="purpose"):
        Desk().ask(HOUSE, ProviderEvent, **PAYMENT, amount=1, purpose=purpose)


@pytest.mark.parametrize(
    ("actor", "deposit", "provider_event"),
    [
        (GUEST, "UNAUTHENTICATED", "UNAUTHENTICATED"),
        (ADA, "FORBIDDEN", "FORBIDDEN"),
        (CONNY, "FORBIDDEN", "FORBIDDEN"),
        (MARA, "FORBIDDEN", "FORBIDDEN"),
        (ADMINA, None, "FORBIDDEN"),
        (HOUSE, None, None),
    ],
    ids=lambda x: getattr(x, "role", None),
)
def test_who_may_bring_money_in(
    actor: object, deposit: str | None, provider_event: str | None
) -> None:
    """Accounts 4: admins and the house deposit; only the house speaks for a provider."""
    registry = Desk().core.registry
    for command, code in ((Deposit, deposit), (ProviderEvent, provider_event)):
        refusal = registry.refuse(command, actor)
        assert (refusal.code.name if refusal else None) == code


@pytest.mark.parametrize("purpose", ["wallet", "toy:t1", "toy:t9"])
@pytest.mark.parametrize(("amount", "fee"), [(10_000, 150), (33, 0), (34, 1), (100, 2)])
def test_what_a_provider_keeps_is_the_platforms_cost(purpose: str, amount: int, fee: int) -> None:
    """P13: PROVIDER_FEES -> CLEARING -> EXTERNAL, 1.5 % of Paystack's captures, half up; whoever is
    paid has all of it."""
    desk = Desk()
    desk.play()
    event = PAYMENT | {"provider": "paystack", "amount": amount, "purpose": purpose}
    desk.done(HOUSE, ProviderEvent, **event)
    assert desk.balance(PROVIDER_FEES) == -fee
    assert desk.balance(external("paystack")) == fee - amount
    if purpose == "wallet":
        assert desk.wallet("ada") == (amount, amount)
        assert desk.event(LEDGER, PaymentReceived).fee == fee


def test_a_provider_without_a_known_fee_costs_nothing() -> None:
    """Nor does a payment that failed."""
    desk = Desk()
    desk.done(HOUSE, ProviderEvent, **PAYMENT, amount=10_000)
    failed = PAYMENT | {"provider": "paystack", "kind": "failed"}
    desk.done(HOUSE, ProviderEvent, **failed, amount=10_000)
    assert desk.balance(PROVIDER_FEES) == 0
