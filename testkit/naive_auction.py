"""One auction from its end on (auction W1 to W5), on top of the naive model of its bidding."""

from typing_extensions import override

from engine.domains.auction import commands as c
from testkit.naive_bidding import PLATFORM, Fields, NaiveBidding
from testkit.naive_ledger import NaiveLedger
from testkit.violation import expect


class NaiveAuction(NaiveBidding):
    """The whole life of an auction: bids, winner, deposit, payment, runners-up."""

    def __init__(self, room: str, ledger: NaiveLedger) -> None:
        super().__init__(room, ledger)
        self._deadline: int | None = None
        """By when the winner must fund or pay."""
        self._winner = ""
        self._hammer = 0
        self._attempt = 0
        self._is_locked = False
        self._is_over = False
        """The vehicle is handed over, or the sale undone."""
        self._out: set[str] = set()

    @property
    @override
    def due(self) -> int | None:
        after = ("pending_settlement", "settled")
        return self._deadline if self.status in after else super().due

    def _on_ended(self, at: int, event: Fields, command: object) -> None:
        expect(self.status == "live", f"{self.room} ends while {self.status}")
        if event.get("forced"):
            expect(isinstance(command, c.ForceEnd), f"{self.room}: forced by {command}")
        else:
            expect(at >= self.end_at == event["end_at"], f"{self.room} ends early, at {at}")
        told = (event["price"], event["leader"])
        expect(told == (self.price, self.leader), f"{self.room} ends with {told}")
        self.status = "ended"
        reserve = self.terms.get("reserve_price") or 0
        if self.price is None:
            self._owed = ("unsold", {"cause": "NO_BIDS"})
        elif self.leader == PLATFORM or self.price < reserve:
            self._owed = ("unsold", {"cause": "RESERVE_NOT_MET"})
        else:
            self._owed = ("winner_declared", self._parts("winner", self.leader, self.price))

    def _parts(self, role: str, user: str, hammer: int) -> Fields:
        deposit = self._share(hammer)
        self._winner, self._hammer = user, hammer
        self._attempt += 1
        self._is_locked = False
        return {
            role: user,
            "hammer_price": hammer,
            "deposit": deposit,
            "remainder": hammer - deposit,
        }

    def _on_winner_declared(self, at: int, _: Fields, __: object) -> None:
        """Auction W2, W3: the deposit is locked if the wallet covers it."""
        self.status = "pending_settlement"
        deposit = self._share(self._hammer)
        if self._ledger.available(self._winner) >= deposit:
            self._owed = ("deposit_locked", {"user": self._winner, "amount": deposit})
            return
        due_at = at + self.terms["deposit_window_ms"]
        self._owed = ("deposit_funding_requested", {"deposit_due_at": due_at})

    def _on_deposit_funding_requested(self, _: int, event: Fields, __: object) -> None:
        self._deadline = event["deposit_due_at"]

    def _on_deposit_locked(self, at: int, event: Fields, __: object) -> None:
        expect(event["user"] == self._winner, f"{self.room}: {event['user']} pays the deposit")
        locked = self._ledger.balances[f"DEPOSIT:{self.terms['auction']}"]
        expect(locked == self._share(self._hammer), f"{self.room}: {locked} is locked")
        expect(event["payment_due_at"] == at + self.terms["payment_window_ms"], "auction W4")
        self._deadline, self._is_locked = event["payment_due_at"], True
        if locked == self._hammer:
            self._owed = ("settled", {"winner": self._winner})

    def _on_deposit_forfeited(self, at: int, _: Fields, __: object) -> None:
        expect(self._deadline is not None and at >= self._deadline, f"{self.room}: auction W4")
        self._owed = ("winner_defaulted", {"user": self._winner, "cause": "NO_PAYMENT"})

    def _on_winner_defaulted(self, at: int, event: Fields, __: object) -> None:
        """Auction W5: the next of those who bid at least the reserve."""
        declined = event.get("declined") and self._attempt > 1
        in_time = self._deadline is not None and at < self._deadline
        expect(declined or not in_time, f"{self.room}: auction W3, W4: a default in time")
        self._out.add(self._winner)
        least = self.terms.get("reserve_price") or 0
        left = [o for o in self._offers if o.bidder not in {*self._out, PLATFORM}]
        best = max(left, key=lambda offer: (offer.limit, -offer.number), default=None)
        if best is None or best.limit < least:
            self._owed = ("unsold", {"cause": "NO_RUNNER_UP"})
            return
        self._deadline = at + self.terms["deposit_window_ms"]
        parts = self._parts("user", best.bidder, best.limit)
        self._owed = ("runner_up_offered", {**parts, "deposit_due_at": self._deadline})

    def _on_settled(self, _: int, event: Fields, __: object) -> None:
        """Auction INV-8: deposit and remainder are in escrow."""
        expect(self.status == "pending_settlement" and self._is_locked, f"{self.room}: INV-8")
        expect(event["winner"] == self._winner, f"{self.room} is settled by {event['winner']}")
        escrow = self._ledger.balances[f"ESCROW:auction:{self.terms['auction']}"]
        expect(escrow == self._hammer, f"{self.room}: auction INV-8: {escrow} in escrow")
        self._close("settled")

    def _on_delivery_reported(self, _: int, event: Fields, __: object) -> None:
        expect(self.status == "settled", f"{self.room}: delivered while {self.status}")
        expect(not self._is_over, f"{self.room}: delivered after the end")
        self._deadline = event["confirm_by"]

    def _on_handover_disputed(self, _: int, __: Fields, ___: object) -> None:
        self._deadline = None

    def _on_handed_over(self, at: int, event: Fields, __: object) -> None:
        """Auction V1: once, and by time not before its time."""
        expect(self.status == "settled" and not self._is_over, f"{self.room}: handed over twice")
        if event["cause"] == "TIME":
            expect(self._deadline is not None and at >= self._deadline, f"{self.room}: too early")
        self._deadline, self._is_over = None, True

    def _on_sale_undone(self, _: int, __: Fields, ___: object) -> None:
        expect(self.status == "settled" and not self._is_over, f"{self.room}: undone too late")
        self._deadline, self._is_over = None, True

    def _on_unsold(self, _: int, __: Fields, ___: object) -> None:
        self._close("unsold")

    def _on_result_voided(self, _: int, __: Fields, ___: object) -> None:
        expect(self.status == "pending_settlement", f"{self.room}: nothing to undo")
        self._close("unsold")

    def _on_cancelled(self, _: int, __: Fields, ___: object) -> None:
        expect(self.status in ("draft", "scheduled", "live"), f"{self.room}: cancelled too late")
        self._close("cancelled")

    def _on_relisted(self, _: int, __: Fields, ___: object) -> None:
        expect(self.status == "unsold", f"{self.room}: relisted while {self.status}")
        self._close("relisted")

    def _close(self, status: str) -> None:
        self.status = status
        self._deadline = None
        locked = self._ledger.balances[f"DEPOSIT:{self.terms['auction']}"]
        expect(locked == 0, f"{self.room} is {status} and {locked} of deposit stays locked")
