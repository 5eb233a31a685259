"""Tests of testkit/naive_escrow.py: the notary sees what must not be."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from engine.ledger.messages import RefundEscrow, ReleaseEscrow
from testkit.house import House
from testkit.naive_escrow import NaiveEscrow
from testkit.naive_ledger import NaiveLedger
from testkit.violation import Violation
from tests.engine.ledger.escrow.cast import FEE, ROOM, A, B, held

Log = list[dict[str, Any]]


def log() -> Log:
    """Paid with a discount; one share released, the others refunded. Each entry is an event with
    its room and time."""
    with House() as house:
        held(house, A, B, FEE, platform=-77)
        house.when_told(ROOM, ReleaseEscrow(payee="ben")).then_accepted()
        house.when_told(ROOM, RefundEscrow(reason="off")).then_accepted()
        return [
            msgspec.json.decode(a.record.event) | {"room": a.record.room, "at": a.record.at}
            for a in house.log
        ]


def watch(events: Log) -> NaiveEscrow:
    """Everything in order, the money first."""
    ledger = NaiveLedger()
    escrow = NaiveEscrow(ROOM, ledger)
    for event in events:
        ledger.take(event)
        if event["room"] == ROOM:
            escrow.take(event["at"], event)
    return escrow


def one(events: Log, name: str) -> dict[str, Any]:
    (found,) = (event for event in events if event["event"] == f"escrow.{name}")
    return found


def test_a_sound_log_is_sound() -> None:
    """And ends where the house says."""
    assert watch(log()).status == "split"


def _release_twice(events: Log) -> None:
    released = one(events, "released")
    events.insert(events.index(released) + 1, released | {"postings": []})


def _refund_what_is_out(events: Log) -> None:
    one(events, "refunded")["shares"] += one(events, "held")["shares"][1:2]


def _another_fee(events: Log) -> None:
    (share,) = one(events, "released")["shares"]
    share["fee"], share["net"] = share["fee"] + 1, share["net"] - 1


def _keep_a_unit(events: Log) -> None:
    for posting in one(events, "refunded")["postings"]:
        posting["amount"] -= 1


def _pay_another(events: Log) -> None:
    for posting in one(events, "released")["postings"]:
        if posting["credit"] == "SELLER_PAYABLE:ben":
            posting["credit"] = "SELLER_PAYABLE:eve"


def _another_rate(events: Log) -> None:
    one(events, "held")["shares"][0]["fee_bps"] = 999


def _paid_late(events: Log) -> None:
    one(events, "held")["at"] = one(events, "opened")["terms"]["pay_until"]


FAULTS: list[tuple[Callable[[Log], None], str]] = [
    (_release_twice, "has nothing here"),
    (_refund_what_is_out, "has nothing here"),
    (_another_fee, "rule 7"),
    (_keep_a_unit, "in the account"),
    (_pay_another, "is not"),
    (_another_rate, "rule 9"),
    (_paid_late, "too late"),
]


@pytest.mark.parametrize(("spoil", "why"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_spoiled_log_is_not(spoil: Callable[[Log], None], why: str) -> None:
    """Each fault is found as what it is."""
    events = log()
    spoil(events)
    with pytest.raises(Violation, match=why):
        watch(events)
