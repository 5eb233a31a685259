"""Who is there, and the deals that the tests speak of."""

from typing import Any

from engine.kernel.actor import (
    ADMIN,
    ANYONE,
    CONCIERGE,
    MANAGER,
    SHOPKEEPER,
    SYSTEM,
    USER,
    Actor,
)
from engine.kernel.time import HOUR
from engine.ledger.accounts import escrow
from engine.ledger.commands import ProviderEvent
from engine.ledger.escrow import commands as c
from engine.ledger.escrow.terms import Award, ShareTerms
from testkit.house import OPENING, House

PAYER = Actor("pia", USER, "approved")
ALMA = Actor("alma", SHOPKEEPER, "approved")
BEN = Actor("ben", SHOPKEEPER, "approved")
DAN = Actor("dan", USER, "approved")
STRANGER = Actor("sam", USER, "approved")
CONNY = Actor("conny", CONCIERGE)
MARA = Actor("mara", MANAGER)
BOSS = Actor("boss", ADMIN)
HOOK = Actor("hook", SYSTEM)
GUEST = ANYONE

ORDER = "order.o1"
ROOM = "escrow:order.o1"
ACCOUNT = escrow("order", "o1")
PAY_UNTIL = OPENING + HOUR

A, B, FEE = (
    ShareTerms("alma", "seller", 8_000),
    ShareTerms("ben", "seller", 2_000),
    ShareTerms("dan", "carrier", 500),
)
"""Rule 6's example, and a delivery fee."""


def opening(*shares: ShareTerms, platform: int = 0, **changes: Any) -> c.Open:
    """Draw up an order; the total is what the plan makes, unless told otherwise."""
    plan = shares or (A, B)
    total = sum(share.gross for share in plan) + platform
    usual: dict[str, Any] = {
        "payer": "pia",
        "currency": "NGN",
        "total": total,
        "pay_until": PAY_UNTIL,
    }
    fields: dict[str, Any] = {
        "id": "c",
        "escrow": ORDER,
        "shares": plan,
        "platform": platform,
    } | usual
    return c.Open(**(fields | changes))


def fund(escrow: str = ORDER) -> c.Fund:
    return c.Fund(id="c", escrow=escrow)


def release(payee: str | None = None, reason: str = "it has come") -> c.Release:
    return c.Release(id="c", escrow=ORDER, payee=payee, reason=reason)


def refund(payee: str | None = None, reason: str = "called off") -> c.Refund:
    return c.Refund(id="c", escrow=ORDER, payee=payee, reason=reason)


def dispute(reason: str = "it is broken") -> c.OpenDispute:
    return c.OpenDispute(id="c", escrow=ORDER, reason=reason)


def resolve(to_payer: int, *awards: Award, reason: str = "both are right") -> c.ResolveDispute:
    return c.ResolveDispute(
        id="c", escrow=ORDER, to_payees=awards, to_payer=to_payer, reason=reason
    )


def capture(amount: int, payment: str = "p1", **changes: Any) -> ProviderEvent:
    """A provider says that the payer has paid."""
    fields: dict[str, Any] = {
        "id": "c",
        "currency": "NGN",
        "provider": "stripe",
        "payment": payment,
    }
    fields |= {"kind": "captured", "user": "pia", "amount": amount, "purpose": ROOM}
    return ProviderEvent(**(fields | changes))


def opened(house: House, *shares: ShareTerms, **changes: Any) -> House:
    """The order waits for its payer, who has 100,000 in the wallet."""
    return house.deposit("pia", 100_000).given((HOOK, opening(*shares, **changes)))


def held(house: House, *shares: ShareTerms, **changes: Any) -> House:
    """The order has been paid through a provider."""
    opened(house, *shares, **changes)
    return house.given((HOOK, capture(house.state(ROOM).terms.total)))


def disputed(house: House, *shares: ShareTerms, **changes: Any) -> House:
    """The payer disputes what was paid."""
    return held(house, *shares, **changes).given((PAYER, dispute()))
