"""Carriers are rated by those whose parcel they had, and it is seen by the next (custody 10)."""

from typing import Any

import pytest

from engine.domains.custody import commands as c
from engine.domains.custody import events as e
from engine.domains.custody.carriers import RatingCounted
from engine.domains.custody.terms import LINK_MS, carrier_room
from engine.kernel.actor import Actor
from testkit.house import House
from tests.engine.domains.custody.cast import (
    BOSS,
    CHAIN,
    EVE,
    GUEST,
    LEA,
    MOD,
    RITA,
    ROOM,
    SAM,
    TOM,
    at_the_door,
    delivered,
    give_back,
    link,
    picked_up,
    planned,
    scan,
    step,
    token,
)

TOMS = carrier_room("tom")


def rate(seq: int, stars: int, opener: str = "") -> c.RateCarrier:
    return c.RateCarrier(id="c", shipment="s1", step_seq=seq, stars=stars, link=opener)


def test_sender_and_recipient_rate_each_carrier_once() -> None:
    """The recipient by account or by link, which is one and the same."""
    with House() as house:
        delivered(house).when(SAM, rate(1, 5)).then(e.CarrierRated, carrier="tom", by="SENDER")
        house.then(RatingCounted, rating=500, ratings=1)
        house.when(SAM, rate(1, 1)).then_rejected("INVALID_TRANSITION")
        house.when(GUEST, rate(1, 2, link())).then(RatingCounted, rating=350, ratings=2)
        house.when(RITA, rate(1, 2)).then_rejected("INVALID_TRANSITION")
        house.when(SAM, rate(2, 4)).then(e.CarrierRated, carrier="lea", stars=4)


def test_a_mean_is_rounded_to_hundredths() -> None:
    """Half up: 5 and 4 and 4 make 4.33."""
    with House() as house:
        for number, stars in enumerate((5, 4, 4)):
            message = e.CarrierRated(step_seq=1, carrier="tom", stars=stars, by="SENDER")
            sends = list(house.core.registry.domains["shipment"].react(None, message, None))
            house.when_told(TOMS, sends[0].message).then(RatingCounted, ratings=number + 1)
        assert house.view(EVE, TOMS) == {"rating": 433, "ratings": 3}


@pytest.mark.parametrize("actor", [TOM, LEA, MOD, BOSS, EVE])
def test_nobody_else_rates(actor: Actor) -> None:
    """Neither carriers nor staff nor strangers."""
    with House() as house:
        delivered(house).when(actor, rate(1, 5)).then_rejected("FORBIDDEN")


def test_nobody_rates_before_the_end_or_long_after() -> None:
    """Nor where no carrier took the parcel; what came back is rated, too."""
    with House() as house:
        at_the_door(house).when(SAM, rate(1, 5)).then_rejected("INVALID_TRANSITION")
    with House() as house:
        delivered(house)
        for seq in (3, 4):
            house.when(SAM, rate(seq, 5)).then_rejected("INVALID_TRANSITION")
        house.advance(LINK_MS).when(SAM, rate(1, 5)).then_rejected("INVALID_TRANSITION")
    with House() as house:
        picked_up(house).given((MOD, give_back()))
        house.given((SAM, scan(token(house, 2), house.now)))
        house.when(SAM, rate(1, 3)).then(e.CarrierRated, carrier="tom")


def test_a_sender_who_carried_does_not_rate_themselves() -> None:
    """FORBIDDEN: a mean is of what others say."""
    home = (
        CHAIN[0],
        step("TRAVELER:tom", "LOCAL_COURIER:sam", "london"),
        step("LOCAL_COURIER:sam", "RECIPIENT:rita", "door"),
    )
    with House() as house:
        picked_up(house, steps=home).given(
            (SAM, scan(token(house, 2), house.now)),
            (SAM, scan(token(house, 3), house.now)),
            (RITA, c.ConfirmReceipt(id="c", shipment="s1", receiver_name="Rita")),
        )
        house.when(SAM, rate(2, 5)).then_rejected("FORBIDDEN")
        house.when(RITA, rate(2, 5)).then(e.CarrierRated, carrier="sam")


def test_the_sender_sees_the_rating_of_whoever_has_the_parcel() -> None:
    """As staff do; the recipient is told the first name. Of one whom nobody rated: none."""
    with House() as house:
        planned(house)
        assert "rating" not in house.view(SAM, ROOM)["holder"]
        house.given((TOM, scan(token(house, 1), house.now)))
        assert _holder(house, SAM) == {
            "party_type": "TRAVELER",
            "name": "Carrier 1",
            "rating": None,
        }
        told = e.CarrierRated(step_seq=1, carrier="tom", stars=4, by="SENDER")
        sends = list(house.core.registry.domains["shipment"].react(None, told, None))
        house.when_told(TOMS, sends[0].message).then_accepted()
        assert _holder(house, SAM)["rating"] == _holder(house, MOD)["rating"] == 400
        assert "rating" not in _holder(house, RITA)
        assert "rating" not in _holder(house, TOM)


def _holder(house: House, actor: Actor) -> Any:
    return house.view(actor, ROOM)["holder"]


def test_who_said_what_is_for_them_and_staff() -> None:
    """Carriers see the mean; the room of a carrier is open to everybody."""
    with House() as house:
        delivered(house).given((SAM, rate(1, 2)))
        rated = {actor.user: house.history(actor, ROOM)[-1] for actor in (SAM, TOM, LEA, RITA)}
        assert rated == {"sam": {"step_seq": 1, "stars": 2}, "tom": {}, "lea": {}, "rita": {}}
        assert house.history(MOD, ROOM)[-1]["by"] == "SENDER"
        for actor in (TOM, EVE, GUEST):
            assert house.history(actor, TOMS) == [{"rating": 200, "ratings": 1}]
