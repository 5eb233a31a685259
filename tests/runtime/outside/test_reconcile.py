"""The books against a provider's statement: what differs, and nothing else (accounts rule 17)."""

from random import Random
from typing import Any

import pytest

from engine.kernel.time import DAY
from engine.ledger import events as e
from runtime.outside.reconcile import Difference, differences, line_of
from runtime.outside.statements import Line

NOON = DAY // 2


def line(payment: str, amount: int = 70, at: int = NOON, what: e.Movement = "capture") -> Line:
    return Line(what, payment, amount, "NGN", at)


def test_what_agrees_is_no_difference() -> None:
    """In any order, in several parts, and at another hour: also of the day before or after."""
    booked = [line("a"), line("b", 30), line("b", 40), line("c", at=NOON - DAY), line("d")]
    reported = [line("d", at=NOON + DAY), line("c"), line("b"), line("a", at=0)]
    assert differences(booked, reported, 0, DAY) == []


def test_each_kind_of_difference_is_named() -> None:
    """A refund and a capture of one payment are two things."""
    booked = [line("here"), line("both", 70), line("twice", what="refund"), line("twice")]
    reported = [line("there"), line("both", 80), line("twice")]
    assert differences(booked, reported, 0, DAY) == [
        Difference("capture", "both", "AMOUNT_DIFFERS", 70, 80),
        Difference("capture", "here", "MISSING_THERE", 70, 0),
        Difference("capture", "there", "MISSING_HERE", 0, 70),
        Difference("refund", "twice", "MISSING_THERE", 70, 0),
    ]


@pytest.mark.parametrize("at", [-1, DAY])
def test_other_days_are_theirs(at: int) -> None:
    """The day before was compared yesterday, and the next will be tomorrow."""
    assert differences([line("a", at=at)], [line("b", at=at)], 0, DAY) == []


@pytest.mark.parametrize("seed", range(20))
def test_exactly_what_was_spoilt_is_found(seed: int) -> None:
    """A statement made from the books, with some lines lost, added and changed."""
    dice = Random(seed)
    booked = [line(f"p{n}", dice.randrange(1, 100), dice.randrange(DAY)) for n in range(50)]
    reported = [line(x.payment, x.amount, dice.randrange(DAY)) for x in booked]
    lost = {reported.pop(dice.randrange(len(reported))).payment for _ in range(3)}
    changed = dice.randrange(len(reported))
    reported[changed] = line(reported[changed].payment, 101)
    reported.append(line("new"))
    dice.shuffle(reported)
    found = differences(booked, reported, 0, DAY)
    assert {one.payment for one in found} == lost | {reported_of(found), "new"}
    assert len(found) == 5


def reported_of(found: list[Difference]) -> str:
    """The one that was changed."""
    (changed,) = [one.payment for one in found if one.cause == "AMOUNT_DIFFERS"]
    return changed


PAID: dict[str, Any] = {"provider": "p", "payment": "1", "amount": 5, "currency": "NGN"}


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (e.PaymentReceived(**PAID, user="u", purpose="wallet", fee=1), "capture"),
        (e.PaymentReturned(**PAID, user="u", purpose="x:1"), "capture"),
        (e.PaymentFailed(**PAID, user="u", purpose="x:1"), None),
        (e.RefundPaid(**PAID, refund="r1", room="", payer="u"), "refund"),
        (e.RefundPaid(**PAID, refund="r1", room="", payer="u", to_wallet=True), None),
        (e.ChargedBack(**PAID, user="u", purpose="", reason="", by="", deal=""), "chargeback"),
        (e.WithdrawalStarted(withdrawal="w1"), None),
    ],
)
def test_what_the_books_say_has_moved(event: object, what: str | None) -> None:
    """Gross, at this provider: its fee is no movement of its own, and another's payment neither."""
    found = line_of(event, "p", 9)
    assert (found.what if found else None) == what
    assert found is None or (found.payment, found.amount, found.at) == ("1", 5, 9)
    assert line_of(event, "q", 9) is None
