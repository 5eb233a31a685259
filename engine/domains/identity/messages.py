"""What the rooms of this domain send one another."""

from engine.contract import Message
from engine.domains.identity.terms import Channel, Device, Enrolment, Grant, KycKind, Purpose
from engine.kernel.time import Millis


class Enrol(Message, frozen=True, tag="identity.enrol"):
    """The index to a new person's room: begin."""

    enrolment: Enrolment


class Repeat(Message, frozen=True, tag="identity.repeat"):
    """The index to a person's room: somebody registered with your address."""

    channel: Channel


class SendCode(Message, frozen=True, tag="identity.send_code"):
    """The index to a person's room: somebody at your address wants a code."""

    channel: Channel
    purpose: Purpose


class LetIn(Message, frozen=True, tag="identity.let_in"):
    """The index to a person's room: a provider has named you; the session is agreed."""

    provider: str
    subject: str
    device: Device
    grant: Grant


class CountAdmin(Message, frozen=True, tag="identity.count_admin"):
    """A person's room to the index: an admin more or less."""

    user: str
    is_admin: bool


class ShowProfile(Message, frozen=True, tag="profile.show"):
    """A person's room to the profile: this is what others may see. An empty name hides it."""

    display_name: str
    is_active: bool


class KycWaits(Message, frozen=True, tag="identity_desk.kyc_waits"):
    """An application is to be looked at."""

    user: str
    application: str
    kind: KycKind
    due_at: Millis


class KycLate(Message, frozen=True, tag="identity_desk.kyc_late"):
    """Nobody has looked in time."""

    application: str
    user: str


class KycDone(Message, frozen=True, tag="identity_desk.kyc_done"):
    """It waits no longer."""

    user: str
    application: str


class SellerSuspended(Message, frozen=True, tag="identity_desk.seller_suspended"):
    """Somebody is suspended: a manager looks after their auctions, if they sell (K7)."""

    user: str
    reason: str
    may_sell: bool = True
    """Without it they are listed only if there is an auction of theirs."""


class SellerBack(Message, frozen=True, tag="identity_desk.seller_back"):
    """They may sell again, or their account is closed."""

    user: str
