"""Tests of engine/ledger/user.py: a person's own room."""

import pytest

from engine.kernel.actor import Actor
from tests.engine.ledger.desk import ADA, ADMINA, BOB, CONNY, GUEST, HOUSE, MARA, NGN, USD, Desk


@pytest.fixture
def desk() -> Desk:
    """Ada has 500 NGN, 100 of them held, and 7 USD."""
    desk = Desk()
    desk.fund("ada", 500)
    desk.fund("ada", 7, USD)
    desk.hold("ada", 100)
    return desk


@pytest.mark.parametrize("actor", [ADA, ADMINA, HOUSE], ids=lambda a: a.user)
def test_an_owner_and_admins_see_the_wallets(desk: Desk, actor: Actor) -> None:
    """Accounts 11 and PROTOCOL: balance, held and available by currency."""
    seen = desk.seen(actor, "user:ada")
    assert seen["balances"] == {
        NGN: {"balance": 500, "held": 100, "available": 400},
        USD: {"balance": 7, "held": 0, "available": 7},
    }


def test_an_owner_sees_holds_by_reference(desk: Desk) -> None:
    """And every entry, those of holds too."""
    seen = desk.seen(ADA, "user:ada")
    assert seen["holds"] == {NGN: {"toy:t1": 100}, USD: {}}
    assert [e["kind"] for e in seen["entries"][NGN]] == ["deposit", "bid_deposit_hold"]


def test_an_admin_does_not_learn_a_maximum_from_its_hold(desk: Desk) -> None:
    """Auction X7: a hold is a share of a maximum, which only its owner knows."""
    seen = desk.seen(ADMINA, "user:ada")
    assert "holds" not in seen
    assert [e["kind"] for e in seen["entries"][NGN]] == ["deposit"]


@pytest.mark.parametrize("actor", [GUEST, BOB, CONNY, MARA], ids=lambda a: a.role)
def test_nobody_else_sees_them(desk: Desk, actor: Actor) -> None:
    """Accounts 11: no counterparty, no concierge, no manager."""
    assert desk.seen(actor, "user:ada") == "FORBIDDEN"


def test_a_guest_does_not_own_the_room_without_a_name(desk: Desk) -> None:
    """The empty user id matches nothing."""
    assert desk.seen(GUEST, "user:") == "FORBIDDEN"


def test_a_room_is_there_before_the_first_notice(desk: Desk) -> None:
    """Whoever signs in can subscribe to their room at once."""
    seen = desk.seen(BOB, "user:bob")
    nothing = ("balances", "payables", "debts", "holds", "entries")
    assert seen == {"user": "bob"} | {name: {} for name in nothing}
