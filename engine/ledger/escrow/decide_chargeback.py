"""A provider has taken a payment back from the house, for its payer's bank said so (accounts 12.6).

Nothing is sent: the money is gone already. Who bears it is decided here. What was released comes
back from those who had it, as far as the house still owes it to them; the rest they owe the house.
As long as the money is held, its payer owes it, and staff decide the deal.
"""

from engine.contract import Context, Decision, Event
from engine.kernel.posting import Transfer
from engine.ledger.accounts import PLATFORM_REVENUE, clearing, external, receivable
from engine.ledger.escrow import events as e
from engine.ledger.escrow.state import Escrow
from engine.ledger.escrow.terms import Paid, account_of_share, parts_of
from engine.ledger.messages import ChargedBack

KIND = "chargeback"
REASON = "the payment was charged back"


def charged_back(state: Escrow, message: ChargedBack, ctx: Context) -> Decision:
    """Told by the ledger, once for each payment."""
    owed_by, platform = _bearers(state, message, ctx)
    event = e.EscrowChargedBack(
        payment=message.payment,
        provider=message.provider,
        amount=message.amount,
        currency=message.currency,
        reason=message.reason,
        bearers=owed_by,
        platform=platform,
        postings=_postings(message, owed_by, platform),
    )
    made: list[Event] = [event]
    if state.status == "held":
        made.append(e.EscrowDisputed(by="", reason=REASON))
    return made


def _bearers(state: Escrow, message: ChargedBack, ctx: Context) -> tuple[tuple[e.Bearer, ...], int]:
    """Who bears how much, and what of it the platform does; below zero it gets a discount back."""
    paid = [share.paid for share in state.shares if share.paid and share.paid.part]
    parts = [one.part for one in paid]
    is_closed = not state.open_shares and message.currency == state.terms.currency
    shared = min(message.amount, sum(parts)) if is_closed else 0
    bearers: list[e.Bearer] = []
    platform = 0
    for one, slice_ in zip(paid, parts_of(shared, parts) if shared else [], strict=False):
        net = one.net * slice_ // one.part
        platform += slice_ - net
        if net:
            bearers.append(_from_payee(one, net, message.currency, ctx))
    if message.amount > shared:
        bearers.append(e.Bearer(message.payer, "", 0, message.amount - shared))
    return tuple(bearers), platform


def _from_payee(paid: Paid, net: int, currency: str, ctx: Context) -> e.Bearer:
    """What the house still owes them of this kind, or a worker has in the wallet, is taken."""
    account = account_of_share(paid.kind, paid.payee)
    there = ctx.ledger.balance(account, currency)
    if paid.kind == "worker":
        there = ctx.ledger.available(paid.payee, currency)
    taken = min(net, there)
    return e.Bearer(paid.payee, account, taken, net - taken)


def _postings(
    message: ChargedBack, bearers: tuple[e.Bearer, ...], platform: int
) -> tuple[Transfer, ...]:
    transit, outside = clearing(message.provider), external(message.provider)
    moves = [(bearer.account, transit, bearer.taken) for bearer in bearers]
    moves += [(receivable(bearer.user), transit, bearer.owed) for bearer in bearers]
    moves += [(PLATFORM_REVENUE, transit, platform), (transit, PLATFORM_REVENUE, -platform)]
    moves.append((transit, outside, message.amount))
    return tuple(
        Transfer(debit, credit, amount, message.currency, KIND, message.payment)
        for debit, credit, amount in moves
        if amount > 0
    )
