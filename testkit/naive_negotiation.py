"""Haggling as a child would keep it: one table of products, one of negotiations, told from the log.

It shares no code with the rules, and is told nothing but events as decoded JSON.
"""

from collections.abc import Mapping
from typing import Any

from testkit.violation import expect

Fields = Mapping[str, Any]
ROOMS = ("negotiation:", "terms:")
DAY_MS = 24 * 60 * 60 * 1_000
OFFERS_MAX = 5
HAGGLING = ("open", "awaiting_shop", "countered")


class NaiveDeal:
    """One negotiation."""

    def __init__(self, room: str, event: Fields, at: int) -> None:
        self.room = room
        self.key = (event["customer"], event["shop"], event["product"])
        self.thing = (event["shop"], event["product"])
        self.quantity: int = event["quantity"]
        self.ask: int = event["list_price"]
        self.list_price = self.ask
        self.status = "open"
        self.offers: list[int] = []
        self.moved_at = at
        self.lock_until = 0
        self.final = 0
        self.order = ""

    @property
    def due(self) -> int | None:
        """When something must happen by itself."""
        if self.status in HAGGLING:
            return self.moved_at + DAY_MS
        return self.lock_until if self.status == "accepted" else None


class NaiveHaggling:
    """All shops' terms and all negotiations, fed with every record of theirs, in order."""

    def __init__(self) -> None:
        self.deals: dict[str, NaiveDeal] = {}
        self._things: dict[tuple[str, str], dict[str, Any]] = {}

    def take(self, room: str, at: int, event: Fields) -> None:
        """The next event of a negotiation or of a shop's terms."""
        kind, _, name = event["event"].partition(".")
        if kind == "terms":
            self._terms(room.partition(":")[2], name, event)
        elif name == "opened":
            self._open(room, at, event)
        elif handler := getattr(self, f"_on_{name}", None):
            handler(self.deals[room], at, event)

    def finish(self) -> None:
        """A step is complete: nobody haggles over what is not to be had (X1)."""
        for deal in self.deals.values():
            if deal.status in HAGGLING:
                thing = self._things[deal.thing]
                expect(thing["active"], f"{deal.room}: haggled over, and withdrawn")
                gone = thing["stock"] == 0 or (thing["stock"] == 1 and self._agreed(deal.thing))
                expect(not gone, f"negotiation X1: {deal.room} goes on over what is sold")

    def late(self, at: int) -> list[str]:
        """Rooms whose timers should have fired by then."""
        return [deal.room for deal in self.deals.values() if deal.due and deal.due <= at]

    def _agreed(self, thing: tuple[str, str]) -> list[NaiveDeal]:
        agreed = ("accepted", "bound")
        return [d for d in self.deals.values() if d.thing == thing and d.status in agreed]

    def _terms(self, shop: str, name: str, event: Fields) -> None:
        key = (shop, event["product"])
        thing = self._things.setdefault(key, {"stock": None, "active": True, "breaks": []})
        if name in ("set", "product_listed"):
            expect(event["min_price"] <= event["list_price"], f"{key}: minimum above the list")
            thing.update({field: event[field] for field in ("list_price", "min_price")})
            thing["breaks"] = event.get("breaks", thing["breaks"])
            thing["active"] = thing["active"] or name == "product_listed"
        elif name == "product_withdrawn":
            thing["active"] = False
        if event.get("stock") is not None:
            thing["stock"] = event["stock"]

    def _prices(self, deal: NaiveDeal) -> tuple[int, int]:
        """List and minimum price of one piece, by the quantity of the negotiation (X3)."""
        found = tag = self._things[deal.thing]
        for row in found["breaks"]:
            if row["from_quantity"] <= deal.quantity:
                found = row
        listed = min(found["list_price"], tag["list_price"])
        return listed, min(found["min_price"], listed)

    def _open(self, room: str, at: int, event: Fields) -> None:
        deal = NaiveDeal(room, event, at)
        for other in self.deals.values():
            is_active = other.status in (*HAGGLING, "accepted", "bound")
            expect(
                not is_active or other.key != deal.key, f"negotiation INV-4: {room}, {other.room}"
            )
        expect(room not in self.deals, f"{room} is opened twice")
        expect(self._prices(deal)[0] == deal.ask, f"{room} does not open at the list price")
        self.deals[room] = deal

    def _on_offer_made(self, deal: NaiveDeal, at: int, event: Fields) -> None:
        price, list_price = event["price"], self._prices(deal)[0]
        expect(deal.status in ("open", "countered"), f"{deal.room}: an offer while {deal.status}")
        expect(not deal.offers or price > deal.offers[-1], f"negotiation O2: {deal.room}: {price}")
        expect(price <= list_price == event["list_price"], f"negotiation O1: {deal.room}: {price}")
        deal.offers.append(price)
        expect(len(deal.offers) == event["offer_seq"] <= OFFERS_MAX, f"negotiation O3: {deal.room}")
        deal.list_price, deal.ask = list_price, min(deal.ask, list_price)
        deal.status, deal.moved_at = "awaiting_shop", at

    def _on_counter_offered(self, deal: NaiveDeal, at: int, event: Fields) -> None:
        ask, offer = event["ask"], deal.offers[-1]
        expect(offer < ask <= deal.ask, f"negotiation D4: {deal.room} asks {ask} after {deal.ask}")
        if event["sender"] == "SYSTEM":
            self._is_the_houses_answer(deal, ask, offer, event["strategy"])
        deal.ask, deal.status, deal.moved_at = ask, "countered", at

    def _is_the_houses_answer(self, deal: NaiveDeal, ask: int, offer: int, strategy: str) -> None:
        """D3, reckoned in another way."""
        list_price, min_price = self._prices(deal)
        least = min(min_price, deal.ask)
        expect(offer < least, f"negotiation D1: {deal.room} turns {offer} down, which is enough")
        floor = least + (list_price - least + 3) // 4
        expect(ask >= min(floor, deal.ask), f"negotiation D4: {deal.room} asks {ask}")
        if strategy == "midpoint.v1":
            middle = (deal.ask + offer + 1) // 2
            rounded = middle + (100 - middle % 100) % 100
            expect(ask == min(deal.ask, max(floor, rounded)), f"negotiation D3: {deal.room}: {ask}")

    def _on_accepted(self, deal: NaiveDeal, at: int, event: Fields) -> None:
        price, sender = event["final_price"], event["sender"]
        taken = deal.ask if sender == "CUSTOMER" else min(deal.offers[-1], deal.ask)
        expect(price == taken, f"negotiation INV-3: {deal.room} is agreed at {price}")
        expect(price <= deal.list_price, f"negotiation INV-2: {deal.room}: above the list price")
        if sender == "SYSTEM":
            least = min(self._prices(deal)[1], deal.ask)
            expect(price >= least, f"negotiation INV-2: {deal.room}: below the minimum")
        if self._things[deal.thing]["stock"] == 1:
            others = [other.room for other in self._agreed(deal.thing)]
            expect(not others, f"negotiation X1: one piece for {deal.room} and {others}")
        deal.status, deal.final, deal.moved_at = "accepted", price, at

    def _on_price_locked(self, deal: NaiveDeal, at: int, event: Fields) -> None:
        expect(event["lock_expires_at"] == at + DAY_MS, f"negotiation INV-6: {deal.room}")
        deal.lock_until = event["lock_expires_at"]

    def _on_price_bound(self, deal: NaiveDeal, at: int, event: Fields) -> None:
        expect(
            deal.status == "accepted", f"negotiation L5: {deal.room} is bound while {deal.status}"
        )
        expect(at < deal.lock_until, f"negotiation L6: {deal.room} is bound too late")
        pays = min(deal.final, self._prices(deal)[0])
        expect(event["unit_price"] == pays, f"negotiation L7: {deal.room}: {event}")
        deal.status, deal.order = "bound", event["order"]

    def _on_price_unbound(self, deal: NaiveDeal, _: int, event: Fields) -> None:
        expect(deal.status == "bound" and deal.order == event["order"], f"{deal.room}: {event}")
        deal.status, deal.order = "accepted", ""

    def _on_price_redeemed(self, deal: NaiveDeal, _: int, event: Fields) -> None:
        same = deal.status == "bound" and deal.order == event["order"]
        expect(same, f"negotiation INV-5: {deal.room} is paid by {event['order']}")
        deal.status = "redeemed"

    def _on_rejected(self, deal: NaiveDeal, _: int, event: Fields) -> None:
        expect(deal.status in HAGGLING, f"{deal.room} is rejected while {deal.status}")
        used_up = event["cause"] != "ROUNDS" or len(deal.offers) == OFFERS_MAX
        expect(used_up, f"negotiation D5: {deal.room} after {len(deal.offers)} offers")
        deal.status = "rejected"

    def _on_cancelled(self, deal: NaiveDeal, _: int, __: Fields) -> None:
        expect(deal.status in HAGGLING, f"{deal.room} is cancelled while {deal.status}")
        deal.status = "cancelled"

    def _on_expired(self, deal: NaiveDeal, at: int, event: Fields) -> None:
        due = deal.lock_until if event["cause"] == "LOCK" else deal.moved_at + DAY_MS
        expect(at >= due, f"negotiation 6: {deal.room} expires early")
        deal.status = "expired"
