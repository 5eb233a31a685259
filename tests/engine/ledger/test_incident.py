"""Tests of engine/ledger/decide_incident.py: a payment that did not fit, and what becomes of it."""

import pytest

from engine.core import Outcome
from engine.kernel.actor import Actor
from engine.kernel.posting import Transfer
from engine.ledger.accounts import clearing, external
from engine.ledger.commands import ReportDifference, ReportRefund, SettleIncident
from engine.ledger.events import IncidentOpened, IncidentSettled, RefundStarted
from engine.ledger.messages import OpenIncident
from tests.engine.ledger.desk import ADMINA, HOUSE, LEDGER, MARA, NGN, USD, Desk

TOLD = OpenIncident(
    room="escrow:order.o1", payment="p1", payer="ada", amount=70, provider="stripe", expected=80
)


@pytest.fixture
def desk() -> Desk:
    """70 lie in CLEARING, and 80 were expected."""
    desk = Desk()
    desk.play(Transfer(external("stripe"), clearing("stripe"), 70, NGN, "deposit", "p1"))
    assert isinstance(desk.core.step(TOLD, LEDGER, HOUSE, desk.now), Outcome)
    return desk


def test_an_incident_waits_for_staff(desk: Desk) -> None:
    """Accounts 8: the money stays in CLEARING; nothing is posted by itself (rule 17)."""
    event = desk.event(LEDGER, IncidentOpened)
    assert (event.incident, event.amount, event.expected) == ("i1", 70, 80)
    assert event.postings == ()
    assert desk.balance(clearing("stripe")) == 70


@pytest.mark.parametrize("actor", [MARA, ADMINA], ids=lambda a: a.role)
def test_staff_find_it_and_send_the_money_back(desk: Desk, actor: Actor) -> None:
    """P9: the provider is told once, and CLEARING -> EXTERNAL when it has sent it."""
    assert desk.seen(actor)["incidents"]["i1"]["payment"] == "p1"
    desk.done(actor, SettleIncident, incident="i1", reason="the payer erred")
    assert desk.event(LEDGER, RefundStarted).payer == "ada"
    assert desk.seen(actor)["incidents"] == {}
    assert [r["payment"] for r in desk.seen(actor)["refunds"].values()] == ["p1"]
    assert desk.balance(clearing("stripe")) == 70
    desk.done(HOUSE, ReportRefund, refund="r1", attempt=1, outcome="paid")
    assert desk.balance(clearing("stripe")) == desk.balance(external("stripe")) == 0
    refusal = desk.refused(actor, SettleIncident, incident="i1", reason="again")
    assert refusal.code.name == "INCIDENT_NOT_FOUND"


def test_an_incident_is_settled_with_a_reason(desk: Desk) -> None:
    """And in its own currency."""
    refusal = desk.refused(MARA, SettleIncident, incident="i1")
    assert refusal.code.name == "REASON_REQUIRED"
    elsewhere = desk.refused(MARA, SettleIncident, incident="i1", reason="x", currency=USD)
    assert elsewhere.code.name == "INCIDENT_NOT_FOUND"


DIFFERENCE = {
    "provider": "stripe",
    "payment": "pi_9",
    "cause": "AMOUNT_DIFFERS",
    "what": "capture",
    "booked": 70,
    "reported": 80,
}


@pytest.mark.parametrize("actor", [HOUSE, ADMINA], ids=lambda a: a.role)
def test_a_difference_opens_an_incident_and_moves_nothing(desk: Desk, actor: Actor) -> None:
    """Accounts rule 17: never an automatic posting; nor when it is closed."""
    desk.done(actor, ReportDifference, **DIFFERENCE)
    event = desk.event(LEDGER, IncidentOpened)
    assert (event.cause, event.expected, event.amount) == ("AMOUNT_DIFFERS", 70, 80)
    assert desk.seen(MARA)["incidents"][event.incident]["payment"] == "pi_9"
    before = desk.core.book.accounts(NGN).copy()
    desk.done(MARA, SettleIncident, incident=event.incident, reason="booked by hand")
    assert desk.event(LEDGER, IncidentSettled).cause == "AMOUNT_DIFFERS"
    assert desk.core.book.accounts(NGN) == before
    assert desk.seen(MARA)["refunds"] == {}


def test_a_difference_is_told_once(desk: Desk) -> None:
    """Also after it was closed: tomorrow's comparison finds it again. Another amount is another."""
    opened = desk.done(HOUSE, ReportDifference, **DIFFERENCE)["incident"]
    desk.done(MARA, SettleIncident, incident=opened, reason="booked by hand")
    again = desk.refused(HOUSE, ReportDifference, **DIFFERENCE)
    assert again.code.name == "DUPLICATE_REFERENCE"
    for other in ({"reported": 81}, {"what": "refund"}, {"provider": "paystack"}):
        desk.done(HOUSE, ReportDifference, **DIFFERENCE | other)
    assert desk.refused(MARA, ReportDifference, **DIFFERENCE).code.name == "FORBIDDEN"
