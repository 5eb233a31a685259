"""Postings: the only way in which money moves. They ride on events (accounts 5)."""

from msgspec import Struct


class Transfer(Struct, frozen=True, gc=False, tag_field="posting", tag="transfer"):
    """Debit `debit`, credit `credit`: `amount` minor units leave the one and reach the other."""

    debit: str
    credit: str
    amount: int
    currency: str
    kind: str
    """What a statement calls it: deposit, withdrawal, refund … (accounts 12.4)."""
    reference: str


class Hold(Struct, frozen=True, gc=False, tag_field="posting", tag="hold"):
    """From now on `amount` minor units of the user's wallet are held for `reference`.

    The new total, not a difference: a second hold for the same reference adjusts the first.
    A hold is a memo on the wallet; no money moves (accounts P2).
    """

    user: str
    amount: int
    currency: str
    reference: str


class Release(Struct, frozen=True, gc=False, tag_field="posting", tag="release"):
    """The user's hold for `reference` ends, and its money is available again."""

    user: str
    currency: str
    reference: str


Posting = Transfer | Hold | Release
