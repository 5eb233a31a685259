"""Each invariant is able to complain (identity 10)."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from engine.domains.identity.invariants import check
from engine.domains.identity.state import Account, Application, Challenge, Session
from engine.domains.identity.terms import Device

WEB = Session(Device("web"), 0, 0, 0)
APPROVED = Application("k1", "dealer", {}, state="approved", reviewer="meg")


def sound(**changes: Any) -> Account:
    """An active dealer, but for these fields."""
    fields: dict[str, Any] = {
        "status": "active",
        "user": "u1",
        "email": "ada@example.com",
        "required": ("email",),
        "verified": ["email"],
        "roles": ["dealer"],
        "sessions": {"s1": WEB},
        "codes_sent": 1,
        "codes": {"email:login": Challenge(1, 0)},
        "applications": {"dealer": APPROVED},
        "approvals": {"dealer": None},
    }
    return Account(**fields | changes)


def test_sound_states_pass() -> None:
    """Nothing to complain about."""
    for state in (Account(), Account(registered=3, admins=["u1"]), sound()):
        check(state)


BROKEN: dict[str, tuple[Callable[[], Account], str]] = {
    "not verified": (lambda: sound(verified=[]), "INV-1"),
    "no address": (lambda: sound(email=""), "identity 2"),
    "no id": (lambda: sound(user=""), "identity 2"),
    "an id and no account": (lambda: Account(user="u1"), "INV-9"),
    "a dealer without documents": (lambda: sound(approvals={}), "INV-3"),
    "two on the web": (lambda: sound(sessions={"s1": WEB, "s2": WEB}), "INV-4"),
    "in while suspended": (lambda: sound(status="suspended", suspension="fraud"), "INV-5"),
    "suspended for nothing": (lambda: sound(status="suspended", sessions={}), "K7"),
    "a code too many": (lambda: sound(codes_sent=0), "INV-6"),
    "a try too many": (lambda: sound(codes={"x": Challenge(1, 0, tries=6)}), "I7"),
    "a role twice": (lambda: sound(roles=["dealer", "dealer"]), "identity 6"),
    "reviewed by oneself": (
        lambda: sound(applications={"dealer": replace(APPROVED, reviewer="u1")}),
        "INV-7",
    ),
    "rejected for nothing": (
        lambda: sound(applications={"dealer": replace(APPROVED, state="rejected")}),
        "identity 3",
    ),
    "waits for nobody": (
        lambda: sound(applications={"dealer": Application("k1", "dealer", {})}),
        "K3",
    ),
    "approved for nothing": (lambda: sound(applications={}), "K1"),
    "an admin twice": (lambda: Account(admins=["u1", "u1"]), "INV-8"),
    "closed with an address": (lambda: sound(status="closed", sessions={}), "INV-9"),
    "too many endings": (lambda: sound(ended={f"s{n}": "LOGOUT" for n in range(21)}), "identity 1"),
    "too many devices": (lambda: sound(devices=["f"] * 51), "identity 1"),
}


@pytest.mark.parametrize(("make", "number"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_states_are_found(make: Callable[[], Account], number: str) -> None:
    """One thing at a time is wrong, and the complaint names the invariant."""
    with pytest.raises(AssertionError, match=number):
        check(make())
