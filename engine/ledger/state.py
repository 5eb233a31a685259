"""What a currency's room remembers beside the book, and how its events change that."""

from typing import Literal

from msgspec import Struct

from engine.contract import Event
from engine.kernel.time import MINUTE, Millis
from engine.ledger import events as e
from engine.ledger.rates import Commission, ServiceType

ASK_EVERY_MS = 15 * MINUTE
"""After so long without a capture the provider is asked, and again (accounts rule 14)."""


class Pending(Struct):
    """A payment that was begun, and of which nothing was heard yet."""

    provider: str
    payment: str
    user: str
    amount: int
    purpose: str
    created_at: Millis
    ask_at: Millis
    """When its provider is asked next."""
    asked: int = 0


class Withdrawal(Struct):
    """An open withdrawal, in state requested or processing. Closed ones are in the log only."""

    user: str
    amount: int
    processing: bool = False
    source: str = ""
    """The payable that it came from; empty: the wallet."""
    attempt: int = 0
    """How often the provider has been told anew."""
    bank_reference: str = ""
    look: int = 0
    """How often the provider was asked after this attempt."""
    reference: str = ""
    """The provider's own id of the payout."""


class Refund(Struct):
    """A payment on its way back. Those that are done are in the log only."""

    room: str
    provider: str
    payment: str
    payer: str
    amount: int
    status: Literal["telling", "accepted", "postponed", "failed"] = "telling"
    attempt: int = 0
    """How often the provider has heard of it."""
    tries: int = 0
    """Since staff last began it anew."""
    looks: int = 0
    """How often the provider has said that it is at it."""
    instruction: int = 1
    reference: str = ""
    due_at: Millis | None = None
    """When the provider hears of it again."""
    is_refused: bool = False
    reason: str = ""


class Journal(Struct):
    """The state of a room `ledger:{currency}`."""

    made: int = 0
    """Withdrawals, adjustments and incidents so far: their ids are counted."""
    withdrawals: dict[str, Withdrawal] = {}
    proposals: dict[str, e.AdjustmentProposed] = {}
    retries: dict[str, Millis] = {}
    """Payouts that the provider is told of again, and when."""
    looks: dict[str, Millis] = {}
    """Those that the provider is asked about again, and when."""
    incidents: dict[str, e.IncidentOpened] = {}
    refunds: dict[str, Refund] = {}
    refunds_made: int = 0
    commissions: dict[ServiceType, Commission] = {}
    """What staff have set; of the others the market says."""
    disputes: dict[str, e.DisputeChanged] = {}
    """`provider:dispute` -> how a dispute at a payer's bank stands, as long as it is not over, or
    lost and not booked."""
    pending: dict[str, Pending] = {}
    """`provider:payment` -> payment that was begun, those first that are asked about first."""


def on_booked(_state: Journal, _event: Event, _at: Millis) -> None:
    """The book and the claims hold all that it changes."""


def pending_key(provider: str, payment: str) -> str:
    """Where a payment that was begun is kept."""
    return f"{provider}:{payment}"


def on_paid(state: Journal, event: e.PaymentReceived | e.PaymentReturned, _: Millis) -> None:
    """Nobody need ask about it."""
    state.pending.pop(pending_key(event.provider, event.payment), None)


def on_created(state: Journal, event: e.PaymentCreated, at: Millis) -> None:
    """It is asked about in a while."""
    state.pending[pending_key(event.provider, event.payment)] = Pending(
        event.provider,
        event.payment,
        event.user,
        event.amount,
        event.purpose,
        at,
        at + ASK_EVERY_MS,
    )


def on_asked(state: Journal, event: e.PaymentAsked, at: Millis) -> None:
    """It goes to the end of the line, whatever the provider says."""
    key = pending_key(event.provider, event.payment)
    found = state.pending.pop(key)
    found.asked, found.ask_at = event.attempt, at + ASK_EVERY_MS
    state.pending[key] = found


def on_payment_closed(state: Journal, event: e.PaymentClosed, _: Millis) -> None:
    """Nothing of it is left to do."""
    del state.pending[pending_key(event.provider, event.payment)]


def dispute_key(provider: str, dispute: str) -> str:
    """Where a dispute is kept."""
    return f"{provider}:{dispute}"


def on_dispute(state: Journal, event: e.DisputeChanged, _: Millis) -> None:
    """The latest word stands."""
    key = dispute_key(event.provider, event.dispute)
    state.disputes[key] = event
    if event.stage == "won":
        del state.disputes[key]


def on_charged_back(state: Journal, event: e.ChargedBack, _: Millis) -> None:
    """Nothing of its dispute is left to do."""
    of = (event.provider, event.payment)
    for key in [k for k, found in state.disputes.items() if (found.provider, found.payment) == of]:
        del state.disputes[key]


