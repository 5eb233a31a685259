"""What can be asked of identity from outside, and by whom (identity 4, 6)."""

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.contract import Command, Reason, holder_of
from engine.domains.identity.addresses import tidy
from engine.domains.identity.terms import (
    INDEX,
    NOBODY,
    AccountKind,
    Channel,
    DealerForm,
    DeviceType,
    DisplayName,
    Email,
    Files,
    Fingerprint,
    GrantedRole,
    KycKind,
    OneTimeCode,
    Password,
    Phone,
    Provider,
    Purpose,
    Token,
    UserAgent,
    email_key,
    person_room,
)
from engine.domains.identity.tokens import user_of
from engine.kernel.actor import ADMIN, GUEST, MANAGER, SIGNED_IN, Actor
from engine.kernel.ids import Id
from engine.kernel.money import Currency
from engine.kernel.time import Moment

EVERYBODY = SIGNED_IN | {GUEST}
STAFF_ONLY = frozenset({MANAGER, ADMIN})
ADMIN_ONLY = frozenset({ADMIN})


class IndexCommand(Command, frozen=True):
    """A command that the one writer of all addresses decides. What it answers does not tell
    whether an address is known (I4)."""

    ROLES: ClassVar = EVERYBODY

    def room(self, actor: Actor) -> str:
        return INDEX


class AddressCommand(Command, frozen=True):
    """A command for the account that holds an email address, or for nobody's."""

    ROLES: ClassVar = EVERYBODY

    email: Email

    def room(self, actor: Actor) -> str:
        return holder_of(email_key(tidy(self.email)), NOBODY)


class OwnCommand(Command, frozen=True):
    """A command for one's own account."""

    ROLES: ClassVar = SIGNED_IN

    def room(self, actor: Actor) -> str:
        return person_room(actor.user) if actor.user else NOBODY


class StaffCommand(Command, frozen=True):
    """A command of staff for somebody's account."""

    ROLES: ClassVar = STAFF_ONLY

    user: Id

    def room(self, actor: Actor) -> str:
        return person_room(self.user)


class Register(IndexCommand, frozen=True, tag="identity.register"):
    """Ask for an account. Codes go to both addresses; who has an account already is told so by
    letter, and not here (I4)."""

    email: Email
    phone: Phone
    password: Password
    account_kind: AccountKind = "customer"
    display_name: DisplayName = ""
    currency: Currency | None = None
    """The market whose rules apply; None: those of no market."""


class StartEmailLogin(IndexCommand, frozen=True, tag="identity.start_email_login"):
    """Ask for a code by email, to log in without a password. Whoever has no account gets one
    (I9)."""

    email: Email
    currency: Currency | None = None


class OAuthLogin(IndexCommand, frozen=True, tag="identity.oauth_login"):
    """Log in with what an identity provider says; whoever has no account gets one."""

    provider: Provider
    id_token: Token
    device_type: DeviceType = "web"
    device_fingerprint: Fingerprint = ""
    user_agent: UserAgent = ""
    currency: Currency | None = None


class ResendOtp(Command, frozen=True, tag="identity.resend_otp"):
    """Ask for another code; the earlier one is void (I8). Without an email address it is for
    one's own account, to prove an address once more."""

    ROLES: ClassVar = EVERYBODY

    channel: Channel
    purpose: Purpose = "signup"
    email: Annotated[str, Meta(max_length=254)] = ""

    def room(self, actor: Actor) -> str:
        if self.email:
            return INDEX
        return person_room(actor.user) if actor.user else NOBODY


class VerifyOtp(AddressCommand, frozen=True, tag="identity.verify_otp"):
    """Type a code. A wrong one is counted, and five of them are the end of it (I7)."""

    channel: Channel
    code: OneTimeCode
    purpose: Purpose = "signup"
    device_type: DeviceType = "web"
    device_fingerprint: Fingerprint = ""
    user_agent: UserAgent = ""


class Login(AddressCommand, frozen=True, tag="identity.login"):
    """Log in with a password. An older session on a device of this type ends (S1)."""

    password: Password
    device_type: DeviceType = "web"
    device_fingerprint: Fingerprint = ""
    user_agent: UserAgent = ""


class Refresh(Command, frozen=True, tag="identity.refresh"):
    """Change a refresh token for new tokens. Over HTTP it comes from the cookie (J2). A token that
    was used before ends the session (J5)."""

    ROLES: ClassVar = EVERYBODY

    refresh_token: Token = ""

    def room(self, actor: Actor) -> str:
        user = user_of(self.refresh_token)
        return person_room(user) if user else NOBODY


class Logout(OwnCommand, frozen=True, tag="identity.logout"):
    """End the session that the access token belongs to, or another of one's own."""

    session: Annotated[str, Meta(max_length=64)] = ""


class SetProfile(OwnCommand, frozen=True, tag="identity.set_profile"):
    """Choose the name that others see."""

    display_name: DisplayName


class AddPhone(OwnCommand, frozen=True, tag="identity.add_phone"):
    """Give a phone number where there is none yet; it is verified with a code (I9)."""

    phone: Phone


class SubmitKyc(OwnCommand, frozen=True, tag="identity.submit_kyc"):
    """Hand in documents, which were uploaded elsewhere; for a dealer also the form (K2)."""

    kind: KycKind
    files: Files
    form: DealerForm | None = None


class CloseAccount(OwnCommand, frozen=True, tag="identity.close_account"):
    """Give up one's account; admins may close that of another. Nothing may be owed, held or in
    the wallet."""

    user: Annotated[str, Meta(max_length=64)] = ""
    """Empty: one's own."""
    reason: Reason = ""

    def room(self, actor: Actor) -> str:
        user = self.user or actor.user
        return person_room(user) if user else NOBODY


class OpenDocument(OwnCommand, frozen=True, tag="identity.open_document"):
    """Ask for a link to a document, good for an hour. It is logged who asks (K5)."""

    user: Id
    file: Id

    def room(self, actor: Actor) -> str:
        return person_room(self.user)


class ForceLogout(StaffCommand, frozen=True, tag="identity.force_logout"):
    """End one session of somebody, or all of them (S3)."""

    session: Annotated[str, Meta(max_length=64)] = ""
    reason: Reason = ""


class ApproveKyc(StaffCommand, frozen=True, tag="identity.approve_kyc"):
    """Find the documents of an application in order."""

    application: Id
    documents_expire_at: Moment | None = None
    """When the first of them is good no longer."""


class RejectKyc(StaffCommand, frozen=True, tag="identity.reject_kyc"):
    """Say which document is wrong, and why; the owner may hand in better ones."""

    application: Id
    reason: Reason = ""
    illegible: Annotated[tuple[Id, ...], Meta(max_length=10)] = ()
    """Files that cannot be read."""


class GrantRole(StaffCommand, frozen=True, tag="identity.grant_role"):
    """Give somebody a role."""

    ROLES: ClassVar = ADMIN_ONLY

    role: GrantedRole
    reason: Reason = ""


class RevokeRole(StaffCommand, frozen=True, tag="identity.revoke_role"):
    """Take a role from somebody."""

    ROLES: ClassVar = ADMIN_ONLY

    role: GrantedRole
    reason: Reason = ""


class Suspend(StaffCommand, frozen=True, tag="identity.suspend"):
    """Take nothing more from this person; their sessions end (K7)."""

    reason: Reason = ""


class Reinstate(StaffCommand, frozen=True, tag="identity.reinstate"):
    """End a suspension."""

    ROLES: ClassVar = ADMIN_ONLY

    reason: Reason = ""
