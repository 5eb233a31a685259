"""A payment is charged back, and what people owe for it is recovered (accounts 12.6)."""

from collections.abc import Sequence

from engine.contract import Context, Decision, Event, Notify, Reaction, Send
from engine.kernel.ids import room_name, split_room
from engine.kernel.outcome import FORBIDDEN, MALFORMED, Rejected
from engine.kernel.posting import Transfer
from engine.ledger import commands as c
from engine.ledger import events as e
from engine.ledger.accounts import (
    clearing,
    external,
    payee_of_payable,
    receivable,
    user_of_wallet,
    wallet,
)
from engine.ledger.codes import DUPLICATE_REFERENCE, PAYMENT_NOT_FOUND
from engine.ledger.escrow.refusals import is_party
from engine.ledger.escrow.state import Escrow
from engine.ledger.escrow.terms import DOMAIN
from engine.ledger.messages import ChargedBack, RecoverDebt
from engine.ledger.refusals import reason_required
from engine.ledger.state import Journal

KIND = "chargeback"
RECOVERY = "debt_recovered"


def charge_back(_: Journal, command: c.ChargeBack, ctx: Context) -> Decision:
    """The provider has taken it already. A payment that was for a deal is borne by those who had
    the money, which its escrow decides; one into a wallet by its owner."""
    deal = deal_of(command, ctx)
    own = deal is not None and is_party(deal, ctx.actor.user)
    if own or command.user == ctx.actor.user:
        return Rejected(FORBIDDEN, "it is your own money; another person decides it")
    if refusal := unbookable(command, deal, ctx):
        return refusal
    return [booked(command, deal, ctx)] if command.reason else reason_required()


def unbookable(command: c.ChargeBack, deal: Escrow | None, ctx: Context) -> Rejected | None:
    """Why it cannot be: nobody has heard of the payment, it was for something else, or it is
    booked."""
    if not ctx.claimed_by(f"payment:{command.provider}:{command.payment}"):
        return _unknown(command)
    if deal is not None and deal.payment not in ("", command.payment):
        return _unknown(command)
    if deal is not None and command.amount > deal.terms.total:
        total = deal.terms.total
        return Rejected(MALFORMED, f"the deal was paid with {total}", {"field": "amount"})
    if ctx.claimed_by(_claim(command)):
        return Rejected(
            DUPLICATE_REFERENCE,
            f"payment {command.payment!r} has been charged back before",
            {"field": "payment"},
        )
    return None


def _claim(command: c.ChargeBack) -> str:
    return f"chargeback:{command.provider}:{command.payment}"


def booked(command: c.ChargeBack, deal: Escrow | None, ctx: Context) -> e.ChargedBack:
    """What stands in the wallet of whoever paid is taken, unless a deal bears it."""
    taken = 0
    if deal is None:
        taken = min(command.amount, max(ctx.ledger.available(command.user, command.currency), 0))
    return e.ChargedBack(
        provider=command.provider,
        payment=command.payment,
        user=command.user,
        amount=command.amount,
        currency=command.currency,
        purpose=command.purpose,
        reason=command.reason,
        by=ctx.actor.user,
        deal=deal.terms.room if deal else "",
        taken=taken,
        claims=(_claim(command),),
        postings=() if deal else _from_payer(command, taken),
    )


def deal_of(command: c.ChargeBack, ctx: Context) -> Escrow | None:
    """The escrow that the payment went into; an auction's is named after it."""
    kind, id_ = split_room(command.purpose)
    room = command.purpose if kind == DOMAIN else room_name(DOMAIN, f"{kind}.{id_}")
    found = ctx.peek(room)
    return found if isinstance(found, Escrow) and found.status != "absent" else None


def _unknown(command: c.ChargeBack) -> Rejected:
    return Rejected(
        PAYMENT_NOT_FOUND,
        f"{command.provider} has told of no payment {command.payment!r} for it",
        {"payment": command.payment},
    )


def _from_payer(command: c.ChargeBack, taken: int) -> tuple[Transfer, ...]:
    transit, user = clearing(command.provider), command.user
    moves = (
        (wallet(user), transit, taken),
        (receivable(user), transit, command.amount - taken),
        (transit, external(command.provider), command.amount),
    )
    return tuple(
        Transfer(debit, credit, amount, command.currency, KIND, command.payment)
        for debit, credit, amount in moves
        if amount
    )


def recover_debt(_: Journal, message: RecoverDebt, ctx: Context) -> Decision:
    """Somebody who owes the house has been paid: as much as there is, and as they owe."""
    currency, account = split_room(ctx.room)[1], message.account
    user = payee_of_payable(account) or user_of_wallet(account) or ""
    debt = -ctx.ledger.balance(receivable(user), currency)
    there = ctx.ledger.balance(account, currency)
    if user_of_wallet(account):
        there = ctx.ledger.available(user, currency)
    amount = min(debt, there)
    if amount <= 0:
        return ()
    move = Transfer(account, receivable(user), amount, currency, RECOVERY, message.room)
    return [
        e.DebtRecovered(
            user=user,
            account=account,
            amount=amount,
            currency=currency,
            left=debt - amount,
            room=message.room,
            postings=(move,),
        )
    ]


def tell_of_debts(event: Event, ctx: Context) -> Sequence[Reaction]:
    """The deal's escrow decides who bears a chargeback; whoever owes something hears of it."""
    if isinstance(event, e.ChargedBack) and event.deal:
        told = ChargedBack(
            payment=event.payment,
            payer=event.user,
            amount=event.amount,
            currency=event.currency,
            provider=event.provider,
            reason=event.reason,
        )
        return (Send(event.deal, told),)
    if isinstance(event, e.ChargedBack):
        return (_notice(event.user, event.currency, -event.amount, event.purpose, ctx),)
    if isinstance(event, e.DebtRecovered):
        return (_notice(event.user, event.currency, event.amount, event.room, ctx),)
    return ()


def _notice(user: str, currency: str, change: int, room: str, ctx: Context) -> Notify:
    owed = -ctx.ledger.balance(receivable(user), currency)
    return Notify(user, e.DebtChanged(change=change, owed=owed, currency=currency, room=room))
