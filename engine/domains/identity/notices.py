"""What identity tells people in their private rooms `user:{id}`: a storage format too."""

from engine.contract import Event
from engine.domains.identity.terms import KycKind, KycState
from engine.kernel.time import Millis


class Welcomed(Event, frozen=True, tag="identity.welcomed"):
    """The account is active."""


class NewDevice(Event, frozen=True, tag="identity.new_device_seen"):
    """Somebody logged in from a device that was not seen before."""

    session: str
    device_type: str
    user_agent: str


class KycDecided(Event, frozen=True, tag="identity.kyc_decided"):
    """How an application stands, and why."""

    application: str
    kind: KycKind
    state: KycState
    reason: str = ""
    documents_expire_at: Millis | None = None


class RoleChanged(Event, frozen=True, tag="identity.role_changed"):
    """A role was given or taken."""

    role: str
    granted: bool
    reason: str


class AccountSuspended(Event, frozen=True, tag="identity.account_suspended"):
    """Why, and how to appeal (K7)."""

    reason: str
    appeal: str


class AccountReinstated(Event, frozen=True, tag="identity.account_reinstated"):
    """The suspension is over."""

    reason: str


class SignedOut(Event, frozen=True, tag="identity.signed_out"):
    """A session was ended by somebody else, or because its token was used twice."""

    session: str
    cause: str
    reason: str = ""


NOTICES: tuple[type[Event], ...] = (
    Welcomed,
    NewDevice,
    KycDecided,
    RoleChanged,
    AccountSuspended,
    AccountReinstated,
    SignedOut,
)
