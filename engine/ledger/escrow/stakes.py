"""Who has something at stake in an escrow, until it is closed: they keep their accounts as long
(identity 3)."""

from engine.contract import stake_key
from engine.ledger.escrow.terms import Terms


def stakes_in(terms: Terms) -> tuple[str, ...]:
    """The claims of an open escrow: one for its payer, and for each payee who is known."""
    people = {terms.payer, *(share.payee for share in terms.shares)} - {""}
    return tuple(stake_key(user, terms.room) for user in sorted(people))
