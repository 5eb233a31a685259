"""Tests of engine/ledger/accounts.py."""

import pytest

from engine.ledger.accounts import (
    ADJUSTMENTS,
    PAYABLE_KINDS,
    PLATFORM_REVENUE,
    PROVIDER_FEES,
    clearing,
    deposit,
    escrow,
    external,
    is_deposit,
    may_be_negative,
    payable,
    payee_of_payable,
    payout_pending,
    user_of_wallet,
    wallet,
)


@pytest.mark.parametrize(
    "account", [external("stripe"), PROVIDER_FEES, PLATFORM_REVENUE, ADJUSTMENTS]
)
def test_the_outside_and_the_house_may_be_below_zero(account: str) -> None:
    """Accounts 1, sign."""
    assert may_be_negative(account)


@pytest.mark.parametrize(
    "account",
    [
        wallet("EXTERNAL"),
        clearing("stripe"),
        deposit("a1"),
        escrow("auction", "a1"),
        payout_pending("ada"),
    ],
)
def test_money_of_people_is_never_below_zero(account: str) -> None:
    """Accounts 1, sign, and INV-3; nobody escapes it by the choice of a name."""
    assert not may_be_negative(account)


def test_an_account_tells_what_it_is() -> None:
    """Owners are told of their wallets, and deposits block a withdrawal: by name."""
    assert user_of_wallet(wallet("ada")) == "ada"
    assert user_of_wallet(payout_pending("ada")) is None
    assert is_deposit(deposit("a1"))
    assert not is_deposit(escrow("auction", "a1"))


def test_a_payable_has_an_owner_and_is_never_below_zero() -> None:
    """Accounts 2: SELLER_PAYABLE, CARRIER_PAYABLE, PARTNER_PAYABLE; no other account is one."""
    for kind in PAYABLE_KINDS:
        account = payable(kind, "ada")
        assert account == f"{kind.upper()}_PAYABLE:ada"
        assert payee_of_payable(account) == "ada"
        assert not may_be_negative(account)
    for other in (wallet("ada"), payout_pending("ada"), "PLATFORM_REVENUE"):
        assert payee_of_payable(other) is None
