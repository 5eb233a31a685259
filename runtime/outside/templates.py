"""What the house says to people outside: one entry for each template that a rule names.

`{name}` is filled with the field of that name. A subject is for mail; a text message is the text
alone, so the text says everything, in a few lines.
"""

from collections.abc import Mapping
from string import Formatter

from msgspec import Struct

from engine.kernel.outside import Compose, Letter


class Template(Struct, frozen=True):
    """A subject (mail only) and a text."""

    subject: str
    text: str

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it wants."""
        return frozenset(
            name
            for part in (self.subject, self.text)
            for _, name, _, _ in Formatter().parse(part)
            if name
        )


LETTERS: Mapping[str, Template] = {
    "account_suspended": Template(
        "Your account has been suspended",
        "Your account has been suspended: {reason}. To appeal, {appeal}.",
    ),
    "already_registered": Template(
        "You have an account already",
        "Somebody, perhaps you, has tried to register with this address. You have an account "
        "already: log in, or ask for a code. If it was not you, there is nothing to do.",
    ),
    "kyc_approved": Template(
        "Your documents have been approved",
        "We have looked at your documents ({kind}), and they are approved.",
    ),
    "kyc_rejected": Template(
        "Your documents have not been approved",
        "We have looked at your documents ({kind}), and cannot approve them: {reason}. You may "
        "send others.",
    ),
    "new_device": Template(
        "A new device has logged in",
        "Somebody has logged in to your account on a new device: {device}. If it was not "
        "you, end that session where you are logged in, and write to support: somebody may know "
        "your password.",
    ),
    "otp": Template(
        "{code} is your code",
        "{code} is your Open Outcry code. It is good for {minutes} minutes. Tell it to nobody: we "
        "never ask for it.",
    ),
    "shipment-arriving": Template(
        "Your parcel is about to arrive",
        "{name}, your parcel {shipment} is on its last way. Have its code at hand: the link that "
        "we sent you shows it.",
    ),
    "shipment-delivered": Template(
        "Your parcel has been delivered",
        "{name}, your parcel {shipment} has been delivered. If that is not so, tell us through the "
        "link that we sent you.",
    ),
    "shipment-held-up": Template(
        "Your parcel is held up",
        "{name}, something is wrong with your parcel {shipment}, and we are looking into it. The "
        "link that we sent you shows how it stands.",
    ),
    "shipment-not-coming": Template(
        "Your parcel is not coming",
        "{name}, your parcel {shipment} is not coming: {why}. Its sender knows, too.",
    ),
    "shipment-link": Template(
        "A parcel is on its way to you",
        "{name}, a parcel is on its way to you: {shipment}. Follow it, and confirm that you have "
        "received it, with this link: {link}",
    ),
    "shop_approved": Template(
        "{name} is open",
        "Your shop {name} ({shop}) has been approved. You can sell from now on.",
    ),
    "welcome": Template(
        "Welcome",
        "Your Open Outcry account is open.",
    ),
}

SENTENCES: Mapping[str, str] = {
    "negotiation.answer": "{sentence}",
}


class Missing(Exception):
    """There is no such template, or a field of it was not given; the text says which."""


def letter_of(letter: Letter) -> tuple[str, str]:
    """Subject and text. Raises Missing."""
    template = LETTERS.get(letter.template)
    if template is None:
        raise Missing("no such template")
    subject = _filled(template.subject, letter.fields)
    # A line break in a field must not begin a header of its own.
    return " ".join(subject.split()), _filled(template.text, letter.fields)


def sentence_of(wanted: Compose) -> str:
    """The sentence as the house itself would say it. Raises Missing."""
    template = SENTENCES.get(wanted.template)
    if template is None:
        raise Missing("no such template")
    return _filled(template, wanted.facts)


def _filled(text: str, fields: Mapping[str, str]) -> str:
    try:
        return text.format_map(fields)
    except KeyError as missing:
        raise Missing(f"the template wants the field {missing}") from None
