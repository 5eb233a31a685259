"""All auctions and escrows of a run and their money, told from the log: what concerns several.

Timers fire in the order of their moments, and before any command of that moment or later.
"""

from collections.abc import Mapping
from typing import Any

from engine.contract import Command
from engine.kernel.record import Record
from testkit.naive_auction import NaiveAuction
from testkit.naive_escrow import NaiveEscrow
from testkit.naive_ledger import NaiveLedger
from testkit.naive_negotiation import ROOMS, NaiveHaggling
from testkit.violation import expect

AUCTION = "auction:"
ESCROW = "escrow:"
HOUSE = "house"
CLOCKS_MS = 2_000
"""So much may the clocks of the world and of a machine differ, with room to spare."""
SERVICE_GAP_MS = 1_000
"""Without service for longer than this is an outage."""
FIRED = frozenset({"auction.ended", "auction.deposit_forfeited", "auction.winner_defaulted"})
"""What a timer brings about. Starts that fell into an outage come by room, not by moment."""
HOLDS_VEHICLE = frozenset({"draft", "scheduled", "live", "ended", "pending_settlement"})


class NaiveMarket:
    """Fed with every record of the log, in order."""

    def __init__(self) -> None:
        self.ledger = NaiveLedger()
        self.auctions: dict[str, NaiveAuction] = {}
        self.escrows: dict[str, NaiveEscrow] = {}
        self.haggling = NaiveHaggling()
        self._up_at = 0
        """When somebody was last seen to serve, ms of the world's clock."""
        self._outages: list[tuple[int, int]] = []
        self._to_extend: list[tuple[NaiveAuction, int]] = []
        """Open lots of a group that must have this end, or a later one, when the step is done."""

    def is_served(self, now: int) -> None:
        """At this moment of the world's clock (ms) somebody serves."""
        if self._up_at and now - self._up_at > SERVICE_GAP_MS:
            self._outages.append((self._up_at, now))
        self._up_at = now

    def take(self, record: Record, event: Mapping[str, Any], command: Command | None) -> None:
        """The next record; `command` is what somebody sent, if it came of that."""
        self._timers_came_first(record, event, command)
        self.ledger.take(event)
        if record.room.startswith(ESCROW):
            self._escrow(record.room).take(record.at, event)
        if record.room.startswith(ROOMS):
            self.haggling.take(record.room, record.at, event)
        if not record.room.startswith(AUCTION):
            return
        auction = self.auctions.get(record.room)
        if auction is None:
            auction = self.auctions[record.room] = NaiveAuction(record.room, self.ledger)
        if event["event"] == "auction.ended" and not event.get("forced"):
            self._was_served_at(event["end_at"], record)
        auction.take(record.at, event, command)
        if event["event"] == "auction.created":
            self._vehicle_is_free(auction)
        if event["event"] == "auction.extended" and event["cause"] == "BID":
            self._extend_group(auction)

    def _escrow(self, room: str) -> NaiveEscrow:
        if room not in self.escrows:
            self.escrows[room] = NaiveEscrow(room, self.ledger)
        return self.escrows[room]

    def finish(self) -> None:
        """A batch is complete, so every step in it is."""
        self.haggling.finish()
        for auction in self.auctions.values():
            auction.finish()
        for lot, least in self._to_extend:
            extended = lot.status != "live" or lot.end_at >= least
            expect(extended, f"auction X9: {lot.room} was not extended with its group")
        self._to_extend.clear()

    def _timers_came_first(
        self, record: Record, event: Mapping[str, Any], command: Command | None
    ) -> None:
        if command is not None:
            late = [a.room for a in self.auctions.values() if a.due and a.due <= record.at]
            # A step may close an auction by hand, and has then not yet come to its end.
            late = [room for room in late if room != record.room]
            late += [e.room for e in self.escrows.values() if e.due and e.due <= record.at]
            # An order that fails after the time of its price sets it free and ends it in one step.
            ends = event["event"] == "negotiation.expired"
            late += [
                room for room in self.haggling.late(record.at) if not (ends and room == record.room)
            ]
            expect(not late, f"{record.room} at {record.at} comes before the timers of {late}")
            return
        if record.actor != HOUSE or event["event"] not in FIRED:
            return
        mine = self.auctions[record.room]
        due = mine.due
        if due is None or due > record.at:
            return
        for other in self.auctions.values():
            if other.due is not None and other is not mine:
                in_order = (other.due, other.room) > (due, mine.room)
                expect(in_order, f"{mine.room}, due {due}, fires before {other.room}, {other.due}")

    def _was_served_at(self, end_at: int, record: Record) -> None:
        """Auction 6: no auction ends while nobody can bid; it gets two minutes from recovery."""
        for down_at, up_at in [*self._outages, (self._up_at, record.at)]:
            is_inside = down_at + CLOCKS_MS < end_at < up_at - CLOCKS_MS
            expect(not is_inside, f"auction 6: {record.room} ends at {end_at} in an outage")

    def _vehicle_is_free(self, auction: NaiveAuction) -> None:
        """Auction A1."""
        vehicle = auction.terms["vehicle"]
        for other in self.auctions.values():
            if other is not auction and other.terms.get("vehicle") == vehicle:
                expect(
                    other.status not in HOLDS_VEHICLE,
                    f"auction A1: {vehicle} is in {other.room} and in {auction.room}",
                )

    def _extend_group(self, auction: NaiveAuction) -> None:
        """Auction X9, within the absolute end of each lot (X5)."""
        group, end_at = auction.terms.get("group"), auction.end_at
        for lot in self.auctions.values():
            if group and lot.status == "live" and lot.terms.get("group") == group:
                least = min(end_at, lot.terms.get("hard_end_at") or end_at)
                self._to_extend.append((lot, least))
