"""What is known of one negotiation."""

from typing import Literal

from msgspec import Struct

from engine.domains.negotiation import events as e
from engine.kernel.time import Millis

Status = Literal[
    "absent",
    "open",
    "awaiting_shop",
    "countered",
    "accepted",
    "bound",
    "rejected",
    "expired",
    "cancelled",
    "redeemed",
]

HAGGLING: tuple[Status, ...] = ("open", "awaiting_shop", "countered")
AGREED: tuple[Status, ...] = ("accepted", "bound")
ACTIVE: tuple[Status, ...] = (*HAGGLING, *AGREED)


class ChatMessage(Struct):
    """What somebody said, perhaps with a price (M1)."""

    seq: int
    """Its number in the chat: 1, 2 …"""
    at: Millis
    sender: e.Sender
    text: str
    price: int | None = None


class Bound(Struct, frozen=True):
    """How an order was made of the price, so that the same order is answered alike."""

    quantity: int
    unit_price: int
    list_price: int


class Negotiation(Struct):
    """The state of a room `negotiation:{id}`. Prices are for one piece, minor units."""

    status: Status = "absent"
    negotiation: str = ""
    customer: str = ""
    customer_name: str = ""
    shop: str = ""
    product: str = ""
    currency: str = ""
    quantity: int = 0
    mode: e.Mode = "AUTO"
    """Who answered the latest offer."""
    list_price: int = 0
    ask: int = 0
    """The shop's standing price."""
    is_shops_ask: bool = False
    """Whether the shopkeeper asked for it, and not the house or the price tag (D6)."""
    offers: list[int] = []
    """All that the customer has offered."""
    moved_at: Millis = 0
    """When a price last moved (negotiation 6)."""
    opened_at: Millis = 0
    final_price: int | None = None
    accepted_ask: bool = False
    """Whether the customer took the ask, rather than the shop the offer."""
    accepted_at: Millis | None = None
    lock_expires_at: Millis | None = None
    token_jti: str = ""
    order: str = ""
    bound: Bound | None = None
    """How `order` was made; None also in snapshots that are older than this field."""
    cause: str = ""
    """Why it was rejected, cancelled or expired."""
    said: int = 0
    """How many messages there have been."""
    chat: list[ChatMessage] = []
    """The latest, oldest first, at most MESSAGES_KEPT."""
    unworded: list[int] = []
    """Answers of the house, by `seq`, for which other words may come, once (M2)."""
    spoken_at: dict[str, list[Millis]] = {}
    """Sender -> when they last said something without a price, at most CHAT_MAX times (O3)."""

    @property
    def last_offer(self) -> int | None:
        """What the customer offered last."""
        return self.offers[-1] if self.offers else None
