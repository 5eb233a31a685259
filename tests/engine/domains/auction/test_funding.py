"""The winner whose wallet does not cover the deposit (auction W3).

A hold covers every deposit, so the ledger never lets it come to this by bidding alone
(auction 12.3). The rule is decided here by itself, against a ledger that says otherwise.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from engine.contract import Event, Wake
from engine.domains.auction import AUCTION
from engine.domains.auction import events as e
from engine.domains.auction import notices as n
from engine.domains.auction.reactions import react
from engine.domains.auction.state import Auction
from engine.kernel.actor import Actor
from engine.kernel.outcome import Rejected
from engine.kernel.time import DAY
from testkit.house import House
from tests.engine.domains.auction.cast import ANN, BOB, END, ROOM, M, bid, decline, fund, pay


class _Ledger:
    """Everybody has the same, and nothing is held."""

    def __init__(self, available: int) -> None:
        self._available = available

    def available(self, user: str, currency: str) -> int:
        return self._available

    def held_for(self, user: str, currency: str, reference: str) -> int:
        return 0


class _Context:
    """A moment, an actor, and that ledger."""

    room = ROOM

    def __init__(self, now: int, available: int, actor: Actor = ANN) -> None:
        self.now = now
        self.actor = actor
        self.ledger = _Ledger(available)


def _decide(state: Auction, asked: Any, now: int, available: int, actor: Actor = ANN) -> Any:
    return AUCTION.decide[type(asked)](state, asked, _Context(now, available, actor))


def _apply(state: Auction, events: Sequence[Event], now: int) -> None:
    for event in events:
        AUCTION.evolve[type(event)](state, event, now)
    AUCTION.check(state)


@pytest.fixture
def asked(live_house: House) -> Auction:
    """ann won at 60 M over bob, and nothing was in her wallet at the close."""
    live_house.given((BOB, bid(50 * M)), (ANN, bid(60 * M)))
    encoded = msgspec.json.encode(live_house.state(ROOM))
    state = msgspec.json.decode(encoded, type=Auction)
    _apply(state, _decide(state, Wake(), END, available=0), END)
    return state


def test_the_winner_is_asked_to_fund(asked: Auction) -> None:
    """W3: DepositRefused -> DepositFundingRequested, 24 h, and the winner is told."""
    settlement = asked.settlement
    assert settlement is not None
    assert (settlement.is_locked, settlement.deposit_due_at) == (False, END + DAY)
    assert AUCTION.due(asked, END) == END + DAY
    event = e.DepositFundingRequested(user="ann", amount=12 * M, deposit_due_at=END + DAY)
    (notice,) = react(asked, event, _Context(END, 0))
    assert notice.event == n.DepositRequested(
        auction="a1", hammer_price=60 * M, deposit=12 * M, deadline=END + DAY
    )


def test_funding_in_time_locks(asked: Auction) -> None:
    """W3: once the money is there; the 24 h of W4 run from the lock."""
    refused = _decide(asked, fund(), END + 1, available=12 * M - 1)
    assert isinstance(refused, Rejected)
    assert refused.code.name == "INSUFFICIENT_FUNDS"
    (locked,) = _decide(asked, fund(), END + 1, available=12 * M)
    assert isinstance(locked, e.DepositLocked)
    assert locked.payment_due_at == END + 1 + DAY


def test_the_deposit_comes_before_the_remainder(asked: Auction) -> None:
    """Paying without a deposit is out of turn; a first winner cannot decline."""
    for command in (pay(), decline()):
        refused = _decide(asked, command, END + 1, available=100 * M)
        assert refused.code.name == "INVALID_TRANSITION"


def test_it_is_tried_once_more_when_due(asked: Auction) -> None:
    """W3: money that came in the meantime counts, without a command."""
    assert _decide(asked, Wake(), END + DAY - 1, available=12 * M) == ()
    (locked,) = _decide(asked, Wake(), END + DAY, available=12 * M)
    assert isinstance(locked, e.DepositLocked)


def test_without_the_deposit_the_next_is_offered_it(asked: Auction) -> None:
    """W3, row 066: NO_DEPOSIT, nothing to forfeit, then the next bidder."""
    events = _decide(asked, Wake(), END + DAY, available=0)
    assert [type(event) for event in events] == [e.WinnerDefaulted, e.RunnerUpOffered]
    assert events[0].cause == "NO_DEPOSIT"
    _apply(asked, events, END + DAY)
    assert asked.defaulted == ["ann"]
