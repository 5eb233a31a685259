"""The ledger as a child would keep it: figures in a dict, from the postings in the log alone.

It shares no code with the engine's book, and is told nothing but events as decoded JSON.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from testkit.violation import expect

OVERDRAWN = ("EXTERNAL:", "RECEIVABLE:", "PROVIDER_FEES", "PLATFORM_REVENUE", "ADJUSTMENTS")

RATES = {"goods": 1_000, "service": 1_500, "carriage": 0, "work": 0, "auction": 0}
"""What the platform keeps, in bps, until staff set another rate (accounts rules 6, 8 and 11)."""


class NaiveLedger:
    """Balances and holds, one currency to a run."""

    def __init__(self) -> None:
        self.balances: defaultdict[str, int] = defaultdict(int)
        self.holds: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """User -> reference -> minor units."""
        self.rates = dict(RATES)

    def available(self, user: str) -> int:
        """What of a wallet is not held."""
        return self.balances[f"WALLET:{user}"] - sum(self.holds[user].values())

    def held_for(self, reference: str) -> dict[str, int]:
        """User -> what they hold for this reference, of those who hold anything."""
        return {user: held[reference] for user, held in self.holds.items() if held.get(reference)}

    def take(self, event: Mapping[str, Any]) -> None:
        """Apply an event's postings, and see that nobody owns what is not there."""
        if event["event"] == "ledger.commission_set":
            self.rates[event["service_type"]] = event["base_bps"]
        for posting in event.get("postings", ()):
            kind = posting["posting"]
            if kind == "transfer":
                self._transfer(posting["debit"], posting["credit"], posting["amount"])
            elif kind == "hold":
                self._hold(posting["user"], posting["reference"], posting["amount"])
            else:
                held = self.holds[posting["user"]].pop(posting["reference"], 0)
                expect(held, f"accounts P2: {posting} releases nothing")
        expect(sum(self.balances.values()) == 0, "accounts INV-2: the book does not balance")

    def _transfer(self, debit: str, credit: str, amount: int) -> None:
        expect(amount > 0, f"accounts INV-1: {amount} moves from {debit} to {credit}")
        self.balances[debit] -= amount
        self.balances[credit] += amount
        for account in (debit, credit):
            if not account.startswith(OVERDRAWN):
                left = self.balances[account]
                expect(left >= 0, f"accounts INV-3: {account} stands at {left}")
                self._covered(account.removeprefix("WALLET:"))

    def _hold(self, user: str, reference: str, amount: int) -> None:
        expect(amount > 0, f"accounts INV-5: {user} holds {amount}")
        self.holds[user][reference] = amount
        self._covered(user)

    def _covered(self, user: str) -> None:
        expect(self.available(user) >= 0, f"accounts INV-4: {user} holds more than there is")
