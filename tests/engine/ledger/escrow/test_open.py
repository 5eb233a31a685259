"""Tests of engine/ledger/escrow/decide_open.py: the plan must add up."""

from typing import Any

import msgspec
import pytest

from engine.house import DeadLetter
from engine.kernel.actor import ADMIN, GUEST, MANAGER, ROLES, SYSTEM, Actor
from engine.kernel.posting import Transfer
from engine.kernel.time import MINUTE
from engine.ledger.accounts import escrow, payable
from engine.ledger.escrow import commands as c
from engine.ledger.escrow import events as e
from engine.ledger.escrow.terms import ShareTerms
from engine.ledger.messages import OpenEscrow, RefundEscrow, ReleaseEscrow
from testkit.house import House
from tests.engine.ledger.escrow.cast import (
    ACCOUNT,
    BOSS,
    FEE,
    HOOK,
    MARA,
    PAY_UNTIL,
    ROOM,
    A,
    B,
    capture,
    opening,
    release,
)

MESSAGE = OpenEscrow(payer="pia", currency="NGN", total=10_000, shares=(A, B))


@pytest.mark.parametrize("actor", [HOOK, BOSS, MARA], ids=lambda a: a.role)
def test_an_escrow_waits_for_its_payer(house: House, actor: Any) -> None:
    """Accounts 3: opened by the house or by staff; no money has moved."""
    house.when(actor, opening(A, B)).then_only(e.EscrowOpened)
    assert house.result["status"] == "funding"
    assert house.state(ROOM).terms.pay_until == PAY_UNTIL
    assert house.balance(ACCOUNT) == 0


def test_the_market_says_how_long_to_wait(house: House) -> None:
    """Accounts 7: 30 minutes, where nobody says."""
    house.given((HOOK, opening(pay_until=None)))
    assert house.state(ROOM).terms.pay_until == house.now + 30 * MINUTE


@pytest.mark.parametrize("platform", [-10_499, -300, 0, 1, 77_777])
def test_shares_and_platform_make_the_total(house: House, platform: int) -> None:
    """Accounts 3: the platform's part may be below zero, a discount."""
    house.when(HOOK, opening(A, B, FEE, platform=platform)).then(e.EscrowOpened)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"total": 9_999}, "SPLIT_MISMATCH"),
        ({"total": 10_001}, "SPLIT_MISMATCH"),
        ({"platform": 1}, "SPLIT_MISMATCH"),
        ({"platform": -10_000, "total": 1}, "SPLIT_MISMATCH"),
        ({"shares": (A, A), "total": 16_000}, "SPLIT_MISMATCH"),
        ({"payer": "alma"}, "MALFORMED"),
        ({"pay_until": 1}, "MALFORMED"),
    ],
)
def test_a_plan_that_does_not_hold_is_refused(
    house: House, changes: dict[str, Any], code: str
) -> None:
    """It does not add up, a share stands twice, the payer pays themselves, it is over."""
    house.when(HOOK, msgspec.structs.replace(opening(), **changes)).then_rejected(code)


def test_a_mismatch_names_both_figures(house: House) -> None:
    """So that whoever opens finds what is missing."""
    house.when(HOOK, opening(total=9_000))
    house.then_rejected("SPLIT_MISMATCH", planned=10_000, total=9_000)


def test_a_payee_may_have_shares_of_two_kinds(house: House) -> None:
    """A shop that delivers itself is a seller and a carrier."""
    own = ShareTerms("alma", "carrier", 500)
    house.given((HOOK, opening(A, own)), (HOOK, capture(8_500)), (BOSS, release("alma")))
    assert house.balance(payable("seller", "alma")) == 7_200
    assert house.balance(payable("carrier", "alma")) == 500


def test_a_deal_has_one_escrow(house: House) -> None:
    """A second opening by hand is refused, whatever it says."""
    house.given((HOOK, opening()))
    house.when(HOOK, opening()).then_rejected("INVALID_TRANSITION", status="funding")


@pytest.mark.parametrize("name", ["o1", "order", "order.", "order.-x", "party.o1", "order.o1:x"])
def test_an_escrow_is_called_after_its_deal(name: str) -> None:
    """Kind and id, of which the wire takes no other."""
    with pytest.raises(msgspec.ValidationError, match="escrow"):
        msgspec.convert({"id": "c", "escrow": name}, c.Fund)
    assert msgspec.convert({"id": "c", "escrow": "gig.g1"}, c.Fund).escrow == "gig.g1"


def test_a_deal_s_room_opens_once_however_often_it_asks(house: House) -> None:
    """Exactly once in effect: the same message again does nothing, later as well."""
    house.when_told(ROOM, MESSAGE).then_only(e.EscrowOpened)
    house.advance(MINUTE).when_told(ROOM, MESSAGE).then_nothing_happened()
    house.given((HOOK, capture(10_000)))
    house.when_told(ROOM, MESSAGE).then_nothing_happened()


