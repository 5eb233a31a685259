"""Tests of engine/ledger/decide_commission.py: staff set what the platform keeps (accounts 4)."""

import pytest

from engine.kernel.actor import CONCIERGE, USER, Actor
from engine.ledger.accounts import PLATFORM_REVENUE, payable
from engine.ledger.commands import SetCommission
from engine.ledger.escrow import events as e
from engine.ledger.events import CommissionSet
from engine.ledger.rates import ServiceType
from testkit.house import House
from tests.engine.ledger.escrow.cast import BOSS, HOOK, MARA, ROOM, capture, held, opened, release


def rate(base: int, least: int = 0, most: int = 2_000, of: ServiceType = "goods") -> SetCommission:
    """The command."""
    return SetCommission(
        id=f"{of}-{base}-{least}-{most}",
        currency="NGN",
        service_type=of,
        base_bps=base,
        min_bps=least,
        max_bps=most,
    )


@pytest.mark.parametrize("actor", [MARA, BOSS], ids=lambda a: a.role)
def test_a_commission_counts_for_what_is_paid_from_now_on(house: House, actor: Actor) -> None:
    """Rule 9: also of a deal that was drawn up before; the event says who and from what."""
    opened(house).when(actor, rate(1_200)).then(
        CommissionSet, base_bps=1_200, base_before_bps=1_000, by=actor.user
    )
    house.when(HOOK, capture(10_000)).then(e.EscrowHeld)
    assert {share.held.fee_bps for share in house.state(ROOM).shares} == {1_200}
    house.given((BOSS, release()))
    assert house.balance(payable("seller", "alma")) == 7_040
    assert house.balance(PLATFORM_REVENUE) == 1_200


def test_a_deal_that_is_held_keeps_its_rate(house: House) -> None:
    """Rule 9, admin ADM-6: frozen when it was paid."""
    held(house).given((MARA, rate(2_000)), (BOSS, release()))
    assert house.balance(payable("seller", "alma")) == 7_200


@pytest.mark.parametrize(("base", "least", "most"), [(99, 100, 200), (201, 100, 200), (5, 9, 1)])
def test_a_rate_is_within_its_bounds(house: House, base: int, least: int, most: int) -> None:
    """Admin ADM-6; the old rate stays."""
    house.when(MARA, rate(base, least, most)).then_rejected(
        "RATE_OUT_OF_RANGE", min=least, max=most
    )
    held(house)
    assert {share.held.fee_bps for share in house.state(ROOM).shares} == {1_000}


def test_each_service_and_each_currency_has_its_own(house: House) -> None:
    """What is set for services does not touch goods; and bounds may be met exactly."""
    house.given((MARA, rate(1_400, of="service")), (MARA, rate(300, 300, 300, of="auction")))
    held(house)
    assert {share.held.fee_bps for share in house.state(ROOM).shares} == {1_000}
    shown = house.view(MARA, "ledger:NGN")["commissions"]
    assert {name: one["base_bps"] for name, one in shown.items()} == {
        "service": 1_400,
        "auction": 300,
    }


def test_the_same_again_is_no_event(house: House) -> None:
    """A change of the bounds alone is one."""
    house.given((MARA, rate(900)))
    again = SetCommission(
        id="again", currency="NGN", service_type="goods", base_bps=900, min_bps=0, max_bps=2_000
    )
    house.when(BOSS, again).then_nothing_happened()
    house.when(BOSS, rate(900, 100)).then(CommissionSet, base_before_bps=900)


@pytest.mark.parametrize("role", [USER, CONCIERGE])
def test_nobody_else_sets_it(house: House, role: str) -> None:
    """Accounts 4: manager and admin."""
    house.when(Actor("eve", role, "approved"), rate(0)).then_rejected("FORBIDDEN")
