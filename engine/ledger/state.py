"""What a currency's room remembers beside the book, and how its events change that."""

from msgspec import Struct

from engine.contract import Event
from engine.kernel.time import Millis
from engine.ledger import events as e


class Withdrawal(Struct):
    """An open withdrawal, in state requested or processing. Closed ones are in the log only."""

    user: str
    amount: int
    processing: bool = False
    source: str = ""
    """The payable that it came from; empty: the wallet."""
    attempt: int = 0
    """How often the provider has been told."""


class Journal(Struct):
    """The state of a room `ledger:{currency}`."""

    made: int = 0
    """Withdrawals, adjustments and incidents so far: their ids are counted."""
    withdrawals: dict[str, Withdrawal] = {}
    proposals: dict[str, e.AdjustmentProposed] = {}
    retries: dict[str, Millis] = {}
    """Payouts that the provider is told of again, and when."""
    incidents: dict[str, e.IncidentOpened] = {}


def on_booked(_state: Journal, _event: Event, _at: Millis) -> None:
    """The book and the claims hold all that it changes."""


def on_requested(state: Journal, event: e.WithdrawalRequested, _: Millis) -> None:
    """A withdrawal is open."""
    state.made += 1
    state.withdrawals[event.withdrawal] = Withdrawal(event.user, event.amount, source=event.source)


def on_started(state: Journal, event: e.WithdrawalStarted, _: Millis) -> None:
    """From here on it can be paid or fail."""
    open_ = state.withdrawals[event.withdrawal]
    open_.processing = True
    open_.attempt += 1
    state.retries.pop(event.withdrawal, None)


def on_closed(state: Journal, event: e.WithdrawalPaid | e.WithdrawalFailed, _: Millis) -> None:
    """Nothing of it is left to do."""
    del state.withdrawals[event.withdrawal]


def on_proposed(state: Journal, event: e.AdjustmentProposed, _: Millis) -> None:
    """It waits for a second person."""
    state.made += 1
    state.proposals[event.adjustment] = event


def on_adjusted(state: Journal, event: e.Adjusted, _: Millis) -> None:
    """Done: by one person, or by the second on what the first proposed."""
    if state.proposals.pop(event.adjustment, None) is None:
        state.made += 1


def on_refused(state: Journal, event: e.AdjustmentRefused, _: Millis) -> None:
    """It waits no more."""
    del state.proposals[event.adjustment]


def on_postponed(state: Journal, event: e.PayoutPostponed, _: Millis) -> None:
    """It waits for its next try."""
    state.withdrawals[event.withdrawal].processing = False
    state.retries[event.withdrawal] = event.retry_at


def on_incident(state: Journal, event: e.IncidentOpened, _: Millis) -> None:
    """It waits for staff."""
    state.made += 1
    state.incidents[event.incident] = event


def on_settled(state: Journal, event: e.IncidentSettled, _: Millis) -> None:
    """Nothing of it is left to do."""
    del state.incidents[event.incident]


def check(state: Journal) -> None:
    """Assert what the state alone can show of accounts 3."""
    assert state.retries.keys() <= state.withdrawals.keys(), "accounts 3: a retry of nothing"
    for id_ in state.retries:
        open_ = state.withdrawals[id_]
        assert open_.source, f"accounts 3: {id_} is of a wallet, and is tried again"
        assert not open_.processing, f"accounts 3: {id_} waits while it is under way"