def test_other_terms_for_an_open_escrow_are_a_mistake(house: House) -> None:
    """Then the room that asks has forgotten what it did, and operators hear of it."""
    house.when_told(ROOM, MESSAGE).then_accepted()
    other = msgspec.structs.replace(MESSAGE, payer="paul")
    house.when_told(ROOM, other).then_rejected("INVALID_TRANSITION")


def test_a_room_that_names_no_deal_is_refused(house: House) -> None:
    """What no command can name, no room should open."""
    house.when_told("escrow:party.o1", MESSAGE).then_rejected("MALFORMED")


@pytest.mark.parametrize("shares", [(), (A,) * 51])
def test_a_message_has_shares_within_bounds(house: House, shares: tuple[ShareTerms, ...]) -> None:
    """The wire's bounds hold for rooms, too."""
    none = msgspec.structs.replace(MESSAGE, shares=shares)
    house.when_told(ROOM, none).then_rejected("MALFORMED")


def test_a_deal_s_room_may_have_it_paid_from_the_wallet_at_once(house: House) -> None:
    """P11: a gig's budget is held in the step in which the bid is accepted."""
    house.deposit("pia", 10_000)
    paid = msgspec.structs.replace(MESSAGE, from_wallet=True)
    house.when_told(ROOM, paid).then_only(e.EscrowOpened, e.EscrowHeld)
    assert house.balance(ACCOUNT) == 10_000
    assert house.available("pia") == 0
    house.when_told(ROOM, paid).then_nothing_happened()


def test_without_the_money_nothing_is_opened(house: House) -> None:
    """The room that asks has looked first; otherwise it is told to operators."""
    house.deposit("pia", 9_999)
    paid = msgspec.structs.replace(MESSAGE, from_wallet=True)
    house.when_told(ROOM, paid).then_rejected("INSUFFICIENT_FUNDS", available=9_999)
    assert ROOM not in house.core.rooms


def paid_in(house: House, kind: str, amount: int) -> None:
    """Another room has put money into the account, as an auction does when it is settled."""
    house.deposit("pia", amount)
    paid = Transfer("WALLET:pia", escrow(kind, "x1"), amount, "NGN", "auction_payment", "x")
    house.core.book.apply((paid,), house.now)


@pytest.mark.parametrize("kind", ["auction", "gig"])
@pytest.mark.parametrize("found", [9_999, 10_001])
def test_what_lies_in_the_account_must_be_the_total(kind: str, found: int) -> None:
    """P4 and P5 are the auction's: money that has come already is the whole of it."""
    house = House()
    paid_in(house, kind, found)
    house.when(HOOK, opening(escrow=f"{kind}.x1"))
    house.then_rejected("AMOUNT_MISMATCH", expected=10_000, found=found)


def test_an_auction_that_is_not_settled_has_no_escrow(house: House) -> None:
    """Nobody may pay for it beside the auction."""
    house.when(HOOK, opening(escrow="auction.x1"))
    house.then_rejected("AMOUNT_MISMATCH", expected=10_000, found=0)


@pytest.mark.parametrize(("kind", "net"), [("auction", 8_000), ("gig", 7_200)])
def test_what_lies_in_the_account_is_held_at_once(kind: str, net: int) -> None:
    """Nobody pays a second time."""
    house = House()
    paid_in(house, kind, 8_000)
    house.when(HOOK, opening(A, escrow=f"{kind}.x1"))
    house.then_only(e.EscrowOpened, e.EscrowHeld)
    house.when_told(f"escrow:{kind}.x1", ReleaseEscrow(cause="hand-over")).then(e.EscrowReleased)
    assert house.balance(payable("seller", "alma")) == net
    assert not house.happened(DeadLetter)


def test_a_refund_of_what_an_auction_paid_goes_to_the_wallet() -> None:
    """The deposit came from there; of the rest nobody knows the card any more."""
    house = House()
    paid_in(house, "auction", 8_000)
    house.given((HOOK, opening(A, escrow="auction.x1")))
    house.when_told("escrow:auction.x1", RefundEscrow(reason="void")).then_accepted()
    assert house.available("pia") == 8_000


MATRIX = {
    c.Open: {MANAGER, ADMIN, SYSTEM},
    c.NamePayee: {MANAGER, ADMIN, SYSTEM},
    c.Fund: set(ROLES) - {GUEST, SYSTEM},
    c.Release: {MANAGER, ADMIN, SYSTEM},
    c.Refund: {MANAGER, ADMIN, SYSTEM},
    c.OpenDispute: set(ROLES) - {GUEST, SYSTEM},
    c.ResolveDispute: {MANAGER, ADMIN},
}


@pytest.mark.parametrize("role", ROLES)
def test_the_permission_matrix(house: House, role: str) -> None:
    """Accounts 3: who may send what; each command of an escrow has a row."""
    registry = house.core.registry
    assert set(MATRIX) == set(registry.domains["escrow"].commands())
    for command, roles in MATRIX.items():
        refused = registry.refuse(command, Actor("" if role == GUEST else "x", role))
        assert (refused is None) == (role in roles), command
