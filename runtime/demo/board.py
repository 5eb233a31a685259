"""What a spectator knows: made of what came over the wire, and of nothing else."""

import time
from collections import deque

from engine.kernel.time import SECOND, Millis
from runtime.demo.client import Message
from runtime.demo.stage import NAIRA
from runtime.demo.town_seen import TownSeen

RATE_WINDOW_S = 5.0
OVER = "over"
"""A message of the spectator's own."""
STATUS = {
    "auction.started": "live",
    "auction.winner_declared": "sold",
    "auction.unsold": "unsold",
}
FOLLOWED = ("end_at", "leader", "bid_count", "reserve_met", "hammer_price", "winner")


def naira(amount: int) -> str:
    """Minor units as people write them."""
    return f"{amount // NAIRA:,}"


class Lot:
    """One auction."""

    def __init__(self, auction: str, car: str) -> None:
        self.auction = auction
        self.car = car
        self.facts: Message = {}

    def take(self, message: Message) -> None:
        """Something came on its feed."""
        if message["type"] == "snapshot":
            self.facts |= message["state"]
            return
        data = message["data"]
        if message["event"] == "auction.bid_placed":
            self.facts["current_price"] = data["amount"]
        self.facts |= {name: data[name] for name in FOLLOWED if name in data}
        usual = self.facts.get("status", "live")
        self.facts["status"] = STATUS.get(message["event"], usual)

    def left(self, now: Millis) -> str:
        """Time left, or what became of it."""
        status = str(self.facts.get("status", "…"))
        if status != "live":
            return status.replace("_", " ")
        seconds = max(0, self.facts["end_at"] - now) // SECOND
        return f"{seconds // 60}:{seconds % 60:02}"


class Talk:
    """One negotiation: who said what."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.lines: list[tuple[str, str]] = []
        """(speaker, words), oldest first."""
        self.list_price = 0
        self.status = "open"

    def take(self, message: Message) -> None:
        """Something came on its feed."""
        if message["type"] == "snapshot":
            state = message["state"]
            self.list_price, self.status = state["list_price"], state["status"]
            self.lines = [
                (said["sender"], self._words(said["price"], said["text"])) for said in state["chat"]
            ]
            return
        data, event = message["data"], message["event"]
        if event == "negotiation.offer_made":
            self.lines.append(("CUSTOMER", self._words(data["price"], data["text"])))
        elif event == "negotiation.counter_offered":
            self.lines.append((data["sender"], self._words(data["ask"], data["text"])))
        elif event in ("negotiation.accepted", "negotiation.rejected"):
            self.status = event.partition(".")[2]
            price = data.get("final_price")
            self.lines.append((data["sender"], self._words(price, data["text"])))

    def _words(self, price: int | None, text: str) -> str:
        # The house's own sentences name the price; what people say need not.
        if price is None or any(sign.isdigit() for sign in text):
            return text
        return f"{naira(price)}. {text}".strip()


class Parcel:
    """One shipment: who has it, and who had it."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.status = ""
        self.holders: list[str] = []
        self.photos = 0
        self.news = ""

    def take(self, message: Message) -> None:
        """Something came on its feed."""
        if message["type"] == "snapshot":
            state = message["state"]
            self.status = state["status"]
            self.holders = [held["holder"]["party_id"] for held in state["custody"]]
            self.photos = sum(len(step.get("photos", ())) for step in state["steps"])
            return
        data, event = message["data"], message["event"]
        if event == "custody.custody_changed":
            self.holders.append(data["to_id"])
            self.status = "IN_CUSTODY"
            self.news = f"at {data['place_id']}"
        elif event == "custody.photos_added":
            self.photos += len(data["photos"])
            self.news = "photographed"
        elif event == "custody.tracking_recorded":
            self.news = f"{data['kind'].lower().replace('_', ' ')}, {data['place_id']}"
        elif event == "custody.delivery_proof_recorded":
            self.news = f"proved by {data['method']}"
        elif event == "custody.shipment_delivered":
            self.status = "DELIVERED"


