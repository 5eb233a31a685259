"""The rooms `ledger:{currency}`: money comes in, goes out, and is adjusted by hand.

Holds, deposits of auctions and escrows are moved by the events of the rooms that they belong
to; here stands what belongs to no other room.
"""

from collections.abc import Sequence
from typing import Any

from engine.contract import Context, Domain, Event, fields_of
from engine.kernel.actor import MANAGER
from engine.kernel.ids import split_room
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.accounts import SEES_EVERY_WALLET, wallet
from engine.ledger.codes import LEDGER_CODES
from engine.ledger.decide_adjustment import adjust, approve_adjustment, refuse_adjustment
from engine.ledger.decide_money_in import deposit, provider_event, tell_the_room
from engine.ledger.decide_withdrawal import (
    complete_withdrawal,
    fail_withdrawal,
    start_withdrawal,
    withdraw,
)
from engine.ledger.state import (
    Journal,
    on_adjusted,
    on_booked,
    on_closed,
    on_proposed,
    on_refused,
    on_requested,
    on_started,
)
from engine.ledger.workload import workload

BOOKS = "books"
"""Sees every account."""
ADJUSTERS = "adjusters"
"""Sees adjustments by hand, but no balance."""


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
    (event,) = events
    if isinstance(event, e.Adjusted) and ctx.actor.role not in SEES_EVERY_WALLET:
        return _without_balances(event)
    facts = fields_of(event)
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


def _without_balances(event: Event) -> dict[str, Any]:
    facts = fields_of(event)
    return {name: facts[name] for name in facts if not name.startswith("balance_")}


def audience(_: Journal, ctx: Context) -> str:
    """The books show everybody's money: admins and the house. Managers see adjustments, for
    they make and approve them, but no wallet (accounts 11)."""
    if ctx.actor.role in SEES_EVERY_WALLET:
        return BOOKS
    return ADJUSTERS if ctx.actor.role == MANAGER else ""


def show(_: Journal, event: Event, audience: str) -> Any:
    """All of it, postings too; to managers only what is about an adjustment."""
    if audience == BOOKS:
        return {**fields_of(event), "postings": event.postings}
    if isinstance(event, e.AdjustmentProposed | e.Adjusted | e.AdjustmentRefused):
        return _without_balances(event)
    return {}


def view(state: Journal, ctx: Context) -> Any:
    """What waits for staff; every account too, for those who see the books."""
    currency = split_room(ctx.room)[1]
    proposals = {id_: fields_of(proposal) for id_, proposal in state.proposals.items()}
    if ctx.actor.role not in SEES_EVERY_WALLET:
        return {"currency": currency, "proposals": proposals}
    accounts = ctx.ledger.accounts(currency)
    return {
        "currency": currency,
        "accounts": dict(accounts),
        "sum": sum(accounts.values()),
        "withdrawals": state.withdrawals,
        "proposals": proposals,
    }


JOURNAL = Domain(
    name="ledger",
    always=True,
    summary="Money in and out of one currency's wallets, and adjustments by hand.",
    initial=Journal,
    decide={
        c.Deposit: deposit,
        c.ProviderEvent: provider_event,
        c.Withdraw: withdraw,
        c.StartWithdrawal: start_withdrawal,
        c.CompleteWithdrawal: complete_withdrawal,
        c.FailWithdrawal: fail_withdrawal,
        c.Adjust: adjust,
        c.ApproveAdjustment: approve_adjustment,
        c.RefuseAdjustment: refuse_adjustment,
        c.Statement: statement,
    },
    evolve={
        e.Deposited: on_booked,
        e.PaymentReceived: on_booked,
        e.PaymentReturned: on_booked,
        e.PaymentFailed: on_booked,
        e.WithdrawalRequested: on_requested,
        e.WithdrawalStarted: on_started,
        e.WithdrawalPaid: on_closed,
        e.WithdrawalFailed: on_closed,
        e.AdjustmentProposed: on_proposed,
        e.Adjusted: on_adjusted,
        e.AdjustmentRefused: on_refused,
    },
    result=result,
    react=tell_the_room,
    audience=audience,
    show=show,
    view=view,
    notices=(e.EntryPosted,),
    codes=LEDGER_CODES,
    workload=workload,
)
