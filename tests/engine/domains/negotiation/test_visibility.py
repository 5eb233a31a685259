"""Who may see what (negotiation 10, INV-7, X4)."""

import msgspec
import pytest

from engine.domains.negotiation.evolve import EVOLVE
from engine.domains.negotiation.figures import OFFERS_MAX
from engine.domains.negotiation.shown import _HIDDEN
from engine.kernel.actor import ANYONE, Actor
from engine.kernel.time import DAY
from testkit.house import House
from tests.engine.domains.negotiation.cast import (
    ANN,
    BOB,
    BOSS,
    KATE,
    KURT,
    MEG,
    ROBOT,
    ROOM,
    TERMS,
    agreed,
    bind,
    by_hand,
    counter,
    get,
    offer,
    open_,
    say,
    stock,
    take,
    terms,
)

SECRET = 123_456_789
"""A minimum that shows wherever it stands."""
PRICEY = {"list_price": 200_000_000, "min_price": SECRET}


def test_classes_of_viewers(house: House) -> None:
    """The customer, the shop's keeper, admins; nobody else, be they staff or other keepers."""
    house.given((ANN, open_()))
    classes = {ANN: "customer", KATE: "shop", BOSS: "admin", BOB: "", KURT: "", MEG: "", ANYONE: ""}
    assert {actor: house.audience(actor, ROOM) for actor in classes} == classes
    keeper = {KATE: "keeper", BOSS: "admin", ANN: "", KURT: "", MEG: "", ANYONE: ""}
    assert {actor: house.audience(actor, TERMS) for actor in keeper} == keeper


def test_the_minimum_is_the_shops(house: House) -> None:
    """INV-7: in no event of the negotiation; snapshots of shop and admin, and the terms' room."""
    house.given((KATE, terms(**PRICEY)), (ANN, open_()), (ANN, offer(1)), (ANN, say()))
    house.given((ANN, take(house.state(ROOM).ask)), (ANN, get()))
    mine = [applied.record for applied in house.log if applied.room.name in (ROOM, "user:ann")]
    assert not any(str(SECRET).encode() in record.event + record.result for record in mine)
    seen = msgspec.json.encode([house.view(ANN, ROOM), house.history(ANN, ROOM), house.result])
    assert str(SECRET).encode() not in seen
    for viewer in (KATE, BOSS):
        assert house.view(viewer, ROOM)["min_price"] == SECRET
        assert house.view(viewer, TERMS)["products"]["p1"]["min_price"] == SECRET
        assert str(SECRET) in str(house.history(viewer, TERMS))
        assert house.view(viewer, ROOM)["auto_negotiate"] is True
    for word in ("min_price", "floor", "auto", "strategy", "mode", "jti"):
        assert word not in seen.decode()


@pytest.mark.parametrize("viewer", [KATE, BOSS])
def test_rounds_left_are_the_shops(house: House, viewer: Actor) -> None:
    """X4: the customer is told only when the next offer is the last."""
    house.given((ANN, open_()))
    for price in range(1, OFFERS_MAX):
        assert house.view(ANN, ROOM)["is_last_offer"] is False
        assert house.view(viewer, ROOM)["rounds_left"] == OFFERS_MAX - price + 1
        house.given((ANN, offer(price)))
    assert house.view(ANN, ROOM)["is_last_offer"] is True
    assert "rounds_left" not in house.view(ANN, ROOM)
    house.given((ANN, offer(OFFERS_MAX)))
    assert house.view(ANN, ROOM)["is_last_offer"] is False


def test_who_the_customer_is(house: House) -> None:
    """Negotiation 10: the shop reads a name only, until there is an order."""
    agreed(house)
    before = str([house.view(KATE, ROOM), house.history(KATE, ROOM), house.history(KATE, TERMS)])
    assert "'ann'" not in before
    assert house.view(KATE, ROOM)["customer_name"] == "A customer"
    assert house.view(BOSS, ROOM)["customer"] == "ann"
    assert "'ann'" in str(house.history(BOSS, TERMS))
    house.given((ROBOT, bind(house)))
    assert house.view(KATE, ROOM)["customer"] == "ann"
    assert house.history(KATE, ROOM)[-1]["customer"] == "ann"


def test_the_token_of_others(house: House) -> None:
    """Negotiation 10: an admin sees the jti, the shop nothing of it."""
    agreed(house)
    jti = house.state(ROOM).token_jti
    assert house.view(BOSS, ROOM)["token_jti"] == jti
    assert jti in str(house.history(BOSS, ROOM))
    assert jti not in str([house.view(KATE, ROOM), house.history(KATE, ROOM)])


def test_what_both_see(house: House) -> None:
    """Negotiation 10: offers, ask, state, chat."""
    house.given((ANN, open_()), (ANN, offer(120_00)), (KATE, say("hello")))
    for viewer in (ANN, KATE, BOSS):
        view = house.view(viewer, ROOM)
        shown = (view["status"], view["ask"], view["offers"], len(view["chat"]))
        assert shown == ("countered", 135_00, [120_00], 3)
        assert house.history(viewer, ROOM)[1]["price"] == 120_00


def test_events_are_shown_alike_now_and_later(house: House) -> None:
    """History is what was shown when it happened."""
    house.given((KATE, by_hand()), (ANN, open_()))
    seen: dict[str, list[object]] = {"ann": [], "kate": [], "boss": []}
    for step in ((ANN, offer(100_00)), (KATE, counter(130_00)), (ANN, take(130_00))):
        house.given(step)
        for viewer in (ANN, KATE, BOSS):
            seen[viewer.user] = house.history(viewer, ROOM)
    house.given((KATE, terms()), (ROBOT, bind(house)), (ROBOT, stock(0))).advance(2 * DAY)
    for viewer in (ANN, KATE, BOSS):
        assert house.history(viewer, ROOM)[: len(seen[viewer.user])] == seen[viewer.user]


def test_what_is_hidden_is_of_events_that_happen() -> None:
    """No event is hidden that is not known."""
    assert _HIDDEN.keys() <= EVOLVE.keys()


def test_there_is_no_such_negotiation(house: House) -> None:
    """A room that nobody made has no snapshot."""
    house.given((ANN, open_()))
    for name in (ROOM, TERMS):
        domain = house.core.rooms[name].domain
        context = house.core.context(f"{domain.name}:zz", BOSS)
        assert domain.view(domain.initial(), context) is None
