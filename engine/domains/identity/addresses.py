"""Email addresses, phone numbers and passwords: what counts as one (I1, I2)."""

import re

from engine.contract import Context
from engine.domains.identity.codes import EMAIL_INVALID, PASSWORD_WEAK, PHONE_INVALID
from engine.domains.identity.terms import NO_CURRENCY, PASSWORD_MAX, PASSWORD_MIN
from engine.kernel.outcome import Rejected

EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
TRUNK_ZERO = ("+2340", "+910", "+440")
"""A zero that is dialled within these countries is no part of the number: with it, one number would
be two, and open two accounts (INV-2)."""


def tidy(email: str) -> str:
    """The form in which an address is compared and kept."""
    return email.strip().lower()


def bad_email(email: str) -> Rejected | None:
    """It is tidied already (I1)."""
    if EMAIL.fullmatch(email):
        return None
    return Rejected(
        EMAIL_INVALID, "`email` is no address; write it as name@example.com", {"field": "email"}
    )


def bad_phone(phone: str, currency: str | None, ctx: Context) -> Rejected | None:
    """E.164, and in a market with a prefix of its own also that (I1)."""
    prefix = ctx.market(currency or NO_CURRENCY).phone_prefix
    is_whole = E164.fullmatch(phone) and not phone.startswith(TRUNK_ZERO)
    if is_whole and phone.startswith(prefix):
        return None
    return Rejected(
        PHONE_INVALID,
        f"`phone` must be {prefix or '+'} and the rest of the number, without spaces or a zero "
        "before it",
        {"field": "phone", "prefix": prefix or "+"},
    )


def weak_password(password: str) -> Rejected | None:
    """I2. The password itself is never quoted."""
    long_enough = PASSWORD_MIN <= len(password) <= PASSWORD_MAX
    if long_enough and any(c.isupper() for c in password) and any(c.isdigit() for c in password):
        return None
    return Rejected(
        PASSWORD_WEAK,
        f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters, among them an upper-case "
        "letter and a digit",
        {"field": "password"},
    )
