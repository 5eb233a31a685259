"""Money goes out: requested -> processing -> paid, or failed and back (accounts 3, P10).

A payout is a withdrawal whose money comes from a payable: `decide_payout` asks for it, and from
then on it goes its way here.
"""

from engine.contract import Context, Decision, Event
from engine.kernel.ids import split_room
from engine.kernel.outcome import INVALID_TRANSITION, KYC_REQUIRED, Rejected
from engine.kernel.posting import Transfer
from engine.kernel.time import MINUTE
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.accounts import MANUAL, clearing, external, payout_pending, wallet
from engine.ledger.codes import WITHDRAWAL_BLOCKED, WITHDRAWAL_NOT_FOUND
from engine.ledger.refusals import insufficient, reason_required
from engine.ledger.state import Journal, Withdrawal

KIND = "withdrawal"
RETRY_AFTER_MS = (MINUTE, 5 * MINUTE, 30 * MINUTE)
"""After each failure of a payout (accounts 7)."""


def withdraw(state: Journal, command: c.Withdraw, ctx: Context) -> Decision:
    """Accounts rule 4: nothing while the user leads an auction or has a deposit locked."""
    user, currency, amount = ctx.actor.user, command.currency, command.amount
    if not ctx.actor.is_approved:
        return Rejected(
            KYC_REQUIRED, "withdrawals need an approved KYC; have your documents approved first"
        )
    leading = sorted(ctx.ledger.holds_of(user, currency))
    if leading or ctx.ledger.has_locked_deposit(user, currency):
        return Rejected(
            WITHDRAWAL_BLOCKED,
            "no withdrawal while a bid of yours leads or a deposit is locked; wait for the close",
            {"leading": leading},
        )
    available = ctx.ledger.available(user, currency)
    if amount > available:
        return insufficient(amount, available)
    id_ = f"w{state.made + 1}"
    return [
        e.WithdrawalRequested(
            withdrawal=id_,
            user=user,
            amount=amount,
            currency=currency,
            bank_reference=command.bank_reference,
            postings=(Transfer(wallet(user), payout_pending(user), amount, currency, KIND, id_),),
        )
    ]


def start_withdrawal(state: Journal, command: c.StartWithdrawal, _: Context) -> Decision:
    """Requested -> processing: the intent is logged before the provider is told."""
    if refusal := _not_in(state, command.withdrawal, processing=False, act="start"):
        return refusal
    open_ = state.withdrawals[command.withdrawal]
    return [e.WithdrawalStarted(withdrawal=command.withdrawal, attempt=open_.attempt + 1)]


def complete_withdrawal(state: Journal, command: c.CompleteWithdrawal, _: Context) -> Decision:
    """Processing -> paid: the second half of P10."""
    id_, currency = command.withdrawal, command.currency
    if refusal := _not_in(state, id_, processing=True, act="complete"):
        return refusal
    return [paid(id_, state.withdrawals[id_], currency, MANUAL)]


def paid(id_: str, open_: Withdrawal, currency: str, provider: str) -> e.WithdrawalPaid:
    """It has left through this provider."""
    pending, transit = payout_pending(open_.user), clearing(provider)
    out = (
        Transfer(pending, transit, open_.amount, currency, KIND, id_),
        Transfer(transit, external(provider), open_.amount, currency, KIND, id_),
    )
    return e.WithdrawalPaid(withdrawal=id_, payout=payout_of(open_, currency), postings=out)


def fail_withdrawal(state: Journal, command: c.FailWithdrawal, ctx: Context) -> Decision:
    """Processing -> failed: the money goes back to where it came from. A payout is tried again
    after 1, 5 and 30 minutes before it fails (accounts 7)."""
    id_ = command.withdrawal
    if refusal := _not_in(state, id_, processing=True, act="fail"):
        return refusal
    if not command.reason:
        return reason_required()
    open_ = state.withdrawals[id_]
    return [refused(id_, open_, command.reason, ctx, is_final=command.final)]


def refused(id_: str, open_: Withdrawal, reason: str, ctx: Context, *, is_final: bool) -> Event:
    """Tried again later, or back where it came from."""
    currency = split_room(ctx.room)[1]
    payout = payout_of(open_, currency)
    if payout and not is_final and open_.attempt <= len(RETRY_AFTER_MS):
        retry_at = ctx.now + RETRY_AFTER_MS[open_.attempt - 1]
        return e.PayoutPostponed(
            withdrawal=id_,
            reason=reason,
            payout=payout,
            attempt=open_.attempt,
            retry_at=retry_at,
        )
    pending, home = payout_pending(open_.user), open_.source or wallet(open_.user)
    back = Transfer(pending, home, open_.amount, currency, KIND, id_)
    return e.WithdrawalFailed(withdrawal=id_, reason=reason, payout=payout, postings=(back,))


def payout_of(open_: Withdrawal, currency: str) -> e.Payout | None:
    """What its payee is told, if it is no withdrawal from a wallet."""
    if not open_.source:
        return None
    return e.Payout(open_.user, open_.source, open_.amount, currency)


def _not_in(state: Journal, id_: str, *, processing: bool, act: str) -> Rejected | None:
    """None if the withdrawal is in the state that the act starts from."""
    open_ = state.withdrawals.get(id_)
    if open_ is None:
        return Rejected(
            WITHDRAWAL_NOT_FOUND,
            f"no open withdrawal {id_!r} in this currency",
            {"withdrawal": id_},
        )
    if open_.processing is processing:
        return None
    status = "processing" if open_.processing else "requested"
    return Rejected(INVALID_TRANSITION, f"cannot {act} {id_!r}: it is {status}", {"status": status})
