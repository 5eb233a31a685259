"""Names of accounts, which may go below zero, and who sees them (accounts 1, 2 and 11)."""

from typing import Literal, get_args

from engine.kernel.actor import ADMIN, SYSTEM

PayableKind = Literal["seller", "carrier", "partner"]
PAYABLE_KINDS: tuple[PayableKind, ...] = get_args(PayableKind)

PLATFORM_REVENUE = "PLATFORM_REVENUE"
PROVIDER_FEES = "PROVIDER_FEES"
ADJUSTMENTS = "ADJUSTMENTS"

MANUAL = "manual"  # the provider of money that staff saw arrive or leave

SEES_EVERY_WALLET = frozenset({ADMIN, SYSTEM})

_RECEIVABLE = "RECEIVABLE:"
_MAY_BE_NEGATIVE = ("EXTERNAL:", _RECEIVABLE, PROVIDER_FEES, PLATFORM_REVENUE, ADJUSTMENTS)
_WALLET = "WALLET:"


def wallet(user: str) -> str:
    """What a user may spend or have held."""
    return _WALLET + user


def user_of_wallet(account: str) -> str | None:
    """The owner, if the account is a wallet."""
    return account.removeprefix(_WALLET) if account.startswith(_WALLET) else None


def external(provider: str) -> str:
    """The world outside, behind a payment provider."""
    return f"EXTERNAL:{provider}"


def clearing(provider: str) -> str:
    """Captured by a provider, and in transit."""
    return f"CLEARING:{provider}"


def deposit(auction: str) -> str:
    """The locked deposit of an auction's winner."""
    return f"DEPOSIT:{auction}"


def is_deposit(account: str) -> bool:
    """Whether the account is a locked deposit."""
    return account.startswith("DEPOSIT:")


def escrow(kind: str, id_: str) -> str:
    """Money of a deal, held until its release."""
    return f"ESCROW:{kind}:{id_}"


def payable(kind: PayableKind, payee: str) -> str:
    """What the house owes a seller, a carrier or a service partner."""
    return f"{kind.upper()}_PAYABLE:{payee}"


def payee_of_payable(account: str) -> str | None:
    """To whom it is owed, if the account is a payable."""
    kind, _, payee = account.partition(":")
    return payee if kind.endswith("_PAYABLE") else None


def receivable(user: str) -> str:
    """What somebody owes the house: never above zero (accounts 12.6)."""
    return _RECEIVABLE + user


def is_receivable(account: str) -> bool:
    """Whether the account is a debt to the house."""
    return account.startswith(_RECEIVABLE)


def payout_pending(payee: str) -> str:
    """A withdrawal under way."""
    return f"PAYOUT_PENDING:{payee}"


def may_be_negative(account: str) -> bool:
    """Whether the account may stand below zero (accounts 1, sign)."""
    return account.startswith(_MAY_BE_NEGATIVE)
