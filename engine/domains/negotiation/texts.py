"""What the house says to a price, and what others may say in its place (M1, M2, X5).

Only the number in an event decides. A sentence names that number and no other.
"""

import re

CENTS = 2
OTHER_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "GNF", "ISK", "JPY", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Digits after the point, where there are not two (ISO 4217)."""

TEMPLATE = "negotiation.answer"
"""The one template: it says the fact `sentence`, which is made here."""
SOLD_OUT = "We cannot agree on a price."
ENDS = {
    "CUSTOMER": "The customer has withdrawn.",
    "PRODUCT": "It is not for sale any more.",
    "SOLD": "It has been sold.",
    "IDLE": "Nobody has moved for a day.",
    "LOCK": "The agreed price was not ordered in time.",
}
"""By cause: what is said when it ends by no answer."""


def spoken(price: int, currency: str) -> str:
    """An amount as people read it: 13500, USD -> USD 135.00."""
    digits = OTHER_DIGITS.get(currency, CENTS)
    if not digits:
        return f"{currency} {price}"
    whole, part = divmod(price, 10**digits)
    return f"{currency} {whole}.{part:0{digits}}"


def counter_text(ask: int, currency: str) -> str:
    """The shop asks for another price."""
    return f"We can offer it at {spoken(ask, currency)}."


def accepted_text(price: int, currency: str) -> str:
    """The price is agreed."""
    return f"Agreed: {spoken(price, currency)}. The price is yours for a day."


def rejected_text() -> str:
    """The shop ends it."""
    return SOLD_OUT


def says_only(text: str, price: int | None, currency: str) -> bool:
    """Whether a text names no other number than this price, however written (M2)."""
    # What counts as a number and is no decimal digit, such as a half or a Roman ten, is foreign.
    if any(sign.isnumeric() and not sign.isdecimal() for sign in text):
        return False
    digits = OTHER_DIGITS.get(currency, CENTS)
    runs = re.findall(r"\d(?:[\d,.'\u00a0\u202f ]*\d)?", text)
    return all(_minor_units(run, digits) == price for run in runs)


def _minor_units(run: str, digits: int) -> int:
    """What a number in a text would be in minor units: `1,350.00`, `1.350,00` and `1350` are alike
    with two digits after the point."""
    separated = re.fullmatch(rf"(.*)[.,](\d{{{digits}}})", run) if digits else None
    whole, part = separated.groups() if separated else (run, "0" * digits)
    return int("".join(str(int(sign)) for sign in whole + part if sign.isdecimal()))
