"""The bidding of one auction as its rules read (auction 5 and 13): who leads, at what price.

A bid is judged by the command that its bidder sent; what the house made of it stands in the
event, and must be what this model makes of it. It shares no code with the domain.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine.domains.auction import commands as c
from testkit.naive_ledger import NaiveLedger
from testkit.violation import expect

PLATFORM = "PLATFORM"
OUTAGE_MS = 120_000

Fields = Mapping[str, Any]


class Offer(NamedTuple):
    """What somebody would go up to."""

    limit: int
    number: int
    bidder: str
    is_max: bool


class NaiveBidding:
    """The state up to the end that can be told from outside, and what must come next."""

    def __init__(self, room: str, ledger: NaiveLedger) -> None:
        self.room = room
        self.status = "absent"
        self.terms: Fields = {}
        self.end_at = 0
        self.price: int | None = None
        self.leader = ""
        self.minimum = 0
        self.minima: set[int] = set()
        """Every minimum that there has been: a refusal may name any of them."""
        self._ledger = ledger
        self._offers: list[Offer] = []
        self._bidders: set[str] = set()
        self._bids = 0
        self._extensions = 0
        self._platform_was_last = False
        self._owed: tuple[str, Fields] | None = None

    @property
    def due(self) -> int | None:
        """The moment by which the house must act of itself."""
        if self.status == "scheduled":
            return int(self.terms["start_at"])
        return self.end_at if self.status == "live" else None

    def take(self, at: int, event: Fields, command: object) -> None:
        """The next event of the room, and the command that caused it, if one did."""
        tag = event["event"].removeprefix("auction.")
        if self._owed is not None:
            self._is_paid_back(tag, event)
        elif tag == "extended":
            expect(event["cause"] != "BID", f"{self.room} is extended by no bid (auction E1)")
        handler: Callable[[int, Fields, Any], None] | None = getattr(self, f"_on_{tag}", None)
        if handler is not None:
            handler(at, event, command)
        held = self._ledger.held_for(self.room)
        expect(
            held == self._expected_holds(),
            f"auction INV-2: {self.room} has holds {held}, not {self._expected_holds()}",
        )

    def finish(self) -> None:
        """The step is complete: nothing may be missing from it."""
        expect(self._owed is None, f"{self.room} owes {self._owed}")

    def _is_paid_back(self, tag: str, event: Fields) -> None:
        assert self._owed is not None, "asked only where something is owed"
        owed, fields = self._owed
        self._owed = None
        found = {name: event.get(name) for name in fields}
        expect(
            (tag, found) == (owed, dict(fields)),
            f"{self.room} owes {owed} {dict(fields)}, and there is {tag} {found}",
        )

    def _share(self, amount: int) -> int:
        return -(-amount * int(self.terms.get("deposit_bps", 0)) // 10_000)

    def _expected_holds(self) -> dict[str, int]:
        if self.status != "live" or self.leader in ("", PLATFORM):
            return {}
        held = self._share(self._limit(self.leader))
        return {self.leader: held} if held else {}

    def _limit(self, bidder: str) -> int:
        return max((offer.limit for offer in self._offers if offer.bidder == bidder), default=0)

    def _step(self, price: int) -> int:
        rows = self.terms["increments"]
        return int([step for start, step in rows if start <= price][-1])

    # Up to the start.

    def _on_created(self, _: int, event: Fields, __: object) -> None:
        expect(self.status == "absent", f"{self.room} is created twice")
        self.terms = event["terms"]
        self.status = "draft"
        self.end_at = self.terms["end_at"]
        self.minimum = self.terms["start_price"]
        self.minima.add(self.minimum)

    def _on_scheduled(self, at: int, _: Fields, __: object) -> None:
        expect(at < self.terms["start_at"], f"{self.room} is approved after its start")
        self.status = "scheduled"

    def _on_started(self, at: int, _: Fields, __: object) -> None:
        expect(at >= self.terms["start_at"], f"{self.room} starts early")
        expect(self.status == "scheduled", f"{self.room} starts while {self.status}")
        self.status = "live"

    # Bids.

    def _on_bid_placed(self, at: int, event: Fields, command: object) -> None:
        expect(self.status == "live", f"{self.room}: a bid while {self.status}")
        expect(self.terms["start_at"] <= at < self.end_at, f"{self.room}: auction B2 at {at}")
        bidder, amount, is_max = self._asked(event, command)
        expect(amount >= self.minimum, f"{self.room}: auction B4, B5: {amount} is too low")
        self._bids += 1
        self._price(bidder, amount, is_max=is_max)
        if bidder != PLATFORM:
            self._bidders.add(bidder)
        if is_max:
            self._withdraw(bidder)
        self._offers.append(Offer(amount, self._bids, bidder, is_max))
        assert self.price is not None, "there is a bid"
        self.minimum = self.price + self._step(self.price)
        self.minima.add(self.minimum)
        reserve = self.terms.get("reserve_price")
        made = {
            "amount": self.price,
            "leader": self.leader,
            "minimum_bid": self.minimum,
            "bid_count": self._bids,
            "bidder_count": len(self._bidders),
            "end_at": self.end_at,
            "reserve_met": reserve is None or self.price >= reserve,
        }
        found = {name: event[name] for name in made}
        expect(found == made, f"{self.room}: auction X1: the bid made {found}, not {made}")
        self._owe_extension(at)

    def _asked(self, event: Fields, command: object) -> tuple[str, int, bool]:
        if event.get("is_platform"):
            return self._platform_bid()
        bidder = event["bidder"]
        expect(
            isinstance(command, c.PlaceBid | c.SetMaxBid),
            f"{self.room}: a bid of {bidder} came of {command}",
        )
        assert isinstance(command, c.PlaceBid | c.SetMaxBid), "just looked at"
        is_max = isinstance(command, c.SetMaxBid)
        amount = command.max_amount if isinstance(command, c.SetMaxBid) else command.amount
        expect(event["bid"] == amount, f"{self.room}: {event['bid']} is bid for {amount}")
        expect(bool(event.get("is_max")) == is_max, f"{self.room}: auction X1")
        expect(bidder != self.terms["seller"], f"{self.room}: auction B3")
        raises = not is_max or bidder != self.leader or amount > self._limit(bidder)
        expect(raises, f"{self.room}: a leader lowers the own maximum")
        self._platform_was_last = False
        return bidder, amount, is_max

    def _platform_bid(self) -> tuple[str, int, bool]:
        reserve = self.terms.get("reserve_price")
        expect(reserve is not None and self.price is not None, f"{self.room}: auction R5")
        expect(self.leader != PLATFORM and not self._platform_was_last, f"{self.room}: INV-6")
        assert reserve is not None and self.price is not None, "just looked at"  # noqa: PT018
        expect(self.price * 100 < reserve * 90, f"{self.room}: auction R2")
        expect(self.minimum * 100 <= reserve * 95, f"{self.room}: auction R4")
        self._platform_was_last = True
        return PLATFORM, self.minimum, False

    def _price(self, bidder: str, amount: int, *, is_max: bool) -> None:
        """Auction X1 and X3."""
        top = self._limit(self.leader)
        if self.price is None:
            self.leader, self.price = bidder, self.terms["start_price"] if is_max else amount
        elif bidder == self.leader:
            self.price = self.price if is_max else amount
        elif amount > top:
            self.leader = bidder
            self.price = min(amount, top + self._step(top)) if is_max else amount
        else:
            self.price = min(top, amount + self._step(amount))
        reserve = self.terms.get("reserve_price")
        limit = max(self._limit(self.leader), amount if bidder == self.leader else 0)
        if reserve is not None and self.price < reserve <= limit:
            self.price = int(reserve)

    def _withdraw(self, bidder: str) -> None:
        self._offers = [o for o in self._offers if o.bidder != bidder or not o.is_max]

    def _on_max_bid_withdrawn(self, _: int, event: Fields, __: object) -> None:
        expect(event["user"] != self.leader, f"{self.room}: auction X10: a leader withdraws")
        self._withdraw(event["user"])

    # The end moves.

    def _owe_extension(self, at: int) -> None:
        """Auction E1 and X5."""
        later = self.end_at + self.terms.get("extension_ms", 0)
        later = min(later, self.terms.get("hard_end_at") or later)
        most = self.terms.get("max_extensions")
        is_late = self.end_at - at <= self.terms.get("extension_window_ms", 0)
        if is_late and later > self.end_at and (most is None or self._extensions < most):
            self._owed = ("extended", {"cause": "BID", "end_at": later})

    def _on_extended(self, at: int, event: Fields, command: object) -> None:
        cause, end_at = event["cause"], event["end_at"]
        expect(event["previous_end_at"] == self.end_at, f"{self.room}: auction X6")
        expect(end_at > self.end_at, f"{self.room}: auction INV-5: the end comes nearer")
        self._extensions += cause == "BID"
        if cause == "ADMIN":
            expect(
                isinstance(command, c.ExtendAuction) and command.new_end_at == end_at,
                f"{self.room}: extended to {end_at} by {command}",
            )
        elif cause == "OUTAGE":
            expect(end_at == at + OUTAGE_MS, f"{self.room}: auction 6: {end_at} after {at}")
        elif cause == "GROUP":
            expect(self.terms.get("group"), f"{self.room}: auction X9: it has no group")
        self.end_at = end_at
