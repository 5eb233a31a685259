"""The rooms `user:{id}`: what only one person may hear, and their wallets.

Other rooms write notices here; nobody sends it commands. The first notice may come long after
the first look, so this room exists for everybody who is signed in.
"""

from typing import Any

from msgspec import Struct

from engine.contract import Context, Domain, Event, fields_of
from engine.kernel.ids import split_room
from engine.ledger.accounts import SEES_EVERY_WALLET
from engine.ledger.book import MEMOS


class Inbox(Struct):
    """Its notices are in the log, its money in the book: nothing is left to remember."""


def audience(_: Inbox, ctx: Context) -> str:
    """The owner, and admins (accounts 11)."""
    if ctx.actor.user and ctx.actor.user == split_room(ctx.room)[1]:
        return "owner"
    return "admin" if ctx.actor.role in SEES_EVERY_WALLET else ""


def show(_: Inbox, event: Event, __: str) -> Any:
    """A notice is written for its reader."""
    return fields_of(event)


def view(_: Inbox, ctx: Context) -> Any:
    """Balances, what the house owes them and they it, by currency; to the owner also the holds by
    reference, and the latest entries.

    A hold is a share of a bidder's maximum, which nobody else may learn, staff included
    (auction X7): an admin is shown sums of holds, and the entries that moved money."""
    user = split_room(ctx.room)[1]
    wallets = ctx.ledger.wallets(user)
    balances = {
        w.currency: {"balance": w.balance, "held": w.held, "available": w.available}
        for w in wallets
    }
    entries = {w.currency: ctx.ledger.statement(user, w.currency) for w in wallets}
    payables: dict[str, dict[str, int]] = {}
    for owed in ctx.ledger.payables(user):
        payables.setdefault(owed.currency, {})[owed.kind] = owed.amount
    shown = {
        "user": user,
        "balances": balances,
        "payables": payables,
        "debts": ctx.ledger.debts(user),
    }
    if ctx.actor.user != user:
        moved = {code: [x for x in found if x.kind not in MEMOS] for code, found in entries.items()}
        return {**shown, "entries": moved}
    holds = {w.currency: dict(ctx.ledger.holds_of(user, w.currency)) for w in wallets}
    return {**shown, "holds": holds, "entries": entries}


USER = Domain(
    name="user",
    always=True,
    summary="A person's private feed: notices, wallets, holds.",
    initial=Inbox,
    decide={},
    evolve={},
    audience=audience,
    show=show,
    view=view,
)