class Arrival:
    """Somebody who has just registered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.verified: list[str] = []
        self.kyc = "none"

    def take(self, message: Message) -> None:
        """Something came on the feed of the account."""
        if message["type"] == "snapshot":
            self.verified = list(message["state"]["verified"])
            self.kyc = message["state"]["kyc"]
        elif message["event"] == "identity.kyc_submitted":
            self.kyc = "pending"
        elif message["event"] == "identity.kyc_approved":
            self.kyc = "approved"


class Money:
    """The books of one currency, summed up by kinds of account."""

    KINDS = (
        ("wallets", ("WALLET:",)),
        ("in escrow", ("ESCROW:",)),
        ("locked deposits", ("DEPOSIT:",)),
        ("owed to sellers", ("SELLER_PAYABLE:",)),
        ("owed to carriers", ("CARRIER_PAYABLE:",)),
        ("the house", ("PLATFORM_REVENUE",)),
    )

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.sum = 0

    def take(self, message: Message) -> None:
        """The journal's snapshot; its events are only a part of what moves money."""
        if message["type"] != "snapshot":
            return
        accounts: dict[str, int] = message["state"]["accounts"]
        self.sum = message["state"]["sum"]
        self.totals = {
            name: sum(n for account, n in accounts.items() if account.startswith(starts))
            for name, starts in self.KINDS
        }


class Board:
    """All of it."""

    def __init__(self) -> None:
        self.lots: dict[str, Lot] = {}
        self.talks: dict[str, Talk] = {}
        self.parcels: dict[str, Parcel] = {}
        self.arrivals: dict[str, Arrival] = {}
        self.town = TownSeen()
        self.money = Money()
        self.accounts = 0
        self.agreed = self.delivered = self.received = 0
        """Prices, orders and parcels, since the beginning."""
        self._heard: deque[tuple[float, bool]] = deque()

    def rates(self) -> tuple[float, float]:
        """Bids and events a second, over the last seconds."""
        horizon = time.monotonic() - RATE_WINDOW_S
        while self._heard and self._heard[0][0] < horizon:
            self._heard.popleft()
        bids = sum(is_bid for _, is_bid in self._heard)
        return bids / RATE_WINDOW_S, len(self._heard) / RATE_WINDOW_S

    def begin(self, room: str, title: str) -> None:
        """Something is to be followed from now on."""
        domain, _, id_ = room.partition(":")
        match domain:
            case "auction":
                self.lots[id_] = Lot(id_, title)
            case "negotiation":
                self.talks[id_] = Talk(title)
            case "shipment":
                self.parcels[id_] = Parcel(title)
            case "identity" if id_ != "index":
                self.arrivals[id_] = Arrival(title)

    def _end(self, domain: str, id_: str) -> None:
        match domain:
            case "auction":
                del self.lots[id_]
            case "negotiation":
                del self.talks[id_]
            case "shipment":
                del self.parcels[id_]
            case "identity" if id_ != "index":
                del self.arrivals[id_]

    def take(self, message: Message) -> None:
        """Something came; or OVER: this room need not be shown any more."""
        domain, _, id_ = message["room"].partition(":")
        if message["type"] == OVER:
            self._end(domain, id_)
            return
        if message["type"] == "event":
            self._count(message["event"])
        match domain:
            case "auction":
                self.lots[id_].take(message)
            case "negotiation":
                self.talks[id_].take(message)
            case "shipment":
                self.parcels[id_].take(message)
            case "identity" if id_ == "index":
                self._take_index(message)
            case "identity":
                self.arrivals[id_].take(message)
            case "zone":
                self.town.take(message)
            case "ledger":
                self.money.take(message)

    def _take_index(self, message: Message) -> None:
        if message["type"] == "snapshot":
            self.accounts = message["state"]["accounts"]
        elif message["event"] == "identity.enrolled":
            self.accounts += 1

    def _count(self, event: str) -> None:
        self._heard.append((time.monotonic(), event == "auction.bid_placed"))
        self.agreed += event == "negotiation.accepted"
        self.delivered += event == "dispatch.order_completed"
        self.received += event == "custody.shipment_delivered"
