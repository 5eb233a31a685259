"""What the house owes is paid out: asked for by the payee, or in a batch (accounts 4, P10)."""

from collections.abc import Iterable, Sequence

from engine.contract import Context, Decision, Event, Notify, Person, Reaction
from engine.kernel.ids import room_name, split_room
from engine.kernel.limits import PAYOUT_BATCH_MAX
from engine.kernel.outcome import INVALID_TRANSITION, KYC_REQUIRED, Rejected
from engine.kernel.outside import Errand, PayOut
from engine.kernel.posting import Transfer
from engine.kernel.time import DAY, Millis
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.accounts import PAYABLE_KINDS, payable, payee_of_payable, payout_pending
from engine.ledger.codes import WITHDRAWAL_NOT_FOUND
from engine.ledger.decide_refund import LOOK_AFTER_MS
from engine.ledger.decide_withdrawal import paid, refused
from engine.ledger.refusals import insufficient
from engine.ledger.state import Journal

KIND = "payout"


def request_payout(state: Journal, command: c.RequestPayout, ctx: Context) -> Decision:
    """The payee asks for all of it, or for a part."""
    user, currency = ctx.actor.user, command.currency
    if not ctx.actor.is_approved:
        return Rejected(
            KYC_REQUIRED, "payouts need an approved KYC; have your documents approved first"
        )
    source = payable(command.kind, user)
    owed = ctx.ledger.balance(source, currency)
    amount = command.amount or owed
    if not owed or amount > owed:
        return insufficient(max(amount, 1), owed, "payable")
    bank = command.bank_reference
    return [_requested(state.made + 1, user, source, amount, currency, bank)]


def payout_batch(state: Journal, command: c.PayoutBatch, ctx: Context) -> Decision:
    """What came up to the cut-off, to some or to all; at most so many payouts at once. Somebody
    whom the house knows without an approved KYC is left out."""
    currency = command.currency
    sources = _of(command.payees) if command.payees else _all(ctx, currency)
    made: list[Event] = []
    for source in sources:
        if len(made) == PAYOUT_BATCH_MAX:
            break
        payee = payee_of_payable(source)
        amount = ctx.ledger.payable_by(source, currency, command.cut_off)
        if payee and amount and _may_be_paid(payee, ctx):
            made.append(_requested(state.made + len(made) + 1, payee, source, amount, currency))
    return made


def _of(payees: Iterable[str]) -> list[str]:
    return [payable(kind, payee) for payee in dict.fromkeys(payees) for kind in PAYABLE_KINDS]


def _all(ctx: Context, currency: str) -> list[str]:
    accounts = ctx.ledger.accounts(currency)
    return sorted(a for a, balance in accounts.items() if balance and payee_of_payable(a))


def _may_be_paid(payee: str, ctx: Context) -> bool:
    """Of whom the house knows nothing, whoever asks for the batch must know."""
    card = ctx.card(room_name("identity", payee))
    return not isinstance(card, Person) or card.kyc == "approved"


def _requested(
    number: int, payee: str, source: str, amount: int, currency: str, bank: str = ""
) -> e.WithdrawalRequested:
    id_ = f"w{number}"
    return e.WithdrawalRequested(
        withdrawal=id_,
        user=payee,
        amount=amount,
        currency=currency,
        bank_reference=bank,
        source=source,
        postings=(Transfer(source, payout_pending(payee), amount, currency, KIND, id_),),
    )


def due(state: Journal) -> Iterable[Millis]:
    """When payouts that the provider could not pay are tried again, and when it is asked how those
    stand that it is at."""
    yield from state.retries.values()
    yield from state.looks.values()


def wake(state: Journal, ctx: Context) -> list[Event]:
    """The provider is about to be told again (accounts 7)."""
    ids = sorted(id_ for id_, retry_at in state.retries.items() if retry_at <= ctx.now)
    open_ = state.withdrawals
    again = [e.WithdrawalStarted(withdrawal=i, attempt=open_[i].attempt + 1) for i in ids]
    asked = [
        e.PayoutAsked(withdrawal=id_, look=open_[id_].look + 1)
        for id_, look_at in sorted(state.looks.items())
        if look_at <= ctx.now
    ]
    return [*again, *asked]


def report_payout(state: Journal, command: c.ReportPayout, ctx: Context) -> Decision:
    """What the provider has said. As long as it has neither paid nor refused, it is asked again:
    the money may be on its way, so it never goes back by itself."""
    id_, open_ = command.withdrawal, state.withdrawals.get(command.withdrawal)
    if open_ is None:
        return Rejected(
            WITHDRAWAL_NOT_FOUND,
            f"no open withdrawal {id_!r} in this currency",
            {"withdrawal": id_},
        )
    if not open_.processing or (command.attempt, command.look) != (open_.attempt, open_.look):
        return Rejected(
            INVALID_TRANSITION,
            f"{id_!r} is at attempt {open_.attempt}, look {open_.look}",
            {"status": "processing" if open_.processing else "requested"},
        )
    if command.outcome == "paid":
        return [paid(id_, open_, command.currency, command.provider)]
    if command.outcome == "refused":
        return [refused(id_, open_, command.reason or "refused", ctx, is_final=False)]
    return [
        e.PayoutAwaited(
            withdrawal=id_,
            reference=command.reference or open_.reference,
            reason=command.reason,
            look_at=ctx.now + min(DAY, LOOK_AFTER_MS << min(open_.look, 10)),
        )
    ]


def errands(state: Journal, event: Event, ctx: Context) -> Iterable[Errand]:
    """A provider is told, if there is one. What has gone on since asks nothing more."""
    if isinstance(event, e.WithdrawalRequested):
        begun, look = 0, 0
    elif isinstance(event, e.WithdrawalStarted):
        begun, look = event.attempt, 0
    elif isinstance(event, e.PayoutAsked):
        begun, look = -1, event.look
    else:
        return
    open_ = state.withdrawals.get(event.withdrawal)
    if open_ is None or look != open_.look or begun not in (-1, open_.attempt):
        return
    yield PayOut(
        withdrawal=event.withdrawal,
        currency=split_room(ctx.room)[1],
        payee=open_.user,
        bank_reference=open_.bank_reference,
        amount=open_.amount,
        attempt=open_.attempt,
        look=look,
        reference=open_.reference,
    )


def tell_the_payee(event: Event) -> Sequence[Reaction]:
    """A wallet's owner hears of each entry; who is paid from a payable hears of it here."""
    if isinstance(event, e.WithdrawalRequested) and event.source:
        payout = e.Payout(event.user, event.source, event.amount, event.currency)
        return _notice(event.withdrawal, payout, "requested")
    if isinstance(event, e.PayoutPostponed):
        return _notice(event.withdrawal, event.payout, "postponed", event.reason)
    if isinstance(event, e.WithdrawalFailed) and event.payout:
        return _notice(event.withdrawal, event.payout, "failed", event.reason)
    if isinstance(event, e.WithdrawalPaid) and event.payout:
        return _notice(event.withdrawal, event.payout, "paid")
    return ()


def _notice(id_: str, payout: e.Payout, status: e.PayoutStatus, reason: str = "") -> tuple[Notify]:
    notice = e.PayoutChanged(
        withdrawal=id_,
        status=status,
        amount=payout.amount,
        currency=payout.currency,
        source=payout.source,
        reason=reason,
    )
    return (Notify(payout.payee, notice),)
