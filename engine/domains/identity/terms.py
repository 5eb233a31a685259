"""Words, figures and small parts that the whole domain shares (identity 2, 5, 7)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.kernel.actor import (
    ADMIN,
    CONCIERGE,
    DEALER,
    DRIVER,
    MANAGER,
    PARTNER,
    SHOPKEEPER,
    TRAVELER,
    USER,
    VERIFIED_SELLER,
)
from engine.kernel.ids import END, Id, room_name
from engine.kernel.time import DAY, HOUR, MINUTE, SECOND, Millis

DOMAIN = "identity"
INDEX = room_name(DOMAIN, "index")
"""The one writer of who exists (identity 1)."""
NOBODY = room_name(DOMAIN, "nobody")
"""Answers for addresses that belong to no account."""

OTP_DIGITS = 6
OTP_LIFE_MS = 10 * MINUTE
OTP_TRIES_MAX = 5
OTP_WRONG_PER_HOUR = 10
OTP_GAP_MS = 60 * SECOND
OTP_PER_HOUR = 5
VERIFY_WITHIN_MS = DAY
"""An address that nobody has verified by then is free again (identity 1)."""
ROOMS_TOLD = 200
"""So many rooms are named at most, to whoever closes an account or looks after a seller's sales."""
REVIEW_WITHIN_MS = 2 * DAY
LINK_MS = HOUR
"""How long a link to a document is good (K5)."""
PASSWORD_MIN, PASSWORD_MAX = 8, 128
SESSIONS_REMEMBERED = 20
"""Ended sessions of which it is known why they ended."""
DEVICES_REMEMBERED = 50
ACCOUNTS_LISTED = 20
"""How many of the newest accounts the index shows to admins."""
NO_CURRENCY = "XXX"
"""ISO 4217 for none: the figures of accounts that belong to no market."""
APPEAL = "answer the letter about the suspension, or write to support"

Status = Literal["absent", "pending_verification", "active", "suspended", "expired", "closed"]
Channel = Literal["email", "phone"]
Purpose = Literal["signup", "login", "step_up"]
DeviceType = Literal["web", "ios", "android"]
AccountKind = Literal["customer", "shopkeeper", "seller", "driver", "traveler"]
Provider = Literal["google", "apple"]
EndCause = Literal[
    "LOGOUT", "REPLACED", "FORCED", "EXPIRED", "REUSE_DETECTED", "SUSPENDED", "CLOSED"
]
KycKind = Literal["personal", "dealer", "traveler", "shop", "driver"]
KycState = Literal["pending", "approved", "rejected"]
DocKind = Literal[
    "VALID_ID",
    "ID_PROOF",
    "PROOF_OF_ADDRESS",
    "CAC_CERTIFICATE",
    "LICENCE",
    "DRIVING_LICENCE",
]
GrantedRole = Literal[
    "verified_seller",
    "dealer",
    "concierge",
    "manager",
    "admin",
    "shopkeeper",
    "driver",
    "traveler",
    "partner",
]

LADDER = (USER, VERIFIED_SELLER, DEALER, CONCIERGE, MANAGER, ADMIN)
"""The highest of these that somebody has is their role (identity 6)."""
SIDE_ROLES = frozenset({SHOPKEEPER, DRIVER, TRAVELER, PARTNER})

ROLE_OF_KIND: dict[AccountKind, str] = {
    "shopkeeper": SHOPKEEPER,
    "seller": SHOPKEEPER,
    "traveler": TRAVELER,
}
"""Roles that come with the account. A driver needs an approval of their own (K1)."""

ROLE_OF_KYC: dict[KycKind, str] = {
    "dealer": DEALER,
    "traveler": TRAVELER,
    "shop": SHOPKEEPER,
    "driver": DRIVER,
}
"""Roles that an approved application brings."""

NEEDED: dict[KycKind, tuple[DocKind, ...]] = {
    "personal": ("VALID_ID",),
    "dealer": ("CAC_CERTIFICATE", "VALID_ID", "PROOF_OF_ADDRESS"),
    "traveler": ("VALID_ID",),
    "shop": ("ID_PROOF", "LICENCE"),
    "driver": ("VALID_ID", "DRIVING_LICENCE"),
}
"""Documents of each application (K2, K6)."""

Email = Annotated[str, Meta(min_length=1, max_length=254, examples=["ada@example.com"])]
Phone = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=32,
        description="E.164: a plus sign and digits",
        examples=["+2348030000001"],
    ),
]
Password = Annotated[
    str,
    Meta(
        max_length=1_000,
        description="8 to 128 characters, with an upper-case letter and a digit",
        examples=["Paper-hat-1"],
    ),
]
OneTimeCode = Annotated[
    str, Meta(pattern=rf"^[0-9]{{{OTP_DIGITS}}}{END}", description="digits", examples=["012345"])
]
Fingerprint = Annotated[str, Meta(max_length=128)]
UserAgent = Annotated[str, Meta(max_length=300)]
DisplayName = Annotated[str, Meta(max_length=80)]
Token = Annotated[str, Meta(max_length=4_000)]
Line = Annotated[str, Meta(min_length=1, max_length=200)]


class File(Struct, frozen=True):
    """A file that was uploaded elsewhere, and what it is said to be."""

    kind: DocKind
    file: Id


Files = Annotated[tuple[File, ...], Meta(min_length=1, max_length=10)]


class DealerForm(Struct, frozen=True):
    """What a dealer says of their business (K2)."""

    business_name: Line
    cac_number: Line
    address: Line
    phone: Line


class Device(Struct, frozen=True):
    """Where somebody logs in (identity 2)."""

    device_type: DeviceType
    fingerprint: str = ""
    user_agent: str = ""


class Enrolment(Struct, frozen=True):
    """An account as it begins."""

    user: str
    email: str
    phone: str = ""
    password_hash: str = ""
    kind: AccountKind = "customer"
    display_name: str = ""
    currency: str = NO_CURRENCY
    required: tuple[Channel, ...] = ("email",)
    """What must be verified before it is active (I5, I9)."""
    purpose: Purpose | None = None
    """What the first codes are for; None: there are none."""
    verify_by: Millis = 0


class Grant(Struct, frozen=True):
    """Whom a session lets in, as far as it may be written down. Tokens are made of it (J1)."""

    user: str
    session: str
    counter: int
    role: str
    also: tuple[str, ...]
    kyc: str
    access_until: Millis
    refresh_until: Millis


def person_room(user: str) -> str:
    """The room of a person."""
    return room_name(DOMAIN, user)


def email_key(email: str) -> str:
    """The claim on an email address."""
    return f"email:{email}"


def phone_key(phone: str) -> str:
    """The claim on a phone number."""
    return f"phone:{phone}"


def provider_key(provider: str, subject: str) -> str:
    """The claim on an account at an identity provider."""
    return f"oauth:{provider}:{subject}"
