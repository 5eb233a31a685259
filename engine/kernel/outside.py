"""What the house asks of the world outside: work before a decision, and work after it.

An `Ask` is answered before its command is put in order, away from the loop: it is slow, or it
touches something that rules may not. An `Errand` is begun when its event is durable, and is done
at least once, also across a restart: whoever carries it out must bear to be asked twice.
"""

from typing import Any

from msgspec import Struct


class Ask(Struct, frozen=True):
    """A question to the world. The rule finds the answer in `ctx.proof`."""


class HashPassword(Ask, frozen=True):
    """Answer: the Argon2id hash of the password (identity I3), as `str`."""

    password: str


class CheckPassword(Ask, frozen=True):
    """Answer: `PasswordChecked`. Without a hash it takes as long, and fails (identity I4)."""

    password: str
    hash: str


class PasswordChecked(Struct, frozen=True):
    """Whether the password fits, and a fresh hash if the old one is of an outdated kind (I3)."""

    hash: str
    """The hash that was looked at: a rule must see that it is still the current one."""
    fits: bool
    rehashed: str = ""


class CheckIdToken(Ask, frozen=True):
    """Answer: `IdTokenChecked`, or None if the provider or the token is not accepted."""

    provider: str
    token: str


class IdTokenChecked(Struct, frozen=True):
    """Whom an identity provider vouches for."""

    subject: str
    email: str
    email_verified: bool


class FindFiles(Ask, frozen=True):
    """Answer: file id -> `StoredFile`, of those that exist."""

    ids: tuple[str, ...]


class StoredFile(Struct, frozen=True):
    """A file as it was uploaded; it never changes (custody H3)."""

    sha256: str
    size: int
    media_type: str
    owner: str


class Errand(Struct, frozen=True):
    """Work outside that an event calls for."""


class Letter(Errand, frozen=True):
    """A message to a person, who may have no connection: the notifier sends it."""

    channel: str
    """`email` or `sms`."""
    to: str
    """Address or phone number (E.164)."""
    template: str
    fields: dict[str, str] = {}
    """What the template is filled with. It may hold a one-time code, and is never logged."""
    expires_at: int = 0
    """Engine time after which it is not worth sending, ms; 0: never."""


class Forward(Errand, frozen=True):
    """A letter for another market lies in the outbox. Whoever carries letters is woken by this, and
    reads what there is to be carried from the log."""

    market: str


class PayBack(Errand, frozen=True):
    """A payment provider is to send money back, or to be asked how that stands. What it says comes
    back as `ledger.report_refund`."""

    refund: str
    currency: str
    provider: str
    payment: str
    """The provider's own id of the payment."""
    amount: int
    """Minor units."""
    attempt: int
    instruction: int
    """Of a refund: the same one has no second effect with the provider, however often told."""
    reference: str = ""
    """The provider's own id of the refund: then it is only asked."""


class PayOut(Errand, frozen=True):
    """A payout provider is to pay somebody, or to be asked how that stands. Without an attempt it
    is to be begun: `ledger.start_withdrawal`. What the provider says is `ledger.report_payout`."""

    withdrawal: str
    currency: str
    payee: str
    bank_reference: str
    amount: int
    attempt: int
    """1, 2, 3 …: another one only after a no. The same one has no second effect."""
    look: int = 0
    """How often the provider was asked after this attempt."""
    reference: str = ""
    """The provider's own id of it: then it is only asked."""


class AskPayment(Errand, frozen=True):
    """A payment provider is to be asked what became of a payment. A capture comes back as
    `ledger.provider_event`, and that it is settled as `ledger.report_payment`."""

    provider: str
    payment: str
    """What the provider is asked by: its own id, or the reference that it was given."""
    user: str
    amount: int
    """As expected, minor units. What counts is what the provider says."""
    currency: str
    purpose: str


class AskPayer(Errand, frozen=True):
    """A payment provider is to be asked whose payment it was that is disputed. The answer comes
    back as `ledger.provider_dispute`, with the same facts."""

    provider: str
    payment: str
    dispute: str
    stage: str
    amount: int
    currency: str
    reason: str


class Compose(Errand, frozen=True):
    """A sentence is wanted from the text provider. What it says comes back as a command of the
    house: `answer` is the command's type, its fields are `fields` and `text`."""

    answer: str
    template: str
    facts: dict[str, str]
    """Public facts only: whatever stands here may be said aloud."""
    fields: dict[str, Any] = {}
