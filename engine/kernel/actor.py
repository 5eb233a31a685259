"""Who asks: a user with a role, as the token or the house says."""

from msgspec import Struct

GUEST = "guest"
USER = "user"
VERIFIED_SELLER = "verified_seller"
DEALER = "dealer"
SHOPKEEPER = "shopkeeper"
DRIVER = "driver"
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

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF

    @property
    def is_approved(self) -> bool:
        """KYC approved (auction B1)."""
        return self.kyc == "approved"


ANYONE = Actor("", GUEST)
THE_HOUSE = Actor("house", SYSTEM)
