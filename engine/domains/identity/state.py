"""What is known of one account; and, in `identity:index`, who there is."""

from msgspec import Struct

from engine.contract import Person
from engine.domains.identity.terms import (
    LADDER,
    SIDE_ROLES,
    AccountKind,
    Channel,
    DealerForm,
    Device,
    Grant,
    KycKind,
    KycState,
    Purpose,
    Status,
    email_key,
    phone_key,
    provider_key,
)
from engine.kernel.actor import USER
from engine.kernel.time import Millis


class Challenge(Struct):
    """A code that was sent. Its digits are derived from `serial`; 0: nobody can know it."""

    serial: int
    expires_at: Millis
    tries: int = 0


class Session(Struct):
    """Where somebody is logged in."""

    device: Device
    opened_at: Millis
    access_until: Millis
    expires_at: Millis
    counter: int = 0
    """Of the refresh token that is good now; smaller ones have been used (J5)."""


class Application(Struct):
    """The latest application of a kind (identity 2)."""

    application: str
    kind: KycKind
    files: dict[str, str]
    """Kind of document -> file."""
    form: DealerForm | None = None
    state: KycState = "pending"
    submitted_at: Millis = 0
    due_at: Millis | None = None
    """When a reviewer should have looked; None where nobody is to look."""
    overdue: bool = False
    lapsed: bool = False
    """It was approved, a document has expired since, and no new one has come."""
    reviewer: str = ""
    reason: str = ""


class Account(Struct):
    """The state of a room `identity:{user}`."""

    status: Status = "absent"
    user: str = ""
    email: str = ""
    phone: str = ""
    password_hash: str = ""
    kind: AccountKind = "customer"
    display_name: str = ""
    currency: str = ""
    required: tuple[Channel, ...] = ()
    verified: list[Channel] = []
    providers: dict[str, str] = {}
    """Identity provider -> the person's name there."""
    created_at: Millis = 0
    last_login_at: Millis | None = None
    verify_by: Millis = 0
    """Until when the account is to be verified."""
    phone_verify_by: Millis | None = None
    """Until when a phone that was added later is to be verified."""
    suspension: str = ""
    """The words of whoever suspended it."""
    roles: list[str] = []
    """Those beyond `user`."""
    codes: dict[str, Challenge] = {}
    """`channel:purpose` -> the code that is out."""
    codes_sent: int = 0
    wrong_at: list[Millis] = []
    """When wrong codes were typed, in the last hour (I7)."""
    asked: dict[str, list[Millis]] = {}
    """When codes were asked for, in the last hour (I8). In the index: by everybody."""
    sessions: dict[str, Session] = {}
    sessions_opened: int = 0
    ended: dict[str, str] = {}
    """Session -> why it ended, of the latest."""
    devices: list[str] = []
    """Fingerprints that were seen."""
    applications: dict[str, Application] = {}
    """By kind."""
    approvals: dict[str, Millis | None] = {}
    """Kind of application -> when its documents expire. An approval lasts while the next
    application is looked at."""
    applications_made: int = 0
    illegible: list[str] = []
    """Files that a reviewer could not read."""
    registered: int = 0
    """Only in the index: how many accounts there have been."""
    latest: list[str] = []
    """Only in the index: the newest accounts."""
    admins: list[str] = []
    """Only in the index: whose role is admin (INV-8)."""

    @property
    def kyc(self) -> str:
        """Approved if any kind is, else pending if any application is, else rejected, or none."""
        if self.approvals:
            return "approved"
        states = {found.state for found in self.applications.values()}
        return next((state for state in ("pending", "rejected") if state in states), "none")

    @property
    def role(self) -> str:
        """The highest of the ladder (identity 6)."""
        return next((role for role in reversed(LADDER) if role in self.roles), USER)

    @property
    def side_roles(self) -> tuple[str, ...]:
        """Roles beside the ladder."""
        return tuple(sorted(SIDE_ROLES.intersection(self.roles)))

    @property
    def is_verified(self) -> bool:
        """Everything required is verified (INV-1)."""
        return set(self.required) <= set(self.verified)


def slot(channel: Channel, purpose: Purpose) -> str:
    """Where a code of this kind is kept: one of each."""
    return f"{channel}:{purpose}"


def grant_of(state: Account, session: str) -> Grant:
    """What an open session lets in."""
    found = state.sessions[session]
    return Grant(
        state.user,
        session,
        found.counter,
        state.role,
        state.side_roles,
        state.kyc,
        found.access_until,
        found.expires_at,
    )


def claims_of(state: Account) -> tuple[str, ...]:
    """Every key that the account holds."""
    keys = [email_key(state.email)] if state.email else []
    keys += [phone_key(state.phone)] if state.phone else []
    return (*keys, *(provider_key(name, subject) for name, subject in state.providers.items()))


def card(state: Account) -> Person | None:
    """What other rooms may know of the person; None where there is none."""
    if state.status == "absent":
        return None
    return Person(
        display_name=state.display_name,
        is_active=state.status == "active",
        email=state.email if "email" in state.verified else "",
        phone=state.phone if "phone" in state.verified else "",
        kyc=state.kyc,
    )
