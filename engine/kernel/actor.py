"""Who asks: a user with a role, as the token or the house says."""

from msgspec import Struct

GUEST = "guest"
USER = "user"
VERIFIED_SELLER = "verified_seller"
DEALER = "dealer"
SHOPKEEPER = "shopkeeper"
DRIVER = "driver"
TRAVELER = "traveler"
PARTNER = "partner"
CONCIERGE = "concierge"
MANAGER = "manager"
ADMIN = "admin"
SYSTEM = "system"

ROLES = (
    GUEST,
    USER,
    VERIFIED_SELLER,
    DEALER,
    SHOPKEEPER,
    DRIVER,
    TRAVELER,
    PARTNER,
    CONCIERGE,
    MANAGER,
    ADMIN,
    SYSTEM,
)
STAFF = frozenset({MANAGER, ADMIN})
SIGNED_IN = frozenset(ROLES) - {GUEST, SYSTEM}
KYC_STATES = ("none", "pending", "approved", "rejected")


class Actor(Struct, frozen=True, gc=False):
    """The one who asks or looks. A guest has the empty user id."""

    user: str
    role: str
    kyc: str = "none"
    also: frozenset[str] = frozenset()
    """Further roles: a user may be a shopkeeper and a driver besides (identity 6)."""
    session: str = ""
    """The session that the token belongs to; empty for tokens of an outside issuer."""

    def has(self, roles: frozenset[str]) -> bool:
        """Whether one of the actor's roles is among these."""
        return self.role in roles or not roles.isdisjoint(self.also)

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF

    @property
    def is_approved(self) -> bool:
        """KYC approved (auction B1)."""
        return self.kyc == "approved"


ANYONE = Actor("", GUEST)
THE_HOUSE = Actor("house", SYSTEM)
