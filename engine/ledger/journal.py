"""The rooms `ledger:{currency}`: money comes in, goes out, and is adjusted by hand.

Holds, deposits of auctions and escrows are moved by the events of the rooms that they belong
to; here stands what belongs to no other room.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from engine.contract import Context, Decision, Domain, Event, Reaction, Wake, fields_of
from engine.kernel.actor import MANAGER
from engine.kernel.ids import split_room
from engine.kernel.outside import Errand
from engine.kernel.time import Millis
from engine.ledger import commands as c
from engine.ledger import decide_chargeback as chargeback
from engine.ledger import decide_payout as payout
from engine.ledger import decide_pending as pending
from engine.ledger import decide_provider_dispute as dispute
from engine.ledger import decide_refund as refund
from engine.ledger import events as e
from engine.ledger.accounts import SEES_EVERY_WALLET, wallet
from engine.ledger.codes import LEDGER_CODES
from engine.ledger.decide_adjustment import adjust, approve_adjustment, refuse_adjustment
from engine.ledger.decide_commission import set_commission
from engine.ledger.decide_incident import open_incident, report_difference, settle_incident
from engine.ledger.decide_money_in import deposit, provider_event, send_back, tell_the_room
from engine.ledger.decide_withdrawal import (
    complete_withdrawal,
    fail_withdrawal,
    start_withdrawal,
    withdraw,
)
from engine.ledger.messages import OpenIncident, RecoverDebt, ReturnPayment
from engine.ledger.state import (
    Journal,
    check,
    on_adjusted,
    on_asked,
    on_awaited,
    on_booked,
    on_charged_back,
    on_closed,
    on_commission,
    on_created,
    on_dispute,
    on_incident,
    on_paid,
    on_payment_closed,
    on_payout_asked,
    on_postponed,
    on_proposed,
    on_refund_accepted,
    on_refund_failed,
    on_refund_paid,
    on_refund_postponed,
    on_refund_started,
    on_refused,
    on_requested,
    on_settled,
    on_started,
)
from engine.ledger.workload import workload

BOOKS = "books"
"""Sees every account."""
ADJUSTERS = "adjusters"
"""Sees adjustments by hand, but no balance."""


_FOR_MANAGERS = (
    e.AdjustmentProposed,
    e.Adjusted,
    e.AdjustmentRefused,
    e.IncidentOpened,
    e.IncidentSettled,
    e.RefundStarted,
    e.RefundAccepted,
    e.RefundPostponed,
    e.RefundFailed,
    e.RefundPaid,
    e.CommissionSet,
    e.ChargedBack,
    e.DisputeChanged,
)


def statement(_state: Journal, _command: c.Statement, _ctx: Context) -> Sequence[Event]:
    """Reading is no event."""
    return ()


def result(_: Journal, command: Any, events: Sequence[Event], ctx: Context) -> Any:
    """What changed, and the wallet as it stands now, if the actor may see it (accounts 11)."""
    if isinstance(command, c.Statement):
        entries = ctx.ledger.statement(ctx.actor.user, command.currency)
        kind = command.kind
        return {
            "entries": [x for x in entries if not kind or getattr(x, "kind", None) == kind],
            **_wallet(ctx.actor.user, command.currency, ctx),
        }
    if isinstance(command, c.PayoutBatch):
        made = [event for event in events if isinstance(event, e.WithdrawalRequested)]
        return {"payouts": len(made), "amount": sum(event.amount for event in made)}
    if not events:
        return None
    event = events[0]
    if isinstance(event, e.Adjusted) and ctx.actor.role not in SEES_EVERY_WALLET:
        return _without_balances(event)
    facts = _facts(event)
    if (user := facts.get("user")) and not isinstance(event, e.AdjustmentProposed):
        facts |= _wallet(user, command.currency, ctx)
    return facts


def _wallet(user: str, currency: str, ctx: Context) -> dict[str, Any]:
    balance = ctx.ledger.balance(wallet(user), currency)
    available = ctx.ledger.available(user, currency)
    return {
        "currency": currency,
        "balance": balance,
        "held": balance - available,
        "available": available,
    }


def _facts(thing: Any) -> dict[str, Any]:
    """What an event or a withdrawal says; of a bank account its last letters, which are enough to
    know it again (accounts 11)."""
    facts = fields_of(thing)
    if bank := facts.get("bank_reference"):
        facts["bank_reference"] = f"…{bank[-4:]}" if len(bank) > 4 else "…"
    return facts


def _without_balances(event: Event) -> dict[str, Any]:
    facts = fields_of(event)
    return {name: facts[name] for name in facts if not name.startswith("balance_")}


def audience(_: Journal, ctx: Context) -> str:
    """The books show everybody's money: admins and the house. Managers see adjustments and
    incidents, for they decide them, but no wallet (accounts 11)."""
    if ctx.actor.role in SEES_EVERY_WALLET:
        return BOOKS
    return ADJUSTERS if ctx.actor.role == MANAGER else ""


def show(_: Journal, event: Event, audience: str) -> Any:
    """All of it, postings too; to managers only what is theirs to decide."""
    if audience == BOOKS:
        return {**_facts(event), "postings": event.postings}
    if isinstance(event, _FOR_MANAGERS):
        return _without_balances(event)
    return {}


def view(state: Journal, ctx: Context) -> Any:
    """What waits for staff, and what they have set; every account too, for those who see the
    books."""
    currency = split_room(ctx.room)[1]
    proposals = {id_: fields_of(proposal) for id_, proposal in state.proposals.items()}
    incidents = {id_: fields_of(incident) for id_, incident in state.incidents.items()}
    waiting = {
        "currency": currency,
        "proposals": proposals,
        "incidents": incidents,
        "refunds": state.refunds,
        "commissions": state.commissions,
        "disputes": {id_: fields_of(found) for id_, found in state.disputes.items()},
    }
    if ctx.actor.role not in SEES_EVERY_WALLET:
        return waiting
    accounts = ctx.ledger.accounts(currency)
    return {
        **waiting,
        "accounts": dict(accounts),
        "sum": sum(accounts.values()),
        "withdrawals": {id_: _facts(found) for id_, found in state.withdrawals.items()},
        "retries": state.retries,
        "looks": state.looks,
        "payments": state.pending,
    }


def react(state: Journal, event: Event, ctx: Context) -> Sequence[Reaction]:
    """A payment for a room is told to that room, a payout to its payee, a refund to its payer; what
    does not fit is sent back."""
    return (
        *tell_the_room(state, event, ctx),
        *send_back(event, ctx),
        *payout.tell_the_payee(event),
        *refund.tell_the_payer(event),
        *chargeback.tell_of_debts(event, ctx),
        *dispute.freeze(event, ctx),
    )


def due(state: Journal, _: Millis) -> Millis | None:
    """The next try of a payout or a refund, or the next payment that is asked about."""
    return min((*payout.due(state), *refund.due(state), *pending.due(state)), default=None)


def wake(state: Journal, _: Wake, ctx: Context) -> Decision:
    """Providers are told again, and asked (accounts 7, rule 14)."""
    return [*payout.wake(state, ctx), *refund.wake(state, ctx), *pending.wake(state, ctx)]


def errands(state: Journal, event: Event, ctx: Context) -> Iterable[Errand]:
    """What providers are told and asked."""
    yield from refund.errands(state, event, ctx)
    yield from payout.errands(state, event, ctx)
    yield from pending.errands(state, event, ctx)
    yield from dispute.errands(state, event, ctx)


JOURNAL = Domain(
    name="ledger",
    always=True,
    summary="Money in and out of one currency's wallets, payouts, and adjustments by hand.",
    initial=Journal,
    decide={
        c.Deposit: deposit,
        c.ProviderEvent: provider_event,
        c.CreatePayment: pending.create_payment,
        c.ReportPayment: pending.report_payment,
        c.Withdraw: withdraw,
        c.StartWithdrawal: start_withdrawal,
        c.CompleteWithdrawal: complete_withdrawal,
        c.FailWithdrawal: fail_withdrawal,
        c.Adjust: adjust,
        c.ApproveAdjustment: approve_adjustment,
        c.RefuseAdjustment: refuse_adjustment,
        c.Statement: statement,
        c.RequestPayout: payout.request_payout,
        c.PayoutBatch: payout.payout_batch,
        c.ReportPayout: payout.report_payout,
        c.SettleIncident: settle_incident,
        c.ReportDifference: report_difference,
        c.SetCommission: set_commission,
        c.ChargeBack: chargeback.charge_back,
        c.ProviderDispute: dispute.provider_dispute,
        c.ReportRefund: refund.report_refund,
        c.RetryRefund: refund.retry_refund,
        c.SettleRefund: refund.settle_refund,
        OpenIncident: open_incident,
        ReturnPayment: refund.return_payment,
        RecoverDebt: chargeback.recover_debt,
        Wake: wake,
    },
    evolve={
        e.Deposited: on_booked,
        e.PaymentReceived: on_paid,
        e.PaymentReturned: on_paid,
        e.PaymentCreated: on_created,
        e.PaymentAsked: on_asked,
        e.PaymentClosed: on_payment_closed,
        e.PaymentFailed: on_booked,
        e.WithdrawalRequested: on_requested,
        e.WithdrawalStarted: on_started,
        e.WithdrawalPaid: on_closed,
        e.WithdrawalFailed: on_closed,
        e.AdjustmentProposed: on_proposed,
        e.Adjusted: on_adjusted,
        e.AdjustmentRefused: on_refused,
        e.PayoutPostponed: on_postponed,
        e.PayoutAwaited: on_awaited,
        e.PayoutAsked: on_payout_asked,
        e.IncidentOpened: on_incident,
        e.IncidentSettled: on_settled,
        e.RefundStarted: on_refund_started,
        e.RefundAccepted: on_refund_accepted,
        e.RefundPostponed: on_refund_postponed,
        e.RefundFailed: on_refund_failed,
        e.RefundPaid: on_refund_paid,
        e.CommissionSet: on_commission,
        e.ChargedBack: on_charged_back,
        e.DisputeChanged: on_dispute,
        e.DebtRecovered: on_booked,
    },
    result=result,
    react=react,
    due=due,
    check=check,
    audience=audience,
    show=show,
    view=view,
    notices=(e.EntryPosted, e.PayoutChanged, e.RefundChanged, e.DebtChanged),
    errands=errands,
    codes=LEDGER_CODES,
    workload=workload,
)
