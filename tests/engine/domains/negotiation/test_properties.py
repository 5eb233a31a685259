"""Promises over all offers, minimums and strategies: no deal below the minimum, and no trace of it
(negotiation 9)."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import look
from engine.contract import Stage
from engine.domains.negotiation import NEGOTIATION
from engine.domains.negotiation import events as e
from engine.domains.negotiation.evolve import EVOLVE
from engine.domains.negotiation.figures import OFFERS_MAX
from engine.domains.negotiation.state import ACTIVE, Negotiation
from engine.domains.negotiation.strategies import STRATEGIES
from engine.domains.negotiation.terms_state import TERMS_EVOLVE
from engine.kernel.actor import ADMIN, SHOPKEEPER, USER, Actor
from engine.kernel.time import HOUR, MINUTE
from engine.room import Room
from testkit.house import House
from tests.engine.domains.negotiation.cast import (
    ANN,
    BOSS,
    KATE,
    ROOM,
    TERMS,
    fair,
    get,
    offer,
    open_,
    take,
    terms,
)

NAMES = st.sampled_from(sorted(STRATEGIES))
LIST = 10_000


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    NAMES,
    st.integers(1, LIST),
    st.lists(st.integers(1, LIST + 100), min_size=1, max_size=OFFERS_MAX + 2),
    st.booleans(),
)
def test_an_automatic_shop_never_goes_below(
    name: str, min_price: int, prices: list[int], takes: bool
) -> None:
    """INV-2, INV-3: final price within minimum and list; asks never rise; offers strictly do."""
    with House() as house:
        fair(house).given((KATE, terms(list_price=LIST, min_price=min_price, strategy=name)))
        house.given((ANN, open_()))
        for price in prices:
            house.when(ANN, offer(price)).then_any()
        if takes:
            house.when(ANN, take(house.state(ROOM).ask)).then_any()
        asks = [LIST, *(event.ask for event in _events(house, e.CounterOffered))]
        assert asks == sorted(asks, reverse=True)
        offers = [event.price for event in _events(house, e.OfferMade)]
        assert offers == sorted(set(offers))
        for accepted in _events(house, e.NegotiationAccepted):
            assert min_price <= accepted.final_price <= LIST
        house.core.check()


def _events(house: House, type_: type[Any]) -> list[Any]:
    return [a.event for a in house.log if a.room.name == ROOM and isinstance(a.event, type_)]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.tuples(st.integers(1, LIST), st.integers(1, LIST)),
    st.lists(st.integers(1, LIST + 100), min_size=1, max_size=OFFERS_MAX + 1),
)
def test_the_customer_sees_nothing_of_the_minimum(
    minimums: tuple[int, int], prices: list[int]
) -> None:
    """INV-7: as long as the shop answers the same numbers, every byte is the same: events, hashes,
    snapshot, replies, refusals, notices."""
    worlds = [_world(minimum, prices) for minimum in minimums]
    for (answers, first), (other_answers, second) in zip(*worlds, strict=True):
        if answers != other_answers:
            break
        assert first == second


def _world(min_price: int, prices: list[int]) -> list[tuple[object, bytes]]:
    """After each step: the numbers that were answered, and all that ann can get hold of."""
    steps: list[tuple[object, bytes]] = []
    with House() as house:
        fair(house).given((KATE, terms(list_price=LIST, min_price=min_price)))
        for command in (open_(), *map(offer, prices), take(1), get()):
            house.when(ANN, command).then_any()
            reply = [house.result, str(house.refusal), house.refusal and house.refusal.details]
            state: Negotiation = house.state(ROOM)
            numbers = (state.ask, state.final_price, state.status)
            steps.append((numbers, msgspec.json.encode([reply, _all_of(house)])))
    return steps


def _all_of(house: House) -> list[object]:
    shown: list[object] = []
    for name in (ROOM, "user:ann"):
        room: Room | None = house.core.rooms.get(name)
        if room is not None:
            sight = look.see(house.core, name, ANN)
            assert isinstance(sight, look.Sight)
            frames = look.frames(house.core, list(room.tail), sight.audience)
            shown += [room.hash, sight.state.decode(), *(frame.decode() for frame in frames)]
    return shown


PEOPLE = {
    USER: ("b0", "b1", "b2"),
    SHOPKEEPER: ("k0", "k1"),
    ADMIN: ("m0",),
}
SHOPS = 2


def _run(house: House, dice: Random, steps: int) -> list[str]:
    """Random commands and time over two shops; what came of the commands."""
    for number in range(SHOPS):
        fair(house, f"s{number}", Actor(f"k{number}", SHOPKEEPER, "approved"))
    answers = []
    for number in range(steps):
        stage = Stage(
            id=f"c{number}",
            now=house.now,
            span_ms=HOUR,
            currency="USD",
            people=PEOPLE,
            things=range(SHOPS),
            look=lambda name: house.view(BOSS, name) if name in house.core.rooms else None,
        )
        assert NEGOTIATION.workload is not None
        actor, command = NEGOTIATION.workload(dice, stage)
        house.when(actor, command).then_any()
        answers.append(house.refusal.code.name if house.refusal else "ok")
        if not dice.randrange(3):
            house.advance(dice.choice((MINUTE, HOUR, 9 * HOUR)))
    return answers


@pytest.mark.parametrize("seed", range(8))
def test_invariants_hold_over_random_runs(seed: int) -> None:
    """The house checks every step; the keys and the item are looked at here (INV-4, X1)."""
    with House() as house:
        answers = _run(house, Random(seed), 400)
        assert answers.count("ok") > 100, "a run in which nothing happens proves nothing"
        active = [
            (room.state.customer, room.state.shop, room.state.product)
            for room in house.core.rooms.values()
            if isinstance(room.state, Negotiation) and room.state.status in ACTIVE
        ]
        assert len(active) == len(set(active)), "negotiation INV-4"
        assert not house.core.rooms.get("house:dead_letters")
        house.core.check()
        assert house.audience(BOSS, TERMS.replace("s1", "s0")) == "admin"


def test_the_runs_reach_every_event() -> None:
    """A workload that never comes to the end of things tests the beginning alone."""
    reached: set[type[Any]] = set()
    for seed in range(8):
        with House() as house:
            _run(house, Random(100 + seed), 400)
            reached |= {type(applied.event) for applied in house.log}
    assert {*EVOLVE, *TERMS_EVOLVE} - reached == {e.TextPosted}, "words come from the provider"


def test_the_same_chance_gives_the_same_commands() -> None:
    """A workload can be repeated from its seed."""
    runs = []
    for _ in range(2):
        with House() as house:
            runs.append((_run(house, Random(7), 60), house.core.position))
    assert runs[0] == runs[1]
