"""The naive model of haggling agrees with the house, and finds what is planted in it."""

from random import Random

import msgspec
import pytest

from engine.domains.negotiation import strategies, timers
from engine.domains.negotiation.decide_offer import agree as agree_offer
from engine.domains.negotiation.terms_state import Product
from engine.kernel.time import DAY
from testkit.house import House
from testkit.naive_negotiation import ROOMS, NaiveHaggling
from testkit.violation import Violation
from tests.engine.domains.negotiation.cast import (
    ANN,
    BOB,
    KATE,
    ROBOT,
    agreed,
    bind,
    fair,
    offer,
    open_,
    paid,
    take,
    terms,
)
from tests.engine.domains.negotiation.test_properties import _run


def told(house: House) -> NaiveHaggling:
    """Tell the model all that has happened, moment by moment."""
    model = NaiveHaggling()
    for number, applied in enumerate(house.log):
        record = applied.record
        if record.room.startswith(ROOMS):
            model.take(record.room, record.at, msgspec.json.decode(record.event))
        following = house.log[number + 1 : number + 2]
        if not following or following[0].record.at > record.at:
            model.finish()
    return model


@pytest.mark.parametrize("seed", range(4))
def test_the_model_agrees_over_random_runs(seed: int) -> None:
    """Every event of a run is what a child would have expected."""
    with House() as house:
        _run(house, Random(300 + seed), 300)
        model = told(house)
        assert len(model.deals) > 10
        assert not model.late(house.now)


def test_the_model_knows_when_something_is_late() -> None:
    """Idleness and locks."""
    with House() as house:
        agreed(fair(house)).given((BOB, open_("n2")))
        model = told(house)
        assert not model.late(house.now + DAY - 1)
        assert model.late(house.now + DAY) == ["negotiation:n1", "negotiation:n2"]


def found(house: House, promise: str) -> None:
    """The model complains of this."""
    with pytest.raises(Violation, match=promise):
        told(house)


def test_a_price_below_the_minimum_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-2: a shop that takes anything. What the house itself would notice is silenced."""
    monkeypatch.setattr("engine.domains.negotiation.decide_offer.lowest", lambda *_: 1)
    monkeypatch.setattr("engine.domains.negotiation.terms_decide.lowest", lambda *_: 1)
    house = fair(House())
    house.given((ANN, open_()), (ANN, offer(100_00)))
    found(house, "INV-2")


def test_another_counter_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """D3: a formula that is a little off."""
    house = fair(House())
    monkeypatch.setattr(strategies, "TICK", 500)
    house.given((KATE, terms(min_price=100_00)), (ANN, open_()), (ANN, offer(97_00)))
    found(house, "D3")


def test_one_piece_agreed_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """X1: the others were not called off."""
    house = fair(House())
    house.given((KATE, terms(stock=1)), (ANN, open_()), (BOB, open_("n2")))
    monkeypatch.setattr(Product, "is_sold", property(lambda _: False))
    house.given((ANN, offer(135_00)))
    found(house, "X1")


def test_a_price_used_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """L5: bound although an order has it."""
    house = agreed(fair(House()))
    house.given((ROBOT, bind(house)))
    monkeypatch.setattr("engine.domains.negotiation.decide_order._not_usable", lambda *_: None)
    house.given((ROBOT, bind(house, "o2")))
    found(house, "L5")


def test_an_early_expiry_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negotiation 6: a lock that is shorter than it says."""
    monkeypatch.setattr(timers, "IDLE_MS", DAY - 1)
    house = fair(House()).given((ANN, open_())).advance(DAY - 1)
    found(house, "negotiation 6")


def test_another_price_for_the_ask_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-3: taken at another price than was asked for."""
    monkeypatch.setattr(
        "engine.domains.negotiation.decide_offer.agree",
        lambda state, price, *rest: agree_offer(state, price + 1, *rest),
    )
    monkeypatch.setattr("engine.core.Core.check", lambda *_: None)
    house = fair(House()).given((ANN, open_()), (ANN, offer(100_00)))
    house.given((ANN, take(house.state("negotiation:n1").ask)))
    found(house, "INV-3")


def test_redeemed_by_its_order() -> None:
    """INV-5: the way to the end is no violation."""
    with House() as house:
        agreed(fair(house)).given((ROBOT, bind(house)), (ROBOT, paid()))
        assert told(house).deals["negotiation:n1"].status == "redeemed"
