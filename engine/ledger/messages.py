"""What the ledger tells other rooms."""

from engine.contract import Message
from engine.kernel.ids import Id


class PaymentCaptured(Message, frozen=True, tag="ledger.payment_captured"):
    """A provider captured money for this room; it lies in CLEARING:{provider} (accounts P4).

    The room answers with an event that moves it on, or back: never with a refusal."""

    payment: Id
    """The provider's event, which no other payment has."""
    payer: str
    amount: int
    currency: str
    provider: str