def on_requested(state: Journal, event: e.WithdrawalRequested, _: Millis) -> None:
    """A withdrawal is open."""
    state.made += 1
    state.withdrawals[event.withdrawal] = Withdrawal(
        event.user, event.amount, source=event.source, bank_reference=event.bank_reference
    )


def on_started(state: Journal, event: e.WithdrawalStarted, _: Millis) -> None:
    """From here on it can be paid or fail."""
    open_ = state.withdrawals[event.withdrawal]
    open_.processing = True
    open_.attempt += 1
    open_.look, open_.reference = 0, ""
    state.retries.pop(event.withdrawal, None)


def on_awaited(state: Journal, event: e.PayoutAwaited, _: Millis) -> None:
    """The provider is asked later."""
    state.withdrawals[event.withdrawal].reference = event.reference
    state.looks[event.withdrawal] = event.look_at


def on_payout_asked(state: Journal, event: e.PayoutAsked, _: Millis) -> None:
    """Its answer is awaited."""
    state.withdrawals[event.withdrawal].look = event.look
    del state.looks[event.withdrawal]


def on_closed(state: Journal, event: e.WithdrawalPaid | e.WithdrawalFailed, _: Millis) -> None:
    """Nothing of it is left to do."""
    del state.withdrawals[event.withdrawal]
    state.looks.pop(event.withdrawal, None)


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
    state.looks.pop(event.withdrawal, None)
    state.retries[event.withdrawal] = event.retry_at


def on_incident(state: Journal, event: e.IncidentOpened, _: Millis) -> None:
    """It waits for staff."""
    state.made += 1
    state.incidents[event.incident] = event


def on_settled(state: Journal, event: e.IncidentSettled, _: Millis) -> None:
    """Nothing of it is left to do."""
    del state.incidents[event.incident]


def on_refund_started(state: Journal, event: e.RefundStarted, _: Millis) -> None:
    """The first of a refund opens it."""
    found = state.refunds.get(event.refund)
    if found is None:
        state.refunds_made += 1
        found = state.refunds[event.refund] = Refund(
            event.room, event.provider, event.payment, event.payer, event.amount
        )
    if found.status == "failed":
        found.tries = 0
    found.status, found.due_at = "telling", None
    found.attempt, found.tries = event.attempt, found.tries + 1
    found.instruction, found.reference = event.instruction, event.reference


def on_refund_accepted(state: Journal, event: e.RefundAccepted, _: Millis) -> None:
    """The provider is asked again later."""
    found = state.refunds[event.refund]
    found.status, found.due_at = "accepted", event.look_at
    found.looks, found.reference = found.looks + 1, event.reference


def on_refund_postponed(state: Journal, event: e.RefundPostponed, _: Millis) -> None:
    """It waits for its next try."""
    found = state.refunds[event.refund]
    found.status, found.due_at, found.reason = "postponed", event.retry_at, event.reason


def on_refund_failed(state: Journal, event: e.RefundFailed, _: Millis) -> None:
    """It waits for staff."""
    found = state.refunds[event.refund]
    found.status, found.reason, found.is_refused = "failed", event.reason, event.is_refused


def on_refund_paid(state: Journal, event: e.RefundPaid, _: Millis) -> None:
    """Nothing of it is left to do."""
    del state.refunds[event.refund]


def on_commission(state: Journal, event: e.CommissionSet, _: Millis) -> None:
    """Deals that are held already keep theirs (rule 9)."""
    state.commissions[event.service_type] = Commission(event.base_bps, event.min_bps, event.max_bps)


def check(state: Journal) -> None:
    """Assert what the state alone can show of accounts 3."""
    line = [found.ask_at for found in state.pending.values()]
    assert line == sorted(line), "accounts rule 14: the first of the line is asked about first"
    assert state.retries.keys() <= state.withdrawals.keys(), "accounts 3: a retry of nothing"
    for id_ in state.retries:
        open_ = state.withdrawals[id_]
        assert open_.source, f"accounts 3: {id_} is of a wallet, and is tried again"
        assert not open_.processing, f"accounts 3: {id_} waits while it is under way"
    for id_ in state.looks:
        assert state.withdrawals[id_].processing, f"accounts 3: {id_} is asked about, and not begun"
    for service, rate in state.commissions.items():
        assert rate.min_bps <= rate.base_bps <= rate.max_bps, f"admin ADM-6: {service}"
    for id_, refund in state.refunds.items():
        assert refund.amount > 0, f"accounts P9: {id_} sends nothing back"
        waits = refund.status in ("accepted", "postponed")
        assert waits == (refund.due_at is not None), f"accounts P9: {id_} is not looked after"
