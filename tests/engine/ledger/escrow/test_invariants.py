"""Tests of engine/ledger/escrow/state.py: each invariant is able to complain (accounts 10)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from engine.ledger.escrow.state import Escrow, check
from testkit.house import House
from tests.engine.ledger.escrow.cast import BOSS, FEE, ROOM, A, B, held, opened, refund, release


def _another_total(state: Escrow) -> None:
    state.terms = replace(state.terms, total=state.terms.total + 1)


def _a_share_less(state: Escrow) -> None:
    state.shares.pop()


def _closed_and_not_empty(state: Escrow) -> None:
    state.status = "released"


def _another_fee(state: Escrow) -> None:
    state.shares[0].held = replace(state.shares[0].held, fee=1)


def _another_part(state: Escrow) -> None:
    state.shares[0].held = replace(state.shares[0].held, part=1)


def _paid_and_open(state: Escrow) -> None:
    state.shares[0].paid = state.shares[2].paid


def _released_and_not_paid(state: Escrow) -> None:
    state.shares[2].paid = None


def _paid_too_much(state: Escrow) -> None:
    paid = state.shares[2].paid
    assert paid is not None
    state.shares[2].paid = replace(paid, net=paid.net + 1)


def _paid_more_than_was_held(state: Escrow) -> None:
    paid = state.shares[2].paid
    assert paid is not None
    state.shares[2].paid = replace(paid, part=paid.part + 1)


def _refunded_twice(state: Escrow) -> None:
    state.refunded *= 2


FAULTS: list[tuple[Callable[[Escrow], None], str]] = [
    (_another_total, "INV-7: the plan"),
    (_a_share_less, "INV-7: not the plan"),
    (_closed_and_not_empty, "INV-6"),
    (_another_fee, "rule 7"),
    (_another_part, "INV-7: the parts"),
    (_paid_and_open, "not released"),
    (_released_and_not_paid, "nobody was paid"),
    (_paid_too_much, "INV-7: share and fee"),
    (_paid_more_than_was_held, "INV-7: more"),
    (_refunded_twice, "INV-7: money is lost"),
]


@pytest.mark.parametrize(("spoil", "why"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_what_must_not_be_is_seen(spoil: Callable[[Escrow], None], why: str) -> None:
    """One share open, one refunded, one released; then something is changed behind its back."""
    house = held(House(), A, B, FEE).given((BOSS, refund("ben")), (BOSS, release("dan")))
    state = house.state(ROOM)
    check(state)
    spoil(state)
    with pytest.raises(AssertionError, match=why):
        check(state)


def test_what_was_never_paid_has_no_shares() -> None:
    """Before the payment nobody has anything."""
    house = opened(House())
    state = house.state(ROOM)
    check(state)
    state.shares = held(House()).state(ROOM).shares
    with pytest.raises(AssertionError, match="INV-6"):
        check(state)
