"""What happens to accounts. Names, fields and types are a storage format: logs are for ever.

No password, code or token stands here (identity 1). `by` is the member of staff who acted, and
`reason` their words (R2). Those that only `identity:index` writes come first.
"""

from engine.contract import Event
from engine.domains.identity.terms import (
    Channel,
    DealerForm,
    Device,
    EndCause,
    Enrolment,
    File,
    Grant,
    KycKind,
    Purpose,
)
from engine.kernel.time import Millis


class Enrolled(Event, frozen=True, tag="identity.enrolled"):
    """A new account: the index has seen that its addresses are free."""

    number: int
    enrolment: Enrolment
    asked: tuple[str, ...] = ()
    """Whom codes were sent to, for the limits of I8."""


class EnrolmentRepeated(Event, frozen=True, tag="identity.enrolment_repeated"):
    """Somebody registered with an address that has an account (I4)."""

    user: str
    channel: Channel
    tell: bool
    asked: tuple[str, ...] = ()


class CodeWanted(Event, frozen=True, tag="identity.code_wanted"):
    """Somebody asked for a code. `user` is empty if there is nobody to send one to."""

    user: str
    channel: Channel
    purpose: Purpose
    asked: tuple[str, ...] = ()


class VouchedFor(Event, frozen=True, tag="identity.vouched_for"):
    """An identity provider has named this person, who is let in."""

    provider: str
    subject: str
    email: str
    device: Device
    grant: Grant


class AdminsChanged(Event, frozen=True, tag="identity.admins_changed"):
    """One admin more or less (INV-8)."""

    user: str
    is_admin: bool


class Registered(Event, frozen=True, tag="identity.registered"):
    """The account exists, and holds its addresses."""

    enrolment: Enrolment


class RegistrationRepeated(Event, frozen=True, tag="identity.registration_repeated"):
    """Its owner, or somebody else, registered again: the owner is told. `decoys` are codes that
    nobody can know; who tries one learns nothing (I4)."""

    channel: Channel
    decoys: tuple[Channel, ...]
    expires_at: Millis


class RegistrationExpired(Event, frozen=True, tag="identity.registration_expired"):
    """It was not verified in time; its addresses are free again."""


class RegistrationRestarted(Event, frozen=True, tag="identity.registration_restarted"):
    """The owner of the address came in by it: password, phone, kind and name, which somebody else
    may have given before, are forgotten."""


class OtpRequested(Event, frozen=True, tag="identity.otp_requested"):
    """A code is sent. It is derived from `serial`, and an earlier one of its kind is void."""

    channel: Channel
    purpose: Purpose
    serial: int
    expires_at: Millis


class OtpFailed(Event, frozen=True, tag="identity.otp_failed"):
    """A wrong code was typed (I7)."""

    channel: Channel
    purpose: Purpose
    tries: int


class ChannelVerified(Event, frozen=True, tag="identity.channel_verified"):
    """The right code was typed, or a provider vouched for the address. The code is used up."""

    channel: Channel
    purpose: Purpose | None = None


class UserActivated(Event, frozen=True, tag="identity.user_activated"):
    """Everything required is verified."""

    role: str = ""
    """A role that comes with the kind of account."""


class ProviderLinked(Event, frozen=True, tag="identity.provider_linked"):
    """An account at an identity provider opens this one."""

    provider: str
    subject: str


class PhoneAdded(Event, frozen=True, tag="identity.phone_added"):
    """A phone number that is to be verified until `verify_by` (I9)."""

    phone: str
    verify_by: Millis


class PhoneDropped(Event, frozen=True, tag="identity.phone_dropped"):
    """A number that was not verified in time is free again."""


class ProfileChanged(Event, frozen=True, tag="identity.profile_changed"):
    """A new name to be shown."""

    display_name: str


class PasswordRehashed(Event, frozen=True, tag="identity.password_rehashed"):
    """The same password, hashed in the way of today (I3)."""

    password_hash: str


class SessionOpened(Event, frozen=True, tag="identity.session_opened"):
    """Somebody has logged in."""

    session: str
    device: Device
    access_until: Millis
    expires_at: Millis
    is_new_device: bool = False

    @property
    def is_unfamiliar(self) -> bool:
        """Whether the owner is told: the first device of all is no surprise."""
        return self.is_new_device and self.session != "s1"


class SessionRefreshed(Event, frozen=True, tag="identity.session_refreshed"):
    """The refresh token was changed for the next (J5)."""

    session: str
    counter: int
    access_until: Millis
    expires_at: Millis


class SessionEnded(Event, frozen=True, tag="identity.session_ended"):
    """The session is good no longer, nor are its tokens."""

    session: str
    cause: EndCause
    by: str = ""
    reason: str = ""


class KycSubmitted(Event, frozen=True, tag="identity.kyc_submitted"):
    """Documents to be looked at until `due_at` (K3)."""

    application: str
    kind: KycKind
    files: tuple[File, ...]
    due_at: Millis
    form: DealerForm | None = None


class KycApproved(Event, frozen=True, tag="identity.kyc_approved"):
    """The documents are in order."""

    application: str
    kind: KycKind
    by: str
    documents_expire_at: Millis | None = None


class KycRejected(Event, frozen=True, tag="identity.kyc_rejected"):
    """They are not; the reason names the document."""

    application: str
    kind: KycKind
    by: str
    reason: str
    illegible: tuple[str, ...] = ()
    """Files that cannot be read, and will not be taken again."""


class KycOverdue(Event, frozen=True, tag="identity.kyc_overdue"):
    """Nobody has looked in time. Nothing is approved by that (K3)."""

    application: str
    kind: KycKind


class KycLapsed(Event, frozen=True, tag="identity.kyc_lapsed"):
    """A document has expired; the owner must hand in a new one."""

    application: str
    kind: KycKind


class DocumentOpened(Event, frozen=True, tag="identity.document_opened"):
    """Somebody was given a link to a document (K5)."""

    file: str
    by: str
    until: Millis


class RoleGranted(Event, frozen=True, tag="identity.role_granted"):
    """One role more."""

    role: str
    by: str
    reason: str


class RoleRevoked(Event, frozen=True, tag="identity.role_revoked"):
    """One role less."""

    role: str
    by: str
    reason: str


class UserSuspended(Event, frozen=True, tag="identity.user_suspended"):
    """Nothing is taken from this person for the time being (K7)."""

    by: str
    reason: str


class UserReinstated(Event, frozen=True, tag="identity.user_reinstated"):
    """They may act again."""

    by: str
    reason: str


class UserClosed(Event, frozen=True, tag="identity.user_closed"):
    """The account is kept without address or name (INV-9)."""

    by: str
    reason: str
    withdrawn: tuple[str, ...] = ()
    """Applications that nobody has to look at any more."""
