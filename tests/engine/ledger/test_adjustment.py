"""Tests of engine/ledger/decide_adjustment.py: wallets changed by hand."""

import pytest

from engine.kernel.actor import Actor
from engine.kernel.market import BUILT_IN
from engine.kernel.posting import Transfer
from engine.ledger.accounts import ADJUSTMENTS, wallet
from engine.ledger.commands import Adjust, ApproveAdjustment, RefuseAdjustment
from engine.ledger.events import Adjusted, AdjustmentProposed, AdjustmentRefused, EntryPosted
from tests.engine.ledger.desk import (
    ADA,
    ADMINA,
    ADMIR,
    CONNY,
    GUEST,
    HOUSE,
    LEDGER,
    MARA,
    MIRO,
    NGN,
    Desk,
)

LIMIT = BUILT_IN[NGN].adjustment_alone_max


@pytest.fixture
def desk() -> Desk:
    """Ada has 500, of which 100 are held."""
    desk = Desk()
    desk.fund("ada", 500)
    desk.hold("ada", 100)
    return desk


def _propose(desk: Desk, amount: int = LIMIT + 1) -> None:
    desk.done(MARA, Adjust, user="ada", amount=amount, reason="lost in the post")


@pytest.mark.parametrize(
    ("amount", "debit", "credit"),
    [(70, ADJUSTMENTS, wallet("ada")), (-70, wallet("ada"), ADJUSTMENTS)],
)
def test_a_small_adjustment_is_made_alone(desk: Desk, amount: int, debit: str, credit: str) -> None:
    """P12: ADJUSTMENTS <-> WALLET, with approver, reason, old and new value (rule 16)."""
    result = desk.done(ADMINA, Adjust, user="ada", amount=amount, reason="counted again")
    event = desk.event(LEDGER, Adjusted)
    assert event.postings == (Transfer(debit, credit, 70, NGN, "manual_adjustment", "j1"),)
    assert (event.proposed_by, event.approved_by) == ("admina", "admina")
    assert (event.reason, event.balance_before) == ("counted again", 500)
    assert event.balance_after == result["balance"] == 500 + amount
    assert desk.wallet("ada") == (500 + amount, 400 + amount)
    assert desk.event("user:ada", EntryPosted).kind == "manual_adjustment"


@pytest.mark.parametrize(("amount", "alone"), [(LIMIT, True), (LIMIT + 1, False)])
def test_the_limit_is_the_market_s_and_counts_both_ways(amount: int, alone: bool) -> None:
    """Accounts 4: two persons over a limit, for taking as for giving."""
    for signed in (amount, -amount):
        desk = Desk()
        desk.fund("ada", amount)
        desk.done(MARA, Adjust, user="ada", amount=signed, reason="why")
        assert (desk.wallet("ada")[0] != amount) is alone


def test_a_large_adjustment_waits_for_a_second_person(desk: Desk) -> None:
    """Nothing moves until another one approves; then both names are on it."""
    _propose(desk)
    assert desk.event(LEDGER, AdjustmentProposed).proposed_by == "mara"
    assert desk.wallet("ada") == (500, 400)
    assert list(desk.seen(ADMINA)["proposals"]) == ["j1"]
    desk.done(MIRO, ApproveAdjustment, adjustment="j1")
    event = desk.event(LEDGER, Adjusted)
    assert (event.proposed_by, event.approved_by) == ("mara", "miro")
    assert (event.amount, event.reason) == (LIMIT + 1, "lost in the post")
    assert desk.wallet("ada")[0] == 500 + LIMIT + 1
    assert desk.seen(ADMINA)["proposals"] == {}


def test_nobody_approves_what_they_proposed(desk: Desk) -> None:
    """Two persons are two persons."""
    _propose(desk)
    refusal = desk.refused(MARA, ApproveAdjustment, adjustment="j1")
    assert refusal.code.name == "SECOND_PERSON_REQUIRED"
    desk.done(ADMINA, ApproveAdjustment, adjustment="j1")


@pytest.mark.parametrize("by", [MARA, MIRO, ADMINA], ids=lambda a: a.user)
def test_a_proposal_is_refused_or_taken_back(desk: Desk, by: Actor) -> None:
    """It ends without effect, with a reason."""
    _propose(desk)
    assert desk.refused(by, RefuseAdjustment, adjustment="j1").code.name == "REASON_REQUIRED"
    desk.done(by, RefuseAdjustment, adjustment="j1", reason="wrong user")
    assert desk.event(LEDGER, AdjustmentRefused).reason == "wrong user"
    assert desk.wallet("ada") == (500, 400)


