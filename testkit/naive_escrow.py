"""One escrow as a notary would watch it: who was to have what, and where every unit went.

It is told events as decoded JSON, and looks after each of them into the account of the escrow.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from testkit.naive_ledger import NaiveLedger
from testkit.violation import expect

Fields = Mapping[str, Any]
Key = tuple[str, str]
"""Payee and kind of a share."""

SERVICES = {"seller": "goods", "partner": "service", "carrier": "carriage", "worker": "work"}
LAPSED = {"EXPIRED": "expired", "CANCELLED": "cancelled"}
LATE = ("expired", "cancelled", "refunded")


class NaiveEscrow:
    """Of a run in which no market has fees of its own."""

    def __init__(self, room: str, ledger: NaiveLedger) -> None:
        self.room = room
        self.status = "absent"
        kind, _, deal = room.removeprefix("escrow:").partition(".")
        self._account = f"ESCROW:{kind}:{deal}"
        self._ledger = ledger
        self._terms: Fields = {}
        self._parts: dict[Key, int] = {}
        """Share -> what of the money is for it, as long as it is in the escrow."""
        self._shares: dict[Key, Fields] = {}
        self._gone: set[Key] = set()
        """Shares that have gone out, released or refunded: once, and never again."""
        self._ends: set[str] = set()
        """How shares have gone out: also those of which a discount has left no part at all."""

    @property
    def due(self) -> int | None:
        """When the time to pay is over."""
        return self._terms["pay_until"] if self.status == "funding" else None

    def take(self, at: int, event: Fields) -> None:
        """The next event of the room, whose postings the ledger has taken."""
        handler = getattr(self, f"_on_{event['event'].removeprefix('escrow.')}")
        handler(at, event)
        held = sum(self._parts.values())
        balance = self._ledger.balances[self._account]
        if self.status == "funding" and self.room.startswith("escrow:auction."):
            # The sale has filled it (P4, P5); that it is held comes next, in the same step.
            expect(balance == self._terms["total"], f"{self.room}: {balance} of a sale")
            return
        expect(balance == held, f"{self.room}: {balance} in the account, {held} is to be held")
        if self.status not in ("held", "disputed"):
            expect(balance == 0, f"accounts INV-6: {self.room} is {self.status} with {balance}")

    def _on_opened(self, _: int, event: Fields) -> None:
        expect(self.status == "absent", f"{self.room} is opened twice")
        self.status, self._terms = "funding", event["terms"]
        planned = sum(s["gross"] for s in self._terms["shares"]) + self._terms["platform"]
        expect(planned == self._terms["total"], f"accounts 3: the plan of {self.room}")

    def _on_payee_named(self, _: int, event: Fields) -> None:
        old, new = ((event[who], event["kind"]) for who in ("instead_of", "payee"))
        for share in self._terms["shares"]:
            if (share["payee"], share["kind"]) == old:
                share["payee"] = event["payee"]
        if self.status != "funding":
            expect(old in self._parts, f"{self.room}: {old} has nothing here")
            self._parts[new], self._shares[new] = self._parts.pop(old), self._shares.pop(old)

    def _on_held(self, at: int, event: Fields) -> None:
        expect(self.status == "funding", f"{self.room} is paid while {self.status}")
        expect(at < self._terms["pay_until"], f"{self.room} is paid too late")
        expect(event["amount"] == self._terms["total"], f"{self.room}: another amount")
        self.status = "held"
        asked = {(s["payee"], s["kind"]): s for s in self._terms["shares"]}
        for share in event["shares"]:
            key = (share["payee"], share["kind"])
            rate = asked[key]["fee_bps"]
            service = SERVICES[share["kind"]]
            if service == "goods" and self.room.startswith("escrow:auction."):
                service = "auction"
            rate = self._ledger.rates[service] if rate is None else rate
            expect(share["gross"] == asked[key]["gross"], f"{self.room}: {share}")
            expect(share["fee_bps"] == rate, f"accounts rule 9: {share}")
            self._shares[key], self._parts[key] = share, share["part"]
        expect(self._parts.keys() == asked.keys(), f"{self.room}: shares are missing")

    def _on_lapsed(self, at: int, event: Fields) -> None:
        expect(self.status == "funding", f"{self.room} lapses while {self.status}")
        late = at >= self._terms["pay_until"]
        expect(late or event["cause"] == "CANCELLED", f"{self.room} expires early")
        self.status = LAPSED[event["cause"]]

    def _on_released(self, _: int, event: Fields) -> None:
        expect(self.status == "held", f"{self.room} is released while {self.status}")
        for share in event["shares"]:
            key = self._goes(share)
            expect(share["gross"] == self._shares[key]["gross"], f"{self.room}: {share}")
        self._are_paid(event)
        self._ends.add("released")
        self._close()

    def _on_refunded(self, _: int, event: Fields) -> None:
        expect(self.status == "held", f"{self.room} is refunded while {self.status}")
        before = sum(self._parts.values())
        for share in event["shares"]:
            self._goes(share)
        left = before - sum(self._parts.values())
        expect(event["amount"] == left, f"{self.room}: {event['amount']} of {left} comes back")
        self._ends.add("refunded")
        self._close()

    def _on_disputed(self, _: int, __: Fields) -> None:
        expect(self.status == "held", f"{self.room} is disputed while {self.status}")
        self.status = "disputed"

    def _on_dispute_resolved(self, _: int, event: Fields) -> None:
        expect(self.status == "disputed", f"{self.room} is resolved while {self.status}")
        given = sum(share["part"] for share in event["to_payees"]) + event["to_payer"]
        held = sum(self._parts.values())
        expect(given == held, f"accounts INV-7: {given} of {held} is given")
        self._are_paid(event)
        for key in list(self._parts):
            self._goes({"payee": key[0], "kind": key[1]})
        self.status = event["outcome"]

    def _on_payment_mismatched(self, _: int, event: Fields) -> None:
        expect(self.status == "funding", f"{self.room}: a mismatch while {self.status}")
        expect(event["amount"] != self._terms["total"], f"{self.room}: {event} does fit")

    def _on_payment_returned(self, _: int, event: Fields) -> None:
        cause = "LATE_CAPTURE" if self.status in LATE else "ALREADY_PAID"
        expect(self.status != "funding", f"{self.room} sends its payment back")
        expect(event["cause"] == cause, f"{self.room} is {self.status}: {event}")

    def _on_charged_back(self, _: int, event: Fields) -> None:
        """Accounts 12.6: all of it is borne by somebody, and nothing of what is held."""
        borne = sum(b["taken"] + b["owed"] for b in event["bearers"]) + event["platform"]
        expect(borne == event["amount"], f"{self.room}: {borne} of {event['amount']} is borne")

    def _goes(self, share: Fields) -> Key:
        """A share goes out: once (INV-6)."""
        key = (share["payee"], share["kind"])
        expect(key in self._parts, f"{self.room}: {share} has nothing here")
        expect(key not in self._gone, f"{self.room}: {key} goes out twice")
        self._gone.add(key)
        del self._parts[key]
        return key

    def _are_paid(self, event: Fields) -> None:
        """Accounts rule 7 and INV-7: each payee has gross less fee, and nobody else has it."""
        due: defaultdict[str, int] = defaultdict(int)
        paid: list[Fields] = event.get("shares") or event.get("to_payees") or []
        for share in paid:
            bps = self._shares[share["payee"], share["kind"]]["fee_bps"]
            fee = (share["gross"] * bps + 5_000) // 10_000
            expect(share["fee"] == fee, f"accounts rule 7: {share}")
            expect(share["net"] == share["gross"] - fee, f"accounts INV-7: {share}")
            due[_account_of(share)] += share["net"]
        got = credits_of(event.get("postings", ()), tuple(due))
        expect(got == {a: n for a, n in due.items() if n}, f"{self.room}: {got} is not {due}")

    def _close(self) -> None:
        if not self._parts:
            (end, *others) = self._ends
            self.status = "split" if others else end


def credits_of(postings: Sequence[Fields], accounts: Sequence[str]) -> dict[str, int]:
    """What these postings bring to each of the accounts."""
    got: defaultdict[str, int] = defaultdict(int)
    for posting in postings:
        if posting["credit"] in accounts and posting["kind"] != "refund":
            got[posting["credit"]] += posting["amount"]
    return dict(got)


def _account_of(share: Fields) -> str:
    if share["kind"] == "worker":
        return f"WALLET:{share['payee']}"
    return f"{share['kind'].upper()}_PAYABLE:{share['payee']}"
