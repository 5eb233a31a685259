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


class Journal(Struct):
    """The state of a room `ledger:{currency}`."""

    made: int = 0
    """Withdrawals and adjustments so far: their ids are counted."""
    withdrawals: dict[str, Withdrawal] = {}
    proposals: dict[str, e.AdjustmentProposed] = {}


def on_booked(_state: Journal, _event: Event, _at: Millis) -> None:
    """The book and the claims hold all that it changes."""


def on_requested(state: Journal, event: e.WithdrawalRequested, _: Millis) -> None:
    """A withdrawal is open."""
    state.made += 1
    state.withdrawals[event.withdrawal] = Withdrawal(event.user, event.amount)


def on_started(state: Journal, event: e.WithdrawalStarted, _: Millis) -> None:
    """From here on it can be paid or fail."""
    state.withdrawals[event.withdrawal].processing = True


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