@pytest.mark.parametrize("end", ["none", "approved", "refused", "alone"])
@pytest.mark.parametrize("command", [ApproveAdjustment, RefuseAdjustment])
def test_what_is_not_proposed_cannot_be_approved_or_refused(
    desk: Desk, end: str, command: type
) -> None:
    """An adjustment has one end, and a small one never waited."""
    if end == "alone":
        desk.done(MARA, Adjust, user="ada", amount=1, reason="why")
    elif end != "none":
        _propose(desk)
    if end == "approved":
        desk.done(MIRO, ApproveAdjustment, adjustment="j1")
    elif end == "refused":
        desk.done(MIRO, RefuseAdjustment, adjustment="j1", reason="why")
    reason = {"reason": "why"} if command is RefuseAdjustment else {}
    refusal = desk.refused(MIRO, command, adjustment="j1", **reason)
    assert refusal.code.name == "ADJUSTMENT_NOT_FOUND"
    assert refusal.details == {"adjustment": "j1"}


def test_adjustments_are_numbered_in_the_order_of_the_room(desk: Desk) -> None:
    """Made alone, proposed, approved or refused: no two have one id."""
    desk.done(MARA, Adjust, user="ada", amount=1, reason="why")
    _propose(desk)
    desk.done(MIRO, ApproveAdjustment, adjustment="j2")
    _propose(desk)
    desk.done(MIRO, RefuseAdjustment, adjustment="j3", reason="why")
    result = desk.done(MARA, Adjust, user="ada", amount=1, reason="why")
    assert result["adjustment"] == "j4"


def test_an_adjustment_takes_no_money_that_is_held(desk: Desk) -> None:
    """P12: never below 0 after holds; the last free unit can be taken."""
    refusal = desk.refused(ADMINA, Adjust, user="ada", amount=-401, reason="why")
    assert refusal.code.name == "INSUFFICIENT_FUNDS"
    assert refusal.details == {"required": 401, "available": 400}
    desk.done(ADMINA, Adjust, user="ada", amount=-400, reason="why")
    assert desk.wallet("ada") == (100, 0)


def test_funds_are_looked_at_again_when_a_proposal_is_approved() -> None:
    """Between proposal and approval the money may have gone; the proposal stays open."""
    desk = Desk()
    desk.fund("ada", LIMIT + 1)
    _propose(desk, -(LIMIT + 1))
    desk.done(ADMINA, Adjust, user="ada", amount=-1, reason="why")
    refusal = desk.refused(ADMIR, ApproveAdjustment, adjustment="j1")
    assert refusal.code.name == "INSUFFICIENT_FUNDS"
    desk.fund("ada", 1)
    desk.done(ADMIR, ApproveAdjustment, adjustment="j1")
    assert desk.wallet("ada") == (0, 0)


def test_an_adjustment_of_nothing_is_malformed(desk: Desk) -> None:
    """No posting moves 0; it must not reach the book, which would stop the writer."""
    refusal = desk.refused(ADMINA, Adjust, user="ada", amount=0, reason="why")
    assert refusal.code.name == "MALFORMED"
    assert refusal.details == {"field": "amount"}


def test_an_adjustment_has_a_reason(desk: Desk) -> None:
    """Accounts rule 16."""
    refusal = desk.refused(MARA, Adjust, user="ada", amount=1)
    assert refusal.code.name == "REASON_REQUIRED"


def test_a_manager_adjusts_a_wallet_without_learning_what_is_in_it(desk: Desk) -> None:
    """Accounts 11 and 12.7: neither result nor refusal tells a manager a balance."""
    refusal = desk.refused(MARA, Adjust, user="ada", amount=-401, reason="why")
    assert refusal.details == {"required": 401}
    assert "400" not in refusal.message
    result = desk.done(MARA, Adjust, user="ada", amount=7, reason="why")
    result.pop("receipt")
    assert result == {
        "adjustment": "j1",
        "user": "ada",
        "amount": 7,
        "currency": NGN,
        "reason": "why",
        "proposed_by": "mara",
        "approved_by": "mara",
    }


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (GUEST, "UNAUTHENTICATED"),
        (ADA, "FORBIDDEN"),
        (CONNY, "FORBIDDEN"),
        (MARA, None),
        (ADMINA, None),
        (HOUSE, "FORBIDDEN"),
    ],
    ids=lambda x: getattr(x, "role", None),
)
def test_who_may_adjust(actor: Actor, code: str | None) -> None:
    """Accounts 4: managers and admins; the house itself adjusts nothing."""
    registry = Desk().core.registry
    for command in (Adjust, ApproveAdjustment, RefuseAdjustment):
        refusal = registry.refuse(command, actor)
        assert (refusal.code.name if refusal else None) == code
