"""What the ledger tells other rooms, and what they tell it and its escrows."""

from engine.contract import Message
from engine.kernel.ids import Id
from engine.kernel.time import Millis
from engine.ledger.escrow.terms import ShareKind, ShareTerms, Told


class PaymentCaptured(Message, frozen=True, tag="ledger.payment_captured"):
    """A provider captured money for this room; it lies in CLEARING:{provider} (accounts P4).

    The room answers with an event that moves it on, or back: never with a refusal."""

    payment: Id
    """The provider's event, which no other payment has."""
    payer: str
    amount: int
    currency: str
    provider: str


class OpenIncident(Message, frozen=True, tag="ledger.open_incident"):
    """To `ledger:{currency}`: a capture that stays in CLEARING until staff settle it (accounts 8,
    AMOUNT_MISMATCH)."""

    room: str
    """What it was for."""
    payment: str
    payer: str
    amount: int
    provider: str
    expected: int


class ChargedBack(Message, frozen=True, tag="escrow.bear_chargeback"):
    """To an escrow's room: its provider has taken the payment, or a part, back (accounts 12.6).
    Sent once for each payment."""

    payment: str
    payer: str
    amount: int
    currency: str
    provider: str
    reason: str


class RecoverDebt(Message, frozen=True, tag="ledger.recover_debt"):
    """To `ledger:{currency}`: the owner of this payable or wallet has been paid, and owes the house
    something. Sent again it takes what is left."""

    account: str
    room: str
    """By which they were paid."""


class ReturnPayment(Message, frozen=True, tag="ledger.return_payment"):
    """To `ledger:{currency}`: so much of a payment lies in CLEARING, put there or left there by the
    event that sends this, and is to go back to whoever paid (accounts P9). Sent once."""

    room: str
    """Whose payment it was."""
    payment: str
    """The provider's id of it."""
    payer: str
    amount: int
    provider: str


class OpenEscrow(Message, frozen=True, tag="escrow.open_escrow"):
    """To an escrow's room: draw it up. The same again has no effect; shares and the platform's
    part must make the total, or it is a dead letter."""

    payer: str
    currency: str
    total: int
    shares: tuple[ShareTerms, ...]
    platform: int = 0
    pay_until: Millis | None = None
    """None: as long as the market says."""
    deal: str = ""
    """The room that is told what becomes of it: one message of those below for each word of
    `tells`. It must decide these messages; of others it is not told."""
    tells: tuple[Told, ...] = ()
    from_wallet: bool = False
    """Take the total from the payer's wallet at once. Whoever sends this has looked whether it
    is there, in the same step: otherwise it is a dead letter, and no escrow is opened."""


class NamePayee(Message, frozen=True, tag="escrow.name_escrow_payee"):
    """To an escrow's room: who is to have an open share, such as the driver's once one has taken
    the job, or another instead of somebody. Sent again it has no effect."""

    kind: ShareKind
    payee: str
    instead_of: str = ""
    """Whose share it is; empty: nobody's yet."""


class ReleaseEscrow(Message, frozen=True, tag="escrow.release_escrow"):
    """To an escrow's room: the deal, or one payee's part of it, is done (dispatch F1, custody H6).

    Sent again it has no effect, nor on what is disputed, refunded or split: then staff have
    decided or will. One for what was never paid is a dead letter: see `is_held` first."""

    payee: str = ""
    """Every open share of theirs. Empty: all open shares but those that have no payee yet."""
    cause: str = ""


class RefundEscrow(Message, frozen=True, tag="escrow.refund_escrow"):
    """To an escrow's room: the deal, or one payee's part, was called off before hand-over. One
    that waits for its payer is cancelled. Sent again it has no effect."""

    reason: str
    payee: str = ""


class DisputeEscrow(Message, frozen=True, tag="escrow.dispute_escrow"):
    """To an escrow's room: freeze what is held. No effect where nothing is held any more."""

    reason: str
    by: str = ""


class EscrowHeld(Message, frozen=True, tag="escrow.escrow_held"):
    """To the deal: it is paid (`held`)."""

    escrow: str
    amount: int
    currency: str


class EscrowLapsed(Message, frozen=True, tag="escrow.escrow_lapsed"):
    """To the deal: nobody paid in time, or it was called off before (`lapsed`)."""

    escrow: str
    cause: str


class EscrowReleased(Message, frozen=True, tag="escrow.escrow_released"):
    """To the deal: these payees have been paid (`released`)."""

    escrow: str
    payees: tuple[str, ...]
    is_last: bool


class EscrowRefunded(Message, frozen=True, tag="escrow.escrow_refunded"):
    """To the deal: the payer has this back, of what was for these payees (`refunded`)."""

    escrow: str
    payees: tuple[str, ...]
    amount: int
    is_last: bool


class EscrowDisputed(Message, frozen=True, tag="escrow.escrow_disputed"):
    """To the deal: the money is frozen (`disputed`)."""

    escrow: str
    reason: str


class EscrowResolved(Message, frozen=True, tag="escrow.escrow_resolved"):
    """To the deal: staff have decided a dispute (`resolved`). Amounts in minor units."""

    escrow: str
    outcome: str
    to_payees: int
    to_payer: int
    reason: str
